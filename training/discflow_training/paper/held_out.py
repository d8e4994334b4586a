"""Answers of an ensemble's members to the train and val patients that their runs with a fold held out were not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data import FOLDS
from .cases import HELD_OUT, data_hash_of
from .protocol import ClassifierRun, Run, SegmenterRun, configuration_hash
from .records import read_cases, read_finished

Member = ClassifierRun | SegmenterRun


@dataclass(frozen=True)
class Folded:
    """A member's runs and their records, by fold."""

    runs: tuple[Member, ...]
    records: tuple[dict[str, Any], ...]

    def answers(self) -> list[Any]:
        """The answers of all folds, one after the other."""
        return [answer for record in self.records for answer in record["predictions"][HELD_OUT]]


def folded_members(members: Sequence[Member], runs: dict[str, Run], root: Path, results: Path) -> list[Folded] | None:
    """The finished runs of each member with each fold held out, or `None` where one is missing."""
    found = []
    for member in members:
        own = tuple(replace(member, fold=fold) for fold in range(FOLDS))
        if any(run.id not in runs for run in own):
            return None
        records = [read_finished(results, run, configuration_hash(run, runs), data_hash_of(run, root)) for run in own]
        if any(record is None for record in records):
            return None
        found.append(Folded(own, tuple(record for record in records if record is not None)))
    return found


def answered_cases(results: Path, folded: Folded) -> dict[str, list[Any]]:
    """The table of the cases that a member's `answers` are of; a fold without any patient has no columns."""
    tables = [read_cases(results, record["cases"])[HELD_OUT] for record in folded.records]
    columns = dict.fromkeys(name for table in tables for name in table)
    return {name: [value for table in tables for value in table.get(name, ())] for name in columns}


def stacked_answers(folded: Sequence[Folded]) -> np.ndarray:
    """The classifiers' probabilities, `members x cases`."""
    return np.array([member.answers() for member in folded])
