"""Ensembles of segmenters: greedy forward selection, then a grid on the best five (steps of 0.1, 1,001 points)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..ensemble import search_weights
from ..overlap import Probabilities
from ..region_data import CLASSES, Region
from .cases import HELD_OUT, pseudonym, regions_for, regions_of
from .held_out import Folded
from .intervals import overlap_of_counts, paired_difference, resampled, segmentation_figures, swapped_figures
from .protocol import OUT_OF_FOLD, SegmenterRun
from .runner import count_row, load_finished, region_probabilities, region_view

LARGEST_GRID = 5
COMPARED = ("mIoU", "mIoUWithBackground", "diceWithBackground")


class Panel:
    """Probabilities of all members where they do not agree, slice by slice, and the pixel counts where they do.

    Where every member has the same largest class, so has every weighted mean of them: those pixels need no search.
    """

    def __init__(self) -> None:
        self._agreed: list[np.ndarray] = []
        self._open: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, truth: np.ndarray, maps: Sequence[np.ndarray] | np.ndarray) -> None:
        """A slice's labels, `H x W` or pixels in a row, and each member's probabilities, `classes x H x W` or `x pixels`."""
        stacked = np.stack(maps).reshape(len(maps), CLASSES, -1)
        found, goal = stacked.argmax(axis=1), truth.ravel().astype(np.int64)
        open_ones = (found != found[0]).any(axis=0)
        self._agreed.append(_counts(goal[~open_ones], found[0][~open_ones]))
        self._open.append((np.ascontiguousarray(stacked[:, :, open_ones]), goal[open_ones]))

    def narrowed(self, members: Sequence[int]) -> Panel:
        """The panel of some members alone, numbered anew: they agree on more pixels than all do."""
        narrow = Panel()
        for agreed, (values, goal) in zip(self._agreed, self._open, strict=True):
            narrow.add(goal, values[list(members)])
            narrow._agreed[-1] = narrow._agreed[-1] + agreed
        return narrow

    def rows(self, members: Sequence[int], weights: np.ndarray) -> np.ndarray:
        """Pixel counts of a weighted mean on each slice, `slices x 16`."""
        used = [(member, np.float32(weight)) for member, weight in zip(members, weights, strict=True) if weight > 0]
        rows = []
        for agreed, (values, goal) in zip(self._agreed, self._open, strict=True):
            mean = sum(weight * values[member] for member, weight in used)
            rows.append(agreed + _counts(goal, _largest(mean)))
        return np.array(rows)

    def score(self, members: Sequence[int], weights: np.ndarray) -> float:
        """Mean IoU without background of a weighted mean."""
        return float(overlap_of_counts(self.rows(members, weights).sum(axis=0))["mIoU"])


def _largest(values: np.ndarray) -> np.ndarray:
    """`argmax` over the first axis, the first among equals; many times as fast where that axis is short."""
    highest, found = values[0], np.zeros(values.shape[1:], dtype=np.int64)
    for index in range(1, len(values)):
        found[values[index] > highest] = index
        highest = np.maximum(highest, values[index])
    return found


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


def spine_ensemble(
    runs: Sequence[SegmenterRun], folded: Sequence[Folded] | None, root: Path, work: Path
) -> dict[str, Any]:
    """Ensembles of segmenters from their weights in `work`; `runs` in the order of their ids."""
    ids = [run.id for run in runs]
    panel, regions = Panel(), []
    for part, members in _unseen(runs, folded, root):
        regions += part
        _add_slices(panel, part, members, work)
    best = forward_selection(panel, len(ids), LARGEST_GRID)
    of_best = panel.narrowed(best)
    grid = search_weights(len(best), lambda w: of_best.score(range(len(best)), w))
    weights = {
        "wae": {ids[member]: round(float(weight), 4) for member, weight in zip(best, grid, strict=True) if weight > 0},
        "aem": {name: 1 / len(ids) for name in ids},
        "single": {max(ids, key=lambda name: panel.score([ids.index(name)], np.ones(1))): 1.0},
    }
    chosen_on, test = (OUT_OF_FOLD if folded else "val"), regions_of(root)["test"]
    counts = {
        chosen_on: {
            method: panel.rows([ids.index(name) for name in named], np.array([*named.values()]))
            for method, named in weights.items()
        },
        "test": _method_counts(runs, weights, test, work),
    }
    slices = {chosen_on: regions, "test": test}
    patients = {part: [pseudonym("patient", region.patient) for region in own] for part, own in slices.items()}
    return {
        "selected": [ids[member] for member in best],
        "weights": {
            method: {name: round(weight, 4) for name, weight in named.items()} for method, named in weights.items()
        },
        "members": {
            name: _by_source(panel.rows([index], np.ones(1)), patients[chosen_on], regions) for index, name in enumerate(ids)
        },
        "figures": {
            part: {method: _by_source(rows, patients[part], slices[part]) for method, rows in by_method.items()}
            for part, by_method in counts.items()
        },
        "differences": {
            f"wae less {other}": _differences(counts["test"]["wae"], counts["test"][other], patients["test"])
            for other in ("aem", "single")
        },
        "predictions": {"test": {method: rows.tolist() for method, rows in counts["test"].items()}},
    }


def _unseen(
    runs: Sequence[SegmenterRun], folded: Sequence[Folded] | None, root: Path
) -> Iterator[tuple[tuple[Region, ...], list[SegmenterRun]]]:
    """Slices, and the runs that were not trained on them, in the order of the ensemble's members."""
    if not folded:
        yield regions_of(root)["val"], list(runs)
        return
    for of_fold in zip(*(member.runs for member in folded), strict=True):
        yield regions_for(of_fold[0], root, HELD_OUT), list(of_fold)


def _add_slices(panel: Panel, regions: Sequence[Region], runs: Sequence[SegmenterRun], work: Path) -> None:
    """Slice by slice, as the maps of all members and slices would fill the memory."""
    networks = [(load_finished(run, work), region_view(run)) for run in runs]
    for region in regions:
        found = [region_probabilities(network, region, view) for network, view in networks]
        x0, y0, x1, y1 = found[0][1]
        panel.add(region.mask[y0:y1, x0:x1], [values for values, _ in found])


def _maps(run: SegmenterRun, regions: Sequence[Region], work: Path) -> list[Probabilities]:
    network, view = load_finished(run, work), region_view(run)
    return [region_probabilities(network, region, view) for region in regions]


def _method_counts(
    runs: Sequence[SegmenterRun], weights: dict[str, dict[str, float]], regions: Sequence[Region], work: Path
) -> dict[str, np.ndarray]:
    """Pixel counts of each method on each slice."""
    sums: dict[str, list[np.ndarray]] = {}
    crops: list[tuple[int, int, int, int]] = []
    for run in runs:
        maps = _maps(run, regions, work)
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
