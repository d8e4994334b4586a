"""Boxes for SPIDER's T2 slices that nobody boxed: `python -m discflow_training.find_discs`.

A pack's two detectors find them; a slice is kept when at least five discs are found at even distances. The lowest disc is
taken as L5-S1, as in the labelled slices. `classify` and `ensemble` read the file with `--found`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .data import DEFAULT_DATA_ROOT, SCORED_DISCS, read_spider, read_table
from .detection_pipeline import Detector, find_discs_in_slice
from .export import open_session, run_session
from .faults import told_plainly
from .fragment import DEFAULT_MODELS, members_of, write_json
from .imaging import upright_slice

LARGEST_GAP_RATIO = 1.8


def open_detectors(models: Path) -> tuple[Detector, Detector]:
    """The region's and the discs' detector of a pack."""
    return tuple(_open(models, members_of(models, role)[-1]) for role in ("lumbar-detector", "disc-detector"))


def _open(models: Path, entry: dict[str, Any]) -> Detector:
    session = open_session(models / entry["file"])
    return Detector(lambda images: run_session(session, images), entry["input"]["width"], entry["input"]["height"])


def ordered_discs(boxes: np.ndarray, scores: np.ndarray) -> np.ndarray | None:
    """Discs from the lowest upwards, one a level, or None where they are fewer than five or unevenly spaced."""
    kept: list[int] = []
    for index in np.argsort(-scores):
        middle = (boxes[index, 1] + boxes[index, 3]) / 2
        if all(not boxes[other, 1] <= middle <= boxes[other, 3] for other in kept):
            kept.append(int(index))
    chosen = boxes[sorted(kept, key=lambda i: -(boxes[i, 1] + boxes[i, 3]))]
    if len(chosen) < SCORED_DISCS:
        return None
    gaps = -np.diff((chosen[:SCORED_DISCS, 1] + chosen[:SCORED_DISCS, 3]) / 2)
    return chosen if gaps.max() <= LARGEST_GAP_RATIO * gaps.min() else None


def find(models: Path, root: Path, boxed: bool) -> dict[str, list[list[float]]]:
    """Ordered disc boxes (`x0, y0, x1, y1`) by slice, of slices with or without labelled boxes."""
    region_detector, disc_detector = open_detectors(models)
    labelled = {image.name for image in read_spider(root, ("t2",))}
    found = {}
    for row in read_table(root / "spider" / "series.csv"):
        name = row["new_file_name"]
        path = root / "spider" / "midslices" / f"{name}.png"
        if not name.endswith("_t2") or (name in labelled) != boxed or not path.exists():
            continue
        detections = find_discs_in_slice(region_detector, disc_detector, upright_slice(path).astype(np.float32))
        discs = ordered_discs(detections.boxes, detections.scores)
        if discs is not None:
            found[name] = [[round(float(v), 2) for v in box] for box in discs]
    return found


@told_plainly
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m discflow_training.find_discs", description=__doc__)
    parser.add_argument("--models", type=Path, default=DEFAULT_MODELS, help="the pack's folder (default: layers/models)")
    parser.add_argument("--data-root", type=Path, default=DEFAULT_DATA_ROOT, help="labelled data (default: ../shared/data)")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file for `--found`")
    parser.add_argument("--boxed", action="store_true", help="the slices with labelled boxes instead, as a check")
    options = parser.parse_args(arguments)
    found = find(options.models, options.data_root, options.boxed)
    write_json(options.out, found)
    print(f"{len(found)} slices")


if __name__ == "__main__":
    main()
