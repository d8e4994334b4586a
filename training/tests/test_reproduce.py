"""The paper's protocol on phantoms: same numbers again, killed and resumed, skipped, in parallel, ensembles, page."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax

from discflow_training.__main__ import main
from discflow_training.data import DEFAULT_DATA_ROOT, FOLDS
from discflow_training.disc_data import read_discs
from discflow_training.encoders import vgg16
from discflow_training.export import open_session, run_session
from discflow_training.faults import InputFault
from discflow_training.fragment import find_member
from discflow_training.paper import boxes
from discflow_training.paper.boxes import BoxTask, images_of, sample_of
from discflow_training.paper.cases import cases_of, disc_cases, normalised
from discflow_training.paper.ensembles import write_ensembles
from discflow_training.paper.page import write_page
from discflow_training.paper.parity import comparable, write_parity
from discflow_training.paper.phantoms import write_phantoms
from discflow_training.paper.plan import SCALES, SMOKE, plan
from discflow_training.paper.protocol import Schedule, configuration, run_of
from discflow_training.paper.records import DEFAULT_RESULTS, read_cases, read_finished, read_records
from discflow_training.paper.reproduce import (
    Settings,
    encoder_files,
    file_hashes,
    reproduce,
    results_of,
    seconds_of,
    wanting,
    with_needs,
    worker_pool,
)
from discflow_training.paper.runner import execute, load_finished, stamp_of
from discflow_training.paper.spine_ensembles import Panel, forward_selection
from discflow_training.paper.tasks import network_of
from discflow_training.region_data import read_regions
from discflow_training.runs import alone_in

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms")
    write_phantoms(folder, patients=8, seed=0)
    return folder


def settings_of(root: Path, folder: Path) -> Settings:
    return Settings(root, folder / "work", folder / "results")


def numbers(results: Path, run_id: str) -> dict[str, Any]:
    """A record without its date, commit and seconds."""
    record = read_records(results)[run_id]
    curves = [{name: value for name, value in curve.items() if name != "seconds"} for curve in record["curves"]]
    return {**{k: v for k, v in record.items() if k not in ("date", "commit", "seconds")}, "curves": curves}


def quiet(_: str) -> None:
    """Say nothing."""


def test_phantoms_carry_every_label(root: Path) -> None:
    discs = read_discs(root)
    drawn = [disc for disc in discs if disc.image == "drawn0"]
    assert [disc.targets for disc in drawn] == [(0, 0), (1, 1), (0, 0), (1, 1), (0, 0), (1, 1)]
    assert {disc.split for disc in discs} == {"train", "val", "test"}
    regions = read_regions(root)
    assert len(regions) == 8 and set(np.unique(regions[0].mask)) == {0, 1, 2, 3}


def test_the_same_seed_gives_the_same_numbers_and_a_killed_run_too(root: Path, tmp_path: Path) -> None:
    runs = with_needs(plan(SMOKE, ("classifiers", "segmenters")), ["resnet50-disc-frozen", "unet-resnet34-dice-focal"])
    by_id = {run.id: run for run in runs}
    for name in ("once", "again"):
        reproduce(runs, settings_of(root, tmp_path / name), say=quiet)
    killed = tmp_path / "killed"
    for run in runs:
        if run.kind != "pretraining":
            assert not execute(run, by_id, root, killed / "work", killed / "results", CPU, stop_after=1)
        assert execute(run, by_id, root, killed / "work", killed / "results", CPU)
    for run in runs:
        expected = numbers(tmp_path / "once" / "results", run.id)
        assert numbers(tmp_path / "again" / "results", run.id) == expected
        assert numbers(killed / "results", run.id) == expected


def test_finished_runs_are_skipped_and_lost_weights_trained_again(root: Path, tmp_path: Path) -> None:
    settings = settings_of(root, tmp_path)
    runs = with_needs(plan(SMOKE, ("segmenters",)), ["fpn-resnet34-dice-focal"])
    assert [run.id for run in wanting(runs, settings)] == ["pretrained-resnet34", "fpn-resnet34-dice-focal"]
    reproduce(runs, settings, say=quiet)
    assert wanting(runs, settings) == []
    moved = [replace(runs[0]), replace(runs[1], schedule=Schedule(1, 3, 3e-3))]
    assert [run.id for run in wanting(moved, settings)] == ["fpn-resnet34-dice-focal"]
    (tmp_path / "work" / "pretrained-resnet34" / "weights.pt").unlink()
    assert [run.id for run in wanting(moved, settings)] == ["pretrained-resnet34", "fpn-resnet34-dice-focal"]
    (tmp_path / "work" / "fpn-resnet34-dice-focal" / "weights.pt").unlink()
    assert wanting(runs, settings) == []
    assert len(wanting(runs, replace(settings, need_weights=True))) == 2


def test_other_data_are_learned_from_the_start(root: Path, tmp_path: Path) -> None:
    runs = with_needs(plan(SMOKE, ("segmenters",)), ["fpn-resnet34-dice-focal"])
    by_id = {run.id: run for run in runs}
    own, other = settings_of(root, tmp_path / "kept"), settings_of(tmp_path / "other", tmp_path / "kept")
    write_phantoms(other.root, patients=8, seed=1)
    execute(runs[0], by_id, own.root, own.work, own.results, CPU)
    execute(runs[1], by_id, own.root, own.work, own.results, CPU, stop_after=1)
    assert [run.id for run in wanting(runs, other)] == ["pretrained-resnet34", "fpn-resnet34-dice-focal"]
    reproduce(runs, other, say=quiet)
    fresh = settings_of(other.root, tmp_path / "fresh")
    reproduce(runs, fresh, say=quiet)
    for run in runs:
        assert numbers(other.results, run.id) == numbers(fresh.results, run.id)


def test_a_record_holds_what_tables_intervals_and_ensembles_need(root: Path, tmp_path: Path) -> None:
    settings = settings_of(root, tmp_path)
    runs = with_needs(plan(SMOKE, ("classifiers", "no-crop")), ["vgg16-disc-finetuned", "resnet50-slice-frozen"])
    reproduce(runs, settings, say=quiet)
    record = read_records(settings.results)["vgg16-disc-finetuned"]
    cases = read_cases(settings.results, record["cases"])
    assert (
        len(record["predictions"]["test"]) == len(cases["test"]["label"]) == record["figures"]["test"]["all"]["n"] == 20
    )
    assert record["multiplyAdds"] > record["parameters"] > 1e5 and len(record["dataHash"]) == 64
    assert {"loss", "accuracy", "auc"} == set(record["curves"][0]["val"])
    text = json.dumps(cases)
    assert "drawn" not in text and "healthy" not in text
    assert read_records(settings.results)["resnet50-slice-frozen"]["figures"]["test"]["all"]["n"] == 4
    main(["export", "run", record["id"], "--models", str(tmp_path / "pack"), "--work", str(settings.work),
          "--results", str(settings.results)])
    entry = find_member(tmp_path / "pack", record["id"])
    assert entry["output"] == {"kind": "logits", "activation": "softmax", "targets": ["bulgeOrHerniation"]}
    trained_on = settings.work / record["id"] / "configuration"
    trained_on.write_text(trained_on.read_text().replace(record["dataHash"], "0" * 64))
    with pytest.raises(SystemExit, match="are of another configuration or data than its record"):
        main(["export", "run", record["id"], "--models", str(tmp_path / "other"), "--work", str(settings.work),
              "--results", str(settings.results)])
    assert not comparable({record["id"]: record}, settings.work) and not (tmp_path / "other").exists()
    images = normalised(disc_cases(root, SMOKE.disc_size, "bulgeOrHerniation")["test"].images)
    logits = run_session(open_session(tmp_path / "pack" / entry["file"]), images.numpy())
    np.testing.assert_allclose(softmax(logits, axis=1)[:, 1], record["predictions"]["test"], atol=5e-3)
    assert read_finished(settings.results, run_of(record["configuration"]), record["configurationHash"], record["dataHash"]) == record


def test_a_run_begins_with_a_file_of_weights_and_a_frozen_one_keeps_them(root: Path, tmp_path: Path) -> None:
    torch.manual_seed(3)
    encoder = vgg16(3, SMOKE.width)
    (tmp_path / "imagenet").mkdir()
    torch.save(encoder.state_dict(), tmp_path / "imagenet" / "vgg16.pth")
    files = encoder_files(tmp_path / "imagenet")
    runs = with_needs(plan(SMOKE, ("classifiers",), encoder_weights=file_hashes(files)), ["vgg16-disc-frozen"])
    assert [run.id for run in runs] == ["vgg16-disc-frozen"]
    settings = replace(settings_of(root, tmp_path), encoder_files=files)
    reproduce(runs, settings, say=quiet)
    trained = load_finished(runs[0], settings.work).encoder.state_dict()
    assert torch.equal(trained["features.0.weight"], encoder.features[0].weight.sum(dim=1, keepdim=True))
    assert torch.equal(trained["features.28.weight"], encoder.features[28].weight)


def test_two_at_a_time_give_the_same_numbers(root: Path, tmp_path: Path) -> None:
    runs = with_needs(plan(SMOKE, ("segmenters",)), ["linknet-resnet34-dice-focal", "pspnet-resnet34-dice-focal"])
    said: list[str] = []
    for name, jobs in (("alone", 1), ("pair", 2)):
        reproduce(runs, settings_of(root, tmp_path / name), jobs, said.append)
    for run in runs:
        assert numbers(tmp_path / "pair" / "results", run.id) == numbers(tmp_path / "alone" / "results", run.id)
    assert (
        said[0] == "3 runs, 3 to carry out" and said[-1].startswith("[3/3]") and said[-1].endswith("about 0 min left")
    )


KILLED = """
import time
from discflow_training.paper.reproduce import worker_pool
if __name__ == "__main__":
    with worker_pool(1) as pool:
        print(pool.submit(abs, -7).result(), flush=True)
        pool.submit(time.sleep, 600).result()
"""


def test_the_processes_of_a_killed_command_end_with_it(tmp_path: Path) -> None:
    (tmp_path / "killed.py").write_text(KILLED)
    found = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = subprocess.Popen([sys.executable, str(tmp_path / "killed.py")], stdout=subprocess.PIPE, env=found)
    assert command.stdout.readline() == b"7\n"
    command.kill()
    assert command.communicate(timeout=60) == (b"", None), "a process that holds the output lives on"


def test_a_process_that_is_ended_from_outside_is_told_with_one_line() -> None:
    with worker_pool(1) as pool, pytest.raises(InputFault, match="the process of a run was ended from outside"):
        seconds_of(pool.submit(os._exit, 9))


def test_a_run_that_cannot_write_keeps_its_checkpoint(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = next(run for run in plan(SMOKE, ("detectors",)) if run.id == "yolov8n-lumbar")
    given = (run, {run.id: run}, root, tmp_path / "work", tmp_path / "results", CPU)
    execute(*given, stop_after=0)
    checkpoint = tmp_path / "work" / run.id / "checkpoint.pt"
    checkpoint.write_bytes(b"epochs")

    def full(path: Path, *_: object, **__: object) -> int:
        path.write_bytes(b"")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        patched.setattr("discflow_training.paper.runner.network_of", lambda _: sys.exit("began"))
        with pytest.raises((OSError, SystemExit)):
            execute(*given)
    assert (checkpoint.parent / "configuration").read_text() == stamp_of(run, {run.id: run}, root)
    assert checkpoint.read_bytes() == b"epochs"


def test_ensembles_and_page_from_the_records(root: Path, tmp_path: Path) -> None:
    settings = settings_of(root, tmp_path)
    names = ["vgg16-disc-finetuned", "resnet50-disc-finetuned", "unet-resnet34-dice-focal", "fpn-resnet34-dice-focal"]
    names += ["vgg16-slice-frozen", "yolov8n-lumbar", "yolov8n-disc"]
    runs = with_needs(plan(SMOKE), names)
    reproduce(runs, settings, say=quiet)
    write_ensembles(runs, root, settings.work, settings.results)
    ensembles = read_records(settings.results, "ensembles")
    assert sum(ensembles["classifiers-disc-finetuned"]["weights"]["wae"].values()) == pytest.approx(1)
    assert len(ensembles["segmenters-dice-focal"]["selected"]) == 2
    plid = ensembles["classifiers-disc-finetuned"]
    assert plid["byPatient"]["test"]["wae"]["n"] == 4
    assert [part["n"] for part in plid["byLevel"]["test"].values()] == [4] * 5
    assert plid["levelAlone"]["test"]["auc"]["value"] == pytest.approx(0.5, abs=0.2)
    assert write_parity(read_records(settings.results), settings.work, tmp_path / "parity") == 9
    parity = json.loads((tmp_path / "parity" / "parity.json").read_text())
    assert len(parity["pictures"]) == 20 and {len(network["answers"]) for network in parity["networks"]} == {20}
    by_name = {network["member"]["id"]: network for network in parity["networks"]}
    assert [by_name[name]["sees"] for name in names[-3:]] == ["slice", "slice", "region"]
    assert {len(answer["values"]) for answer in by_name["vgg16-slice-frozen"]["answers"]} == {1}
    for answer in by_name["yolov8n-disc"]["answers"]:
        assert len(answer["boxes"]) == len(answer["values"]) == len(answer["indices"])
    compared = {
        "unet-resnet34-dice-focal": {"values": 8000, "largest": 0.00123}, "yolov8n-disc": {"values": 0, "largest": 0.0},
    }
    (settings.results / "parity.json").write_text(json.dumps(compared))
    write_page(settings.results, tmp_path / "docs" / "results.md")
    page = (tmp_path / "docs" / "results.md").read_text()
    for part in (
        "Table 1",
        "Table 2",
        "Table 4",
        "Table 5",
        "balanced accuracy",
        "What cannot be compared",
        "Looks at test",
    ):
        assert part in page
    assert "| VGG16 | 89.87 / " in page and "| U-Net ResNet34 | 91.55 / " in page
    assert (tmp_path / "docs" / "results" / "curves.svg").read_text().startswith("<svg")
    assert "| cpu | 0.0012 |" in page and "| cpu | no boxes |" in page
    before = page
    write_page(settings.results, tmp_path / "docs" / "results.md")
    assert (tmp_path / "docs" / "results.md").read_text() == before


def test_detectors_learn_from_turned_slices_and_are_measured(root: Path, tmp_path: Path) -> None:
    settings = settings_of(root, tmp_path)
    runs = plan(SMOKE, ("detectors",))
    reproduce(runs, settings, say=quiet)
    figures = read_records(settings.results)["yolov8n-disc"]["figures"]["test"]["all"]
    assert (figures["n"], figures["images"], figures["patients"]) == (20, 4, 4)
    write_page(settings.results, tmp_path / "results.md")
    assert "| Lumbar region | 99.50 / " in (tmp_path / "results.md").read_text()


def test_every_val_picture_counts_in_a_detectors_loss(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = next(run for run in plan(SMOKE, ("detectors",)) if run.id == "yolov8n-lumbar")
    image, seen = images_of(root)["val"][0], []
    monkeypatch.setattr(boxes, "sample_of", lambda *given: seen.append(given[0]) or sample_of(*given))
    BoxTask(run, [], [image] * 17, CPU).validate(network_of(run).eval())
    assert len(seen) == 17


def test_weights_are_chosen_out_of_fold_once_every_fold_is_there(root: Path, tmp_path: Path) -> None:
    settings = settings_of(root, tmp_path)
    members = ["vgg16-slice-frozen", "resnet50-slice-frozen", "pspnet-vgg16-dice-focal", "pspnet-resnet34-dice-focal"]
    everything = plan(SMOKE)
    reproduce(with_needs(everything, members), settings, say=quiet)
    write_ensembles(everything, root, settings.work, settings.results)
    assert {name: record["chosenOn"] for name, record in read_records(settings.results, "ensembles").items()} == {
        "classifiers-slice-frozen": "val", "segmenters-dice-focal": "val",
    }
    reproduce(with_needs(everything, [f"{name}-fold{fold}" for name in members for fold in range(FOLDS)]), settings, say=quiet)
    write_ensembles(everything, root, settings.work, settings.results)
    ensembles = read_records(settings.results, "ensembles")
    held_out = [read_records(settings.results, "folds")[f"{members[0]}-fold{fold}"] for fold in range(FOLDS)]
    assert all("figures" not in record and list(record["predictions"]) == ["heldOut"] for record in held_out)
    by_id = {run.id: run for run in everything}
    for record in ensembles.values():
        cases = cases_of(by_id[record["configuration"]["members"][0]], root)
        figures = record["figures"]["outOfFold"]["wae"]["all"]
        assert record["chosenOn"] == "outOfFold" and figures["n"] == len(cases["train"]) + len(cases["val"])
        assert record["figures"]["test"]["wae"]["all"]["n"] == len(cases["test"])
        assert all(member["all"]["n"] == figures["n"] for member in record["members"].values())
    write_page(settings.results, tmp_path / "results.md")
    assert "| classifiers-slice-frozen | train and val, out of fold: 12 slices, 12 patients |" in (tmp_path / "results.md").read_text()
    (settings.work / "pspnet-vgg16-dice-focal-fold2" / "weights.pt").unlink()
    (settings.results / "ensembles" / "segmenters-dice-focal.json").unlink()
    write_ensembles(everything, root, settings.work, settings.results)
    assert not (settings.results / "ensembles" / "segmenters-dice-focal.json").exists()


def test_a_fold_of_all_val_patients_stops_by_its_train_patients(root: Path) -> None:
    run = next(run for run in plan(SMOKE) if run.id == "vgg16-slice-frozen")
    whole = cases_of(run, root)
    assert list(whole) == ["train", "val", "test"]
    for fold in range(FOLDS):
        parts = cases_of(replace(run, fold=fold), root)
        held = set(parts["heldOut"].patients)
        assert set(parts) == {"train", "val", "heldOut"} and not held & {*parts["train"].patients, *parts["val"].patients}
        kept_val = set(whole["val"].patients) - held
        assert set(parts["val"].patients) == (kept_val or set(parts["train"].patients))
    answered = [name for fold in range(FOLDS) for name in cases_of(replace(run, fold=fold), root)["heldOut"].names]
    assert sorted(answered) == sorted([*whole["train"].names, *whole["val"].names])


def test_a_turned_slice_keeps_its_boxes_on_their_discs(root: Path) -> None:
    run = next(run for run in plan(SCALES["paper"], ("detectors",)) if run.task == "disc")
    image = images_of(root)["train"][0]
    for angle in (0.0, np.radians(15)):
        sample = sample_of(image, run, (float(angle), 1.0))
        assert len(sample.boxes) >= 5
        for x0, y0, x1, y1 in sample.boxes:
            inside = sample.pixels[round((y0 + y1) / 2), round(x0 * 0.6 + x1 * 0.4)]
            above = sample.pixels[max(0, round(y0 * 2 - (y0 + y1) / 2)), round(x0 * 0.6 + x1 * 0.4)]
            assert abs(inside - above) > 10
    assert float(sample_of(image, run, (0.0, 0.75)).pixels.max()) < float(
        sample_of(image, run, (0.0, 1.0)).pixels.max()
    )


def test_a_page_without_records_says_so(tmp_path: Path) -> None:
    write_page(tmp_path / "results", tmp_path / "results.md")
    assert "No evaluation is recorded yet" in (tmp_path / "results.md").read_text()


def test_agreed_pixels_need_no_search() -> None:
    rng = np.random.default_rng(0)
    maps = [[rng.dirichlet(np.ones(4), 60).T.reshape(4, 6, 10).astype(np.float32)] for _ in range(3)]
    truth = maps[1][0].argmax(axis=0).astype(np.uint8)
    panel = Panel()
    panel.add(truth, [member[0] for member in maps])
    assert panel.score([1], np.ones(1)) == 1.0
    assert forward_selection(panel, 3, 2)[0] == 1
    mean = (maps[0][0] + maps[1][0]) / 2
    inside = [(truth == c) & (mean.argmax(axis=0) == c) for c in range(1, 4)]
    joined = [(truth == c) | (mean.argmax(axis=0) == c) for c in range(1, 4)]
    expected = np.mean([a.sum() / b.sum() for a, b in zip(inside, joined, strict=True)])
    assert panel.score([0, 1], np.array([0.5, 0.5])) == pytest.approx(expected)
    np.testing.assert_array_equal(
        panel.narrowed([2, 0]).rows([0, 1], np.array([0.3, 0.7])), panel.rows([2, 0], np.array([0.3, 0.7]))
    )


def test_the_command_hands_on(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, expected in (
        (["--help"], "in the order of a study"),
        (["train", "classifier", "--help"], "--encoder-weights"),
        (["train", "segmenter", "--help"], "--encoder-weights"),
        (["export", "detectors", "--help"], "--models"),
        (["reproduce", "--help"], "--need-weights"),
        (["pack", "--help"], "--models"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        assert expected in capsys.readouterr().out


def test_a_recorded_configuration_is_its_run_again() -> None:
    for run in plan(SMOKE):
        assert run_of(configuration(run)) == run


def test_records_of_other_data_do_not_take_the_place_of_the_repositorys(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="give --results for records of"):
        main(["reproduce", "--list", "--data-root", str(tmp_path)])
    assert results_of(None, DEFAULT_DATA_ROOT) == DEFAULT_RESULTS
    assert results_of(tmp_path, tmp_path) == tmp_path


def test_a_second_command_in_the_same_folder_is_refused_and_a_later_one_not(root: Path, tmp_path: Path) -> None:
    given = ["reproduce", "--scale", "smoke", "--only", "yolov8n-lumbar", "--data-root", str(root)]
    given += ["--work", str(tmp_path / "work"), "--results", str(tmp_path / "results")]
    with alone_in(tmp_path / "work", ""), pytest.raises(SystemExit, match="another reproduce works in"):
        main(given)
    main(given)
    assert list(read_records(tmp_path / "results")) == ["yolov8n-lumbar"]


def test_an_unknown_run_is_named() -> None:
    with pytest.raises(SystemExit, match="no run is called unet-resnet18"):
        with_needs(plan(SMOKE), ["unet-resnet18"])
