"""The `auto` tier: which discs the other classifiers are asked for, and what that costs and buys.

The single classifier answers first. A disc is unsure where its probability lies near a threshold in log odds, for either
target. All arrays are `targets x n` calibrated probabilities of discs that no member was trained on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .calibration import logit

STEPS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""Distances that are looked at, in log odds."""
MOST_CHANGED = 0.001
"""Part of the verdicts that may differ from the whole ensemble's."""


def unsure(single: np.ndarray, thresholds: Sequence[float], within: float) -> np.ndarray:
    """`n` flags: the single classifier's probability lies within `within` of a target's threshold."""
    limits = logit(np.asarray(thresholds, dtype=np.float64))[:, None]
    return (np.abs(logit(single) - limits) <= within).any(axis=0)


def escalated(single: np.ndarray, ensemble: np.ndarray, thresholds: Sequence[float], within: float) -> np.ndarray:
    """The `auto` tier's probabilities."""
    return np.where(unsure(single, thresholds, within), ensemble, single)


def changed(answers: np.ndarray, ensemble: np.ndarray, thresholds: Sequence[float]) -> float:
    """Part of the verdicts that are not the ensemble's."""
    limits = np.asarray(thresholds)[:, None]
    return float(((answers >= limits) != (ensemble >= limits)).mean())


def choose(single: np.ndarray, ensemble: np.ndarray, thresholds: Sequence[float]) -> float:
    """The least of `STEPS` that changes at most `MOST_CHANGED` of the verdicts; the largest where none does."""
    for within in STEPS:
        if changed(escalated(single, ensemble, thresholds, within), ensemble, thresholds) <= MOST_CHANGED:
            return within
    return STEPS[-1]
