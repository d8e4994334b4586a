"""Figures of the disc detector on slices that it was not trained on: `python -m discflow_training.unseen_discs`.

Takes the output folders of `detect train disc` with `--fold` and prints Markdown: the five lowest discs of each source,
found in the region that the pack's own region detector finds, with 95 % intervals over patients.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .data import DEFAULT_DATA_ROOT, SCORED_DISCS, DetectionImage, fold_of, read_masked, read_spider, read_yolospine
from .detection_pipeline import Detector, find_discs_in_slice
from .detection_reports import MEMBER_IDS, RESAMPLES, onnx_detector
from .detection_samples import load_images
from .detection_training import judge_discs, load_averaged, torch_detector
from .faults import InputFault, told_plainly
from .fragment import DEFAULT_MODELS
from .metrics_detection import MatchedImage, bootstrap, detection_figures, match_all
from .paper.intervals import interval, resampled, told_with

FOUND = 0.5
"""IoU from which a disc counts as found."""
HEADER = ("source", "over", "mAP50", "mAP50-95", "all five found", "L5-S1 found")


@dataclass(frozen=True)
class Unseen:
    """A slice whose discs were matched, and the table's row that it belongs to."""

    source: str
    patient: str
    matched: MatchedImage


def sources(root: Path) -> dict[str, list[DetectionImage]]:
    """T2 slices with five discs at least, by how these were labelled."""
    masked = read_masked(root)
    return {
        "yolospine": read_yolospine(root),
        "spider, labelled boxes": read_spider(root, ("t2",)),
        "spider, masks of T2 SPACE": [label for label in masked if label.sequence == "t2_SPACE"],
        "spider, masks of ordinary T2": [label for label in masked if label.sequence == "t2"],
    }


def judge(region: Detector, discs: Detector, fold: int, labels: dict[str, list[DetectionImage]]) -> list[Unseen]:
    """The slices of a fold's training patients."""
    return [
        Unseen(source, image.label.patient, match_all(judge_discs(find_discs_in_slice(region, discs, image.pixels), image)))
        for source, some in labels.items()
        for image in load_images([
            label for label in some
            if label.split == "train" and len(label.discs) >= SCORED_DISCS and fold_of(label.patient) == fold
        ])
    ]


def rows(unseen: Sequence[Unseen]) -> list[list[str]]:
    """One row a source, in the order of their first slices."""
    return [_row(source, [item for item in unseen if item.source == source]) for source in dict.fromkeys(i.source for i in unseen)]


def _row(source: str, own: Sequence[Unseen]) -> list[str]:
    patients = [item.patient for item in own]
    matched = [item.matched for item in own]
    figures, drawn = detection_figures(matched), bootstrap(matched, patients, RESAMPLES, seed=0)
    found = np.array([[item.overlaps.min() >= FOUND, item.overlaps[0] >= FOUND, 1] for item in matched], dtype=np.float64)
    shares = found.mean(axis=0)
    sums = resampled(found, patients)
    return [
        source,
        f"{len(own)} slices, {len(set(patients))} patients",
        *(told_with(getattr(figures, name), drawn[name]) for name in ("map50", "map50_95")),
        *(told_with(shares[place], interval(sums[:, place] / sums[:, 2])) for place in (0, 1)),
    ]


@told_plainly
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m discflow_training.unseen_discs", description=__doc__)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="output folders of `detect train disc` with --fold")
    parser.add_argument("--models", type=Path, default=DEFAULT_MODELS, help="the pack whose region detector is used")
    parser.add_argument("--data-root", type=Path, default=DEFAULT_DATA_ROOT, help="labelled data (default: ../shared/data)")
    options = parser.parse_args(arguments)
    region = onnx_detector(options.models / f"{MEMBER_IDS['lumbar']}.onnx")
    labels = sources(options.data_root)
    unseen: list[Unseen] = []
    for run in options.runs:
        recipe, network = load_averaged(run / "checkpoint.pt")
        if recipe.task != "disc" or recipe.fold < 0:
            raise InputFault(f"{run} is no disc detector that held out a fold")
        unseen += judge(region, torch_detector(recipe, network), recipe.fold, labels)
    print(f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}")
    order = list(labels)
    for row in rows(sorted(unseen, key=lambda item: order.index(item.source))):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
