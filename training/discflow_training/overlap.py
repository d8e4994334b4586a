"""How far class maps and masks overlap: pixel counts, IoU and Dice (paper, Methods, evaluation)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .data import MASK_CLASS_NAMES
from .region_data import CLASSES, Region

Probabilities = tuple[np.ndarray, tuple[int, int, int, int]]
"""Class probabilities on a crop's pixels, `4 x h x w`, and the crop's edges `x0, y0, x1, y1` in the slice."""


def confusion(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """`classes x classes` pixel counts, truth by rows."""
    flat = truth.astype(np.int64).ravel() * CLASSES + found.astype(np.int64).ravel()
    return np.bincount(flat, minlength=CLASSES**2).reshape(CLASSES, CLASSES)


def overlap_figures(counts: np.ndarray) -> dict[str, float]:
    """IoU and Dice of each class, and mean IoU with and without background, over the pixels of all slices."""
    inside = np.diag(counts).astype(np.float64)
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    iou = inside / np.maximum(rows + columns - inside, 1)
    dice = 2 * inside / np.maximum(rows + columns, 1)
    result = {f"dice/{name}": round(float(dice[i]), 4) for i, name in enumerate(MASK_CLASS_NAMES)}
    result |= {f"iou/{name}": round(float(iou[i]), 4) for i, name in enumerate(MASK_CLASS_NAMES)}
    return result | {"mIoU": round(float(iou[1:].mean()), 4), "mIoU with background": round(float(iou.mean()), 4)}


def measure(regions: Sequence[Region], probabilities: Sequence[Probabilities]) -> dict:
    """Figures of each source over crops, with the number of slices and patients."""
    result = {}
    for source in sorted({region.source for region in regions}):
        counts = np.zeros((CLASSES, CLASSES), dtype=np.int64)
        chosen = [i for i, region in enumerate(regions) if region.source == source]
        for i in chosen:
            values, (x0, y0, x1, y1) = probabilities[i]
            counts += confusion(regions[i].mask[y0:y1, x0:x1], values.argmax(axis=0))
        patients = len({regions[i].patient for i in chosen})
        result[source] = overlap_figures(counts) | {"slices": len(chosen), "patients": patients}
    return result
