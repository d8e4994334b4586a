"""Weighted average (WAE), plain average (AEM) and best single network of finished runs (paper, Weighted average ensemble).

Weights and the single network are chosen on answers of train and val patients by runs that were not trained on them, one a
fold; where such runs are missing, on val alone. Test is measured once with what was chosen, by the networks of all train
patients. Differences are paired over patients, and on test alone: elsewhere they would be those of what was chosen there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..calibration import log_loss
from ..disc_data import LEVEL_NAMES
from ..ensemble import search_weights
from .cases import data_hash_of
from .held_out import Folded, Member, answered_cases, folded_members, stacked_answers
from .intervals import (
    answer_figures,
    answers,
    area_under_curve,
    classification_figures,
    paired_difference,
    resampled,
    resampled_areas,
    swapped_areas,
    swapped_figures,
)
from .looks import keep_look
from .protocol import OUT_OF_FOLD, ClassifierRun, Run, SegmenterRun, configuration_hash
from .records import header, read_cases, read_finished, write_compact
from .runner import has_weights
from .spine_ensembles import spine_ensemble

METHODS = ("wae", "aem", "single")
LEVEL_OF_TIES = 1e-4
"""Share of the log loss in the score that weights are searched by: it parts weights of the same accuracy."""

Members = dict[str, dict[str, Any]]


def write_ensembles(runs: Sequence[Run], root: Path, work: Path, results: Path) -> None:
    """Fit and measure an ensemble of each group of a plan's finished runs, where its members changed since the last time."""
    by_id = {run.id: run for run in runs}
    groups: dict[str, list[Member]] = {}
    records: dict[str, dict[str, Any]] = {}
    for run in runs:
        if isinstance(run, (ClassifierRun, SegmenterRun)) and run.fold is None:
            record = read_finished(results, run, configuration_hash(run, by_id), data_hash_of(run, root))
            if record is not None:
                records[run.id] = record
                groups.setdefault(group_of(run), []).append(run)
    for name, members in groups.items():
        members.sort(key=lambda run: run.id)
        own = {run.id: records[run.id] for run in members}
        folded = folded_members(members, by_id, root, results)
        all_records = [*own.values(), *(record for member in folded or () for record in member.records)]
        hashes = _joined_hash([record["configurationHash"] + record["dataHash"] for record in all_records])
        path = results / "ensembles" / f"{name}.json"
        if len(members) < 2 or (path.exists() and json.loads(path.read_text())["configurationHash"] == hashes):
            continue
        needed = [*members, *(run for member in folded or () for run in member.runs)]
        if isinstance(members[0], SegmenterRun) and not all(has_weights(run, by_id, root, work) for run in needed):
            print(f"{name}: weights of its members are gone; `reproduce --need-weights` trains them again")
            continue
        data = _joined_hash([record["dataHash"] for record in own.values()])
        record = header(name, {"members": sorted(own)}, hashes, data) | {"chosenOn": OUT_OF_FOLD if folded else "val"}
        if isinstance(members[0], ClassifierRun):
            record |= plid_ensemble(own, read_cases(results, next(iter(own.values()))["cases"]), unseen_answers(own, results, folded))
        else:
            record |= spine_ensemble(members, folded, root, work)
        keep_look(results, path)
        write_compact(path, record)


@dataclass(frozen=True)
class Unseen:
    """What an ensemble is chosen on: `members x n` probabilities of cases that the members were not trained on."""

    part: str
    probabilities: np.ndarray
    table: dict[str, Any]


def unseen_answers(members: Members, results: Path, folded: Sequence[Folded] | None) -> Unseen:
    """Answers out of fold, or those to val where there are none."""
    if folded:
        return Unseen(OUT_OF_FOLD, stacked_answers(folded), answered_cases(results, folded[0]))
    table = read_cases(results, next(iter(members.values()))["cases"])["val"]
    return Unseen("val", np.array([members[name]["predictions"]["val"] for name in sorted(members)]), table)


def group_of(run: ClassifierRun | SegmenterRun) -> str:
    """The name of the ensemble that a run may be a member of."""
    if isinstance(run, ClassifierRun):
        return f"classifiers-{run.view}-{run.stage}{run.question}"
    return f"segmenters-{run.loss}"


def plid_ensemble(members: Members, cases: dict[str, Any], unseen: Unseen) -> dict[str, Any]:
    """Ensembles of classifiers from their recorded predictions."""
    ids = sorted(members)
    test = np.array([members[name]["predictions"]["test"] for name in ids])
    known = np.array(unseen.table["label"])

    def accuracy(p: np.ndarray) -> float:
        right = ((p >= 0.5) == (known == 1)).mean()
        return float(right) - LEVEL_OF_TIES * log_loss(p, known)

    weights = {
        "wae": search_weights(len(ids), lambda w: accuracy(w @ unseen.probabilities)),
        "aem": np.full(len(ids), 1 / len(ids)),
        "single": np.eye(len(ids))[max(range(len(ids)), key=lambda i: accuracy(unseen.probabilities[i]))],
    }
    result: dict[str, Any] = {
        "weights": {method: _named(ids, weights[method]) for method in METHODS},
        "members": {
            name: _by_source(unseen.table, lambda i, p=p: classification_figures(
                p[i], known[i], [unseen.table["patient"][k] for k in i]))
            for name, p in zip(ids, unseen.probabilities, strict=True)
        },
        "figures": {}, "byPatient": {}, "byLevel": {}, "levelAlone": {},
    }
    for part, stacked, table in ((unseen.part, unseen.probabilities, unseen.table), ("test", test, cases["test"])):
        labels = np.array(table["label"])
        answers_of = {method: weights[method] @ stacked for method in METHODS}
        result["figures"][part] = {
            method: _by_source(table, lambda i, p=p, y=labels, t=table: classification_figures(
                p[i], y[i], [t["patient"][k] for k in i]))
            for method, p in answers_of.items()
        }
        result["byPatient"][part] = {
            method: classification_figures(*worst_of_patients(p, labels, table["patient"])) for method, p in answers_of.items()
        }
        if "level" in table:
            result["byLevel"][part] = by_level(answers_of["wae"], labels, table)
            result["levelAlone"][part] = level_alone(labels, table)
    answered, labels = {method: weights[method] @ test for method in METHODS}, np.array(cases["test"]["label"])
    result["differences"] = {
        f"wae less {other}": plid_differences(answered["wae"], answered[other], labels, cases["test"]["patient"])
        for other in ("aem", "single")
    }
    result["predictions"] = {"test": {method: [round(float(v), 4) for v in p] for method, p in answered.items()}}
    return result


def by_level(p: np.ndarray, labels: np.ndarray, table: dict[str, Any]) -> dict[str, Any]:
    """Figures of each level, the lowest first."""
    levels = np.array(table["level"])
    result = {}
    for name in LEVEL_NAMES:
        chosen = np.flatnonzero(levels == name)
        if len(chosen):
            result[name] = classification_figures(p[chosen], labels[chosen], [table["patient"][i] for i in chosen])
    return result


def level_alone(labels: np.ndarray, table: dict[str, Any]) -> dict[str, Any]:
    """Figures of an answer that knows the level and no picture: the lower, the likelier. Its threshold means nothing."""
    heights = np.array([LEVEL_NAMES.index(level) for level in table["level"]])
    return classification_figures(1 - heights / len(LEVEL_NAMES), labels, table["patient"])


def worst_of_patients(
    p: np.ndarray, labels: np.ndarray, patients: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """One answer a patient: the highest probability of its cases, positive where one of them is."""
    names, index = np.unique(np.array(patients), return_inverse=True)
    highest, label = np.zeros(len(names)), np.zeros(len(names), dtype=np.int64)
    np.maximum.at(highest, index, p)
    np.maximum.at(label, index, labels)
    return highest, label, [str(name) for name in names]


def plid_differences(
    first: np.ndarray, second: np.ndarray, labels: np.ndarray, patients: Sequence[str]
) -> dict[str, Any]:
    """Paired differences of accuracy, balanced accuracy and area under the curve."""
    sums = [answers(p, labels) for p in (first, second)]
    wholes = [answer_figures(part.sum(axis=0)) for part in sums]
    drawn = [answer_figures(resampled(part, patients)) for part in sums]
    swapped = swapped_figures(*sums, patients, answer_figures)
    result = {
        name: paired_difference(float(wholes[0][name] - wholes[1][name]), drawn[0][name], drawn[1][name], swapped[name])
        for name in ("accuracy", "balancedAccuracy")
    }
    areas = [area_under_curve(p, labels) for p in (first, second)]
    if not np.isnan(areas[0]):
        drawn_areas = [resampled_areas(p, labels, patients) for p in (first, second)]
        result["auc"] = paired_difference(areas[0] - areas[1], *drawn_areas, swapped_areas(first, second, labels, patients))
    return result


def _by_source(table: dict[str, Any], figures: Callable[[np.ndarray], dict[str, Any]]) -> dict[str, Any]:
    sources = np.array(table["source"])
    names = sorted(set(table["source"]))
    parts = {name: figures(np.flatnonzero(sources == name)) for name in names} if len(names) > 1 else {}
    return {"all": figures(np.arange(len(sources)))} | parts


def _named(ids: Sequence[str], weights: np.ndarray) -> dict[str, float]:
    return {name: round(float(weight), 4) for name, weight in zip(ids, weights, strict=True) if weight > 0}


def _joined_hash(hashes: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()
