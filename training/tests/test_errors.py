"""The shipped pack's errors, counted and drawn from kept answers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from test_answers import write_predictions

from discflow_training.paper.answers import Answer
from discflow_training.paper.column_drawing import PITCH, column_drawing
from discflow_training.paper.errors import counts, errors_section, thresholds_of, worst_pictures
from discflow_training.paper.page import write_page
from discflow_training.paper.shipped import record_evaluation
from discflow_training.paper.spine_drawing import (
    CENTRE,
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    MARK,
    RIGHT_ANSWER,
    ROW,
    Threshold,
    apart,
    spine_drawing,
)

LEVELS = ("L5-S1", "L4-L5", "L3-L4", "L2-L3", "L1-L2")
HALF = Threshold(0.4, 0.6)
SVG = "{http://www.w3.org/2000/svg}"


def answer(level: str, label: bool, probability: float | None, picture: int = 0, reported: str | None = None) -> Answer:
    named = level if reported is None else reported
    positive = probability is not None and probability >= 0.5
    return Answer(picture, level, "herniation", label, probability is not None, probability, positive, named, True)


def column(picture: int, wrong: int, up: int = 0) -> list[Answer]:
    """Five discs of a picture, the lowest `wrong` of them answered wrongly, each named `up` levels too high."""
    names = (*LEVELS, "T12-L1")
    return [answer(level, i < wrong, 0.1, picture, names[i + up]) for i, level in enumerate(LEVELS)]


def marks(drawing: str) -> list[tuple[float, float, str]]:
    circles = ElementTree.fromstring(drawing).iter(f"{SVG}circle")
    return [(float(c.get("cx", 0)), float(c.get("cy", 0)), c.get("stroke", "")) for c in circles]


def words(drawing: str) -> dict[str, float]:
    """Height of each text; of equal ones the last."""
    return {text.text or "": float(text.get("y", 0)) for text in ElementTree.fromstring(drawing).iter(f"{SVG}text")}


def record(results: Path, name: str, rows: tuple[tuple[object, ...], ...]) -> None:
    folder = results / "evaluated"
    folder.mkdir(parents=True, exist_ok=True)
    pack = {"name": "some-pack", "version": "1"}
    (folder / "metrics.json").write_text(json.dumps({"data": "FOLDER", "splits": ["test"], "pack": pack, "sources": []}))
    write_predictions(folder / "predictions.csv", rows)
    record_evaluation(results, name, folder)


def prediction(picture: str, level: str, label: int, probability: float) -> tuple[object, ...]:
    positive = "true" if probability >= 0.5 else "false"
    return ("s", picture, 1, "test", level, "herniation", label, "true", probability, positive, 0, level, "true", 0.9, 0)


ROWS = (
    prediction("Zoe-Doe", "L5-S1", 0, 0.9), prediction("Zoe-Doe", "L4-L5", 1, 0.45),
    prediction("Abe-Doe", "L5-S1", 1, 0.55), prediction("Abe-Doe", "L4-L5", 0, 0.02),
)


def test_wrong_answers_are_counted_by_kind_and_nearness_to_the_threshold() -> None:
    answers = [
        answer("L5-S1", False, 0.6), answer("L5-S1", False, 0.61), answer("L4-L5", True, 0.45),
        answer("L4-L5", True, None), answer("L3-L4", True, 0.9), answer("L3-L4", False, 0.1),
    ]
    assert counts(answers, HALF).startswith(
        "4 of 6 discs wrong (66.7 %): 2 false positives, 2 false negatives (1 without an answer); 2 of the 4 lie within 0.1"
    )
    assert counts(answers[4:], HALF) == "none of 2 discs wrong."


def test_a_threshold_lies_between_the_highest_negative_and_the_lowest_positive() -> None:
    found = thresholds_of(answer("L5-S1", False, p) for p in (0.1, 0.42, 0.61, 0.9, None))
    assert found == {"herniation": Threshold(0.42, 0.61)}


@pytest.mark.parametrize("level", LEVELS)
def test_a_wrong_disc_is_marked_on_its_level_and_side(level: str) -> None:
    right = [answer(other, False, 0.1) for other in LEVELS]
    drawing = spine_drawing("t", [*right, answer(level, False, 0.9), answer(level, True, 0.2)], {"herniation": HALF}, 0.1)
    (left, first, missed), (beyond, second, alarm) = marks(drawing)
    assert (missed, alarm) == (FALSE_NEGATIVE, FALSE_POSITIVE)
    assert left < CENTRE < beyond
    for y in (first, second):
        assert abs(words(drawing)[level] - y) < ROW / 4


def test_a_surer_error_lies_further_from_the_spine_and_an_unanswered_one_outermost() -> None:
    alarms = [answer("L5-S1", False, p) for p in (0.55, 0.95)]
    missed = [answer("L5-S1", True, p) for p in (0.45, 0.05, None)]
    places = [x for x, _, _ in marks(spine_drawing("t", [*alarms, *missed], {"herniation": HALF}, 0.1))]
    unanswered, sure, unsure, near, far = places
    assert unanswered < sure < unsure < CENTRE < near < far


def test_right_answers_get_no_mark() -> None:
    drawing = spine_drawing("t", [answer(level, True, 0.9) for level in LEVELS], {"herniation": HALF}, 0.1)
    assert marks(drawing) == []
    assert drawing.count(f'fill="{RIGHT_ANSWER}"') == len(LEVELS)


def test_crowded_marks_do_not_touch_and_stay_in_their_row() -> None:
    found = apart([100 + i / 10 for i in range(30)], 0)
    assert min(abs(complex(*a) - complex(*b)) for i, a in enumerate(found) for b in found[:i]) >= 2 * MARK
    assert max(abs(y) for _, y in found) + MARK < ROW / 2


def test_pictures_with_two_errors_or_a_misnamed_disc_are_chosen_misnamed_ones_first() -> None:
    answers = [*column(0, 1), *column(1, 2), *column(2, 0, up=1), *column(3, 4)]
    assert [picture[0].picture for picture in worst_pictures(answers)] == [2, 3, 1]


def test_a_missed_disc_is_not_called_misnamed() -> None:
    assert worst_pictures([replace(disc, reported="") for disc in column(0, 0)]) == []


def test_a_misnamed_column_stands_one_level_higher_and_says_so() -> None:
    straight, shifted = (column_drawing("t", [column(0, 2), column(1, 2, up=up)]) for up in (0, 1))
    assert "T12-L1" not in straight and "misnamed" not in straight
    assert "5 misnamed" in shifted

    def wrong_heights(drawing: str) -> list[float]:
        return [float(y) for y in re.findall(rf'<path d="M\S+ ([\d.]+)a[^>]*fill="{FALSE_NEGATIVE}"', drawing)]

    first, second = wrong_heights(shifted)[:2], wrong_heights(shifted)[2:]
    assert [a - b for a, b in zip(first, second, strict=True)] == [PITCH, PITCH]
    assert len(set(wrong_heights(straight))) == 2


def test_the_page_draws_every_recorded_evaluation_and_names_nobody(tmp_path: Path) -> None:
    record(tmp_path / "results", "test", ROWS)
    record(tmp_path / "results", "disturbed-none", ROWS)
    section = "\n".join(errors_section(tmp_path / "results", tmp_path / "drawn"))
    assert "- Herniation: 2 of 4 discs wrong (50.0 %): 1 false positive, 1 false negative; 1 of the 2 lie" in section
    assert "between 0.450 and 0.550" in section
    assert "| L5-S1 | 1 | 0 | 1 of 2 |" in section
    assert "At least two wrong answers or a misnamed disc: 1 of 2 pictures, 0 of them" in section
    assert "Drawn: all." in section
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["columns-test.svg", "errors-test.svg"]
    drawn = [path.read_text() for path in (tmp_path / "drawn").iterdir()]
    assert not any("Doe" in text for text in (section, *drawn))


def test_more_pictures_than_are_drawn_are_counted(tmp_path: Path) -> None:
    rows = [prediction(f"p{i}", level, 1, 0.01 * i) for i in range(26) for level in LEVELS[:2]]
    record(tmp_path, "test", (*rows, prediction("other", "L5-S1", 1, 0.9)))
    section = "\n".join(errors_section(tmp_path, tmp_path / "drawn"))
    assert "At least two wrong answers or a misnamed disc: 26 of 27 pictures" in section
    assert "Drawn: the 24 with misnamed discs or most wrong answers." in section
    assert (tmp_path / "drawn" / "columns-test.svg").read_text().count("2 wrong") == 24


def test_the_same_answers_in_another_order_give_the_same_page(tmp_path: Path) -> None:
    pages = []
    for name, rows in (("a", ROWS), ("b", ROWS[::-1])):
        record(tmp_path / name, "test", rows)
        lines = errors_section(tmp_path / name, tmp_path / name / "drawn")
        pages.append((lines, [path.read_text() for path in sorted((tmp_path / name / "drawn").iterdir())]))
    assert pages[0] == pages[1]


def test_a_page_without_kept_answers_has_no_drawings_and_one_with_them_shows_them(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "results.md"
    write_page(tmp_path / "results", page)
    assert "Errors of the shipped pack" not in page.read_text()
    record(tmp_path / "results", "test", ROWS)
    write_page(tmp_path / "results", page)
    assert "(results/errors-test.svg)" in page.read_text()
    assert (page.parent / "results" / "errors-test.svg").exists()
