"""Segmenters on slices unseen: maps averaged over members, pixels counted by source."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from discflow_training.faults import InputFault
from discflow_training.region_data import Region
from discflow_training.unseen_masks import Counted, keep_record, main, mean_maps, read_records, rows, without_small_canal

RIGHT = np.diag([4, 4, 4, 4])


def counted_slice(name: str, counts: np.ndarray, patient: str = "1", source: str = "space") -> Counted:
    return Counted(name, patient, source, True, counts.ravel().tolist())


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
    swapped = np.array([[4, 0, 0, 0], [0, 4, 0, 0], [0, 0, 0, 4], [0, 0, 0, 4]])
    counted = [counted_slice("a", RIGHT), counted_slice("b", swapped, "2"), counted_slice("c", RIGHT, "3", "t2w")]
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


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., Path]:
    """Writes a record as a run's end does; arguments are the fold, the member's seed, its slices' names and the canal's share."""

    def keep(fold: int, *names: str, seed: int = 0, share: float = 0.1) -> Path:
        run = tmp_path / f"run-{fold}-{seed}"
        run.mkdir(exist_ok=True)
        recipe = {"decoder": "unet", "seed": seed, "fold": fold}
        training = {"recipe": recipe, "slices": 8, "dataSha256": "d", "commit": "c", "arithmetic": "float32", "curves": []}
        (run / "training.json").write_text(json.dumps(training))
        path = tmp_path / f"masks-{fold}-{seed}-{share}.json"
        keep_record(path, [run], share, [counted_slice(name, RIGHT, patient=name) for name in names])
        return path

    return keep


def test_records_of_folds_give_the_figures_of_their_slices_together(
    recorded: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [recorded(0, "a", "b"), recorded(1, "c")]
    assert read_records(paths) == [counted_slice(name, RIGHT, patient=name) for name in "abc"]
    main(["--recorded", *map(str, paths)])
    assert "| space | 3 slices, 3 patients | 1.000 |" in capsys.readouterr().out


def test_records_that_make_no_common_figure_are_refused(recorded: Callable[..., Path], tmp_path: Path) -> None:
    first = recorded(0, "a")
    other = tmp_path / "other.json"
    other.write_text('{"schema": "discflow.training-run/1"}')
    for path, said in (
        (recorded(1, "b", seed=9), "other members"),
        (recorded(1, "b", share=0.5), "another least piece of canal"),
        (recorded(1, "a"), "a second answer for slice a"),
        (other, "is no record"),
    ):
        with pytest.raises(InputFault, match=said):
            read_records([first, path])


def test_a_training_that_has_not_ended_is_not_recorded(tmp_path: Path) -> None:
    with pytest.raises(InputFault, match="has not ended"):
        keep_record(tmp_path / "record.json", [tmp_path], 0, [])
    assert list(tmp_path.iterdir()) == []


def test_a_record_is_read_as_it_is_or_not_at_all(recorded: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    path = str(recorded(0, "a"))
    for given in (["--record", path], ["--least-canal-piece", "0.1"], ["--runs", path]):
        with pytest.raises(SystemExit):
            main(["--recorded", path, *given])
        assert "--runs" in capsys.readouterr().err
