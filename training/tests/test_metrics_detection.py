"""Average precision against 101-point interpolation written out point by point (Lin et al. 2014, COCO)."""

import numpy as np
import pytest

from discflow_training.metrics_detection import average_precision


def interpolated(scores: np.ndarray, hits: np.ndarray, truths: int) -> float:
    """The mean, over recalls of 0 to 100 %, of the best precision at that recall or a higher one."""
    order = np.argsort(-scores, kind="stable")
    pairs = [(hits[order[: n + 1]].sum() / truths, hits[order[: n + 1]].mean()) for n in range(len(order))]
    return float(np.mean([max((p for r, p in pairs if r >= point / 100 - 1e-12), default=0.0) for point in range(101)]))


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_is_that_of_101_recalls(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hits = rng.random(30) < 0.7
    scores, truths = rng.random(30).round(2), int(hits.sum()) + seed
    assert average_precision(scores, hits, truths) == pytest.approx(interpolated(scores, hits, truths))


def test_a_later_find_may_raise_the_precision_of_a_lower_recall() -> None:
    scores, hits = np.array([0.9, 0.8, 0.7]), np.array([False, True, True])
    assert average_precision(scores, hits, 2) == pytest.approx(2 / 3)
