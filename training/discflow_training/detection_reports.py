"""Export of trained detectors to the pack, and their figures over a split as ONNX files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch

from .data import data_hash, file_hashes, read_spider, read_yolospine
from .detection_pipeline import REGION_CROP, Detector, find_discs_in_slice
from .detection_samples import LoadedImage, load_images
from .detection_training import (
    Recipe,
    group_of,
    judge_discs,
    judge_discs_in_labelled_region,
    judge_region,
    load_averaged,
)
from .export import export_onnx, file_entry, open_session, run_session
from .imaging import PAD_VALUE
from .metrics_detection import JudgedImage, bootstrap, detection_figures, in_order, match_all
from .yolov8 import DecodedYolov8

MEMBER_IDS = {"lumbar": "yolov8-lumbar", "disc": "yolov8-disc"}
RESAMPLES = 1000


def export_member(checkpoint: Path, models: Path) -> dict[str, object]:
    """Write the averaged network of a checkpoint into the folder of models; returns its manifest member."""
    recipe, network = load_averaged(checkpoint)
    member_id = MEMBER_IDS[recipe.task]
    decoded = DecodedYolov8(network, recipe.input_width, recipe.input_height)
    example = torch.rand(1, 1, recipe.input_height, recipe.input_width, generator=torch.Generator().manual_seed(0))
    exported = export_onnx(decoded, example, models / f"{member_id}.onnx", dynamic_batch=False)
    return member(recipe, dict(file_entry(exported)))


def member(recipe: Recipe, file: dict[str, object]) -> dict[str, object]:
    """A detector's entry in the manifest; the lumbar detector has no crop rule."""
    role = "lumbar-detector" if recipe.task == "lumbar" else "disc-detector"
    entry: dict[str, object] = {
        "id": MEMBER_IDS[recipe.task],
        "role": role,
        "architecture": f"YOLOv8{recipe.scale}",
        "width": recipe.width,
        **file,
        "input": {
            "width": recipe.input_width, "height": recipe.input_height, "channels": 1, "mean": 0, "std": 1,
            "resize": "letterbox", "pad": int(PAD_VALUE),
        },
    }
    if recipe.task == "disc":
        entry["crop"] = REGION_CROP.as_manifest()
    return {**entry, "output": {"kind": "yolov8", "classes": 1, "targetClass": 0}}


def onnx_detector(path: Path) -> Detector:
    """A detector that runs an ONNX file; the input size is read from it."""
    session = open_session(path)
    _, _, height, width = session.get_inputs()[0].shape
    return Detector(lambda images: run_session(session, images), width, height)


def evaluate_files(lumbar: Path, disc: Path, data_root: Path, split: str) -> dict[str, object]:
    """Figures of both stages by source and sequence, with 95 % intervals over patients.

    `region` is the first stage; `discs` the five scored discs found in its region; `discs_in_labelled_region` the
    second stage alone. `named_right` counts the images whose lowest boxes are the scored discs in their order.
    """
    labels = [label for label in read_yolospine(data_root) + read_spider(data_root) if label.split == split]
    images = load_images(labels)
    region_detector, disc_detector = onnx_detector(lumbar), onnx_detector(disc)

    def judge_both(image: LoadedImage) -> JudgedImage:
        return judge_discs(find_discs_in_slice(region_detector, disc_detector, image.pixels), image)

    return {
        "split": split,
        "data_sha256": data_hash([label.path for label in labels], data_root),
        "files": file_hashes((lumbar, disc), lumbar.parent),
        "region": _report(images, lambda image: judge_region(region_detector, image)),
        "discs": _report(images, judge_both),
        "discs_in_labelled_region": _report(images, lambda image: judge_discs_in_labelled_region(disc_detector, image)),
    }


def write_json(path: Path, content: object) -> None:
    """Write readable JSON by an atomic rename."""
    temporary = path.with_suffix(".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


def _report(images: list[LoadedImage], judge: Callable[[LoadedImage], JudgedImage]) -> dict[str, object]:
    report: dict[str, object] = {}
    for group in sorted({group_of(image.label) for image in images}):
        members = [image for image in images if group_of(image.label) == group]
        judged = [judge(image) for image in members]
        matched = [match_all(image) for image in judged]
        patients = [image.label.patient for image in members]
        intervals = bootstrap(matched, patients, RESAMPLES, seed=0)
        report[group] = {
            **detection_figures(matched).as_dict(),
            "named_right": sum(in_order(image) for image in judged),
            "patients": len(set(patients)),
            "ci95": intervals,
        }
    return report
