"""Drawn lumbar slices with every label, in the layout of the labelled data: for tests and `reproduce --smoke`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..data import disc_boxes_of_mask, region_of_discs

WIDTH, HEIGHT = 120, 200
DISCS = 6
LEVELS = ("L5-S1", "L4-L5", "L3-L4", "L2-L3", "L1-L2", "T12-L1")
MASK_VALUES = np.array([0, 76, 29, 150], dtype=np.uint8)
SPLIT_OF = ("train", "train", "val", "test")


@dataclass(frozen=True)
class Phantom:
    """A slice (`H x W` uint8), its mask of classes 0 to 3, disc boxes from the lowest upwards, and which discs bulge."""

    image: np.ndarray
    mask: np.ndarray
    boxes: np.ndarray
    bulging: tuple[int, ...]


def draw(rng: np.random.Generator, bulging: Sequence[int]) -> Phantom:
    """Grey vertebrae with discs between, a bright canal behind them; a bulging disc is dark and reaches into the canal."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    front, slope = rng.uniform(30, 36), rng.uniform(-0.03, 0.03)
    pitch, bottom = rng.uniform(26, 28), HEIGHT - rng.uniform(18, 22)
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    left = front + slope * (HEIGHT - y)
    mask[(x > left + 38) & (x < left + 50)] = 3
    greys = np.array([45.0, 120.0, 150.0, 225.0])
    tone = np.zeros((HEIGHT, WIDTH))
    for order in range(DISCS):
        centre = bottom - order * pitch
        mask[(np.abs(y - centre + pitch / 2) < pitch / 2 - 4) & (x > left) & (x < left + 32)] = 1
        reach = 41 if bulging[order] else 34
        inside = (np.abs(y - centre) < 3.5) & (x > left - 1) & (x < left + reach)
        mask[inside] = 2
        tone[inside] = -70 if bulging[order] else 0
    image = (greys[mask] + tone) * rng.uniform(0.85, 1.1) + rng.normal(0, 5, mask.shape)
    return Phantom(np.clip(image, 0, 255).astype(np.uint8), mask, disc_boxes_of_mask(mask), tuple(bulging))


def write_phantoms(root: Path, patients: int = 8, seed: int = 0) -> None:
    """A data folder of drawn patients: T2 slices with disc labels, and as many slices with masks."""
    rng = np.random.default_rng(seed)
    for folder in ("yolospine/images", "spider/midslices", "spider/space/images", "spider/space/masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    tables: dict[str, list[Sequence[object]]] = {name: [header] for name, header in HEADERS.items()}
    for number in range(patients):
        split = SPLIT_OF[number % len(SPLIT_OF)]
        phantom = draw(rng, [(number + order) % 2 for order in range(DISCS)])
        _write_slice(root, tables, f"drawn{number}", str(number), split, phantom)
        healthy = draw(rng, [0] * DISCS)
        _write_slice(root, tables, f"healthy{number}", f"9{number}", split, healthy)
        name = f"{number}_1.png"
        Image.fromarray(phantom.image).save(root / "spider/space/images" / name)
        Image.fromarray(MASK_VALUES[phantom.mask]).save(root / "spider/space/masks" / name)
        tables["spider/space_masks.csv"].append((name, number, 1, int((phantom.mask == 3).sum()), split))
    for name, rows in tables.items():
        with (root / name).open("w", newline="", encoding="utf-8") as handle:
            csv.writer(handle).writerows(rows)


HEADERS: dict[str, Sequence[str]] = {
    "yolospine/discs.csv": (
        "stem", "patient", "split", "order", "level", "x1", "y1", "x2", "y2", "bulge_or_herniation", "degenerative", "scored",
    ),
    "yolospine/region_boxes.csv": ("stem", "split", "x1", "y1", "x2", "y2"),
    "yolospine/radiologist_notes.csv": ("patient", "notes"),
    "yolospine/pfirrmann.csv": ("patient", "L5-S1", "L4-L5", "L3-L4"),
    "spider/series.csv": ("new_file_name", "PixelSpacing", "values_doubtful", "split"),
    "spider/gradings.csv": ("Patient", "IVD label"),
    "spider/disc_boxes.csv": ("name", "width", "height", "order_from_bottom", "x1", "y1", "x2", "y2", "split"),
    "spider/region_boxes.csv": ("name", "split", "x1", "y1", "x2", "y2"),
    "spider/space_masks.csv": ("file", "patient", "slice", "canal_px", "split"),
    "spider/t2w.csv": ("file", "patient", "series", "slice", "split"),
}


def _write_slice(
    root: Path, tables: dict[str, list[Sequence[object]]], stem: str, patient: str, split: str, phantom: Phantom
) -> None:
    """The picture and its rows; a note calls every bulging disc a protrusion."""
    Image.fromarray(phantom.image).save(root / "yolospine" / "images" / f"{stem}.png")
    for order, box in enumerate(phantom.boxes[: len(LEVELS)]):
        bulging = phantom.bulging[order]
        row = (stem, patient, split, order + 1, LEVELS[order], *box, bulging, bulging, int(order < 5))
        tables["yolospine/discs.csv"].append(row)
    region = region_of_discs(phantom.boxes, WIDTH, HEIGHT)
    tables["yolospine/region_boxes.csv"].append((stem, split, *region))
    levels = [level for level, bulging in zip(LEVELS, phantom.bulging, strict=True) if bulging]
    tables["yolospine/radiologist_notes.csv"].append((patient, " ".join(f"{level}: disc protrusion." for level in levels)))
    grades = [4 if bulging else 2 for bulging in phantom.bulging[:3]]
    tables["yolospine/pfirrmann.csv"].append((patient, *grades))
