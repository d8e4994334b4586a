"""Segmenters on slices unseen: maps averaged over members, pixels counted by source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from discflow_training.region_data import Region
from discflow_training.unseen_masks import mean_maps, rows, without_small_canal


def region(name: str, patient: str, source: str = "space") -> Region:
    mask = np.tile(np.arange(4, dtype=np.uint8), (4, 1))
    return Region(name, patient, "train", source, mask * 40.0, mask, (0.0, 0.0, 4.0, 4.0))


def saved(folder: Path, value: float) -> Path:
    folder.mkdir()
    np.savez_compressed(folder / "predictions.npz", a=np.full((4, 2, 2), value, np.float16))
    return folder


def test_maps_are_the_plain_average_of_the_runs(tmp_path: Path) -> None:
    runs = [saved(tmp_path / "one", 0.25), saved(tmp_path / "two", 0.75)]
    np.testing.assert_allclose(mean_maps(runs, [region("a", "1")])["a"], 0.5)


def test_a_slice_that_a_run_did_not_answer_for_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no answer for b"):
        mean_maps([saved(tmp_path / "one", 0.5)], [region("b", "1")])


def test_figures_are_pooled_over_pixels_by_source() -> None:
    right = np.diag([4, 4, 4, 4])
    swapped = np.array([[4, 0, 0, 0], [0, 4, 0, 0], [0, 0, 0, 4], [0, 0, 0, 4]])
    counted = [(region("a", "1"), right), (region("b", "2"), swapped), (region("c", "3", "t2w"), right)]
    space, t2w = rows(counted)
    # vertebra 8/8, disc 4/8, canal 8/12
    assert space[:2] == ["space", "2 slices, 2 patients"]
    assert space[2].startswith(f"{(1 + 0.5 + 2 / 3) / 3:.3f} (")
    assert space[4].startswith(f"{2 * 4 / (8 + 4):.3f} (")
    assert t2w[2] == "1.000"


def test_canal_pieces_below_the_share_of_the_largest_become_background() -> None:
    classes = np.array([[3, 3, 3, 3, 0, 3, 3, 1, 3]])
    assert without_small_canal(classes, 0).tolist() == classes.tolist()
    assert without_small_canal(classes, 0.5).tolist() == [[3, 3, 3, 3, 0, 3, 3, 1, 0]]
    assert without_small_canal(classes, 1).tolist() == [[3, 3, 3, 3, 0, 0, 0, 1, 0]]
