"""A run's folder: other data or labels than its own are refused, and what is broken in it is told with one line."""

import csv
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import torch

from discflow_training import detection_training
from discflow_training.__main__ import main
from discflow_training.checkpoints import read_tensors
from discflow_training.classify import load_trained
from discflow_training.data import fold_of
from discflow_training.detection_samples import load_images
from discflow_training.detection_training import Recipe, load_averaged, train
from discflow_training.faults import InputFault
from discflow_training.paper.phantoms import write_phantoms
from discflow_training.runs import alone_in_run, keep_data, load_average

SMALL = ["--width", "0.125", "--input-width", "64", "--input-height", "64", "--epochs", "2", "--stop-after", "1", "--batch", "2"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_phantoms(tmp_path / "data", patients=4, seed=0)
    return tmp_path / "data"


def relabel(table: Path, column: str, value: str, kept: int = 0) -> None:
    """Set a column of all rows behind the first `kept`."""
    header, *rows = csv.reader(table.read_text().splitlines())
    place = header.index(column)
    for row in rows[kept:]:
        row[place] = value
    with table.open("w", newline="") as handle:
        csv.writer(handle).writerows([header, *rows])


def said_by(arguments: list[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, str) and "\n" not in ended.value.code
    return ended.value.code


def test_a_classifier_does_not_go_on_with_other_labels(root: Path, tmp_path: Path) -> None:
    command = ["train", "classifier", *SMALL, "--data-root", str(root), "--out", str(tmp_path / "run")]
    main(command)
    relabel(root / "yolospine" / "discs.csv", "herniation", "0", kept=1)
    assert "holds a run on other data or labels" in said_by(command)


def test_a_training_that_begins_anew_leaves_no_weights_of_an_earlier_one_to_export(root: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = ["train", "classifier", *SMALL, "--data-root", str(root), "--out", str(run)]
    main([*command, "--epochs", "1"])
    (run / "checkpoint.pt").unlink()
    main([*command, "--seed", "1"])
    assert not (run / "weights.pt").exists()
    kept = load_trained(run)[0].state_dict()
    average = load_average(run)
    assert all(kept[name].equal(value) for name, value in average.items())


@pytest.mark.parametrize("network", ["classifier", "segmenter", "disc-detector"])
def test_a_training_that_diverges_stops_and_keeps_its_last_checkpoint(
    network: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.nn.utils.clip_grad_norm_", lambda *_: torch.tensor(float("nan")))
    small = ["--epochs", "1", "--batch", "4"] if network == "disc-detector" else SMALL
    said = said_by(["train", network, *small, "--data-root", str(root), "--out", str(tmp_path / "run")])
    assert said.startswith("training diverged") and not (tmp_path / "run" / "checkpoint.pt").exists()


@pytest.mark.parametrize("network", ["classifier", "segmenter", "disc-detector"])
def test_a_second_training_in_the_same_folder_is_refused(network: str, root: Path, tmp_path: Path) -> None:
    small = ["--epochs", "1", "--batch", "4"] if network == "disc-detector" else SMALL
    with alone_in_run(tmp_path / "run"):
        said = said_by(["train", network, *small, "--data-root", str(root), "--out", str(tmp_path / "run")])
    assert said.startswith("another training works in") and not (tmp_path / "run" / "recipe.json").exists()


@pytest.mark.parametrize("fault", [RuntimeError("unexpected pos 272704 vs 272600"), OSError(28, "No space left on device")])
@pytest.mark.parametrize("network", ["segmenter", "disc-detector"])
def test_a_full_disk_is_told_with_one_line_and_the_last_checkpoint_stays(
    network: str, fault: Exception, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    record = tmp_path / "record.json"
    record.write_text(json.dumps({"recipe": asdict(Recipe("disc", "n", 0.25, 64, 96, epochs=6, batch=4))}))
    small = ["--recipe", str(record)] if network == "disc-detector" else [*SMALL[:-4], "--batch", "2"]
    save, saved = torch.save, []

    def save_once(stored: object, path: Path) -> None:
        saved.append(path)
        save(stored, path)
        if len(saved) > 1:
            path.write_bytes(b"half")
            raise fault

    monkeypatch.setattr("torch.save", save_once)
    said = said_by(["train", network, *small, "--data-root", str(root), "--out", str(run)])
    assert "checkpoint.pt could not be written; is the disk full?" in said
    assert load_average(run) if network == "segmenter" else load_averaged(run / "checkpoint.pt")
    assert not list(run.glob("*.part"))


@pytest.mark.parametrize("network", ["classifier", "segmenter"])
def test_predictions_of_a_training_whose_disk_fills_up_are_whole_or_not_there(
    network: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    command = ["train", network, *SMALL[:-4], "--batch", "2", "--data-root", str(root), "--out", str(run)]
    main(command)
    before = {path.name: path.read_bytes() for path in run.glob("predictions.*")}
    write = Path.write_text

    def half(path: Path, text: str, *rest: object, **more: object) -> int:
        if "predictions" not in path.name:
            return write(path, text, *rest, **more)
        write(path, text[: len(text) // 2])
        raise OSError(28, "No space left on device")

    def half_zipped(file: BinaryIO, **_: object) -> None:
        (file.write if hasattr(file, "write") else file.write_bytes)(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    monkeypatch.setattr(np, "savez_compressed", half_zipped)
    assert "No space left" in said_by(command)
    assert {path.name: path.read_bytes() for path in run.glob("predictions.*") if path.suffix != ".part"} == before


def test_a_detector_killed_before_its_record_was_written_gets_it_when_it_goes_on(root: Path, tmp_path: Path) -> None:
    recipe = Recipe("disc", "n", 0.25, 64, 96, epochs=1, batch=4)
    train(recipe, root, tmp_path / "run", resume=False)
    record = tmp_path / "run" / "run.json"
    whole = record.read_text()
    train(recipe, root, tmp_path / "run", resume=True)
    assert record.read_text() == whole
    record.unlink()
    train(recipe, root, tmp_path / "run", resume=True)
    assert json.loads(record.read_text())["curves"] == json.loads(whole)["curves"]


def test_a_segmenter_does_not_go_on_with_other_masks(root: Path, tmp_path: Path) -> None:
    command = ["train", "segmenter", *SMALL, "--data-root", str(root), "--out", str(tmp_path / "run")]
    main(command)
    mask = root / "spider" / "space" / "masks" / "0_1.png"
    mask.write_bytes((root / "spider" / "space" / "masks" / "1_1.png").read_bytes())
    assert "holds a run on other data or labels" in said_by(command)


def test_a_detector_does_not_go_on_with_other_boxes(root: Path, tmp_path: Path) -> None:
    recipe = Recipe("disc", "n", 0.25, 64, 96, epochs=1, batch=4)
    train(recipe, root, tmp_path / "run", resume=False)
    relabel(root / "yolospine" / "discs.csv", "x1", "9")
    with pytest.raises(InputFault, match="holds a run on other data or labels"):
        train(recipe, root, tmp_path / "run", resume=True)


def test_a_detector_learns_from_no_patient_of_the_fold_that_it_holds_out(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[set[str]] = []
    monkeypatch.setattr(detection_training, "load_images", lambda labels: loaded.append({x.patient for x in labels}) or load_images(labels))
    recipe = Recipe("disc", "n", 0.25, 64, 96, epochs=0)
    train(recipe, root, tmp_path / "all", resume=False)
    everyone, fold = loaded[0], fold_of(min(loaded[0]))
    train(replace(recipe, fold=fold), root, tmp_path / "held-out", resume=False)
    assert loaded[2] == {patient for patient in everyone if fold_of(patient) != fold} and 0 < len(loaded[2]) < len(everyone)


def test_a_folder_without_checkpoint_takes_any_data(tmp_path: Path) -> None:
    keep_data(tmp_path, ["one"])
    keep_data(tmp_path, ["two"])
    (tmp_path / "checkpoint.pt").touch()
    keep_data(tmp_path, ["two"])
    with pytest.raises(InputFault, match="other data"):
        keep_data(tmp_path, ["one"])


@pytest.mark.parametrize("network", ["classifier", "disc-detector"])
def test_weights_of_an_unfinished_training_are_taken_with_a_word(
    network: str, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    if network == "classifier":
        command, load = ["train", network, *SMALL, "--data-root", str(root), "--out", str(run)], lambda: load_trained(run)
        main(command)
        load()
        assert "has not finished its training" in capsys.readouterr().err
        main([part for part in command if part not in ("--stop-after", "1")])
    else:
        recipe, checkpoint = Recipe("disc", "n", 0.25, 64, 96, epochs=1, batch=4), run / "checkpoint.pt"
        load = lambda: load_averaged(checkpoint)  # noqa: E731
        train(recipe, root, run, resume=False)
        whole = torch.load(checkpoint, weights_only=True)
        torch.save({**whole, "epoch": 0}, checkpoint)
        load()
        assert "has not finished its training" in capsys.readouterr().err
        torch.save(whole, checkpoint)
    load()
    assert capsys.readouterr().err == ""


def test_discs_without_findings_teach_no_classifier(root: Path, tmp_path: Path) -> None:
    for column in ("herniation", "bulge_or_herniation"):
        relabel(root / "yolospine" / "discs.csv", column, "-1")
    said = said_by(["train", "classifier", *SMALL, "--data-root", str(root), "--out", str(tmp_path / "run")])
    assert "there is nothing to learn" in said


@pytest.mark.parametrize("bytes_left", [0, 100, 5000])
def test_a_broken_checkpoint_is_named(bytes_left: int, root: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = ["train", "classifier", *SMALL, "--data-root", str(root), "--out", str(run)]
    main(command)
    (run / "checkpoint.pt").write_bytes((run / "checkpoint.pt").read_bytes()[:bytes_left])
    assert said_by(command).startswith(f"{run / 'checkpoint.pt'} is broken")
    for subject in (["classifier", "--out", str(run), "--id", "a"], ["detectors", str(run)]):
        assert "checkpoint.pt is broken" in said_by(["export", *subject, "--models", str(tmp_path / "pack")])
    (run / "recipe.json").write_text("")
    assert said_by(command) == f"{run / 'recipe.json'} holds no recipe"


HEADER = json.dumps({"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()


@pytest.mark.parametrize("content", [b"", b"no tensors at all", len(HEADER).to_bytes(8, "little") + HEADER + bytes(20), b"\x02" + bytes(7) + b"[]"])
def test_a_broken_safetensors_file_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "vgg16.safetensors").write_bytes(content)
    with pytest.raises(InputFault, match=r"vgg16\.safetensors is no safetensors file"):
        read_tensors(tmp_path / "vgg16.safetensors")


def test_a_run_of_another_kind_of_network_is_told_by_every_command_that_takes_one(root: Path, tmp_path: Path) -> None:
    folders = ["--data-root", str(root), "--out", str(tmp_path / "classifier")]
    main(["train", "classifier", *SMALL, *folders])
    train(Recipe("disc", "n", 0.25, 64, 96, epochs=1, batch=4), root, tmp_path / "detector", resume=False)
    classifier, detector = str(tmp_path / "classifier"), str(tmp_path / "detector")
    pack = ["--models", str(tmp_path / "pack")]
    again = [*SMALL, "--data-root", str(root), "--out", str(tmp_path / "again")]
    for command in (
        ["export", "segmenter", "--out", classifier, "--id", "own", *pack], ["export", "detectors", classifier, *pack],
        ["train", "segmenter", *SMALL, *folders], ["train", "classifier", *again, "--initial", detector],
    ):
        assert "holds a run of another kind of network" in said_by(command)
    assert "holds the weights of another network" in said_by(["train", "segmenter", *again, "--initial", classifier])
