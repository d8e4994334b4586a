"""Drawn lumbar slices with every label, in the layout of the labelled data: for tests and `reproduce --smoke`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..data import SCORED_DISCS, disc_boxes_of_mask, region_of_discs
from ..own_folder import SPIDER_VALUES
from ..own_labels import Tables

WIDTH, HEIGHT = 120, 200
DISCS = 6
LEVELS = ("L5-S1", "L4-L5", "L3-L4", "L2-L3", "L1-L2", "T12-L1")
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
    tables = Tables()
    for number in range(patients):
        split = SPLIT_OF[number % len(SPLIT_OF)]
        phantom = draw(rng, [(number + order) % 2 for order in range(DISCS)])
        _write_slice(root, tables, f"drawn{number}", str(number), split, phantom)
        healthy = draw(rng, [0] * DISCS)
        _write_slice(root, tables, f"healthy{number}", f"9{number}", split, healthy)
        name = f"{number}_1.png"
        Image.fromarray(phantom.image).save(root / "spider/space/images" / name)
        Image.fromarray(SPIDER_VALUES[phantom.mask]).save(root / "spider/space/masks" / name)
        tables.add("spider/space_masks.csv", name, number, 1, int((phantom.mask == 3).sum()), split)
    tables.write(root)


def _write_slice(root: Path, tables: Tables, stem: str, patient: str, split: str, phantom: Phantom) -> None:
    """The picture and its rows; every bulging disc is a herniation."""
    Image.fromarray(phantom.image).save(root / "yolospine" / "images" / f"{stem}.png")
    for order, box in enumerate(phantom.boxes[: len(LEVELS)]):
        bulging = phantom.bulging[order]
        scored = int(order < SCORED_DISCS)
        tables.add(
            "yolospine/discs.csv", stem, patient, split, order + 1, LEVELS[order], *box, bulging, bulging, scored, bulging
        )
    region = region_of_discs(phantom.boxes, WIDTH, HEIGHT)
    tables.add("yolospine/region_boxes.csv", stem, split, *region)
    grades = [4 if bulging else 2 for bulging in phantom.bulging[:3]]
    tables.add("yolospine/pfirrmann.csv", patient, *grades)
