"""Figures of the disc detector on slices that it was not trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from discflow_training import unseen_discs
from discflow_training.data import DetectionImage, fold_of, region_of_discs
from discflow_training.detection_pipeline import Detector
from discflow_training.detection_training import RECIPES, judge_discs
from discflow_training.metrics_detection import Detections, match_all
from discflow_training.unseen_discs import Unseen, judge, rows

DISCS = np.array([[60, 210 - 40 * step, 110, 230 - 40 * step] for step in range(5)], dtype=float)
REGION = region_of_discs(DISCS, 200, 260)


class _Labelled:
    label = DetectionImage("a", "1", "train", "spider", "t2", Path("a.png"), DISCS, REGION)


def unseen(source: str, patient: str, found: np.ndarray) -> Unseen:
    return Unseen(source, patient, match_all(judge_discs(Detections(found, np.full(len(found), 0.9)), _Labelled)))


def test_shares_are_of_slices_and_told_by_source() -> None:
    space = [unseen("space", "1", DISCS), unseen("space", "1", DISCS[1:]), unseen("space", "2", DISCS[:4]), unseen("space", "3", DISCS)]
    whole, labelled = rows([*space, unseen("boxes", "1", DISCS)])
    assert whole[:2] == ["space", "4 slices, 3 patients"]
    assert whole[4].startswith("0.500 (") and whole[5].startswith("0.750 (")
    assert labelled == ["boxes", "1 slices, 1 patients", *["1.000"] * 4]


def test_only_training_slices_of_the_fold_with_five_discs_are_judged(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((260, 200), dtype=np.uint8)).save(tmp_path / "a.png")
    fold = fold_of("1")

    def label(patient: str, split: str, discs: np.ndarray = DISCS) -> DetectionImage:
        return DetectionImage(patient, patient, split, "spider", "t2", tmp_path / "a.png", discs, REGION)

    stranger = next(str(number) for number in range(2, 99) if fold_of(str(number)) != fold)
    labels = {"boxes": [label("1", "train"), label("1", "val"), label(stranger, "train"), label("1", "train", DISCS[:4])]}
    nothing = Detector(lambda images: np.zeros((1, 5, 8), dtype=np.float32), 64, 64)
    (only,) = judge(nothing, nothing, fold, labels)
    assert (only.source, only.patient) == ("boxes", "1") and only.matched.overlaps.tolist() == [0] * 5


def test_a_run_that_held_nothing_out_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sources", "onnx_detector"):
        monkeypatch.setattr(unseen_discs, name, lambda path: {})
    monkeypatch.setattr(unseen_discs, "load_averaged", lambda path: (RECIPES["disc"], None))
    with pytest.raises(SystemExit, match="held out a fold"):
        unseen_discs.main(["--runs", str(tmp_path / "run"), "--data-root", str(tmp_path)])
