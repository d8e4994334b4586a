"""Calibration beyond chance, on predictions whose truth is known."""

import numpy as np
import pytest

from discflow_training.unseen_figures import bin_error, excess_error


def test_bin_error_of_a_hand_computed_case() -> None:
    p, labels = np.array([0.1, 0.3, 0.6, 0.8]), np.array([0, 1, 1, 1])
    assert bin_error(p, labels, bins=2) == pytest.approx((2 * abs(0.2 - 0.5) + 2 * abs(0.7 - 1.0)) / 4)


def test_labels_drawn_from_the_predictions_leave_no_error_beyond_chance() -> None:
    rng = np.random.default_rng(3)
    p = rng.random(4000)
    right, shifted = (rng.random(4000) < p).astype(float), (rng.random(4000) < p**2).astype(float)
    assert abs(excess_error(p, right, draws=100)) < 0.01
    assert excess_error(p, shifted, draws=100) > 0.1
