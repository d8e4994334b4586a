"""The auto tier's rule on probabilities whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from discflow_training.escalation import STEPS, changed, choose, escalated, unsure


def test_nearness_is_judged_in_log_odds_for_either_target() -> None:
    single = np.array([[0.06, 0.2, 0.2], [0.9, 0.9, 0.55]])
    assert unsure(single, [0.05, 0.5], 0.5).tolist() == [True, False, True]


def test_unsure_discs_carry_the_ensembles_answer() -> None:
    single, ensemble = np.array([[0.55, 0.9]]), np.array([[0.4, 0.8]])
    assert escalated(single, ensemble, [0.5], 0.5).tolist() == [[0.4, 0.9]]
    assert changed(single, ensemble, [0.5]) == pytest.approx(0.5)


def test_the_least_distance_that_leaves_the_verdicts_is_chosen() -> None:
    single, ensemble = np.array([[0.62, 0.9, 0.1]]), np.array([[0.4, 0.9, 0.1]])
    assert choose(single, ensemble, [0.5]) == 0.5
    assert choose(single, single, [0.5]) == 0.0
    assert choose(np.array([[0.99]]), np.array([[0.01]]), [0.5]) == STEPS[-1]
