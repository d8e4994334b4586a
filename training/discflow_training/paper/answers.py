"""What is kept of `predictions.csv` of `discflow evaluate`: answers to labelled discs, without names or patients."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from ..disc_data import LEVEL_NAMES
from ..own_labels import UPPER_LEVELS

LEVELS = (*LEVEL_NAMES, *UPPER_LEVELS)
"""Disc levels from the lowest upwards."""
TARGETS = {"herniation": "Herniation", "bulgeOrHerniation": "Bulge or herniation"}


@dataclass(frozen=True)
class Answer:
    """One labelled disc and target. `picture` counts from 0 and tells only which discs lie in one picture."""

    picture: int
    level: str
    target: str
    label: bool
    answered: bool
    probability: float | None
    """To three digits; `None` where the disc got no answer."""
    positive: bool
    """At the pack's threshold; a disc without an answer counts as negative."""
    reported: str
    """The name that the disc got; empty where it was not found."""
    certain: bool

    @property
    def wrong(self) -> bool:
        return self.positive != self.label

    @property
    def misnamed(self) -> bool:
        return self.reported not in ("", self.level)


HEADER = tuple(field.name for field in fields(Answer))
PICTURE = ("source", "picture")


def keep_answers(predictions: Path, out: Path) -> None:
    """Write the answers of `predictions` to `out`, pictures in an order that comes from their answers alone."""
    with predictions.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    pictures: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for row in rows:
        pictures.setdefault(tuple(row[name] for name in PICTURE), []).append(_kept(row))
    ordered = sorted(sorted(kept, key=_place) for kept in pictures.values())
    with out.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows((index, *kept) for index, discs in enumerate(ordered) for kept in discs)


def _kept(row: dict[str, str]) -> tuple[str, ...]:
    """A row of `predictions.csv` as written, less the picture: yes and no as 1 and 0."""
    probability = f"{float(row['probability']):.3f}" if row["probability"] else ""
    flags = {name: str(int(row[name] == "true")) for name in ("answered", "positive", "level_certain")}
    return (
        row["level"], row["target"], row["label"], flags["answered"], probability, flags["positive"],
        row["reported_level"], flags["level_certain"],
    )


def _place(kept: tuple[str, ...]) -> tuple[str, int]:
    level, target = kept[:2]
    return target, LEVELS.index(level)


def read_answers(path: Path) -> list[Answer]:
    """The answers that `keep_answers` wrote."""
    with path.open(newline="", encoding="utf-8") as handle:
        return [_answer(row) for row in csv.DictReader(handle)]


def _answer(row: dict[str, str]) -> Answer:
    return Answer(
        picture=int(row["picture"]),
        level=row["level"],
        target=row["target"],
        label=row["label"] == "1",
        answered=row["answered"] == "1",
        probability=float(row["probability"]) if row["probability"] else None,
        positive=row["positive"] == "1",
        reported=row["reported"],
        certain=row["certain"] == "1",
    )


def levels_of(answers: Iterable[Answer]) -> list[str]:
    """The five lowest levels and any higher one that is labelled, from the highest down."""
    found = {answer.level for answer in answers}
    return [level for level in reversed(LEVELS) if level in LEVEL_NAMES or level in found]
