"""Figures of the segmenters on slices that no member was trained on: `python -m discflow_training.unseen_masks`.

Takes the output folders of `segment train` with `--fold`, every fold by the same members, averages the members' class
probabilities with equal weights, as the shipped pack does, and prints Markdown: each source with mean IoU and Dice over
the pixels of all crops, 95 % intervals over patients.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage

from .data import DEFAULT_DATA_ROOT, MASK_CLASS_NAMES
from .faults import InputFault, told_plainly
from .imaging import crop_box
from .overlap import confusion, overlap_figures
from .paper.intervals import interval, resampled, told_with
from .region_data import CLASSES, Region, read_regions
from .segment import held_out, load_trained

CANAL = MASK_CLASS_NAMES.index("canal")
MIN_CANAL_SHARE = 0.05
FIGURES = ("mIoU", *(f"dice/{name}" for name in MASK_CLASS_NAMES[1:]))


def mean_maps(runs: Sequence[Path], regions: Sequence[Region]) -> dict[str, np.ndarray]:
    """Plain average of the class probabilities of runs that held out the same slices, by the slice's name.

    Raises `InputFault` where a run did not answer for one of the slices.
    """
    sums: dict[str, np.ndarray] = {}
    for run in runs:
        with np.load(run / "predictions.npz") as found:
            for region in regions:
                if region.name not in found:
                    raise InputFault(f"{run}: no answer for {region.name}")
                values = found[region.name].astype(np.float32) / len(runs)
                sums[region.name] = sums[region.name] + values if region.name in sums else values
    return sums


def without_small_canal(classes: np.ndarray, least_share: float) -> np.ndarray:
    """The class map without canal pieces below a share of the largest; 0 keeps every piece, 1 the largest alone."""
    labels, count = ndimage.label(classes == CANAL)
    if count < 2:
        return classes
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.where((sizes < least_share * sizes.max())[labels] & (labels > 0), 0, classes)


def count_pixels(
    runs: Sequence[Path], regions: Sequence[Region], least_share: float = 0.0
) -> list[tuple[Region, np.ndarray]]:
    """`classes x classes` counts of each slice that the runs held out, over its crop."""
    by_fold: dict[int, list[Path]] = defaultdict(list)
    views = {}
    for run in runs:
        _, recipe = load_trained(run)
        by_fold[recipe.fold].append(run)
        views[recipe.fold] = recipe.view
    counted = []
    for fold, members in sorted(by_fold.items()):
        chosen = held_out(regions, fold)
        maps = mean_maps(members, chosen)
        for region in chosen:
            height, width = region.mask.shape
            x0, y0, x1, y1 = crop_box(region.box, views[fold].crop, width, height)
            classes = without_small_canal(maps[region.name].argmax(axis=0), least_share)
            counted.append((region, confusion(region.mask[y0:y1, x0:x1], classes)))
    return counted


def shows_canal(region: Region) -> bool:
    """Whether the canal is a part of the labelled tissue worth the name, as `discflow evaluate` asks."""
    tissue = np.bincount(region.mask.ravel(), minlength=CLASSES)[1:]
    return bool(tissue[CANAL - 1] >= MIN_CANAL_SHARE * tissue.sum())


def rows(counted: Sequence[tuple[Region, np.ndarray]]) -> list[list[str]]:
    """One row a source, and one for its slices that show the canal: how many, and `FIGURES` with their intervals."""
    table = []
    for source in sorted({region.source for region, _ in counted}):
        own = [(region, counts) for region, counts in counted if region.source == source]
        shown = [(region, counts) for region, counts in own if shows_canal(region)]
        table.append(_row(source, own))
        if 0 < len(shown) < len(own):
            table.append(_row(f"{source}, shows the canal", shown))
    return table


def _row(title: str, own: Sequence[tuple[Region, np.ndarray]]) -> list[str]:
    patients = [region.patient for region, _ in own]
    flat = np.stack([counts.ravel() for _, counts in own]).astype(np.float64)
    value = overlap_figures(flat.sum(axis=0).reshape(CLASSES, CLASSES))
    drawn = [overlap_figures(sums.reshape(CLASSES, CLASSES)) for sums in resampled(flat, patients)]
    row = [title, f"{len(own)} slices, {len(set(patients))} patients"]
    for name in FIGURES:
        row.append(told_with(value[name], interval(np.array([figures[name] for figures in drawn]))))
    return row


@told_plainly
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m discflow_training.unseen_masks", description=__doc__)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="output folders of `segment train`")
    parser.add_argument("--data-root", type=Path, default=DEFAULT_DATA_ROOT, help="labelled data (default: ../shared/data)")
    parser.add_argument(
        "--least-canal-piece", type=float, default=0.0, metavar="SHARE",
        help="remove pieces of canal below this share of the largest; 1 leaves the largest alone",
    )
    options = parser.parse_args(arguments)
    header = ("source", "over", *FIGURES)
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for row in rows(count_pixels(options.runs, read_regions(options.data_root), options.least_canal_piece)):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
