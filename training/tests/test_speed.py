"""Speed and size of each network: what is measured, once for equal networks, and how the results page tells it. No times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from torch import nn

from discflow_training.__main__ import main
from discflow_training.export import export_onnx
from discflow_training.faults import InputFault
from discflow_training.paper.export_run import export_network
from discflow_training.paper.plan import SMOKE, plan
from discflow_training.paper.protocol import configuration
from discflow_training.paper.sizes import network_key, sizes_section
from discflow_training.paper.speed import fresh_network, measure, milliseconds, networks_of

CHOSEN = (
    "pretrained-vgg16", "unet-resnet34-dice-focal", "unet-resnet34-cross-entropy", "vgg16-disc-frozen", "vgg16-disc-finetuned",
    "vgg16-slice-frozen", "yolov8n-lumbar", "yolov8n-disc",
)
NETWORKS = ["unet-resnet34, width 0.125, 64 x 96", "vgg16, width 0.125, 80 x 80", "yolov8n, width 0.25, 64 x 96"]
RUNS = {run.id: run for run in plan(SMOKE)}


def record_of(name: str) -> dict[str, Any]:
    return {
        "configuration": configuration(RUNS[name]), "curves": [{}], "bestEpoch": 0, "parameters": 1, "multiplyAdds": 1, "seconds": 1.0,
        "device": "cpu",
    }


class Clock:
    """A measurer that reads no clock: three times a network, later ones longer."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, tuple[int, int, int]]] = []

    def __call__(self, path: Path, shape: tuple[int, int, int], runs: int) -> list[float]:
        assert path.exists()
        self.seen.append((path.stem, shape))
        return [10.0 * len(self.seen) + offset for offset in (2.0, 0.0, 1.0)]


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack of one member of eight pixels."""
    folder = tmp_path / "pack"
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    export_onnx(network, torch.rand(2, 1, 8, 4), folder / "tiny.onnx", dynamic_batch=True)
    seen = {"width": 4, "height": 8, "channels": 1}
    member = {"id": "tiny", "role": "disc-classifier", "file": "tiny.onnx", "input": seen, "output": {"targets": ["herniation"]}}
    (folder / "manifest.json").write_text(json.dumps({"name": "tiny-pack", "version": "1.2", "members": [member]}))
    return folder


@pytest.fixture
def records() -> dict[str, dict[str, Any]]:
    return {name: record_of(name) for name in CHOSEN}


def test_each_network_is_measured_once_and_equal_ones_share(records: dict[str, Any], pack: Path) -> None:
    clock = Clock()
    speed = measure(records, pack, 3, measurer=clock)
    assert [entry["network"] for entry in speed["networks"]] == NETWORKS
    named = [name for entry in speed["networks"] for name in entry["runs"]]
    assert sorted(named) == sorted(set(CHOSEN) - {"pretrained-vgg16"})
    assert speed["networks"][1]["runs"] == ["vgg16-disc-frozen", "vgg16-disc-finetuned", "vgg16-slice-frozen"]
    assert [shape for _, shape in clock.seen] == [(1, 96, 64), (1, 80, 80), (1, 96, 64), (1, 8, 4)]
    assert speed["networks"][0]["ms"] == {"median": 11.0, "lowest": 10.0, "highest": 12.0}
    (member,) = speed["members"]
    assert (member["id"], member["role"], member["bytes"]) == ("tiny", "disc-classifier", (pack / "tiny.onnx").stat().st_size)
    own = speed["conditions"]
    assert own["threads"] == 1 and own["runs"] == 3 and own["processor"] and own["onnxruntime"] and own["pack"] == "tiny-pack 1.2"


def test_another_width_or_input_is_another_network(records: dict[str, Any]) -> None:
    wider, larger = record_of("vgg16-disc-frozen"), record_of("vgg16-disc-frozen")
    wider["configuration"]["width"], larger["configuration"]["size"] = 0.5, 96
    assert len(networks_of({**records, "wider": wider, "larger": larger})) == len(NETWORKS) + 2


def test_only_measures_what_is_named_and_keeps_the_others(records: dict[str, Any], pack: Path) -> None:
    first, clock = measure(records, pack, 3, measurer=Clock()), Clock()
    second = measure(records, pack, 3, ["vgg16-slice-frozen", "tiny"], first, clock)
    assert [name for name, _ in clock.seen] == ["vgg16-disc-frozen", "tiny"]
    assert [entry["network"] for entry in second["networks"]] == NETWORKS
    assert [a == b for a, b in zip(first["networks"], second["networks"], strict=True)] == [True, False, True]
    assert len(measure(records, pack, 3, ["tiny"], None, clock)["networks"]) == 0


def test_figures_of_other_conditions_are_not_mixed(records: dict[str, Any], pack: Path) -> None:
    known = measure(records, pack, 3, measurer=Clock())
    known["conditions"]["processor"] = "another"
    with pytest.raises(InputFault, match="another processor"):
        measure(records, pack, 3, ["tiny"], known, Clock())
    assert measure(records, pack, 3, (), known, Clock())["conditions"]["processor"] != "another"


@pytest.mark.parametrize("name", ["resnet", "pretrained-vgg16"])
def test_a_name_that_is_no_network_is_refused(name: str, records: dict[str, Any], pack: Path) -> None:
    with pytest.raises(InputFault, match=f"{name} is neither a recorded network nor a member"):
        measure(records, pack, 3, [name], None, Clock())


def test_fresh_weights_are_all_kept_in_the_file(tmp_path: Path) -> None:
    run = RUNS["vgg16-disc-frozen"]
    network = fresh_network(run)
    biases = [module.bias.numel() for module in network.modules() if isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None]
    model = onnx.load(export_network(run, network, tmp_path).path)
    assert sum(tensor.dims[0] for tensor in model.graph.initializer if len(tensor.dims) == 1) == sum(biases)


def test_the_runtime_is_timed_as_often_as_asked(pack: Path) -> None:
    spent = milliseconds(pack / "tiny.onnx", (1, 8, 4), 4)
    assert len(spent) == 4 and min(spent) > 0


def test_the_table_shows_time_and_size_of_every_run_and_of_none_without_a_record(records: dict[str, Any], pack: Path) -> None:
    speed = measure(records, pack, 3, measurer=Clock())
    del records["pretrained-vgg16"]
    larger = record_of("resnet50-disc-frozen")
    lines = sizes_section({**records, "resnet50-disc-frozen": larger}, {}, speed)
    rows = {line.split(" | ")[0].strip("| "): line for line in lines if line.startswith("| ")}
    assert "| Width | ms a picture | MB | Epochs |" in rows["Run"]
    size = f"{speed['networks'][1]['bytes'] / 1e6:.2f}"
    for name in ("vgg16-disc-frozen", "vgg16-disc-finetuned", "vgg16-slice-frozen"):
        assert f"| 0.125 | 21.0 (20.0 to 22.0) | {size} | 1 of 2 |" in rows[name]
    assert "| 0.125 | – | – | 1 of 2 |" in rows["resnet50-disc-frozen"]
    assert f"with one thread on {speed['conditions']['processor']} (" in lines[0]
    without = sizes_section(records, {}, None)
    assert "| Width | Epochs |" in without[0] and len(without) == len(records) + 3


def test_the_page_tells_of_the_packs_networks_where_they_were_measured(
    records: dict[str, Any], pack: Path, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    results.mkdir()
    main(["results", "--results", str(results)])
    assert "ms a picture" not in (results / "results.md").read_text()
    (results / "speed.json").write_text(json.dumps(measure(records, pack, 3, measurer=Clock())))
    main(["results", "--results", str(results)])
    page = (results / "results.md").read_text()
    assert "### Speed and size of each network of tiny-pack 1.2 (Python)" in page
    assert "| tiny | disc-classifier | 41.0 (40.0 to 42.0) | 0.00 |" in page and page.count("ONNX Runtime 1.") == 2


def test_the_command_writes_the_record_beside_the_runs(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    (results / "runs").mkdir(parents=True)
    (results / "runs" / "vgg16-disc-frozen.json").write_text(json.dumps(record_of("vgg16-disc-frozen")))
    main(["speed", "--runs", "1", "--results", str(results), "--models", str(pack)])
    said = capsys.readouterr()
    assert said.out.strip() == str(results / "speed.json") and f"1 of 2: {network_key(RUNS['vgg16-disc-frozen'])}" in said.err
    speed = json.loads((results / "speed.json").read_text())
    assert len(speed["networks"]) == len(speed["members"]) == 1 and speed["conditions"]["runs"] == 1


def test_another_packs_figures_leave_the_repositorys_record_alone(pack: Path) -> None:
    with pytest.raises(SystemExit, match="name another file with --out"):
        main(["speed", "--models", str(pack)])
