"""How a network carries over to a source that it never saw, from answers written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from discflow_training.disc_data import Disc
from discflow_training.left_out import AVERAGE, HEADER, main, rows
from discflow_training.out_of_fold import write_predictions

COLUMN = {name: place for place, name in enumerate(HEADER)}


def disc(source: str, patient: int, split: str, label: int) -> Disc:
    return Disc(f"{source}{patient}", Path("a.png"), f"{source}{patient}", split, source, "t2", 0, (0, 0, 1, 1), (label, label), {})


DISCS = [disc(source, patient, ("train", "val")[patient % 2], patient // 2 % 2) for source in ("yolospine", "spider") for patient in range(40)]
FINDINGS = {found.image: found.targets[0] for found in DISCS}


def answer(path: Path, images: list[str], noise: float, seed: int) -> None:
    """Logits that follow the findings, the less the more noise."""
    rng = np.random.default_rng(seed)
    write_predictions(path, {(image, 0): (z := 2 * FINDINGS[image] - 1 + rng.normal(0, noise), z) for image in images})


def folders(tmp_path: Path, members: int) -> tuple[Path, Path]:
    everything = [found.image for found in DISCS]
    unseen_by_run = [found.image for found in DISCS if found.source == "spider" or found.split == "val"]
    for number in range(members):
        answer(tmp_path / "saw" / f"net{number}.csv", everything, 0.1, number)
        answer(tmp_path / "without" / "spider" / f"net{number}.csv", unseen_by_run, 1.5, 10 + number)
    return tmp_path / "without", tmp_path / "saw"


def test_the_left_out_source_alone_is_measured_and_the_difference_is_paired(tmp_path: Path) -> None:
    table = rows(*folders(tmp_path, 1), DISCS)
    assert [(row[0], row[1]) for row in table] == [("spider", "bulgeOrHerniation"), ("spider", "herniation")]
    row = table[0]
    assert row[COLUMN["over"]] == "40 discs, 20 positive, 40 patients"
    assert row[COLUMN["ROC AUC, saw it, out of fold"]] == "1.000"
    never, difference = (float(row[COLUMN[name]].split()[0]) for name in ("ROC AUC, never saw the source", "difference"))
    assert 0.6 < never < 0.95 and difference == pytest.approx(never - 1)
    assert all("(" in row[COLUMN[name]] for name in HEADER if name.startswith(("ROC AUC, never", "difference", "calibration")))


def test_several_networks_get_a_row_of_their_average(tmp_path: Path) -> None:
    table = rows(*folders(tmp_path, 2), DISCS)
    assert [row[COLUMN["network"]] for row in table[:3]] == ["net0", "net1", AVERAGE]
    values = [float(row[COLUMN["ROC AUC, never saw the source"]].split()[0]) for row in table[:3]]
    assert values[2] > min(values[:2])


def test_calibration_is_that_of_the_other_sources_val_discs(tmp_path: Path) -> None:
    without, saw = folders(tmp_path, 1)
    before = rows(without, saw, DISCS)[0]
    turned = [disc(d.source, int(d.patient.removeprefix(d.source)), d.split, 1 - d.targets[0]) if d.source == "yolospine" else d for d in DISCS]
    after = rows(without, saw, turned)[0]
    calibration = COLUMN["calibration error beyond chance, never saw it"]
    assert before[:calibration] == after[:calibration]
    assert float(after[calibration].split()[0]) > float(before[calibration].split()[0]) + 0.05


def test_a_source_without_answers_is_told_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spider").mkdir()
    monkeypatch.setattr("discflow_training.left_out.scored_discs", lambda *given: DISCS)
    with pytest.raises(SystemExit, match="no answers of networks that were trained without spider"):
        main(["--left-out", str(tmp_path)])
