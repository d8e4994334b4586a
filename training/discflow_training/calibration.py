"""Calibration of probabilities, and thresholds, on discs that no member was trained on (`docs/model-pack.md`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit as sigmoid

from .faults import InputFault

CLIP = 1e-6
PRIOR_STRENGTH = 1.0
NO_CHANGE = np.array([1.0, 0.0])
"""Slope and intercept of log odds that stay as they are: where the prior lies."""
SLOPES = (0.2, 5.0)
SMALLEST_STEP = 1e-9


def logit(p: np.ndarray) -> np.ndarray:
    """Log odds of probabilities clipped to `CLIP`..`1 - CLIP`."""
    clipped = np.clip(p, CLIP, 1 - CLIP)
    return np.log(clipped / (1 - clipped))


def calibrated(p: np.ndarray, temperature: float, bias: float) -> np.ndarray:
    """`sigmoid((logit(p) + bias) / temperature)`, rounded to 4 decimals."""
    return np.round(sigmoid((logit(p) + bias) / temperature), 4)


def log_loss(p: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log likelihood of labels 0 and 1."""
    clipped = np.clip(p, CLIP, 1 - CLIP)
    return float(-(labels * np.log(clipped) + (1 - labels) * np.log(1 - clipped)).mean())


def fit_calibration(p: np.ndarray, labels: np.ndarray, shares: np.ndarray | None = None) -> tuple[float, float]:
    """Temperature, from 0.2 to 5, and bias of the least log loss, held near 1 and 0 by a weak Gaussian prior.

    `shares` are the discs' weights in the loss, of mean 1; all alike where there are none.
    """
    x = np.stack([logit(p), np.ones(len(p))], axis=1)
    shares = np.ones(len(p)) if shares is None else shares
    slope = _descended(x, labels, shares, NO_CHANGE, [0, 1])
    held = np.clip(slope[0], *SLOPES)
    if held != slope[0]:
        slope = _descended(x, labels, shares, np.array([held, slope[1]]), [1])
    temperature = float(1 / slope[0])
    return round(temperature, 4), round(float(slope[1] * temperature), 4)


def _descended(x: np.ndarray, labels: np.ndarray, shares: np.ndarray, start: np.ndarray, free: list[int]) -> np.ndarray:
    """Slope and intercept of the least loss, of which those in `free` move: Newton's method, each step halved until the loss falls.

    Where log odds are large, a whole step goes beyond the least loss and the next one back, without end.
    """

    def loss(slope: np.ndarray) -> float:
        odds = x @ slope
        return float(shares @ (np.logaddexp(0, odds) - labels * odds) + PRIOR_STRENGTH / 2 * ((slope - NO_CHANGE) ** 2).sum())

    slope, part = start.copy(), np.ix_(free, free)
    least = loss(slope)
    for _ in range(100):
        found = sigmoid(x @ slope)
        gradient = x.T @ (shares * (found - labels)) + PRIOR_STRENGTH * (slope - NO_CHANGE)
        curvature = (x * (shares * found * (1 - found))[:, None]).T @ x + PRIOR_STRENGTH * np.eye(2)
        step = np.zeros(2)
        step[free] = np.linalg.solve(curvature[part], gradient[free])
        while (lower := loss(slope - step)) > least and np.abs(step).max() > SMALLEST_STEP:
            step /= 2
        if np.abs(step).max() <= SMALLEST_STEP:
            break
        slope, least = slope - step, lower
    return slope


def source_shares(sources: Sequence[str]) -> np.ndarray:
    """Weights of mean 1 by which every source counts the same: a hospital yet unseen is like neither more than the other."""
    names, indices, counts = np.unique(np.asarray(sources), return_inverse=True, return_counts=True)
    return (len(indices) / len(names) / counts)[indices]


def balanced_accuracy(p: np.ndarray, labels: np.ndarray, threshold: float) -> float:
    """Mean of recall and specificity where `p >= threshold` is positive."""
    positive = p >= threshold
    return float((positive[labels == 1].mean() + (~positive[labels == 0]).mean()) / 2)


def best_threshold(p: np.ndarray, labels: np.ndarray) -> float:
    """Threshold of the best balanced accuracy, halfway between neighbouring values; among equals the one nearest 0.5.

    Raises `InputFault` where all values are the same.
    """
    values = np.unique(p)
    if len(values) < 2:
        raise InputFault(f"all {len(p)} discs have the probability {p[0]}, so no threshold tells them apart")
    middles = (values[:-1] + values[1:]) / 2
    best = max(middles, key=lambda t: (round(balanced_accuracy(p, labels, t), 6), -abs(t - 0.5)))
    return round(float(best), 4)
