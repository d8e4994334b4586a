"""Calibration of probabilities, and thresholds, on discs that no member was trained on (`docs/model-pack.md`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit as sigmoid

from .faults import InputFault

CLIP = 1e-6
PRIOR_STRENGTH = 1.0


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
    """Temperature and bias of the least log loss (Newton's method), held near 1 and 0 by a weak Gaussian prior.

    `shares` are the discs' weights in the loss, of mean 1; all alike where there are none.
    """
    x = np.stack([logit(p), np.ones(len(p))], axis=1)
    shares = np.ones(len(p)) if shares is None else shares
    prior = np.array([1.0, 0.0])
    slope = prior.copy()
    for _ in range(50):
        found = sigmoid(x @ slope)
        gradient = x.T @ (shares * (found - labels)) + PRIOR_STRENGTH * (slope - prior)
        curvature = (x * (shares * found * (1 - found))[:, None]).T @ x + PRIOR_STRENGTH * np.eye(2)
        slope = slope - np.clip(np.linalg.solve(curvature, gradient), -2, 2)
    temperature = float(1 / np.clip(slope[0], 0.2, 5))
    return round(temperature, 4), round(float(slope[1] * temperature), 4)


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
