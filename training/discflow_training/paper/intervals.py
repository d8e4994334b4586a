"""Figures with 95 % intervals over patients drawn with replacement, and paired differences.

Everything is a function of sums over cases (right and wrong answers, pixels by class), so a resample is a product.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeGuard

import numpy as np
from scipy.stats import beta, rankdata

RESAMPLES = 1000
SWAPS = 2000
EXACT_PATIENTS = 10
ROUNDING = 1e-9
Figures = dict[str, np.ndarray]


def patient_draws(patients: Sequence[str], resamples: int = RESAMPLES, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """How often each patient is drawn, `resamples x patients`, and the patient's index of each case."""
    names, index = np.unique(np.array(patients), return_inverse=True)
    draws = np.random.default_rng(seed).integers(0, len(names), (resamples, len(names)))
    counts = np.stack([np.bincount(row, minlength=len(names)) for row in draws])
    return counts, index


def resampled(per_case: np.ndarray, patients: Sequence[str], resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Sums of `cases x values` over each resample of patients, `resamples x values`."""
    counts, index = patient_draws(patients, resamples, seed)
    sums = np.zeros((counts.shape[1], per_case.shape[1]))
    np.add.at(sums, index, per_case)
    return counts @ sums


def answers(p: np.ndarray, labels: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """True positives, false negatives, false positives and true negatives of each case, `n x 4`."""
    found, known = p >= threshold, labels == 1
    return np.stack([found & known, ~found & known, found & ~known, ~found & ~known], axis=1).astype(np.float64)


def answer_figures(sums: np.ndarray) -> Figures:
    """The paper's figures of a two-class question from `... x 4` sums of `answers`."""
    hit, missed, false, right = (sums[..., i] for i in range(4))
    with np.errstate(divide="ignore", invalid="ignore"):
        recall, specificity = hit / (hit + missed), right / (right + false)
        precision = hit / (hit + false)
        return {
            "accuracy": (hit + right) / sums.sum(axis=-1),
            "balancedAccuracy": (recall + specificity) / 2,
            "specificity": specificity,
            "precision": precision,
            "recall": recall,
            "f1": 2 * hit / (2 * hit + missed + false),
        }


def area_under_curve(p: np.ndarray, labels: np.ndarray) -> float:
    """The area under the receiver operating characteristic, ties counted by half; NaN where one class is missing."""
    positive = int(labels.sum())
    if positive in (0, len(labels)):
        return float("nan")
    ranks = rankdata(p)
    return float((ranks[labels == 1].sum() - positive * (positive + 1) / 2) / (positive * (len(labels) - positive)))


def resampled_areas(
    p: np.ndarray, labels: np.ndarray, patients: Sequence[str], resamples: int = RESAMPLES
) -> np.ndarray:
    """The area of each resample of patients."""
    counts, index = patient_draws(patients, resamples)
    repeats = counts[:, index]
    return np.array([area_under_curve(np.repeat(p, row), np.repeat(labels, row)) for row in repeats])


def overlap_of_counts(counts: np.ndarray) -> Figures:
    """IoU and Dice means from `... x 16` pixel counts (truth by rows); the paper's means count the background."""
    table = counts.reshape(*counts.shape[:-1], 4, 4)
    inside = np.diagonal(table, axis1=-2, axis2=-1)
    truth, found = table.sum(axis=-1), table.sum(axis=-2)
    iou = inside / np.maximum(truth + found - inside, 1)
    dice = 2 * inside / np.maximum(truth + found, 1)
    result = {
        "mIoU": iou[..., 1:].mean(axis=-1), "mIoUWithBackground": iou.mean(axis=-1),
        "dice": dice[..., 1:].mean(axis=-1), "diceWithBackground": dice.mean(axis=-1),
    }
    for position, name in ((1, "vertebra"), (2, "disc"), (3, "canal")):
        result |= {f"iou/{name}": iou[..., position], f"dice/{name}": dice[..., position]}
    return result


def interval(values: np.ndarray) -> list[float] | None:
    """The middle 95 % of resamples, those that are not defined left out.

    None where none is defined and where all are the same, as with one patient: resamples tell nothing there.
    """
    if np.isnan(values).all() or np.nanmin(values) == np.nanmax(values):
        return None
    low, high = np.nanquantile(values, (0.025, 0.975))
    return [round(float(low), 4), round(float(high), 4)]


def share_interval(count: int, cases: int) -> list[float]:
    """The exact 95 % interval of a share (Clopper and Pearson, Biometrika 26, 1934)."""
    low = beta.ppf(0.025, count, cases - count + 1) if count else 0.0
    high = beta.ppf(0.975, count + 1, cases - count) if count < cases else 1.0
    return [round(float(low), 4), round(float(high), 4)]


def telling(bounds: Sequence[float] | None) -> TypeGuard[Sequence[float]]:
    """Whether there are bounds, and not one of no width: that is what resamples of patients who are all alike give."""
    return bounds is not None and bounds[0] < bounds[1]


def told_with(value: float, bounds: Sequence[float] | None) -> str:
    """`0.874 (0.831 to 0.910)`, the value alone where there are no bounds."""
    return three_decimals(value) + (f" ({three_decimals(bounds[0])} to {three_decimals(bounds[1])})" if telling(bounds) else "")


def three_decimals(value: float) -> str:
    """As `discflow evaluate` writes them: of the exact value halves go away from nought, so 0.0625 is 0.063 and 1.3065 1.306."""
    rounded_half_up = Decimal(abs(float(value))).quantize(Decimal("0.001"), ROUND_HALF_UP)
    return f"{'-' if math.copysign(1, value) < 0 else ''}{rounded_half_up}"


def with_intervals(
    per_case: np.ndarray, patients: Sequence[str], figures: Callable[[np.ndarray], Figures]
) -> dict[str, Any]:
    """Each figure with its interval."""
    whole, drawn = figures(per_case.sum(axis=0)), figures(resampled(per_case, patients))
    return {name: {"value": rounded(float(whole[name])), "ci95": interval(drawn[name])} for name in whole}


def rounded(value: float) -> float | None:
    """Four decimals; None for what is not defined."""
    return None if np.isnan(value) else round(value, 4)


def patient_swaps(patients: Sequence[str], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Which patients' answers two methods exchange, `swaps x patients`, and the patient's index of each case.

    Every choice of patients where there are few, else `SWAPS` drawn ones; the first exchanges none.
    """
    names, index = np.unique(np.array(patients), return_inverse=True)
    if len(names) <= EXACT_PATIENTS:
        return np.array(list(itertools.product((False, True), repeat=len(names)))), index
    swaps = np.random.default_rng(seed).random((SWAPS, len(names))) < 0.5
    swaps[0] = False
    return swaps, index


def swapped_figures(
    first: np.ndarray, second: np.ndarray, patients: Sequence[str], figures: Callable[[np.ndarray], Figures]
) -> Figures:
    """Differences of figures of two methods' `cases x values` sums under `patient_swaps`."""
    swaps, index = patient_swaps(patients)
    own, other = (np.zeros((swaps.shape[1], first.shape[1])) for _ in range(2))
    np.add.at(own, index, first)
    np.add.at(other, index, second)
    kept, swapped = (~swaps).astype(float), swaps.astype(float)
    one, two = figures(kept @ own + swapped @ other), figures(swapped @ own + kept @ other)
    return {name: one[name] - two[name] for name in one}


def swapped_areas(first: np.ndarray, second: np.ndarray, labels: np.ndarray, patients: Sequence[str]) -> np.ndarray:
    """Differences of the areas of two methods' probabilities under `patient_swaps`."""
    swaps, index = patient_swaps(patients)
    exchanged = swaps[:, index]
    return np.array([
        area_under_curve(np.where(row, second, first), labels) - area_under_curve(np.where(row, first, second), labels)
        for row in exchanged
    ])


def paired_difference(whole: float, first: np.ndarray, second: np.ndarray, swapped: np.ndarray) -> dict[str, Any]:
    """First less second with the interval of the same resamples, and p: the share of `swapped` as far from nought.

    The p of a permutation test over patients (Good, Permutation Tests, 1994, chapter 3), never below one in its swaps.
    """
    differences = (first - second)[~np.isnan(first - second)]
    if np.isnan(whole) or not len(differences):
        return {"value": None, "ci95": None, "p": None}
    as_far = np.abs(swapped) >= abs(whole) - ROUNDING
    return {"value": round(whole, 4), "ci95": interval(differences), "p": round(float(as_far.mean()), 4)}


def classification_figures(p: np.ndarray, labels: np.ndarray, patients: Sequence[str]) -> dict[str, Any]:
    """The paper's figures and the area under the curve, with n, positives, patients and intervals."""
    result = with_intervals(answers(p, labels), patients, answer_figures)
    area = area_under_curve(p, labels)
    if not np.isnan(area):
        result["auc"] = {"value": round(area, 4), "ci95": interval(resampled_areas(p, labels, patients))}
    return {"n": len(labels), "positive": int(labels.sum()), "patients": len(set(patients))} | result


def segmentation_figures(counts: np.ndarray, patients: Sequence[str]) -> dict[str, Any]:
    """Overlap figures of `slices x 16` pixel counts, with n, patients and intervals."""
    return {"n": len(counts), "patients": len(set(patients))} | with_intervals(counts, patients, overlap_of_counts)
