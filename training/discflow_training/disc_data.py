"""Discs of both sources with their targets and auxiliary grades, and batches of their crops.

Boxes are `x0, y0, x1, y1` in pixels of the upright slice. A target or grade that is not known is -1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .augment import crop_grid, sample, vary_intensity
from .data import (
    SCORED_DISCS,
    DetectionImage,
    read_found,
    read_gradings,
    read_notes,
    read_spider,
    read_stenoses,
    read_table,
    read_yolospine,
)
from .imaging import CropRule, crop_box, letterbox, normalise, resize_bilinear, upright_slice
from .labels import NoteFindings, grading_labels, parse_note

TARGETS = ("bulgeOrHerniation", "herniation")
AUXILIARY = {"level": 6, "degenerative": 1, "narrowing": 1, "pfirrmann": 5, "noted": 1, "compression": 1, "stenosis": 1}
"""Outputs of the heads that help in training alone. `noted`: the radiologist's note finds a bulge or herniation at the
level, a second reading beside that of the boxes; `compression`: it finds the thecal sac touched there; `stenosis`: a box of
one lies at the disc."""
UNKNOWN = -1
BOX_SHIFT, BOX_SCALE = 0.08, 0.12
LEVEL_NAMES = ("L5-S1", "L4-L5", "L3-L4", "L2-L3", "L1-L2")


@dataclass(frozen=True)
class Disc:
    """One labelled disc. `order` 0 is L5-S1; `scored` discs are the five lowest."""

    image: str
    path: Path
    patient: str
    split: str
    source: str
    sequence: str
    order: int
    box: tuple[float, float, float, float]
    targets: tuple[int, ...]
    grades: dict[str, int]

    @property
    def scored(self) -> bool:
        return self.order < SCORED_DISCS


def read_discs(root: Path, sequences: Sequence[str] = ("t2", "t2_SPACE"), found: Path | None = None) -> list[Disc]:
    """Every disc with a box, yolospine first; of SPIDER those that are graded; `found` is a file of `find_discs`.

    Where `discs.csv` has a column `herniation`, as that of labels of one's own, it holds the strict label in place of a note.
    """
    spider = read_spider(root, sequences) + (read_found(root, found) if found else [])
    return _yolospine_discs(root) + _spider_discs(root, spider)


def labelled(discs: Sequence[Disc], positions: Iterable[int], index: int) -> tuple[list[int], np.ndarray]:
    """Those of some positions whose target is known, and their labels, 0 or 1."""
    known = [i for i in positions if discs[i].targets[index] >= 0]
    return known, np.array([discs[i].targets[index] for i in known])


def of_source(discs: Sequence[Disc], source: str) -> list[int]:
    """Positions of a source's discs."""
    return [i for i, disc in enumerate(discs) if disc.source == source]


def _yolospine_discs(root: Path) -> list[Disc]:
    notes = read_notes(root)
    folder = root / "yolospine"
    grades = {row["patient"]: row for row in read_table(folder / "pfirrmann.csv")}
    rows = {(row["stem"], int(row["order"]) - 1): row for row in read_table(folder / "discs.csv")}
    discs = []
    for image in read_yolospine(root):
        findings = parse_note(notes[image.patient]) if image.patient in notes else None
        image_rows = [rows[image.name, order] for order in range(len(image.discs))]
        if findings and levels_contradict(findings, image_rows):
            findings = None
        stenoses = read_stenoses(root, image)
        for order, row in enumerate(image_rows):
            level = row["level"]
            strict = int(row["herniation"]) if "herniation" in row else _known(findings.herniation(level) if findings else None)
            targets = (int(row["bulge_or_herniation"]), strict)
            known = {
                "degenerative": int(row["degenerative"]),
                "pfirrmann": _number(grades.get(image.patient, {}).get(level, "")),
                "noted": _known(findings.abnormal(level) if findings else None),
                "compression": _known(findings.compression(level) if findings else None),
                "stenosis": UNKNOWN if stenoses is None else int(stenoses[order]),
            }
            discs.append(_disc(image, order, targets, known))
    return discs


def levels_contradict(findings: NoteFindings, rows: Sequence[dict[str, str]]) -> bool:
    """Whether a note calls a scored disc herniated that its box calls sound: then one of the two counts levels in another
    way, and no level of the note is known to be the box's."""
    return any(
        row["scored"] == "1" and row["bulge_or_herniation"] == "0" and findings.herniation(row["level"]) == 1
        for row in rows
    )


def _spider_discs(root: Path, images: Sequence[DetectionImage]) -> list[Disc]:
    gradings = read_gradings(root)
    discs = []
    for image in images:
        for order in range(len(image.discs)):
            grading = gradings.get((image.patient, order + 1))
            if grading is None:
                continue
            labels = grading_labels(grading)
            targets = tuple(labels[name] for name in TARGETS)
            grades = {"narrowing": labels["narrowing"], "pfirrmann": labels["pfirrmann"]}
            discs.append(_disc(image, order, targets, grades))
    return discs


def _disc(image: DetectionImage, order: int, targets: tuple[int, ...], grades: dict[str, int]) -> Disc:
    known = {name: UNKNOWN for name in AUXILIARY} | grades
    known["level"] = min(order, AUXILIARY["level"] - 1)
    if known["pfirrmann"] > 0:
        known["pfirrmann"] -= 1
    return Disc(
        image=image.name, path=image.path, patient=image.patient, split=image.split, source=image.source,
        sequence=image.sequence, order=order, box=tuple(float(v) for v in image.discs[order]),
        targets=targets, grades=known,
    )


def _known(label: int | None) -> int:
    return UNKNOWN if label is None else label


def _number(text: str) -> int:
    return int(text) if text.strip().isdigit() else UNKNOWN


class SliceCache:
    """Upright slices kept in memory as float32 tensors, `H x W`."""

    def __init__(self) -> None:
        self._slices: dict[Path, Tensor] = {}

    def __getitem__(self, path: Path) -> Tensor:
        if path not in self._slices:
            self._slices[path] = torch.from_numpy(upright_slice(path).astype(np.float32))
        return self._slices[path]


@dataclass(frozen=True)
class DiscInput:
    """How a classifier sees a disc: crop rule, size in pixels, normalisation, stretch or letterbox."""

    crop: CropRule
    width: int
    height: int
    mean: float = 0.25
    std: float = 0.25
    resize: str = "stretch"


def exact_crop(image: np.ndarray, box: Sequence[float], rule: DiscInput) -> np.ndarray:
    """The contract's tensor of a disc, `height x width` float32, normalised."""
    x0, y0, x1, y1 = crop_box(tuple(box), rule.crop, image.shape[1], image.shape[0])
    cut = image[y0:y1, x0:x1]
    if rule.resize == "letterbox":
        resized, _ = letterbox(cut, rule.width, rule.height)
    else:
        resized = resize_bilinear(cut, rule.height, rule.width)
    return normalise(resized, rule.mean, rule.std)


def exact_batch(discs: Sequence[Disc], rule: DiscInput, cache: SliceCache) -> Tensor:
    """Contract crops of discs, `N x 1 x H x W`."""
    crops = [exact_crop(cache[disc.path].numpy(), disc.box, rule) for disc in discs]
    return torch.from_numpy(np.stack(crops))[:, None]


def jitter_box(box: Sequence[float], rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Shift and scale a box as a detector would err (+-8 % and +-12 % of its sides)."""
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    centre_x = (x0 + x1) / 2 + width * rng.uniform(-BOX_SHIFT, BOX_SHIFT)
    centre_y = (y0 + y1) / 2 + height * rng.uniform(-BOX_SHIFT, BOX_SHIFT)
    width *= 1 + rng.uniform(-BOX_SCALE, BOX_SCALE)
    height *= 1 + rng.uniform(-BOX_SCALE, BOX_SCALE)
    return centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2


def augmented_batch(
    discs: Sequence[Disc], rule: DiscInput, cache: SliceCache, rng: np.random.Generator, degrees: float, strength: float
) -> Tensor:
    """Jittered, turned and intensity-varied crops of discs, `N x 1 x H x W`, normalised."""
    crops = []
    for disc in discs:
        image = cache[disc.path]
        crop = crop_box(jitter_box(disc.box, rng), rule.crop, image.shape[1], image.shape[0])
        x, y = crop_grid(crop, rule.width, rule.height, float(rng.uniform(-degrees, degrees)))
        crops.append(sample(image, x, y))
    images = vary_intensity(torch.stack(crops), strength)
    return (images / 255 - rule.mean) / rule.std
