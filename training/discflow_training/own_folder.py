"""Labelled data of one's own, read as `discflow evaluate` reads them: pictures, splits, findings, boxes and masks.

Boxes are `x0, y0, x1, y1` in pixels of the upright picture, origin at the top left.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from .data import MASK_CLASSES, read_label_boxes
from .disc_data import LEVEL_NAMES, TARGETS
from .faults import InputFault, read_text
from .metrics_detection import iou_matrix

Findings = dict[tuple[str, str], int]
"""Labels by level and target."""
PICTURES = frozenset({".png", ".jpg", ".jpeg"})
SPLITS = ("train", "val", "test")
SPIDER_VALUES = np.array(sorted(MASK_CLASSES, key=lambda value: MASK_CLASSES[value]), dtype=np.uint8)
"""What SPIDER writes for each class."""
YOLOSPINE_CLASSES = ("disc", "disc", "other", "other", "disc", "disc")
"""What the classes are where no classes.txt names them."""
SAME_DISC = 0.5
REGION_HOLDS = 3
"""A box that holds the centres of so many discs is the lumbar region, whatever its class."""


def read_pictures(folder: Path) -> dict[str, Path]:
    """PNG and JPEG files by their name without extension."""
    pictures = files_by_stem(folder, PICTURES)
    if not pictures:
        raise InputFault(f"{folder} holds no PNG or JPEG file")
    return pictures


def files_by_stem(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """Files with one of the extensions, in capitals or not, by name without it; hidden ones are left out."""
    files: dict[str, Path] = {}
    for path in sorted(folder.glob("*")):
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        stem = composed(path.stem)
        if stem in files:
            raise InputFault(f"{path}: another file there has the same name before its extension")
        files[stem] = path
    return files


def composed(name: str) -> str:
    """One spelling of letters with marks: file systems and tables differ in whether the mark is a character of its own."""
    return unicodedata.normalize("NFC", name)


def require_images(pictures: Collection[str], *labelled: Mapping[str, Path]) -> None:
    """Raises `InputFault` for a label of no picture: it would be left out without a word."""
    for name, path in (entry for files in labelled for entry in files.items()):
        if name not in pictures:
            raise InputFault(f"{path}: images/ holds no image of that name")


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
    header, *rows = list(csv.reader(io.StringIO(read_text(path), newline=""))) or [[]]
    names = [name.strip() for name in header]
    if lacking := [name for name in columns if name not in names]:
        raise InputFault(f"{path} has no column {lacking[0]}; it has {', '.join(names)}")
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        place = f"{path}, line {number}"
        if len(row) != len(names):
            raise InputFault(f"{place}: {len(row)} cells where the header has {len(names)}")
        image, *others = (row[names.index(name)].strip() for name in columns)
        suffix = Path(image).suffix
        stem = composed(image.removesuffix(suffix) if suffix.lower() in PICTURES else image)
        if stem not in pictures:
            raise InputFault(f"{place}: images/ holds no such image")
        yield place, [stem, *others]


def read_class_meanings(folder: Path) -> tuple[str, ...]:
    """What each class is, `disc`, `region` or `other`: by its name in `classes.txt`, or as in YOLOspine."""
    for path in (folder / "labels" / "classes.txt", folder / "classes.txt"):
        if path.exists():
            meanings = tuple(_meaning(name.strip().lower()) for name in read_text(path).splitlines())
            if "disc" not in meanings:
                raise InputFault(f"{path}: no class name holds the word disc")
            return meanings
    return YOLOSPINE_CLASSES


def _meaning(name: str) -> str:
    if "disc" in name or "disk" in name:
        return "disc"
    return "region" if "region" in name or "lumbar" in name else "other"


def read_discs_of(path: Path, width: int, height: int, meanings: Sequence[str]) -> np.ndarray:
    """Merged disc boxes `n x 4` in pixels, from the lowest upwards; boxes of the region are left out."""
    drawn: list[np.ndarray] = []
    for kind, (cx, cy, w, h) in read_label_boxes(path):
        if not 0 <= kind < len(meanings):
            raise InputFault(f"{path}: class {kind} is not known; name the classes in classes.txt beside the label files, one a line")
        if meanings[kind] == "disc":
            drawn.append(np.array([(cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height]))
    boxes: list[np.ndarray] = []
    for box in (box for box in drawn if not _holds_discs(box, drawn)):
        same = next((i for i, other in enumerate(boxes) if iou_matrix(box[None], other[None])[0, 0] > SAME_DISC), None)
        if same is None:
            boxes.append(box)
        else:
            low, high = np.minimum(boxes[same][:2], box[:2]), np.maximum(boxes[same][2:], box[2:])
            boxes[same] = np.concatenate([low, high])
    if not boxes:
        raise InputFault(f"{path} holds no box of a disc")
    return np.array(sorted(boxes, key=lambda box: -(box[1] + box[3])))


def _holds_discs(box: np.ndarray, drawn: Sequence[np.ndarray]) -> bool:
    centres = [(other[:2] + other[2:]) / 2 for other in drawn if other is not box]
    return sum(bool((centre > box[:2]).all() and (centre < box[2:]).all()) for centre in centres) >= REGION_HOLDS


def read_upright(path: Path) -> Image.Image:
    """A picture as the pipeline decodes it: grey, upright by its EXIF orientation, alpha flattened on black.

    Raises `InputFault` that names the file where it cannot be decoded, and for CMYK, which the pipeline refuses.
    """
    picture = ImageOps.exif_transpose(_decoded(path))
    if picture.mode == "CMYK":
        raise InputFault(f"{path} is CMYK, which is not read; save it as grey")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture)
    return picture if picture.mode in ("L", "I", "I;16") else picture.convert("L")


def read_mask_values(path: Path, size: tuple[int, int]) -> np.ndarray:
    """The values of a mask, `H x W` uint8, of a picture of `size` (width, height), as SPIDER writes them."""
    values = np.array(_decoded(path)).astype(np.int64)
    if values.shape != size[::-1]:
        raise InputFault(f"{path}: a mask has one channel and the size of its picture")
    unknown = sorted(set(np.unique(values).tolist()) - set(MASK_CLASSES) - set(MASK_CLASSES.values()))
    if unknown:
        raise InputFault(f"{path} holds the value {unknown[0]}; a mask holds 0, 1, 2, 3 or 0, 76, 29, 150")
    return SPIDER_VALUES[values] if values.max() < len(MASK_CLASSES) else values.astype(np.uint8)


def _decoded(path: Path) -> Image.Image:
    try:
        with Image.open(path) as picture:
            picture.load()
            return picture
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as fault:
        raise InputFault(f"{path} cannot be decoded: {fault}") from fault
