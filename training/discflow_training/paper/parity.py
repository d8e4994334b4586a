"""What finished runs answer on 20 drawn pictures, for `scripts/network-parity.ts` to compare: `python -m discflow_training parity`.

Writes ONNX files, pictures and `parity.json` (members and answers of the torch networks) into a folder.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from ..data import region_of_discs
from ..detection_pipeline import Detector, find_discs, find_region
from ..disc_data import DiscInput, exact_crop
from ..faults import InputFault
from ..fragment import write_json
from ..goldens import as_box, from_box, sampled
from ..imaging import letterbox, upright_slice
from ..region_data import exact_input, on_crop_grid
from ..yolov8 import DecodedYolov8
from .cases import DISC_CROP, MEAN, STD, normalised
from .export_run import export_run
from .phantoms import DISCS, HEIGHT, WIDTH, draw
from .protocol import ClassifierRun, DetectorRun, Run, SegmenterRun, run_of
from .records import DEFAULT_RESULTS, read_records
from .reproduce import DEFAULT_WORK
from .runner import holds_weights_of, load_finished, region_view

PICTURES = 20
SAMPLES = 400
SCORED = 5

Picture = tuple[np.ndarray, dict[str, float], list[dict[str, float]]]


def draw_pictures(out: Path) -> tuple[list[dict[str, Any]], list[Picture]]:
    """Twenty drawn slices as files, with their region and discs, and as the networks' source."""
    rng = np.random.default_rng(20)
    listed, pictures = [], []
    for index in range(PICTURES):
        phantom = draw(rng, [int(value) for value in rng.integers(0, 2, DISCS)])
        path = out / f"picture-{index:02}.png"
        Image.fromarray(phantom.image).save(path)
        region = as_box([float(value) for value in region_of_discs(phantom.boxes, WIDTH, HEIGHT)])
        discs = [as_box([float(value) for value in box]) for box in phantom.boxes[:SCORED]]
        listed.append({"file": path.name, "region": region, "discs": discs})
        pictures.append((upright_slice(path).astype(np.float32), region, discs))
    return listed, pictures


@torch.inference_mode()
def answers_of(run: Run, work: Path, pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    """A picture's answer: the probability of each disc or of the whole slice, sampled class probabilities on the crop, or
    the boxes found with their confidences, best first."""
    network = load_finished(run, work)
    return [_answer(run, network, picture, index) for index, picture in enumerate(pictures)]


def _answer(run: Run, network: nn.Module, picture: Picture, index: int) -> dict[str, Any]:
    image, region, discs = picture
    if isinstance(run, DetectorRun):
        return _found(run, network, image, from_box(region))
    if isinstance(run, SegmenterRun):
        frame, crop = exact_input(image, from_box(region), region_view(run))
        return sampled(on_crop_grid(network(torch.from_numpy(frame)[None, None])[0].numpy(), crop), SAMPLES, index)
    if run.view == "slice":
        frames = normalised(torch.from_numpy(letterbox(image, run.size, run.size)[0])[None, None])
    else:
        view = DiscInput(DISC_CROP, run.size, run.size, MEAN, STD)
        frames = torch.from_numpy(np.stack([exact_crop(image, from_box(box), view) for box in discs])[:, None])
    return _values(network(frames).softmax(dim=1)[:, 1].tolist())


def _found(run: DetectorRun, network: nn.Module, image: np.ndarray, region: np.ndarray) -> dict[str, Any]:
    decoded = DecodedYolov8(network, run.input_width, run.input_height).eval()
    detector = Detector(lambda frames: decoded(torch.from_numpy(frames)).numpy(), run.input_width, run.input_height)
    found = find_region(detector, image) if run.task == "lumbar" else find_discs(detector, image, region)
    boxes = [as_box([float(value) for value in box]) for box in found.boxes]
    return {**_values([float(score) for score in found.scores]), "boxes": boxes}


def _values(values: Sequence[float]) -> dict[str, Any]:
    return {"shape": [len(values)], "indices": list(range(len(values))), "values": list(values)}


def comparable(records: dict[str, dict[str, Any]], work: Path) -> list[Run]:
    """The detectors, classifiers and segmenters whose weights, those of the record, are at hand."""
    runs = [run_of(record["configuration"]) for record in records.values() if holds_weights_of(record, work)]
    return [run for run in runs if isinstance(run, (DetectorRun, ClassifierRun, SegmenterRun))]


def sees(run: Run) -> str:
    """What of a picture a network looks at."""
    if isinstance(run, ClassifierRun):
        return run.view
    return "slice" if isinstance(run, DetectorRun) and run.task == "lumbar" else "region"


def write_parity(records: dict[str, dict[str, Any]], work: Path, out: Path) -> int:
    """Write the folder; returns how many networks it holds."""
    out.mkdir(parents=True, exist_ok=True)
    listed, pictures = draw_pictures(out)
    networks = [
        {"member": export_run(run, work, out), "sees": sees(run), "answers": answers_of(run, work, pictures)}
        for run in comparable(records, work)
    ]
    write_json(out / "parity.json", {"pictures": listed, "networks": networks})
    return len(networks)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m discflow_training parity", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the folder that scripts/network-parity.ts is given")
    parser.add_argument("--work", type=Path, default=DEFAULT_WORK, help="where `reproduce` kept the weights")
    parser.add_argument("--results", type=Path, default=DEFAULT_RESULTS, help="where `reproduce` kept the records")
    options = parser.parse_args(arguments)
    records = read_records(options.results)
    if not comparable(records, options.work):
        raise InputFault(f"no run that {options.results} records has its weights in {options.work}")
    count = write_parity(records, options.work, options.out)
    print(f"{count} networks; now: npx tsx scripts/network-parity.ts {options.out} {options.results / 'parity.json'}")
