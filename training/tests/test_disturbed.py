"""Disturbed pictures: boxes follow their discs."""

import numpy as np
import pytest

from discflow_training.disturbed import DISTURBANCES


def column() -> tuple[np.ndarray, np.ndarray]:
    """Six white discs on black with their boxes, the lowest first."""
    pixels = np.zeros((240, 160), dtype=np.float32)
    boxes = []
    for index in range(6):
        y = 200 - 32 * index
        pixels[y : y + 12, 50:90] = 200
        boxes.append((50, y, 90, y + 12))
    return pixels, np.array(boxes, dtype=np.float64)


@pytest.mark.parametrize("name", sorted(DISTURBANCES))
def test_boxes_stay_on_their_discs(name: str) -> None:
    pixels, boxes = DISTURBANCES[name](*column(), np.random.default_rng(0))
    assert len(boxes) >= 5
    for x0, y0, x1, y1 in boxes[:5].round().astype(int):
        assert 0 <= x0 < x1 <= pixels.shape[1] and 0 <= y0 < y1 <= pixels.shape[0]
        assert pixels[y0:y1, x0:x1].mean() > 3 * pixels.mean()
