"""What a newcomer may get wrong ends with one line; every option says what it means."""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

from discflow_training import (
    classify,
    detect,
    detection_training,
    disturbed,
    find_discs,
    goldens,
    left_out,
    out_of_fold,
    pseudo,
    segment,
    unseen_discs,
    unseen_figures,
    unseen_masks,
)
from discflow_training.__main__ import GUIDE, main
from discflow_training.detection_training import RECIPES, load_averaged, train
from discflow_training.encoders import resnet34
from discflow_training.faults import InputFault
from discflow_training.paper.phantoms import write_phantoms
from discflow_training.paper.reproduce import add_arguments

TINY = ["--width", "0.125", "--input-width", "64", "--input-height", "64", "--epochs", "1"]


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a command says that ends without a traceback."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code if isinstance(ended.value.code, str) else capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("command", [
    "train classifier --out run --data-root nowhere", "train segmenter --out run --data-root nowhere",
    "train disc-detector --out run --data-root nowhere", "export classifier --out nowhere --id a --models pack",
    "export segmenter --out nowhere --id a --models pack", "export detectors nowhere --models pack",
    "export run nowhere --models pack", "results --record a=nowhere --results records",
    "reproduce --list --data-root nowhere --results records --work work", "reproduce --encoder-weights nowhere",
])
def test_a_folder_that_is_not_there_is_named(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = refused(command.split(), capsys)
    assert "nowhere" in said and "No such file" in said and "\n" not in said


@pytest.mark.parametrize(("option", "said"), [
    ("--crop-kind oval", "invalid choice: 'oval'"), ("--sources elsewhere", "invalid choice: 'elsewhere'"),
    ("--sequences t9", "invalid choice: 't9'"), ("--fold 5", "invalid choice: 5"), ("--epochs 0", "0 is not above 0"),
    ("--width -1", "-1 is not above 0"), ("--seed -1", "-1 is not from 0 to"), ("--batch many", "invalid int value: 'many'"),
    ("--smoothing 2", "2 is not from 0 to 1"), ("--mixup -1", "-1 is not from 0 upwards"), ("--strength nan", "nan is not from 0 upwards"),
    ("--learning-rate inf", "inf is without end"), (f"--seed {2**63}", "is not from 0 to"),
])
def test_a_recipe_that_means_nothing_is_refused(
    option: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(["train", "classifier", "--out", str(tmp_path), *option.split()], capsys)


@pytest.mark.parametrize(("command", "said"), [
    ("segmenter --input-width 100", "100 x 384 pixels: both sides are multiples of 32"),
    ("segmenter --decoder deeplabv3plus --encoder vgg16_bn", "DeepLabv3+ takes ResNet50"),
    ("classifier --family inceptionv3 --input-width 64", "64 x 112 pixels: inceptionv3 takes 75 and more"),
    ("classifier --input-height 16", "112 x 16 pixels: resnet50 takes 32 and more"),
])
def test_a_recipe_that_no_network_can_be_built_for_is_refused(
    command: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_phantoms(tmp_path / "data", patients=4, seed=0)
    folders = ["--batch", "2", "--data-root", str(tmp_path / "data"), "--out", str(tmp_path / "run")]
    assert said in refused(["train", *command.split(), *folders], capsys)


@pytest.mark.parametrize(("command", "said"), [
    ("evaluate ensemble --models nowhere", "no disc-classifier in nowhere/members; export one first"),
    ("export classifier --out run --id Own_Net", "Own_Net is not of small letters, digits and hyphens"),
    ("reproduce --seed -1", "-1 is not from 0 to"),
])
def test_what_no_pack_or_run_can_be_made_of_is_refused(command: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in refused(command.split(), capsys)


@pytest.mark.parametrize("command", ["train classifier --out run", "train segmenter --out run", "reproduce"])
def test_a_gpu_that_is_not_there_is_told(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "argument --device: torch finds no GPU here" in refused([*command.split(), "--device", "cuda"], capsys)


@pytest.mark.parametrize(("command", "module", "empty"), [
    ("find_discs --out found.json", find_discs, "lumbar-detector"), ("pseudo --out masks", pseudo, "spine-segmenter"),
])
def test_a_pack_without_the_networks_that_are_asked_is_named(
    command: str, module: ModuleType, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=f"no {empty} in pack/members"):
        module.main([*command.split()[1:], "--models", "pack"])
    assert not list(tmp_path.iterdir())


def test_an_unknown_member_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no member a in" in refused(["evaluate", "classifier", "--id", "a", "--models", str(tmp_path)], capsys)


@pytest.mark.parametrize(("command", "said"), [
    ("reproduce --smoke --results records", "--smoke goes with --jobs alone, not with --results"),
    ("reproduce --jobs 0", "0 is not above 0"), ("reproduce --encoder-weights .", "no .pth or .safetensors file"),
    ("results --record yolospine-test", "a name and the folder of an evaluation"), ("results --results a", "no folder of records"),
    ("parity --out a --results . --work .", "has its weights in"),
])
def test_an_option_that_would_do_nothing_is_refused(
    command: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in refused(command.split(), capsys)
    assert not list(tmp_path.iterdir())


def test_other_records_leave_the_repositorys_page_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["results", "--results", str(tmp_path)])
    assert capsys.readouterr().out.strip() == str(tmp_path / "results.md")


@pytest.mark.parametrize("network", ["classifier", "segmenter"])
def test_a_batch_that_cannot_be_filled_is_refused(
    network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_phantoms(tmp_path / "data", patients=4, seed=0)
    folders = ["--data-root", str(tmp_path / "data"), "--out", str(tmp_path / "run")]
    said = refused(["train", network, *TINY, "--batch", "1000", *folders], capsys)
    assert "do not fill a batch of 1000" in said


def test_every_checkpoint_is_read_before_the_first_of_many_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_phantoms(tmp_path / "data", patients=4, seed=0)
    (tmp_path / "imagenet").mkdir()
    torch.save(resnet34(3, 1.0).state_dict(), tmp_path / "imagenet" / "resnet34.pth")
    (tmp_path / "imagenet" / "xception.pth").write_text("no tensors")
    folders = [word for name in ("work", "results") for word in (f"--{name}", str(tmp_path / name))]
    command = ["reproduce", "--width", "1", "--data-root", str(tmp_path / "data"), "--encoder-weights", str(tmp_path / "imagenet"), *folders]
    assert refused(command, capsys) == "xception.pth holds something else than tensors, or is broken"
    assert not (tmp_path / "work").exists() and not (tmp_path / "results").exists()
    (tmp_path / "imagenet" / "xception.pth").unlink()
    assert "resnet34.pth and (8, 1, 7, 7) here" in refused([*command, "--width", "0.125"], capsys)


def test_a_file_without_tensors_is_no_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_phantoms(tmp_path / "data", patients=4, seed=0)
    (tmp_path / "notes.pth").write_text("no tensors")
    files = ["--data-root", str(tmp_path / "data"), "--encoder-weights", str(tmp_path / "notes.pth")]
    said = refused(["train", "classifier", *TINY, "--batch", "4", "--out", str(tmp_path / "run"), *files], capsys)
    assert said == "notes.pth holds something else than tensors, or is broken"


def test_a_detector_goes_on_when_asked_and_then_as_if_unbroken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_phantoms(tmp_path / "data", patients=4, seed=0)
    recipe = replace(RECIPES["disc"], width=0.25, input_width=64, input_height=96, epochs=2, batch=4)
    train(recipe, tmp_path / "data", tmp_path / "unbroken", resume=False, checkpoint_every=1)

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(detection_training, "_write_json", kill)
        train(recipe, tmp_path / "data", tmp_path / "run", resume=False, checkpoint_every=1)
    with pytest.raises(InputFault, match="--resume"):
        train(recipe, tmp_path / "data", tmp_path / "run", resume=False)
    with pytest.raises(InputFault, match="a run with another epochs, seed"):
        train(replace(recipe, epochs=3, seed=1), tmp_path / "data", tmp_path / "run", resume=True)
    train(recipe, tmp_path / "data", tmp_path / "run", resume=True, checkpoint_every=1)
    (_, first), (_, second) = (load_averaged(tmp_path / name / "checkpoint.pt") for name in ("run", "unbroken"))
    others = second.state_dict()
    assert all(torch.equal(value, others[name]) for name, value in first.state_dict().items())


RECORDS = Path(__file__).parents[1] / "results" / "pack"
MEMBERS = [
    ("segmenter", name) for name in ("unet-resnet34", "linknet-resnet50", "fpn-resnext50", "deeplabv3plus-resnet50")
] + [
    ("classifier", name) for name in ("resnet50-square15", "densenet121-square20", "vgg16-square25", "vgg16-square25-boxes")
] + [("disc-detector", "yolov8-disc"), ("lumbar-detector", "yolov8-lumbar")]


@pytest.mark.parametrize(("network", "member"), MEMBERS)
def test_a_shipped_members_record_is_a_recipe_for_another_run(
    network: str, member: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []
    for module in (classify, segment, detect):
        monkeypatch.setattr(module, "train", lambda recipe, *_, **__: trained.append(asdict(recipe)))
    file = RECORDS / f"{member}.json"
    main(["train", network, "--recipe", str(file), "--seed", "77", "--out", str(tmp_path)])
    recorded = json.loads(file.read_text())["recipe"]
    assert json.loads(json.dumps(trained[0])) | recorded == json.loads(json.dumps(trained[0] | {"seed": recorded["seed"]}))
    assert trained[0]["seed"] == 77 != recorded["seed"]


def test_a_record_of_another_kind_of_network_is_no_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.json").write_text("[]")
    for network, file, said in (
        ("classifier", RECORDS / "unet-resnet34.json", "the recipe of another kind of network"),
        ("disc-detector", RECORDS / "yolov8-lumbar.json", "the recipe of another kind of network"),
        ("segmenter", tmp_path / "empty.json", "holds no recipe"),
    ):
        assert said in refused(["train", network, "--recipe", str(file), "--out", str(tmp_path / "run")], capsys)


TOOLS = (left_out, disturbed, find_discs, goldens, out_of_fold, pseudo, unseen_discs, unseen_figures, unseen_masks)


def test_every_option_says_what_it_means(monkeypatch: pytest.MonkeyPatch) -> None:
    reproducing = argparse.ArgumentParser()
    add_arguments(reproducing)
    parsers = [reproducing]
    for module in (classify, segment, detect):
        (commands,) = (a for a in module._parser()._actions if isinstance(a, argparse._SubParsersAction))
        parsers += commands.choices.values()

    def keep(parser: argparse.ArgumentParser, _: object) -> None:
        parsers.append(parser)
        raise SystemExit

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", keep)
    for module in TOOLS:
        with pytest.raises(SystemExit):
            module.main([])
    assert [action.dest for parser in parsers for action in parser._actions if not action.help] == []


def test_the_guide_names_every_tool_that_is_no_command() -> None:
    tools = [module.__name__.rpartition(".")[2] for module in TOOLS]
    own = {*tools, "__main__", "classify", "detect", "ensemble", "own_labels", "pack", "segment"}
    callable_ = {path.stem for path in Path(disturbed.__file__).parent.glob("*.py") if '__name__ == "__main__"' in path.read_text()}
    assert callable_ == own
    assert [name for name in tools if name not in GUIDE] == []


@pytest.mark.parametrize(("module", "command"), [(goldens, []), (detect, ["golden"])])
def test_golden_files_are_written_over_only_where_their_place_is_named(
    module: ModuleType, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        module.main(command)
    assert "the following arguments are required: --out" in capsys.readouterr().err


def test_a_step_of_no_picture_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        disturbed.main(["--out", str(tmp_path), "--every", "0"])
    assert "0 is not above 0" in capsys.readouterr().err
