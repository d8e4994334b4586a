"""Calibration beyond chance, on predictions whose truth is known; verdicts that owe nothing to the disc they judge."""

from pathlib import Path

import numpy as np
import pytest

from discflow_training.disc_data import Disc
from discflow_training.unseen_figures import bin_error, cross_fitted, excess_error


def test_bin_error_of_a_hand_computed_case() -> None:
    p, labels = np.array([0.1, 0.3, 0.6, 0.8]), np.array([0, 1, 1, 1])
    assert bin_error(p, labels, bins=2) == pytest.approx((2 * abs(0.2 - 0.5) + 2 * abs(0.7 - 1.0)) / 4)


def test_labels_drawn_from_the_predictions_leave_no_error_beyond_chance() -> None:
    rng = np.random.default_rng(3)
    p = rng.random(4000)
    right, shifted = (rng.random(4000) < p).astype(float), (rng.random(4000) < p**2).astype(float)
    assert abs(excess_error(p, right, draws=100)) < 0.01
    assert excess_error(p, shifted, draws=100) > 0.1


def test_a_folds_answers_do_not_depend_on_its_own_labels() -> None:
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 2, (200, 2))

    def discs(flipped: str) -> list[Disc]:
        return [
            Disc("a", Path("a.png"), patient, "train", "yolospine", "t2", 0, (0, 0, 1, 1), tuple(1 - row if patient == flipped else row), {})
            for index, row in enumerate(labels) for patient in [str(index % 20)]
        ]

    outputs = {name: np.clip(labels * 0.3 + 0.35 + rng.normal(0, 0.2, labels.shape), 0.01, 0.99) for name in "ab"}
    before, after = cross_fitted(outputs, discs("nobody")), cross_fitted(outputs, discs("3"))
    own = np.arange(200) % 20 == 3
    np.testing.assert_array_equal(before[0][:, own], after[0][:, own])
    np.testing.assert_array_equal(before[1][:, own], after[1][:, own])
    assert (before[0] != after[0]).any()
