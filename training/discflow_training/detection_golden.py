"""Golden file of detection: phantoms drawn by formula, and every number on the way from picture to disc boxes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from .detection_pipeline import REGION_CROP, Detector, find_discs, find_region
from .detection_reports import MEMBER_IDS, onnx_detector
from .imaging import Letterbox, crop_box, letterbox, normalise, upright_slice
from .metrics_detection import Detections

PHANTOMS = {"phantom-small": (160, 200), "phantom-wide": (384, 300), "phantom-square": (384, 384)}
SAMPLED_POSITIONS = 200


def phantom(width: int, height: int) -> np.ndarray:
    """A grey spine by formula, `height x width` uint8: a curved column of vertebrae and discs, a canal, fat behind."""
    ys, xs = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
    row, column = ys / height, xs / width
    across = (column - 0.42) * width / height - 0.4 * (row - 0.6) ** 2
    phase = (row * 7.2 + 0.25 * across) % 1
    grey = 25 + 20 * np.sin(9 * column) ** 2 * np.cos(5 * row) ** 2
    grey = np.where(np.abs(across) < 0.075, 105 + 10 * np.sin(40 * row), grey)
    disc = (np.abs(across) < 0.085) & (np.abs(phase - 0.5) < 0.14)
    grey = np.where(disc, 40 + 90 * np.exp(-((across / 0.045) ** 2)), grey)
    grey = np.where((across > 0.09) & (across < 0.135), 225, grey)
    grey = np.where(column > 0.88 - 0.05 * np.sin(np.pi * row), 200, grey)
    return np.clip(np.floor(grey * (0.7 + 0.4 * column) + 0.5), 0, 255).astype(np.uint8)


def write_goldens(models: Path, out: Path) -> None:
    """Write `out` (JSON) and one PNG a phantom beside it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    lumbar, disc = (onnx_detector(models / f"{MEMBER_IDS[task]}.onnx") for task in ("lumbar", "disc"))
    cases = []
    for name, (width, height) in PHANTOMS.items():
        picture = out.parent / f"{name}.png"
        Image.fromarray(phantom(width, height)).save(picture, optimize=True)
        cases.append({"picture": picture.name, **_case(upright_slice(picture), lumbar, disc)})
    out.write_text(json.dumps({"cases": cases}, indent=1) + "\n", encoding="utf-8")


def _case(pixels: np.ndarray, lumbar: Detector, disc: Detector) -> dict[str, object]:
    """The numbers of both stages; where no region is found, the crop is that of the whole slice."""
    height, width = pixels.shape
    region = find_region(lumbar, pixels)
    source = region.boxes[0] if len(region.boxes) else np.array([0.0, 0.0, width, height])
    x0, y0, x1, y1 = crop_box(source, REGION_CROP, width, height)
    return {
        "width": width,
        "height": height,
        "uprightSum": int(pixels.astype(np.int64).sum()),
        "lumbar": {"input": _input(pixels, lumbar), "detections": _detections(region)},
        "crop": {"of": _box(source), "x0": x0, "y0": y0, "x1": x1, "y1": y1},
        "disc": {
            "input": _input(pixels[y0:y1, x0:x1], disc),
            "detections": _detections(find_discs(disc, pixels, source)),
        },
    }


def _input(pixels: np.ndarray, detector: Detector) -> dict[str, object]:
    """Letterbox placement, the tensor's sum and values at positions spread over it (row-major index)."""
    frame, plan = letterbox(pixels, detector.width, detector.height)
    tensor = normalise(frame).ravel()
    positions = np.unique(np.linspace(0, tensor.size - 1, SAMPLED_POSITIONS).astype(int) * 7919 % tensor.size)
    return {
        "letterbox": _letterbox(plan),
        "sum": float(tensor.astype(np.float64).sum()),
        "samples": [[int(index), float(tensor[index])] for index in positions],
    }


def _letterbox(plan: Letterbox) -> dict[str, int]:
    return {
        "width": plan.width, "height": plan.height, "contentWidth": plan.content_width,
        "contentHeight": plan.content_height, "left": plan.left, "top": plan.top,
    }


def _detections(found: Detections) -> list[dict[str, object]]:
    return [{"box": _box(box), "score": float(score)} for box, score in zip(found.boxes, found.scores, strict=True)]


def _box(corners: np.ndarray) -> dict[str, float]:
    x0, y0, x1, y1 = (float(value) for value in corners)
    return {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0}
