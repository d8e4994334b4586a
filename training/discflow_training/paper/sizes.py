"""Speed and size of each network as Markdown, from `speed.json`, the runs' records and `parity.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .protocol import ClassifierRun, DetectorRun, Run, SegmenterRun, run_of
from .runner import input_size
from .tables import MISSING, Record, Records, markdown_table

SPEED = "speed.json"
FRESH = (
    "The networks of this table were measured with fresh weights, on which neither time nor size depends; runs that are the same network"
    " at the same size, frozen and fine-tuned, on discs and on slices, by either loss, share one measurement."
)


def read_speed(results: Path) -> Record | None:
    """What `python -m discflow_training speed` wrote; nothing where it was not run."""
    path = results / SPEED
    return json.loads(path.read_text()) if path.exists() else None


def network_key(run: Run) -> str:
    """What decides a network's time and size: `unet-resnet34, width 0.25, 128 x 256`."""
    height, width = input_size(run)
    return f"{_architecture(run)}, width {run.width:g}, {width} x {height}"


def _architecture(run: Run) -> str:
    if isinstance(run, DetectorRun):
        return f"yolov8{run.network}"
    if isinstance(run, SegmenterRun):
        return f"{run.decoder}-{run.encoder}"
    return run.family if isinstance(run, ClassifierRun) else run.encoder


def measured(speed: Record) -> str:
    """One sentence: what the columns are, by which runtime and on which processor."""
    own = speed["conditions"]
    threads = "one thread" if own["threads"] == 1 else f"{own['threads']} threads"
    return (
        f"Milliseconds are the median of {own['runs']} pictures (lowest to highest) after {own['warmUp']} that do not count, one at a"
        f" time at the network's own input size, through ONNX Runtime {own['onnxruntime']} with {threads} on {own['processor']}"
        f" ({speed['date']}), the network alone; MB are millions of bytes of the ONNX file (`python -m discflow_training speed`)."
    )


def told(entry: Record | None) -> tuple[str, str]:
    """`12.3 (11.9 to 14.0)` milliseconds and `1.93` MB; dashes where nothing was measured."""
    if entry is None:
        return MISSING, MISSING
    found = entry["ms"]
    return f"{found['median']:.1f} ({found['lowest']:.1f} to {found['highest']:.1f})", f"{entry['bytes'] / 1e6:.2f}"


def sizes_table(runs: Records, parity: Records, speed: Record | None = None) -> list[str]:
    """Parameters, multiply-adds, speed, size, epochs and training time of each run, and how near TypeScript comes to its answers."""
    by_network = {entry["network"]: entry for entry in speed["networks"]} if speed else {}
    rows = []
    for name, record in sorted(runs.items()):
        settings, epochs = record["configuration"], len(record["curves"])
        size = f"{record['parameters'] / 1e6:.2f} M", f"{record['multiplyAdds'] / 1e6:.0f} M", f"{settings['width']:g}"
        timed = told(by_network.get(network_key(run_of(settings)))) if speed else ()
        spent = f"{epochs} of {settings['schedule']['epochs']}", str(record["bestEpoch"] + 1), f"{record['seconds']:.0f}"
        difference = _difference(parity[name]) if name in parity else MISSING
        rows.append((name, *size, *timed, *spent, record["device"], difference))
    timing = ("ms a picture", "MB") if speed else ()
    header = ("Run", "Parameters", "Multiply-adds", "Width", *timing, "Epochs", "Best epoch", "Training, s", "Device", "TypeScript")
    return markdown_table(header, rows)


def sizes_section(runs: Records, parity: Records, speed: Record | None) -> list[str]:
    """What was measured, where it was, and the table."""
    told_of = [f"{measured(speed)} {FRESH}", ""] if speed else []
    return [*told_of, *sizes_table(runs, parity, speed), ""]


def members_section(speed: Record | None) -> list[str]:
    """The shipped pack's networks; nothing where none was measured."""
    if speed is None or not speed["members"]:
        return []
    rows = [(entry["id"], entry["role"], *told(entry)) for entry in speed["members"]]
    title = f"### Speed and size of each network of {speed['conditions']['pack']} (Python)"
    return [title, "", measured(speed), "", *markdown_table(("Network", "Role", "ms a picture", "MB"), rows), ""]


def _difference(compared: dict[str, Any]) -> str:
    """`0.0012`, of a detector `0.0003 (0.01 px)`, or that it found no box on either side."""
    if not compared["values"]:
        return "no boxes"
    pixels = compared.get("largestPixels")
    return f"{compared['largest']:.4f}" + ("" if pixels is None else f" ({pixels:.2f} px)")
