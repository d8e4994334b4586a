"""The first table of `docs/results.md`: what was aimed at for the default pack beside what it reached, from the records alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import tables
from .records import read_records
from .shipped import FOLDER, told

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Aim:
    """A figure that an evaluation recorded: where it stands (`discs ap50`), and the bound that it should keep."""

    figure: str
    record: str
    source: str
    path: str
    bound: float
    least: bool = True
    """Whether the bound is the least that is aimed at; else the most."""


@dataclass(frozen=True)
class UnseenAim:
    """A figure of the first row of a table out of fold that begins with some cells."""

    figure: str
    table: str
    row: tuple[str, ...]
    column: str
    bound: float
    least: bool = True


HOME, AWAY, AWAY_TEST = "yolospine-test", "spider-val-and-test", "spider-test"
BULGE, STRICT = "classification bulgeOrHerniation", "classification herniation"
SPACE, T2_CANAL = ("space",), ("t2w, shows the canal",)
AIMS: tuple[Aim | UnseenAim, ...] = (
    Aim("Lumbar regions, mAP50", HOME, "yolospine", "region ap50", 0.99),
    Aim("Discs, mAP50", HOME, "yolospine", "discs ap50", 0.99),
    Aim("Discs, mAP50-95", HOME, "yolospine", "discs ap50To95", 0.68),
    Aim("Discs, mAP50", AWAY, "spider-t2", "discs ap50", 0.97),
    Aim("Discs, mAP50-95", AWAY, "spider-t2", "discs ap50To95", 0.57),
    Aim("Pictures with all five discs found", HOME, "yolospine", "discs allFound", 0.98),
    Aim("Discs that are not there, a picture", HOME, "yolospine", "discs falsePerPicture", 0.05, least=False),
    Aim("Discs named right and certain", AWAY, "spider-t2", "levels rightAndCertain", 0.97),
    Aim("Discs named right and certain", HOME, "yolospine", "levels rightAndCertain", 0.97),
    Aim("Certain names that are wrong", AWAY, "spider-t2", "levels certainWrong", 0.01, least=False),
    Aim("Certain names that are wrong", HOME, "yolospine", "levels certainWrong", 0.01, least=False),
    Aim("Cut off above L5-S1: names that are certain", HOME, "yolospine", "cutOff certain", 0.02, least=False),
    Aim("Bulge or herniation, ROC AUC", HOME, "yolospine", f"{BULGE} rocAuc", 0.967),
    UnseenAim(
        "Bulge or herniation, ROC AUC", "figures.md", ("spider, labelled boxes", "bulgeOrHerniation"), "ROC AUC", 0.925
    ),
    UnseenAim("Herniation, ROC AUC", "figures.md", ("yolospine", "herniation"), "ROC AUC", 0.94),
    Aim("Bulge or herniation, calibration error above chance", HOME, "yolospine", f"{BULGE} calibrationExcess", 0.02, least=False),
    Aim("Herniation, calibration error above chance", HOME, "yolospine", f"{STRICT} calibrationExcess", 0.02, least=False),
    Aim("Bulge or herniation, calibration error above chance", AWAY, "spider-t2", f"{BULGE} calibrationExcess", 0.02, least=False),
    Aim("Herniation, calibration error above chance", AWAY, "spider-t2", f"{STRICT} calibrationExcess", 0.02, least=False),
    UnseenAim("Segmentation, mean IoU", "masks.md", SPACE, "mIoU", 0.86),
    UnseenAim("Vertebrae, Dice", "masks.md", SPACE, "dice/vertebra", 0.93),
    UnseenAim("Discs, Dice", "masks.md", SPACE, "dice/disc", 0.89),
    UnseenAim("Canal, Dice", "masks.md", SPACE, "dice/canal", 0.95),
    UnseenAim("Segmentation, mean IoU", "masks.md", T2_CANAL, "mIoU", 0.80),
)
GATED = ((HOME, "yolospine"), (AWAY_TEST, "spider-t2"))
MOST_GATED = 0.10


def glance_section(results: Path) -> list[str]:
    """A row an aim whose record is there; nothing without records of the shipped pack."""
    records = read_records(results, FOLDER)
    rows = [*_rows(records, results / "out-of-fold"), *_gated(records)]
    if not rows:
        return []
    return [
        "## At a glance",
        "",
        "Evaluations are the TypeScript pipeline's (`discflow evaluate`); `out of fold` are networks of the same recipes on"
        " patients that they were not trained on (Python), read where `test` holds too few cases. Where an aim is missed,"
        " [what was tried](#what-is-not-reached-and-what-was-tried) is told below.",
        "",
        *tables.markdown_table(("Figure", "Measured on", "Aim", "Reached (95 %)", ""), rows),
        "",
    ]


def _rows(records: dict[str, Any], unseen: Path) -> Iterator[Sequence[str]]:
    for aim in AIMS:
        found = _measured(aim, records) if isinstance(aim, Aim) else _unseen(aim, unseen)
        if found:
            where, reached, value = found
            sign = "≥" if aim.least else "≤"
            yield (aim.figure, where, f"{sign} {aim.bound:g}", reached, _verdict(aim.bound, value, aim.least))


def _verdict(bound: float, value: float, least: bool) -> str:
    short = bound - value if least else value - bound
    return f"**missed by {short:.3f}**" if short > 0 else "met"


def _measured(aim: Aim, records: dict[str, Any]) -> tuple[str, str, float] | None:
    evaluation = records.get(aim.record)
    figures = next((f for f in evaluation["sources"] if f["source"] == aim.source), None) if evaluation else None
    if not evaluation or figures is None:
        return None
    part, name = aim.path.rsplit(" ", 1)
    node: Any = figures
    for step in part.split():
        node = (node or {}).get(step)
    if not node or node[name]["value"] is None:
        return None
    cases = next(f"{node[count]} {word}" for count, word in (("truths", "boxes"), ("discs", "discs")) if count in node)
    positives = f", {node['positives']} positive" if "positives" in node else ""
    where = f"{aim.source}, {' and '.join(evaluation['splits'])}: {cases}{positives}, {node['patients']} patients"
    return where, told(node[name]), node[name]["value"]


def _unseen(aim: UnseenAim, folder: Path) -> tuple[str, str, float] | None:
    path = folder / aim.table
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    header, *rest = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines] or [[]]
    row = next((cells for cells in rest if tuple(cells[: len(aim.row)]) == aim.row), None)
    if row is None:
        return None
    found = dict(zip(header, row, strict=True))
    number = NUMBER.match(found[aim.column])
    if number is None:
        return None
    return f"{aim.row[0]}, out of fold: {found['over']}", found[aim.column], float(number[0])


def _gated(records: dict[str, Any]) -> Iterator[Sequence[str]]:
    """Good test pictures of all sources together that the gates refused or deferred."""
    parts = [
        figures
        for name, source in GATED
        for figures in records.get(name, {"sources": []})["sources"]
        if figures["source"] == source
    ]
    if len(parts) < len(GATED):
        return
    pictures = sum(figures["pictures"] for figures in parts)
    gated = pictures - sum(figures["statuses"].get("done", 0) for figures in parts)
    share = gated / pictures
    where = f"{' and '.join(source for _, source in GATED)}, test: {gated} of {pictures} pictures"
    verdict = _verdict(MOST_GATED, share, least=False)
    yield ("Pictures refused or deferred", where, f"≤ {MOST_GATED:g}", f"{share:.3f}", verdict)
