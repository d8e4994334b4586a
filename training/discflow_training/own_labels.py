"""Labelled data of one's own for training: `python -m discflow_training lay-out FOLDER --out DATA`.

Reads the folder that `discflow evaluate` reads (`images/`, `splits.csv`, and any of `labels/*.txt`, `masks/`,
`findings.csv`) and writes the tables that training reads, with copies of the pictures. A finding that is not there stays
unknown: nothing is learned from it.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from .data import SCORED_DISCS, region_of_discs
from .disc_data import LEVEL_NAMES, TARGETS, UNKNOWN
from .faults import InputFault, told_plainly
from .own_folder import (
    Findings,
    files_by_stem,
    read_class_meanings,
    read_discs_of,
    read_findings,
    read_mask_values,
    read_pictures,
    read_splits,
    read_upright,
    require_images,
)

UPPER_LEVELS = ("T12-L1", "T11-T12", "T10-T11", "T9-T10", "T8-T9", "T7-T8")
HEADERS = {
    "yolospine/discs.csv": (
        "stem",
        "patient",
        "split",
        "order",
        "level",
        "x1",
        "y1",
        "x2",
        "y2",
        "bulge_or_herniation",
        "degenerative",
        "scored",
        "herniation",
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


@dataclass
class Tables:
    """Rows of every table, begun with its header."""

    rows: dict[str, list[Sequence[object]]] = field(
        default_factory=lambda: {name: [row] for name, row in HEADERS.items()}
    )

    def add(self, name: str, *values: object) -> None:
        self.rows[name].append(values)

    def write(self, root: Path) -> None:
        for name, rows in self.rows.items():
            with (root / name).open("w", newline="", encoding="utf-8") as handle:
                csv.writer(handle).writerows(rows)


def lay_out(folder: Path, root: Path) -> dict[str, int]:
    """Write the layout of training data under `root`; returns how many pictures carry boxes, findings and masks.

    Raises `InputFault` where the folder holds nothing to learn from, or something that contradicts itself.
    """
    pictures = read_pictures(folder / "images")
    splits = read_splits(folder / "splits.csv", pictures)
    findings = read_findings(folder / "findings.csv", pictures)
    for name in ("yolospine/images", "spider/midslices", "spider/space/images", "spider/space/masks"):
        (root / name).mkdir(parents=True, exist_ok=True)
    tables = Tables()
    counts = {"boxes": 0, "findings": 0, "masks": 0, "findings but no boxes, which teach nothing": 0}
    meanings = read_class_meanings(folder)
    labels, masks = files_by_stem(folder / "labels", {".txt"}), files_by_stem(folder / "masks", {".png"})
    require_images(pictures, {stem: path for stem, path in labels.items() if stem != "classes"}, masks)
    for stem, path in pictures.items():
        if stem in findings and stem not in labels:
            counts["findings but no boxes, which teach nothing"] += 1
        if stem not in labels and stem not in masks:
            continue
        patient, split = splits[stem]
        picture = read_upright(path)
        if stem in labels:
            picture.save(root / "yolospine" / "images" / f"{stem}.png")
            discs = read_discs_of(labels[stem], *picture.size, meanings)
            counts["boxes"] += 1
            counts["findings"] += stem in findings
            _add_discs(tables, stem, patient, split, discs, findings.get(stem, {}), picture.size)
        if stem in masks:
            _add_mask(tables, root, stem, patient, split, picture, masks[stem])
            counts["masks"] += 1
    if not counts["boxes"] + counts["masks"]:
        raise InputFault(f"{folder}: no picture has boxes (labels/NAME.txt) or a mask (masks/NAME.png)")
    tables.write(root)
    return counts


def _add_discs(
    tables: Tables,
    stem: str,
    patient: str,
    split: str,
    discs: np.ndarray,
    known: Findings,
    size: tuple[int, int],
) -> None:
    levels = (*LEVEL_NAMES, *UPPER_LEVELS)
    for order, box in enumerate(discs[: len(levels)]):
        wide, strict = (known.get((levels[order], target), UNKNOWN) for target in TARGETS)
        scored = int(order < SCORED_DISCS)
        tables.add("yolospine/discs.csv", stem, patient, split, order + 1, levels[order], *box, wide, UNKNOWN, scored, strict)
    tables.add("yolospine/region_boxes.csv", stem, split, *region_of_discs(discs, *size))


def _add_mask(tables: Tables, root: Path, stem: str, patient: str, split: str, picture: Image.Image, mask: Path) -> None:
    values = read_mask_values(mask, picture.size)
    Image.fromarray(values).save(root / "spider" / "space" / "masks" / f"{stem}.png")
    picture.save(root / "spider" / "space" / "images" / f"{stem}.png")
    tables.add("spider/space_masks.csv", f"{stem}.png", patient, 1, int((values == 150).sum()), split)


@told_plainly
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m discflow_training lay-out", description=__doc__)
    parser.add_argument("folder", type=Path, help="labelled data as `discflow evaluate --help` describes them")
    parser.add_argument("--out", type=Path, required=True, help="the data root for --data-root of the other commands")
    options = parser.parse_args(arguments)
    counts = lay_out(options.folder, options.out)
    print(", ".join(f"{count} pictures with {name}" for name, count in counts.items()))


if __name__ == "__main__":
    main()
