"""What is kept of an evaluation's answers: every labelled disc, and nothing that tells of whom."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from discflow_training.paper.answers import keep_answers, levels_of, read_answers
from discflow_training.paper.shipped import answers_path, record_evaluation

HEADER = (
    "source", "picture", "patient", "split", "level", "target", "label", "answered", "probability", "positive",
    "disagreement", "reported_level", "level_certain", "box_iou", "member:one",
)
ROWS = (
    ("s", "Zoe-Doe", 4711, "test", "L5-S1", "herniation", 0, "true", 0.12345, "true", 0, "L5-S1", "true", 0.9, 0.2),
    ("s", "Zoe-Doe", 4711, "test", "L4-L5", "herniation", 1, "false", "", "", "", "", "", "", ""),
    ("s", "Abe-Doe", 4712, "test", "L5-S1", "herniation", 1, "true", 0.01, "false", 0, "L4-L5", "false", 0.9, 0.2),
)


def write_predictions(path: Path, rows: tuple[tuple[object, ...], ...] = ROWS) -> Path:
    with path.open("w", newline="") as handle:
        csv.writer(handle).writerows([HEADER, *rows])
    return path


def kept(tmp_path: Path, rows: tuple[tuple[object, ...], ...] = ROWS) -> Path:
    keep_answers(write_predictions(tmp_path / "predictions.csv", rows), tmp_path / "kept.csv")
    return tmp_path / "kept.csv"


def test_kept_answers_name_neither_picture_nor_patient(tmp_path: Path) -> None:
    text = kept(tmp_path).read_text()
    assert text.count("\n") == 1 + len(ROWS)
    assert not any(secret in text for secret in ("Doe", "4711", "4712"))


def test_kept_answers_of_one_picture_stay_together(tmp_path: Path) -> None:
    answers = read_answers(kept(tmp_path))
    by_picture = {picture: [a.level for a in answers if a.picture == picture] for picture in (0, 1)}
    assert sorted(map(len, by_picture.values())) == [1, 2]


def test_kept_answers_are_the_same_whatever_the_order_and_names_of_pictures(tmp_path: Path) -> None:
    before = kept(tmp_path).read_bytes()
    renamed = tuple((row[0], row[1][::-1], *row[2:]) for row in reversed(ROWS))
    assert kept(tmp_path, renamed).read_bytes() == before


def test_kept_answers_carry_three_digits_and_unanswered_discs_count_as_negative(tmp_path: Path) -> None:
    false_alarm, unanswered, missed = sorted(read_answers(kept(tmp_path)), key=lambda a: (a.label, a.level))
    assert (false_alarm.probability, false_alarm.wrong, false_alarm.misnamed) == (0.123, True, False)
    assert (unanswered.probability, unanswered.answered, unanswered.wrong, unanswered.misnamed) == (
        None, False, True, False,
    )
    assert (missed.wrong, missed.misnamed, missed.reported, missed.certain) == (True, True, "L4-L5", False)


def test_levels_are_the_five_lowest_and_any_higher_one_that_is_labelled(tmp_path: Path) -> None:
    higher = (*ROWS, (*ROWS[0][:4], "T12-L1", *ROWS[0][5:]))
    assert levels_of(read_answers(kept(tmp_path)))[0] == "L1-L2"
    assert levels_of(read_answers(kept(tmp_path, higher)))[:2] == ["T12-L1", "L1-L2"]


def test_a_recorded_evaluation_keeps_its_answers_and_an_imitated_scanner_none(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps({}))
    write_predictions(tmp_path / "predictions.csv")
    for name in ("test", "disturbed-noisy"):
        record_evaluation(tmp_path, name, tmp_path)
    assert read_answers(answers_path(tmp_path, "test"))
    assert not answers_path(tmp_path, "disturbed-noisy").exists()


def test_answers_of_an_earlier_record_do_not_outlive_it(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps({}))
    predictions = write_predictions(tmp_path / "predictions.csv")
    record_evaluation(tmp_path, "test", tmp_path)
    predictions.unlink()
    record_evaluation(tmp_path, "test", tmp_path)
    assert not answers_path(tmp_path, "test").exists()
