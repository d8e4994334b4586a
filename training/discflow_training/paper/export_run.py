"""A finished run as a member of a pack: `python -m discflow_training export run ID --models FOLDER`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..classifiers import TITLES as CLASSIFIER_TITLES
from ..data import MASK_CLASS_NAMES
from ..decoders import ENCODER_TITLES
from ..decoders import TITLES as DECODER_TITLES
from ..detection_pipeline import REGION_CROP
from ..export import ExportedModel, export_onnx, file_entry
from ..faults import InputFault
from ..fragment import upsert_member
from ..imaging import PAD_VALUE
from ..yolov8 import DecodedYolov8
from .cases import DISC_CROP, MEAN, STD
from .protocol import ClassifierRun, DetectorRun, Run, SegmenterRun, run_of
from .records import DEFAULT_RESULTS
from .reproduce import DEFAULT_WORK
from .runner import holds_weights_of, input_size, load_finished, region_view, weights_path


def export_run(run: Run, work: Path, models: Path) -> dict[str, Any]:
    """Write `<models>/<run id>.onnx`; returns the member's entry in the manifest's format."""
    exported = export_network(run, load_finished(run, work), models)
    height, width = input_size(run)
    size = {"width": width, "height": height, "channels": 1, "pad": int(PAD_VALUE)}
    return {"id": run.id, "width": run.width, **file_entry(exported), **_description(run, size)}


def export_network(run: Run, network: nn.Module, models: Path) -> ExportedModel:
    """Write a run's network, with whatever weights it has, as `<models>/<run id>.onnx`."""
    network = network.to(memory_format=torch.contiguous_format)
    height, width = input_size(run)
    if isinstance(run, DetectorRun):
        network = DecodedYolov8(network, width, height)
    batch = 2 if isinstance(run, ClassifierRun) else 1
    example = torch.rand(batch, 1, height, width, generator=torch.Generator().manual_seed(0))
    return export_onnx(network, example, models / f"{run.id}.onnx", dynamic_batch=batch > 1)


def _description(run: Run, size: dict[str, Any]) -> dict[str, Any]:
    """Role, architecture, input, crop and output of a run's network."""
    if isinstance(run, DetectorRun):
        crop = {"crop": REGION_CROP.as_manifest()} if run.task == "disc" else {}
        return {
            "role": f"{run.task}-detector", "architecture": f"YOLOv8{run.network}",
            "input": {**size, "mean": 0, "std": 1, "resize": "letterbox"}, **crop,
            "output": {"kind": "yolov8", "classes": 1, "targetClass": 0},
        }
    seen = {**size, "mean": MEAN, "std": STD}
    if isinstance(run, SegmenterRun):
        return {
            "role": "spine-segmenter", "architecture": f"{DECODER_TITLES[run.decoder]}/{ENCODER_TITLES[run.encoder]}",
            "input": {**seen, "resize": "letterbox"}, "crop": region_view(run).crop.as_manifest(),
            "output": {"kind": "segmentation", "classes": list(MASK_CLASS_NAMES)},
        }
    if isinstance(run, ClassifierRun):
        return {
            "role": "disc-classifier", "architecture": CLASSIFIER_TITLES[run.family],
            "input": {**seen, "resize": "stretch" if run.view == "disc" else "letterbox"}, "crop": DISC_CROP.as_manifest(),
            "output": {"kind": "logits", "activation": "softmax", "targets": [run.target]},
        }
    raise SystemExit(f"{run.id} is no network of the pipeline")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m discflow_training export run", description=__doc__)
    parser.add_argument("id", help="a run of `reproduce`, such as unet-resnet34-dice-focal")
    parser.add_argument(
        "--models", type=Path, required=True, help="the pack's folder; the entry goes to members/networks.json"
    )
    parser.add_argument("--work", type=Path, default=DEFAULT_WORK, help="where `reproduce` kept the weights")
    parser.add_argument("--results", type=Path, default=DEFAULT_RESULTS, help="where `reproduce` kept the records")
    options = parser.parse_args(arguments)
    record = json.loads((options.results / "runs" / f"{options.id}.json").read_text())
    run = run_of(record["configuration"])
    if isinstance(run, ClassifierRun) and run.view != "disc":
        raise SystemExit(f"{run.id} answers for no disc, so no pack can hold it")
    if not weights_path(options.work, run).exists():
        raise InputFault(f"{run.id} has no weights in {options.work}; `reproduce --only {run.id} --need-weights` trains them again")
    if not holds_weights_of(record, options.work):
        raise InputFault(f"the weights of {run.id} in {options.work} are of another configuration or data than its record in {options.results}")
    entry = export_run(run, options.work, options.models)
    upsert_member(options.models, entry)
    print(json.dumps(entry))
