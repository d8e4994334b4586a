"""Readers of the labelled public data (`--data-root`): images, boxes, masks, gradings and notes, split by patient.

Boxes are `x0, y0, x1, y1` in pixels of the upright slice, origin at the top left. All pictures of both sources are
stored head up, anterior left. The readers check that the recorded spacing is square, so boxes need no scaling.
"""

from __future__ import annotations

import ast
import csv
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from scipy import ndimage

from .faults import InputFault, read_text

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT_DATA_ROOT = REPOSITORY.parent / "shared" / "data"
MASK_CLASSES = {0: 0, 76: 1, 29: 2, 150: 3}
MASK_CLASS_NAMES = ("background", "vertebra", "disc", "canal")
SCORED_DISCS = 5
LABEL_MARGIN = 0.145
"""How far boxes reach beyond the disc of SPIDER's masks on each side, in disc spacings, where a detector draws them that learnt
from labelled boxes: the medians over 166 slices of training and validation patients are 0.13 to 0.16, by level and side."""
FOLDS = 5
SOURCES = ("yolospine", "spider")
STENOSIS_CLASS = 2

Split = Literal["train", "val", "test"]
Sequence = Literal["t1", "t2", "t2_SPACE"]


@dataclass(frozen=True)
class DetectionImage:
    """A slice with every labelled disc, ordered from L5-S1 upwards, and its lumbar region.

    `bulge_or_herniation` holds 0 or 1 a disc, and is None for SPIDER (see `read_gradings`).
    """

    name: str
    patient: str
    split: Split
    source: Literal["yolospine", "spider"]
    sequence: Sequence
    path: Path
    discs: np.ndarray
    region: np.ndarray
    bulge_or_herniation: np.ndarray | None = None

    @property
    def scored(self) -> np.ndarray:
        """The five lowest discs, which are the ones that count, `5 x 4`."""
        return self.discs[:SCORED_DISCS]


@dataclass(frozen=True)
class SegmentationSlice:
    """A slice with its mask of the values in `MASK_CLASSES`."""

    name: str
    patient: str
    split: Split
    source: Literal["space", "t2w"]
    image_path: Path
    mask_path: Path


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file by column name."""
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def read_yolospine(root: Path) -> list[DetectionImage]:
    """The yolospine slices that have disc and region boxes, ordered by name."""
    folder = root / "yolospine"
    regions = {row["stem"]: _corners(row) for row in read_table(folder / "region_boxes.csv")}
    images = []
    for stem, rows in sorted(_group(read_table(folder / "discs.csv"), "stem").items()):
        rows.sort(key=lambda row: int(row["order"]))
        images.append(
            DetectionImage(
                name=stem, patient=rows[0]["patient"], split=rows[0]["split"], source="yolospine", sequence="t2",
                path=folder / "images" / f"{stem}.png",
                discs=np.array([_corners(row) for row in rows], dtype=np.float64),
                region=np.array(regions[stem], dtype=np.float64),
                bulge_or_herniation=np.array([int(row["bulge_or_herniation"]) for row in rows]),
            )
        )
    return images


def read_stenoses(root: Path, image: DetectionImage) -> np.ndarray | None:
    """1 for the discs of a yolospine slice that a box of a stenosis lies nearest to; None without its YOLO labels.

    A stenosis lies in the canal behind its disc, so distance from front to back counts half.
    """
    labels = root / "yolospine" / "labels" / f"{image.name}.txt"
    if not labels.exists():
        return None
    with Image.open(image.path) as picture:
        width, height = picture.size
    centres = (image.discs[:, :2] + image.discs[:, 2:]) / 2
    found = np.zeros(len(image.discs), dtype=int)
    for kind, (x, y, _, _) in read_label_boxes(labels):
        if kind == STENOSIS_CLASS:
            away = centres - (x * width, y * height)
            found[np.hypot(away[:, 0] / 2, away[:, 1]).argmin()] = 1
    return found


def read_label_boxes(path: Path) -> list[tuple[int, tuple[float, float, float, float]]]:
    """Class and box of each line of a YOLO label file: centre x, centre y, width and height as shares of the picture.

    Raises `InputFault` where a line holds anything else.
    """
    boxes = []
    for line in read_text(path).splitlines():
        if not line.strip():
            continue
        try:
            kind, x, y, width, height = (float(value) for value in line.split())
        except ValueError:
            raise InputFault(f"{path}: each line holds class, centre x, centre y, width and height") from None
        if not kind.is_integer():
            raise InputFault(f"{path}: {kind} is no class")
        if not (min(x, y) >= 0 and min(width, height) > 0 and max(x, y, width, height) <= 1):
            raise InputFault(f"{path}: centre and size must be shares of the picture, above 0 and at most 1")
        boxes.append((int(kind), (x, y, width, height)))
    return boxes


def read_spider(root: Path, sequences: Iterable[str] = ("t1", "t2", "t2_SPACE")) -> list[DetectionImage]:
    """SPIDER's middle slices that have at least five disc boxes and a region box, ordered by name."""
    folder = root / "spider"
    regions = {row["name"]: _corners(row) for row in read_table(folder / "region_boxes.csv")}
    _require_square_pixels(read_table(folder / "series.csv"))
    wanted = set(sequences)
    images = []
    for name, rows in sorted(_group(read_table(folder / "disc_boxes.csv"), "name").items()):
        patient, sequence = name.split("_", 1)
        if sequence not in wanted or name not in regions:
            continue
        rows.sort(key=_spider_order)
        images.append(
            DetectionImage(
                name=name, patient=patient, split=rows[0]["split"], source="spider", sequence=sequence,
                path=folder / "midslices" / f"{name}.png",
                discs=np.array([_corners(row) for row in rows], dtype=np.float64),
                region=np.array(regions[name], dtype=np.float64),
            )
        )
    return images


def read_found(root: Path, found: Path) -> list[DetectionImage]:
    """SPIDER's T2 slices whose discs a detector found (a file of `find_discs`); their region is the discs' hull."""
    splits = {row["new_file_name"]: row["split"] for row in read_table(root / "spider" / "series.csv")}
    images = []
    for name, boxes in json.loads(found.read_text()).items():
        path = root / "spider" / "midslices" / f"{name}.png"
        discs = np.array(boxes, dtype=np.float64)
        hull = np.concatenate([discs[:, :2].min(axis=0), discs[:, 2:].max(axis=0)])
        images.append(DetectionImage(name, name.split("_", 1)[0], splits[name], "spider", "t2", path, discs, hull))
    return images


def read_segmentation(root: Path) -> list[SegmentationSlice]:
    """SPIDER's slices with masks: T2 SPACE first, then ordinary T2."""
    slices = []
    for source, table in (("space", "space_masks.csv"), ("t2w", "t2w.csv")):
        folder = root / "spider" / source
        for row in read_table(root / "spider" / table):
            slices.append(
                SegmentationSlice(
                    name=Path(row["file"]).stem, patient=row["patient"], split=row["split"], source=source,
                    image_path=folder / "images" / row["file"], mask_path=folder / "masks" / row["file"],
                )
            )
    return slices


def read_masked(root: Path) -> list[DetectionImage]:
    """SPIDER's slices with masks that show at least five discs: the discs' boxes, as loose as labelled ones, and region.

    Empty where the folder has no masks.
    """
    if not (root / "spider" / "space_masks.csv").exists():
        return []
    images = []
    for item in read_segmentation(root):
        mask = read_mask(item.mask_path)
        discs = disc_boxes_of_mask(mask)
        if len(discs) < SCORED_DISCS:
            continue
        height, width = mask.shape
        discs = loosened(discs, width, height)
        sequence: Sequence = "t2_SPACE" if item.source == "space" else "t2"
        region = region_of_discs(discs, width, height)
        images.append(
            DetectionImage(item.name, item.patient, item.split, "spider", sequence, item.image_path, discs, region)
        )
    return images


def loosened(discs: np.ndarray, width: int, height: int) -> np.ndarray:
    """Tight boxes of discs, from the lowest upwards, made as loose as the labelled ones and clipped to the picture."""
    margin = LABEL_MARGIN * spacing_of(discs)
    limits = np.array([width, height, width, height], dtype=np.float64)
    return np.clip(discs + margin * np.array([-1, -1, 1, 1]), 0, limits)


def fold_of(patient: str, folds: int = FOLDS) -> int:
    """The cross-validation fold of a patient, 0 to `folds` - 1, the same for every task and on every machine."""
    return int.from_bytes(hashlib.sha256(f"fold/{patient}".encode()).digest()[:8]) % folds


def read_mask(path: Path) -> np.ndarray:
    """Mask as classes, `H x W` uint8: 0 background, 1 vertebra, 2 disc, 3 canal."""
    with Image.open(path) as picture:
        values = np.array(picture)
    classes = np.zeros(values.shape, dtype=np.uint8)
    for value, index in MASK_CLASSES.items():
        classes[values == value] = index
    return classes


def read_gradings(root: Path) -> dict[tuple[str, int], dict[str, str]]:
    """SPIDER's gradings by patient and IVD label (1 = L5-S1, counting up)."""
    rows = read_table(root / "spider" / "gradings.csv")
    return {(row["Patient"], int(row["IVD label"])): row for row in rows}


def read_notes(root: Path) -> dict[str, str]:
    """Yolospine's radiologist notes by patient."""
    return {row["patient"]: row["notes"] for row in read_table(root / "yolospine" / "radiologist_notes.csv")}


def disc_boxes_of_mask(mask: np.ndarray) -> np.ndarray:
    """Tight boxes of the disc components of a class mask, `n x 4`, from the lowest upwards; specks are dropped."""
    labels, count = ndimage.label(mask == 2)
    if count == 0:
        return np.zeros((0, 4))
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    smallest = 0.25 * float(np.median(areas[areas >= 0.1 * areas.max()]))
    boxes = [
        (where[1].start, where[0].start, where[1].stop, where[0].stop)
        for where, area in zip(ndimage.find_objects(labels), areas, strict=True)
        if area >= smallest
    ]
    return np.array(sorted(boxes, key=lambda box: -(box[1] + box[3])), dtype=np.float64)


def region_of_discs(discs: np.ndarray, width: int, height: int) -> np.ndarray:
    """The lumbar region of disc boxes ordered from the bottom, `x0, y0, x1, y1`, clipped to the image.

    The union of the five lowest discs, with one disc spacing above and behind, half of one below and a quarter in
    front; the spacing is the mean vertical distance of neighbouring centres.
    """
    lowest, spacing = discs[:SCORED_DISCS], spacing_of(discs)
    return np.array(
        [
            max(0.0, lowest[:, 0].min() - spacing / 4),
            max(0.0, lowest[:, 1].min() - spacing),
            min(float(width), lowest[:, 2].max() + spacing),
            min(float(height), lowest[:, 3].max() + spacing / 2),
        ]
    )


def spacing_of(discs: np.ndarray) -> float:
    """Mean vertical distance of neighbouring centres of the five lowest discs, ordered from the bottom; 0 below two."""
    lowest = discs[:SCORED_DISCS]
    return float(np.abs(np.diff((lowest[:, 1] + lowest[:, 3]) / 2)).mean()) if len(lowest) > 1 else 0.0


def file_hashes(paths: Iterable[Path], root: Path) -> dict[str, str]:
    """SHA-256 of files by their path under `root`."""
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)}


def data_hash(paths: Iterable[Path], root: Path) -> str:
    """One SHA-256 over the names and contents of files, whatever their order."""
    lines = [f"{name} {digest}" for name, digest in file_hashes(paths, root).items()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _require_square_pixels(series: list[dict[str, str]]) -> None:
    for row in series:
        rows_mm, columns_mm = ast.literal_eval(row["PixelSpacing"])
        if row["values_doubtful"] != "1" and abs(rows_mm - columns_mm) > 1e-6:
            raise InputFault(f"{row['new_file_name']}: pixels are not square; resize the picture and its boxes")


def _spider_order(row: dict[str, str]) -> int:
    return int(next(value for key, value in row.items() if key.startswith("order_from_bottom")))


def _corners(row: dict[str, str]) -> tuple[float, float, float, float]:
    return float(row["x1"]), float(row["y1"]), float(row["x2"]), float(row["y2"])


def _group(rows: list[dict[str, str]], key: str) -> dict[str, list[dict[str, str]]]:
    groups: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    return dict(groups)
