"""Labelled data of one's own for training: `python -m discflow_training lay-out FOLDER --out DATA`.

Reads the folder that `discflow evaluate` reads (`images/`, `splits.csv`, and any of `labels/*.txt`, `masks/`,
`findings.csv`) and writes the tables that training reads, with copies of the pictures. A finding that is not there stays
unknown: nothing is learned from it.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from .data import MASK_CLASSES, SCORED_DISCS, read_label_boxes, read_table, region_of_discs
from .disc_data import LEVEL_NAMES, TARGETS, UNKNOWN
from .faults import InputFault, told_plainly
from .metrics_detection import iou_matrix

Findings = dict[tuple[str, str], int]
"""Labels by level and target."""
PICTURES = frozenset({".png", ".jpg", ".jpeg"})
SPLITS = ("train", "val", "test")
DISC_CLASSES = frozenset({0, 1, 4, 5})
SAME_DISC = 0.5
UPPER_LEVELS = ("T12-L1", "T11-T12", "T10-T11", "T9-T10", "T8-T9", "T7-T8")
SPIDER_VALUES = np.array(sorted(MASK_CLASSES, key=lambda value: MASK_CLASSES[value]), dtype=np.uint8)
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
    tables, notes = Tables(), {}
    counts = {"boxes": 0, "findings": 0, "masks": 0, "findings but no boxes, which teach nothing": 0}
    disc_classes = read_disc_classes(folder)
    for stem, path in pictures.items():
        patient, split = splits[stem]
        labels, mask = folder / "labels" / f"{stem}.txt", folder / "masks" / f"{stem}.png"
        if labels.exists():
            with Image.open(path) as picture:
                width, height = picture.size
                picture.save(root / "yolospine" / "images" / f"{stem}.png")
            discs = read_discs_of(labels, width, height, disc_classes)
            counts["boxes"] += 1
            counts["findings"] += stem in findings
            _add_discs(tables, stem, patient, split, discs, findings.get(stem, {}), (width, height))
            _join(notes.setdefault(patient, {}), findings.get(stem, {}), folder / "findings.csv")
        elif stem in findings:
            counts["findings but no boxes, which teach nothing"] += 1
        if mask.exists():
            _add_mask(tables, root, stem, patient, split, path, mask)
            counts["masks"] += 1
    if not counts["boxes"] + counts["masks"]:
        raise InputFault(f"{folder}: no picture has boxes (labels/NAME.txt) or a mask (masks/NAME.png)")
    for patient, known in notes.items():
        if any(target == "herniation" for _, target in known):
            tables.add("yolospine/radiologist_notes.csv", patient, note_of(known))
    tables.write(root)
    return counts


def read_pictures(folder: Path) -> dict[str, Path]:
    """PNG and JPEG files by their name without extension."""
    pictures: dict[str, Path] = {}
    for path in sorted(folder.glob("*")):
        if path.suffix.lower() not in PICTURES or path.name.startswith("."):
            continue
        if path.stem in pictures:
            raise InputFault(f"{path}: another file there has the same name before its extension")
        pictures[path.stem] = path
    if not pictures:
        raise InputFault(f"{folder} holds no PNG or JPEG file")
    return pictures


def read_splits(path: Path, pictures: Collection[str]) -> dict[str, tuple[str, str]]:
    """Patient and split of every picture; every patient is in one split."""
    splits: dict[str, tuple[str, str]] = {}
    of_patient: dict[str, str] = {}
    for place, row in _rows(path, ("image", "patient", "split"), pictures):
        image, patient, split = row
        if not patient or split not in SPLITS:
            raise InputFault(f"{place}: patient must not be empty, and split be one of {', '.join(SPLITS)}")
        if image in splits:
            raise InputFault(f"{place}: the image stands there twice")
        if of_patient.setdefault(patient, split) != split:
            raise InputFault(f"{place}: a patient stands in both {of_patient[patient]} and {split}")
        splits[image] = patient, split
    missing = sorted(set(pictures) - set(splits))
    if missing:
        raise InputFault(f"{path} lacks {len(missing)} of the images, {missing[0]} among them")
    return splits


def read_findings(path: Path, pictures: Collection[str]) -> dict[str, Findings]:
    """Labels by picture, level and target; a herniation is a bulge or herniation as well."""
    findings: dict[str, Findings] = {}
    for place, row in _rows(path, ("image", "level", "target", "label"), pictures) if path.exists() else ():
        image, level, target, label = row
        if level not in LEVEL_NAMES or target not in TARGETS or label not in ("0", "1"):
            raise InputFault(f"{place}: {level}, {target}, {label} is no finding")
        known = findings.setdefault(image, {})
        if (level, target) in known:
            raise InputFault(f"{place}: this disc already has a label for this target")
        known[level, target] = int(label)
    for image, known in findings.items():
        for level in (level for (level, target), label in [*known.items()] if target == "herniation" and label == 1):
            if known.setdefault((level, "bulgeOrHerniation"), 1) == 0:
                raise InputFault(f"{path}: {level} of {image} is a herniation, yet neither bulge nor herniation")
    return findings


def _rows(path: Path, columns: Sequence[str], pictures: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    """Each row's place and its cells, the picture's name first, without extension."""
    for number, row in enumerate(read_table(path), start=2):
        place = f"{path}, line {number}"
        lacking = [name for name in columns if row.get(name) is None]
        if lacking:
            raise InputFault(f"{place}: no column {lacking[0]}; the columns are {','.join(columns)}")
        image, *others = (row[name].strip() for name in columns)
        suffix = Path(image).suffix
        stem = image.removesuffix(suffix) if suffix.lower() in PICTURES else image
        if stem not in pictures:
            raise InputFault(f"{place}: images/ holds no such image")
        yield place, [stem, *others]


def _join(known: Findings, more: Findings, path: Path) -> None:
    """Add a picture's findings to those of its patient, all of whose pictures share the strict labels."""
    for (level, target), label in more.items():
        if known.setdefault((level, target), label) != label and target == "herniation":
            raise InputFault(f"{path}: {level} of one patient is a herniation in one picture and none in another")


def read_disc_classes(folder: Path) -> frozenset[int]:
    """The classes that are discs: those named so in `classes.txt`, or YOLOspine's."""
    for path in (folder / "labels" / "classes.txt", folder / "classes.txt"):
        if path.exists():
            names = path.read_text(encoding="utf-8").splitlines()
            discs = frozenset(i for i, name in enumerate(names) if "disc" in name.lower() or "disk" in name.lower())
            if not discs:
                raise InputFault(f"{path}: no class name holds the word disc")
            return discs
    return DISC_CLASSES


def read_discs_of(path: Path, width: int, height: int, disc_classes: frozenset[int]) -> np.ndarray:
    """Merged disc boxes `n x 4` in pixels, from the lowest upwards."""
    boxes: list[np.ndarray] = []
    for kind, (cx, cy, w, h) in read_label_boxes(path):
        if kind not in disc_classes:
            continue
        box = np.array([(cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height])
        same = next((i for i, other in enumerate(boxes) if iou_matrix(box[None], other[None])[0, 0] > SAME_DISC), None)
        if same is None:
            boxes.append(box)
        else:
            low, high = np.minimum(boxes[same][:2], box[:2]), np.maximum(boxes[same][2:], box[2:])
            boxes[same] = np.concatenate([low, high])
    if not boxes:
        raise InputFault(f"{path} holds no box of a disc")
    return np.array(sorted(boxes, key=lambda box: -(box[1] + box[3])))


def note_of(known: Findings) -> str:
    """A note from which the strict labels are read again: herniated levels, and in doubt those that nobody labelled."""
    clauses = []
    for level in LEVEL_NAMES:
        label = known.get((level, "herniation"), UNKNOWN)
        if label != 0:
            clauses.append(f"{level}: {'disc' if label == 1 else 'possible'} protrusion.")
    return " ".join(clauses)


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
        wide = known.get((levels[order], "bulgeOrHerniation"), UNKNOWN)
        scored = int(order < SCORED_DISCS)
        tables.add("yolospine/discs.csv", stem, patient, split, order + 1, levels[order], *box, wide, UNKNOWN, scored)
    tables.add("yolospine/region_boxes.csv", stem, split, *region_of_discs(discs, *size))


def _add_mask(tables: Tables, root: Path, stem: str, patient: str, split: str, path: Path, mask: Path) -> None:
    with Image.open(mask) as picture:
        values = np.array(picture)
    with Image.open(path) as picture:
        if values.shape != (picture.height, picture.width):
            raise InputFault(f"{mask}: a mask has one channel and the size of its picture")
    unknown = sorted(set(np.unique(values).tolist()) - set(MASK_CLASSES) - set(MASK_CLASSES.values()))
    if unknown:
        raise InputFault(f"{mask} holds the value {unknown[0]}; a mask holds 0, 1, 2, 3 or 0, 76, 29, 150")
    if values.max() < len(MASK_CLASSES):
        values = SPIDER_VALUES[values]
    Image.fromarray(values.astype(np.uint8)).save(root / "spider" / "space" / "masks" / f"{stem}.png")
    if path.suffix.lower() == ".png":
        shutil.copyfile(path, root / "spider" / "space" / "images" / f"{stem}.png")
    else:
        with Image.open(path) as picture:
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
