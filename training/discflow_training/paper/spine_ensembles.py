"""Ensembles of segmenters: greedy forward selection on val, then a grid on the best five (steps of 0.1, 1,001 points)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..ensemble import search_weights
from ..overlap import Probabilities
from ..region_data import CLASSES, Region
from .cases import pseudonym, regions_of
from .intervals import overlap_of_counts, paired_difference, resampled, segmentation_figures, swapped_figures
from .protocol import SegmenterRun
from .runner import count_row, load_finished, region_probabilities, region_view

LARGEST_GRID = 5
COMPARED = ("mIoU", "mIoUWithBackground", "diceWithBackground")


class Panel:
    """Probabilities of all members on val pixels where they do not agree, and the pixel counts where they do.

    Where every member has the same largest class, so has every weighted mean of them: those pixels need no search.
    """

    def __init__(self, maps: Sequence[Sequence[np.ndarray]], truths: Sequence[np.ndarray]) -> None:
        self._agreed = np.zeros(CLASSES * CLASSES)
        parts, goals = [], []
        for index, truth in enumerate(truths):
            stacked = np.stack([member[index] for member in maps]).reshape(len(maps), CLASSES, -1)
            found, goal = stacked.argmax(axis=1), truth.ravel().astype(np.int64)
            open_ones = (found != found[0]).any(axis=0)
            self._agreed += _counts(goal[~open_ones], found[0][~open_ones])
            parts.append(stacked[:, :, open_ones])
            goals.append(goal[open_ones])
        self._open = np.ascontiguousarray(np.concatenate(parts, axis=2))
        self._goal = np.concatenate(goals)

    def score(self, members: Sequence[int], weights: np.ndarray) -> float:
        """Mean IoU without background of a weighted mean."""
        used = [(member, weight) for member, weight in zip(members, weights, strict=True) if weight > 0]
        mean = sum(np.float32(weight) * self._open[member] for member, weight in used)
        return float(overlap_of_counts(self._agreed + _counts(self._goal, mean.argmax(axis=0)))["mIoU"])


def _counts(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    return np.bincount(truth * CLASSES + found, minlength=CLASSES * CLASSES).astype(np.float64)


def forward_selection(panel: Panel, members: int, wanted: int) -> list[int]:
    """Members in the order in which each raises the plain mean's score most, or lowers it least."""
    chosen: list[int] = []
    while len(chosen) < min(wanted, members):
        equal = np.full(len(chosen) + 1, 1 / (len(chosen) + 1))
        others = [index for index in range(members) if index not in chosen]
        chosen.append(max(others, key=lambda index: (panel.score([*chosen, index], equal), -index)))
    return chosen


def spine_ensemble(runs: Sequence[SegmenterRun], root: Path, work: Path) -> dict[str, Any]:
    """Ensembles of segmenters from their weights in `work`."""
    present = sorted(runs, key=lambda run: run.id)
    ids = [run.id for run in present]
    regions = regions_of(root)
    val = {run.id: _maps(run, regions["val"], work) for run in present}
    truths = [_truth(region, found) for region, found in zip(regions["val"], val[ids[0]], strict=True)]
    panel = Panel([[values for values, _ in val[name]] for name in ids], truths)
    best = forward_selection(panel, len(ids), LARGEST_GRID)
    grid = search_weights(len(best), lambda w: panel.score(best, w))
    weights = {
        "wae": {ids[member]: round(float(weight), 4) for member, weight in zip(best, grid, strict=True) if weight > 0},
        "aem": {name: 1 / len(ids) for name in ids},
        "single": {max(ids, key=lambda name: panel.score([ids.index(name)], np.ones(1))): 1.0},
    }
    counts = {
        split: _method_counts(present, weights, regions[split], work, val if split == "val" else None)
        for split in ("val", "test")
    }
    patients = {split: [pseudonym("patient", region.patient) for region in regions[split]] for split in counts}
    return {
        "selected": [ids[member] for member in best],
        "weights": {
            method: {name: round(weight, 4) for name, weight in named.items()} for method, named in weights.items()
        },
        "figures": {
            split: {method: _by_source(rows, patients[split], regions[split]) for method, rows in by_method.items()}
            for split, by_method in counts.items()
        },
        "differences": {
            f"wae less {other}": _differences(counts["test"]["wae"], counts["test"][other], patients["test"])
            for other in ("aem", "single")
        },
        "predictions": {"test": {method: rows.tolist() for method, rows in counts["test"].items()}},
    }


def _maps(run: SegmenterRun, regions: Sequence[Region], work: Path) -> list[Probabilities]:
    network, view = load_finished(run, work), region_view(run)
    return [region_probabilities(network, region, view) for region in regions]


def _truth(region: Region, found: Probabilities) -> np.ndarray:
    x0, y0, x1, y1 = found[1]
    return region.mask[y0:y1, x0:x1]


def _method_counts(
    runs: Sequence[SegmenterRun], weights: dict[str, dict[str, float]], regions: Sequence[Region], work: Path,
    known: dict[str, list[Probabilities]] | None,
) -> dict[str, np.ndarray]:
    """Pixel counts of each method on each slice."""
    sums: dict[str, list[np.ndarray]] = {}
    crops: list[tuple[int, int, int, int]] = []
    for run in runs:
        maps = known[run.id] if known else _maps(run, regions, work)
        crops = [crop for _, crop in maps]
        for method, named in weights.items():
            weight = named.get(run.id, 0.0)
            if weight > 0:
                parts = [np.float32(weight) * values for values, _ in maps]
                before = sums.get(method)
                sums[method] = parts if before is None else [a + b for a, b in zip(before, parts, strict=True)]
    return {
        method: np.stack(
            [count_row(region, (values, crop)) for region, values, crop in zip(regions, parts, crops, strict=True)]
        )
        for method, parts in sums.items()
    }


def _by_source(rows: np.ndarray, patients: Sequence[str], regions: Sequence[Region]) -> dict[str, Any]:
    sources = np.array([region.source for region in regions])
    result = {"all": segmentation_figures(rows, patients)}
    names = sorted(set(sources.tolist()))
    for name in names if len(names) > 1 else []:
        chosen = np.flatnonzero(sources == name)
        result[name] = segmentation_figures(rows[chosen], [patients[i] for i in chosen])
    return result


def _differences(first: np.ndarray, second: np.ndarray, patients: Sequence[str]) -> dict[str, Any]:
    both = [rows.astype(np.float64) for rows in (first, second)]
    wholes = [overlap_of_counts(rows.sum(axis=0)) for rows in both]
    drawn = [overlap_of_counts(resampled(rows, patients)) for rows in both]
    swapped = swapped_figures(*both, patients, overlap_of_counts)
    return {
        name: paired_difference(float(wholes[0][name] - wholes[1][name]), drawn[0][name], drawn[1][name], swapped[name])
        for name in COMPARED
    }
