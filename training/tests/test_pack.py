"""A pack of one's own: members that nothing asks, storage in 8 bits where figures hold, and the model card."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from discflow_training import pack_int8
from discflow_training.disc_data import TARGETS, Disc
from discflow_training.export import OPSET, halve_weights, open_session, run_session, store_in_int8, stored_as, widen_weights
from discflow_training.fragment import DEFAULT_MODELS, read_fragment
from discflow_training.pack import main
from discflow_training.region_data import Region

OWN = {"name": "our-pack", "version": "1.0.0", "licence": "CC0-1.0", "intendedUse": "Trials.", "trainingData": [
    {"name": "Our | pictures", "licence": "ours", "patients": 7, "images": 9},
]}
SIDE = 32


def network(path: Path, weights: np.ndarray) -> None:
    """An ONNX file that answers the first two columns of pixels by `weights`, in half precision as `export` stores them."""
    values = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 1, SIDE, SIDE])
    out = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 2])
    numbers = {"flat": [-1, SIDE * SIDE], "first": [0], "last": [2], "axis": [1]}
    parts = [numpy_helper.from_array(np.array(value), name) for name, value in numbers.items()]
    nodes = [
        helper.make_node("Reshape", ["images", "flat"], ["row"]), helper.make_node("MatMul", ["row", "w"], ["product"]),
        helper.make_node("Slice", ["product", "first", "last", "axis"], ["output"]),
    ]
    graph = helper.make_graph(nodes, "product", [values], [out], [*parts, numpy_helper.from_array(weights.astype(np.float32), "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.save(halve_weights(model), path)


def classifier(models: Path, name: str, spread: float = 1e-4) -> dict[str, Any]:
    """A classifier that tells bright discs from dark ones by weights of 1e-4; 8 bits lose them beside a `spread` of 1."""
    weights = np.full((SIDE * SIDE, 8), 1e-4)
    weights[:, 2:] = np.random.default_rng(0).normal(0, spread, (SIDE * SIDE, 6))
    network(models / f"{name}.onnx", weights)
    return {
        "id": name, "role": "disc-classifier", "architecture": "Product", "width": 1, "file": f"{name}.onnx", "sha256": "", "bytes": 0,
        "input": {"width": SIDE, "height": SIDE, "channels": 1, "mean": 0, "std": 1, "resize": "stretch", "pad": 114},
        "crop": {"kind": "box", "factor": 1.0}, "output": {"kind": "logits", "activation": "sigmoid", "targets": list(TARGETS)},
    }


def other(models: Path, name: str, role: str) -> dict[str, Any]:
    """A member that is packed and never asked."""
    network(models / f"{name}.onnx", np.ones((SIDE * SIDE, 2)))
    return {"id": name, "role": role, "file": f"{name}.onnx", "sha256": "", "bytes": 0, "output": {}}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Classifier `a` answers, `b` weighs nothing, `c` is in the single tier alone; segmenter `s` answers and `t` is named nowhere."""
    folder = tmp_path / "pack"
    (folder / "members").mkdir(parents=True)
    rule = {"method": "wae", "weights": {"a": 1.0, "b": 0}, "temperature": 1.25, "bias": 0.5, "threshold": 0.375}
    networks = {
        "members": [*(classifier(folder, name) for name in "abc"), *(other(folder, name, "spine-segmenter") for name in "st")],
        "targets": dict.fromkeys(TARGETS, rule),
        "segmentation": {"method": "single", "weights": {"s": 1.0}},
        "tiers": {"single": {"classifier": "c", "segmenter": "s"}, "auto": {"escalateWithin": 0.75}},
    }
    detectors = [other(folder, "l", "lumbar-detector"), other(folder, "d", "disc-detector")]
    for name, part in (("networks", networks), ("detectors", detectors), ("own", OWN)):
        (folder / "members" / f"{name}.json").write_text(json.dumps(part))
    return folder


Cases = Callable[..., None]


@pytest.fixture
def cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cases:
    """Sets the labelled `val` discs: white is the larger part of the positive ones."""
    def given(count: int) -> None:
        discs = []
        for index in range(count):
            path, positive = tmp_path / f"{index}.png", index % 2
            picture = np.zeros((SIDE, SIDE))
            picture[: 4 + index % 3 + 16 * positive] = 255
            Image.fromarray(picture.astype(np.uint8)).save(path)
            box = (0.0, 0.0, float(SIDE), float(SIDE))
            discs.append(Disc(path.stem, path, str(index), "val", "yolospine", "t2", 0, box, (positive, positive), {}))
        monkeypatch.setattr(pack_int8, "scored_discs", lambda *_: discs)
        monkeypatch.setattr(pack_int8, "read_regions", lambda _: [])

    return given


def names(models: Path) -> list[str]:
    return [member["id"] for member in json.loads((models / "manifest.json").read_text())["members"]]


def test_members_that_nothing_asks_are_named_and_stay_without_choose(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--models", str(models)])
    said = capsys.readouterr().out
    assert "b: no weight for bulgeOrHerniation or herniation, and no tier needs it; --choose leaves it out" in said
    assert "t: no weight in the segmentation" in said and "c: " not in said
    assert names(models) == ["l", "d", "a", "b", "c", "s", "t"] and (models / "b.onnx").exists()


def test_choose_leaves_out_what_nothing_asks_and_the_pack_keeps_the_contract(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--models", str(models), "--choose"])
    assert "left out b: no weight for" in capsys.readouterr().out
    assert names(models) == ["l", "d", "a", "c", "s"]
    assert sorted(path.stem for path in models.glob("*.onnx")) == ["a", "c", "d", "l", "s"]
    assert read_fragment(models)["targets"]["herniation"]["weights"] == {"a": 1.0}
    assert isinstance(json.loads((models / "members" / "detectors.json").read_text()), list)
    assert "- b (disc-classifier): no weight for" in (models / "MODEL_CARD.md").read_text()
    main(["--models", str(models), "--choose", "--card"])
    assert "- t (spine-segmenter): no weight in" in (models / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize("break_it", ["weights", "targets"])
def test_choose_deletes_nothing_of_a_pack_that_is_broken_or_has_no_weights(break_it: str, models: Path) -> None:
    path = models / "members" / "networks.json"
    part = json.loads(path.read_text())
    part |= {"targets": {}} if break_it == "targets" else {"segmentation": {"weights": {"s": 0.5}}}
    path.write_text(json.dumps(part))
    said = {"targets": "run evaluate ensemble first", "weights": r"weights sum to 0\.5"}[break_it]
    with pytest.raises(SystemExit, match=said):
        main(["--models", str(models), "--choose"])
    assert (models / "b.onnx").exists() and json.loads(path.read_text()) == part


def test_int8_is_kept_where_the_figures_hold(models: Path, cases: Cases, capsys: pytest.CaptureFixture[str]) -> None:
    cases(12)
    main(["--models", str(models), "--choose", "--int8"])
    out, err = capsys.readouterr()
    assert "a: stored in 8 bits" in out and "ROC AUC yolospine/herniation 1.0000 to 1.0000 (n 12)" in out
    assert "s: no val case can judge all it answers; it stays as it is" in err
    assert [stored_as(models / f"{name}.onnx") for name in "acsld"] == ["int8", "int8", "fp16", "fp16", "fp16"]
    manifest = json.loads((models / "manifest.json").read_text())
    stamps = {member["id"]: member["sha256"] for member in manifest["members"]}
    assert {m["id"]: m["sha256"] for m in read_fragment(models)["members"] if m["id"] in "ac"} == {name: stamps[name] for name in "ac"}
    assert "| a | yes | ROC AUC yolospine/herniation | 12 | 1.0 | 1.0 |" in (models / "MODEL_CARD.md").read_text()
    assert not list(models.glob("*.part"))
    main(["--models", str(models), "--card"])
    assert "| a | yes | ROC AUC" in (models / "MODEL_CARD.md").read_text()
    classifier(models, "a")
    main(["--models", str(models), "--card"])
    assert "| a | yes | ROC AUC" not in (models / "MODEL_CARD.md").read_text()


def test_int8_that_costs_too_much_is_not_kept(models: Path, cases: Cases, capsys: pytest.CaptureFixture[str]) -> None:
    cases(12)
    for name in "ac":
        classifier(models, name, spread=1.0)
    before = (models / "a.onnx").read_bytes()
    main(["--models", str(models), "--choose", "--int8"])
    assert "a: stays as it is, a figure falls by more than 0.002; ROC AUC yolospine/bulgeOrHerniation 1.0000 to 0.5000" in capsys.readouterr().out
    assert (models / "a.onnx").read_bytes() == before
    assert "| a | no | ROC AUC yolospine/herniation | 12 | 1.0 | 0.5 |" in (models / "MODEL_CARD.md").read_text()
    main(["--models", str(models), "--int8", "--int8-loss", "0.6"])
    assert stored_as(models / "a.onnx") == "int8"


def test_int8_without_val_cases_is_refused_and_changes_nothing(models: Path, cases: Cases) -> None:
    cases(0)
    before = (models / "a.onnx").read_bytes()
    with pytest.raises(SystemExit, match="no val disc or val mask") as ended:
        main(["--models", str(models), "--int8", "--data-root", "nowhere"])
    assert "\n" not in ended.value.code and (models / "a.onnx").read_bytes() == before


def test_a_classifier_with_a_target_that_val_cannot_judge_stays(models: Path, cases: Cases) -> None:
    cases(1)
    with pytest.raises(SystemExit, match="no val disc or val mask"):
        main(["--models", str(models), "--int8"])


@pytest.mark.parametrize(("loss", "stored"), [(0.002, "fp16"), (0.9, "int8")])
def test_a_segmenter_is_judged_by_mean_overlap(
    loss: float, stored: str, models: Path, cases: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases(12)
    mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
    region = Region("a", "1", "val", "space", mask.astype(np.float32), mask, (0, 0, SIDE, SIDE))
    monkeypatch.setattr(pack_int8, "read_regions", lambda _: [region])
    network(models / "s.onnx", np.ones((SIDE * SIDE, 8)))
    monkeypatch.setattr(pack_int8, "member_probabilities", lambda _, entry, __: entry["file"])
    monkeypatch.setattr(pack_int8, "measure", lambda _, file: {"space": {"mIoU": 0.9 if file.endswith(".onnx") else 0.8, "slices": 1}})
    main(["--models", str(models), "--int8", "--int8-loss", str(loss)])
    assert stored_as(models / "s.onnx") == stored


def test_weights_in_half_precision_are_widened_and_stored_in_8_bits_with_the_same_answers(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).normal(0, 1, (SIDE * SIDE, 8))
    network(tmp_path / "half.onnx", weights)
    images = np.random.default_rng(1).random((3, 1, SIDE, SIDE)).astype(np.float32)
    expected = run_session(open_session(tmp_path / "half.onnx"), images)
    onnx.save(widen_weights(onnx.load(tmp_path / "half.onnx")), tmp_path / "wide.onnx")
    assert stored_as(tmp_path / "wide.onnx") == "fp32"
    np.testing.assert_allclose(run_session(open_session(tmp_path / "wide.onnx"), images), expected, rtol=1e-5)
    assert store_in_int8(tmp_path / "half.onnx", tmp_path / "small.onnx")
    assert (tmp_path / "small.onnx").stat().st_size < (tmp_path / "wide.onnx").stat().st_size / 1.5
    np.testing.assert_allclose(run_session(open_session(tmp_path / "small.onnx"), images), expected, atol=1.0)


def test_the_card_says_what_the_manifest_holds_and_stays_unless_asked(models: Path) -> None:
    main(["--models", str(models)])
    card = (models / "MODEL_CARD.md").read_text()
    assert card.startswith("# Model card: our-pack 1.0.0\n\n**Not for diagnostic use.**")
    assert "Licence: CC0-1.0" in card and "\nTrials.\n" in card and "| Our \\| pictures | ours | 7 | 9 |" in card
    assert f"| a | disc-classifier | Product | 1 | {(models / 'a.onnx').stat().st_size} | 32 x 32 | fp16 |" in card
    assert "| l | lumbar-detector | not told | not told |" in card
    assert "| herniation | wae | a 1.0, b 0 | 1.25 | 0.5 | 0.375 |" in card and "- `auto`: escalateWithin 0.75" in card
    assert "npx discflow evaluate --pack FOLDER" in card and "scripts/card-figures.ts --card" in card
    (models / "MODEL_CARD.md").write_text("by hand")
    main(["--models", str(models)])
    assert (models / "MODEL_CARD.md").read_text() == "by hand"
    main(["--models", str(models), "--card"])
    assert (models / "MODEL_CARD.md").read_text() == card


@pytest.mark.parametrize(("name", "version"), [("discflow-default", "1.0.0"), ("our-pack", "0.9.0")])
def test_the_card_of_another_pack_does_not_pass_for_this_ones(
    name: str, version: str, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (models / "MODEL_CARD.md").write_text(f"# Model card: {name} {version}\n\nROC AUC 0.964\n")
    with pytest.raises(SystemExit, match=f"is the card of {name} {version}, and the pack is our-pack 1.0.0: --card"):
        main(["--models", str(models)])
    assert not (models / "manifest.json").exists()
    main(["--models", str(models), "--card"])
    assert "0.964" not in (models / "MODEL_CARD.md").read_text()
    main(["--models", str(models)])
    assert "MODEL_CARD.md stays as it was; --card writes it anew" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--choose", "--int8", "--card"])
def test_the_repositorys_pack_is_left_as_it_is(option: str) -> None:
    card = (DEFAULT_MODELS / "MODEL_CARD.md").read_bytes()
    with pytest.raises(SystemExit, match="for packs of one's own"):
        main([option])
    assert (DEFAULT_MODELS / "MODEL_CARD.md").read_bytes() == card


def test_a_member_that_is_no_onnx_file_is_told_with_one_line(models: Path) -> None:
    (models / "d.onnx").write_bytes(b"d")
    with pytest.raises(SystemExit, match=r"d\.onnx is no ONNX file"):
        main(["--models", str(models)])
