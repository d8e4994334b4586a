"""Golden values of classifiers and segmenters: `python -m discflow_training.goldens`.

Draws grey phantoms by formula, saves them as PNG, and writes what a pack's networks see and answer for fixed boxes, so
that the pipeline can be compared number by number. Boxes are `x, y, width, height` in pixels, origin at the top left.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.special import expit as sigmoid

from .classifier_members import member_view as classifier_view
from .disc_data import exact_crop
from .ensemble import apply_target
from .export import open_session, run_session
from .faults import told_plainly
from .fragment import DEFAULT_MODELS, read_fragment, write_json
from .imaging import crop_box, upright_slice
from .region_data import exact_input, on_crop_grid
from .segment import member_view as segmenter_view

TENSOR_SAMPLES, MAP_SAMPLES = 100, 200
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Phantom:
    """A drawn slice: size, left edge and slope of its spine (pixels), and a seed for its texture."""

    name: str
    width: int
    height: int
    left: float
    slope: float
    seed: int


PHANTOMS = (
    Phantom("networks-1", 256, 320, 88.0, 0.05, 1),
    Phantom("networks-2", 384, 384, 150.5, -0.08, 2),
    Phantom("networks-3", 180, 300, 6.25, 0.0, 3),
)
LEVELS = 6


def disc_box(phantom: Phantom, order: int) -> Box:
    """Edges `x0, y0, x1, y1` of the disc `order` steps above the lowest one; fractions of a pixel on purpose."""
    pitch = phantom.height / (LEVELS + 2)
    centre_y = phantom.height * 0.86 - order * pitch
    width = phantom.width * (0.2 - 0.008 * order)
    height = pitch * 0.3
    left = phantom.left + phantom.slope * order * pitch + 0.37 * order
    return left, centre_y - height / 2, left + width, centre_y + height / 2


def draw(phantom: Phantom) -> np.ndarray:
    """`H x W` uint8: dark tissue, grey vertebrae, discs of falling brightness and a bright canal behind them."""
    y, x = np.mgrid[0 : phantom.height, 0 : phantom.width].astype(np.float64) + 0.5
    wave = 12 * np.sin(x / 17 + phantom.seed) * np.cos(y / 23) + 6 * np.sin((x + 2 * y) / 5)
    image = 46 + 30 * x / phantom.width + wave
    pitch = phantom.height / (LEVELS + 2)
    for order in range(LEVELS):
        x0, y0, x1, y1 = disc_box(phantom, order)
        bone = np.abs((x - (x0 + x1) / 2) / ((x1 - x0) / 2)) ** 4 + np.abs((y - y0 + pitch * 0.35) / (pitch * 0.34)) ** 4
        image = np.where(bone < 1, 120 + wave, image)
        bulge = 0.12 * (order % 3) * (x1 - x0)
        disc = ((x - (x0 + x1 + bulge) / 2) / ((x1 - x0 + bulge) / 2)) ** 2 + ((y - (y0 + y1) / 2) / ((y1 - y0) / 2)) ** 4
        image = np.where(disc < 1, 70 + 22 * order + wave / 2, image)
        canal = np.abs(x - x1 - 0.11 * phantom.width) < 0.07 * phantom.width
        image = np.where(canal & (np.abs(y - (y0 + y1) / 2) < pitch * 0.55), 215 + wave / 2, image)
    return np.clip(np.floor(image + 0.5), 0, 255).astype(np.uint8)


def region_box(phantom: Phantom) -> Box:
    """A region about the five lowest discs, `x0, y0, x1, y1`."""
    boxes = np.array([disc_box(phantom, order) for order in range(5)])
    margin = phantom.height / (LEVELS + 2)
    return (
        max(0.0, boxes[:, 0].min() - margin / 4), max(0.0, boxes[:, 1].min() - margin),
        min(float(phantom.width), boxes[:, 2].max() + margin), min(float(phantom.height), boxes[:, 3].max() + margin / 2),
    )


def as_box(edges: Sequence[float]) -> dict[str, float]:
    """Edges as the contract's box."""
    x0, y0, x1, y1 = edges
    return {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0}


def from_box(box: dict[str, float]) -> Box:
    """Edges of a contract's box, computed as any reader computes them."""
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def sampled(values: np.ndarray, count: int, seed: int) -> dict[str, Any]:
    """`count` values at random flat indices (row-major) of an array, with its shape."""
    indices = np.sort(np.random.default_rng(seed).choice(values.size, size=min(count, values.size), replace=False))
    found = [round(float(v), 6) for v in values.ravel()[indices]]
    return {"shape": list(values.shape), "indices": [int(i) for i in indices], "values": found}


def classifier_cases(models: Path, entry: dict[str, Any], cases: Sequence[tuple[int, np.ndarray, list[Box]]]) -> list[dict]:
    """Crop, sampled tensor, logits and probabilities of every disc of every phantom."""
    view, session = classifier_view(entry), open_session(models / entry["file"])
    result = []
    for phantom, image, boxes in cases:
        tensors = np.stack([exact_crop(image, box, view) for box in boxes])[:, None]
        logits = run_session(session, tensors).astype(np.float64)
        for order, box in enumerate(boxes):
            result.append({
                "phantom": phantom, "disc": order,
                "crop": list(crop_box(box, view.crop, image.shape[1], image.shape[0])),
                "tensor": sampled(tensors[order], TENSOR_SAMPLES, order),
                "logits": [round(float(v), 6) for v in logits[order]],
                "probabilities": [round(float(v), 6) for v in sigmoid(logits[order])],
            })
    return result


def segmenter_cases(
    models: Path, entry: dict[str, Any], cases: Sequence[tuple[int, np.ndarray, Box]]
) -> tuple[list[dict[str, Any]], list[np.ndarray]]:
    """Crop, sampled tensor and sampled crop-grid probabilities of every phantom, and the whole maps."""
    view, session = segmenter_view(entry), open_session(models / entry["file"])
    result, maps = [], []
    for phantom, image, box in cases:
        frame, crop = exact_input(image, box, view)
        maps.append(on_crop_grid(run_session(session, frame[None, None])[0], crop))
        result.append({
            "phantom": phantom, "crop": list(crop), "tensor": sampled(frame[None], TENSOR_SAMPLES, phantom),
            "probabilities": sampled(maps[-1], MAP_SAMPLES, phantom),
        })
    return result, maps


def ensemble_discs(fragment: dict[str, Any], members: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Probability, disagreement and answer of each target for every disc, from the classifiers' cases."""
    result = []
    for index, case in enumerate(members[0]["cases"] if members else []):
        answers = {}
        for name, target in fragment["targets"].items():
            by_member = {
                m["id"]: sigmoid(np.array([m["cases"][index]["logits"][m["targets"].index(name)]])) for m in members
            }
            p, spread = apply_target(target, by_member)
            answers[name] = {
                "probability": float(p[0]), "disagreement": float(spread[0]), "positive": bool(p[0] >= target["threshold"]),
            }
        result.append({"phantom": case["phantom"], "disc": case["disc"], **answers})
    return result


def build(models: Path, out: Path) -> dict[str, Any]:
    """Draw the phantoms into `out` and compute every golden value."""
    out.mkdir(parents=True, exist_ok=True)
    fragment = read_fragment(models)
    phantoms, disc_cases, region_cases = [], [], []
    for index, phantom in enumerate(PHANTOMS):
        Image.fromarray(draw(phantom)).save(out / f"{phantom.name}.png", optimize=True)
        image = upright_slice(out / f"{phantom.name}.png").astype(np.float32)
        region = as_box(region_box(phantom))
        discs = [as_box(disc_box(phantom, order)) for order in range(5)]
        phantoms.append({"file": f"{phantom.name}.png", "region": region, "discs": discs})
        disc_cases.append((index, image, [from_box(box) for box in discs]))
        region_cases.append((index, image, from_box(region)))
    classifiers, segmenters, maps = [], [], {}
    for entry in fragment["members"]:
        common = {"id": entry["id"], "sha256": entry["sha256"]}
        if entry["role"] == "disc-classifier":
            cases = classifier_cases(models, entry, disc_cases)
            classifiers.append({**common, "targets": entry["output"]["targets"], "cases": cases})
        else:
            cases, maps[entry["id"]] = segmenter_cases(models, entry, region_cases)
            segmenters.append({**common, "cases": cases})
    mean_maps = [
        sum(weight * maps[name][i] for name, weight in fragment["segmentation"]["weights"].items())
        for i in range(len(PHANTOMS))
    ]
    segmentation = [
        {"phantom": i, "probabilities": sampled(values, MAP_SAMPLES, 100 + i),
         "classPixels": [int(n) for n in np.bincount(values.argmax(axis=0).ravel(), minlength=4)]}
        for i, values in enumerate(mean_maps)
    ]
    return {
        "phantoms": phantoms, "classifiers": classifiers, "segmenters": segmenters,
        "ensemble": {"discs": ensemble_discs(fragment, classifiers), "segmentation": segmentation},
    }


@told_plainly
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m discflow_training.goldens", description=__doc__)
    parser.add_argument("--models", type=Path, default=DEFAULT_MODELS, help="the pack's folder (default: layers/models)")
    parser.add_argument("--out", type=Path, required=True, help="a folder; files there are written over")
    options = parser.parse_args(arguments)
    write_json(options.out / "networks.json", build(options.models, options.out))
    print(json.dumps({"written": str(options.out / "networks.json")}))


if __name__ == "__main__":
    main()
