"""The section of `docs/results.md` that draws the shipped pack's errors: counts, a spine and columns an evaluation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from . import tables
from .answers import TARGETS, Answer, levels_of, read_answers
from .column_drawing import column_drawing
from .records import read_records
from .shipped import FOLDER, answers_path
from .spine_drawing import Threshold, spine_drawing

NEAR = 0.1
MOST_COLUMNS = 24
SEVERAL = 2
INTRODUCTION = (
    "Every labelled disc that the pack answered wrongly, drawn from `training/results/shipped/NAME-discs.csv` on "
    "a spine of no patient: a false negative on the left of its level, a false positive on the right, the further "
    "from the spine the further its probability lies from the threshold (each side has its own scale). The tint "
    "reaches {near:g} from the threshold. Grey bars are the right answers; counts at the ends are wrong ones of "
    "all answers of that side. A disc without an answer counts as negative; a false negative of that kind is a "
    "hollow mark at the outer end."
)


def errors_section(results: Path, folder: Path) -> list[str]:
    """The lines of the section, its drawings written into `folder`; empty where no answers are kept."""
    records = {
        name: record for name, record in read_records(results, FOLDER).items() if answers_path(results, name).exists()
    }
    if not records:
        return []
    answers = {name: read_answers(answers_path(results, name)) for name in records}
    lines = ["### Errors of the shipped pack, drawn", "", INTRODUCTION.format(near=NEAR), ""]
    for name, record in sorted(records.items()):
        same_pack = [other for other in records if pack_of(records[other]) == pack_of(record)]
        thresholds = thresholds_of(answer for other in same_pack for answer in answers[other])
        lines += _evaluation(name, record, answers[name], thresholds, folder)
    return lines


def pack_of(record: dict[str, Any]) -> str:
    """What two evaluations share if they were answered at the same thresholds."""
    return json.dumps([record["pack"], record.get("tier")], sort_keys=True)


def thresholds_of(answers: Iterable[Answer]) -> dict[str, Threshold]:
    """Between which probabilities each target's threshold lies; only targets that were answered."""
    found: dict[str, Threshold] = {}
    for answer in answers:
        if answer.probability is not None:
            low, high = (0.0, answer.probability) if answer.positive else (answer.probability, 1.0)
            known = found.get(answer.target, Threshold(0.0, 1.0))
            found[answer.target] = Threshold(max(low, known.low), min(high, known.high))
    return {target: found[target] for target in TARGETS if target in found}


def _evaluation(
    name: str, record: dict[str, Any], answers: Sequence[Answer], thresholds: dict[str, Threshold], folder: Path
) -> list[str]:
    what = f"{record['data']}, {' and '.join(record['splits'])}"
    counted = [
        f"- {TARGETS[target]}: {counts([a for a in answers if a.target == target], threshold)}"
        for target, threshold in thresholds.items()
    ]
    drawing = spine_drawing(f"Wrong answers by level: {what}", answers, thresholds, NEAR)
    return [
        f"#### {what}",
        "",
        *counted,
        "",
        *tables.markdown_table(_table_header(thresholds), _table_rows(answers, thresholds)),
        "",
        _keep(folder, f"errors-{name}", drawing, f"Wrong answers by level and probability, {what}"),
        "",
        *_columns(name, what, answers, folder),
    ]


def counts(answers: Sequence[Answer], threshold: Threshold) -> str:
    """`40 of 260 discs wrong (15.4 %): 37 false positives, 3 false negatives; …` of one target."""
    wrong = [answer for answer in answers if answer.wrong]
    if not wrong:
        return f"none of {len(answers)} discs wrong."
    alarms, silent = sum(a.positive for a in wrong), sum(not a.answered for a in wrong)
    unanswered = f" ({silent} without an answer)" if silent else ""
    near = sum(is_near(answer, threshold) for answer in wrong)
    return (
        f"{len(wrong)} of {len(answers)} discs wrong ({100 * len(wrong) / len(answers):.1f} %):"
        f" {_several(alarms, 'positive')}, {_several(len(wrong) - alarms, 'negative')}{unanswered}; {near} of the"
        f" {len(wrong)} lie within {NEAR:g} of the threshold, which lies between {threshold.low:.3f} and"
        f" {threshold.high:.3f}."
    )


def _several(count: int, kind: str) -> str:
    return f"{count} false {kind}{'' if count == 1 else 's'}"


def is_near(answer: Answer, threshold: Threshold) -> bool:
    """Whether the probability lies within `NEAR` of the threshold's middle."""
    return answer.probability is not None and round(abs(answer.probability - threshold.middle), 6) <= NEAR


def _table_header(targets: Iterable[str]) -> list[str]:
    kinds = ("false positives", "false negatives", "wrong")
    return ["Level", *(f"{TARGETS[target]}, {kind}" for target in targets for kind in kinds)]


def _table_rows(answers: Sequence[Answer], targets: Iterable[str]) -> list[list[str]]:
    """A row a level: wrong answers by kind, and the share that is wrong."""
    rows = []
    for level in levels_of(answers):
        row = [level]
        for target in targets:
            here = [answer for answer in answers if (answer.level, answer.target) == (level, target)]
            wrong = [answer for answer in here if answer.wrong]
            alarms = sum(answer.positive for answer in wrong)
            row += [str(alarms), str(len(wrong) - alarms), f"{len(wrong)} of {len(here)}"]
        rows.append(row)
    return rows


def worst_pictures(answers: Sequence[Answer]) -> list[list[Answer]]:
    """Answers by picture where two are wrong or a disc is misnamed: misnamed ones first, then by wrong answers."""
    pictures: dict[int, list[Answer]] = {}
    for answer in answers:
        pictures.setdefault(answer.picture, []).append(answer)

    def order(picture: list[Answer]) -> tuple[bool, int, int]:
        return not any(a.misnamed for a in picture), -sum(a.wrong for a in picture), picture[0].picture

    chosen = [p for p in pictures.values() if sum(a.wrong for a in p) >= SEVERAL or any(a.misnamed for a in p)]
    return sorted(chosen, key=order)


def _columns(name: str, what: str, answers: Sequence[Answer], folder: Path) -> list[str]:
    pictures = worst_pictures(answers)
    of_all = len({answer.picture for answer in answers})
    if not pictures:
        return [f"At least two wrong answers or a misnamed disc: none of {of_all} pictures.", ""]
    drawn = pictures[:MOST_COLUMNS]
    misnamed = sum(any(answer.misnamed for answer in picture) for picture in pictures)
    shown = "all" if len(drawn) == len(pictures) else f"the {len(drawn)} with misnamed discs or most wrong answers"
    drawing = column_drawing(f"Pictures with two wrong answers or a misnamed disc: {what}", drawn)
    return [
        f"At least two wrong answers or a misnamed disc: {len(pictures)} of {of_all} pictures, {misnamed} of them with a"
        f" misnamed disc. Drawn: {shown}. A misnamed disc stands at the name that it got, a dashed outline at a level that"
        " is left empty.",
        "",
        _keep(folder, f"columns-{name}", drawing, f"Columns of discs of the pictures with most errors, {what}"),
        "",
    ]


def _keep(folder: Path, name: str, drawing: str, words: str) -> str:
    """Write a drawing; returns the Markdown that shows it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.svg").write_text(drawing, encoding="utf-8")
    return f"![{words}]({folder.name}/{name}.svg)"
