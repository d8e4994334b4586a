"""The first table of `docs/results.md`: what was aimed at for the default pack beside what it reached, from the records alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import tables
from .intervals import share_interval, told_with
from .records import read_records
from .shipped import FOLDER, UNSEEN, told

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
CASES = (("truths", "boxes"), ("discs", "discs"), ("pictures", "pictures"))
"""What figures count beside patients, and the word for it."""

Reading = tuple[str, str, float]
"""On what a figure was measured, the figure as told, and its value."""


@dataclass(frozen=True)
class Recorded:
    """A figure that an evaluation recorded of a source, by its path (`discs ap50`)."""

    record: str
    source: str
    path: str

    def read(self, records: dict[str, Any], unseen: Path) -> Reading | None:
        evaluation, figures = records.get(self.record), _of_source(records, self.record, self.source)
        if evaluation is None or figures is None:
            return None
        part, name = self.path.rsplit(" ", 1)
        node: Any = figures
        counted: dict[str, Any] = {}
        for step in part.split():
            node = (node or {}).get(step)
            counted = node if node and "patients" in node else counted
        if not node or node[name]["value"] is None:
            return None
        cases = next(f"{counted[count]} {word}" for count, word in CASES if count in counted)
        positives = f", {counted['positives']} positive" if "positives" in counted else ""
        where = f"{self.source}, {' and '.join(evaluation['splits'])}: {cases}{positives}, {counted['patients']} patients"
        return where, told(node[name]), node[name]["value"]


@dataclass(frozen=True)
class Unseen:
    """A figure, to the decimals printed, of the first row of a table out of fold that begins with some cells."""

    table: str
    row: tuple[str, ...]
    column: str

    def read(self, records: dict[str, Any], unseen: Path) -> Reading | None:
        path = unseen / self.table
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        header, *rest = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines] or [[]]
        row = next((cells for cells in rest if tuple(cells[: len(self.row)]) == self.row), None)
        if row is None:
            return None
        found = dict(zip(header, row, strict=True))
        number = NUMBER.match(found[self.column])
        return (f"{self.row[0]}, out of fold: {found['over']}", found[self.column], float(number[0])) if number else None


@dataclass(frozen=True)
class Gated:
    """The part of the good pictures of several sources together that the gates refused or deferred."""

    parts: tuple[tuple[str, str], ...]
    """Record and source."""

    def read(self, records: dict[str, Any], unseen: Path) -> Reading | None:
        found = [_of_source(records, name, source) for name, source in self.parts]
        known = [figures for figures in found if figures]
        if len(known) < len(self.parts):
            return None
        pictures = sum(figures["pictures"] for figures in known)
        gated = pictures - sum(figures["statuses"].get("done", 0) for figures in known)
        where = f"{' and '.join(source for _, source in self.parts)}, test: {gated} of {pictures} pictures"
        return where, told_with(gated / pictures, share_interval(gated, pictures)), gated / pictures


def _of_source(records: dict[str, Any], record: str, source: str) -> dict[str, Any] | None:
    sources = records.get(record, {"sources": []})["sources"]
    return next((figures for figures in sources if figures["source"] == source), None)


@dataclass(frozen=True)
class Aim:
    """A figure, where it is read, and the bound that it should keep."""

    figure: str
    place: Recorded | Unseen | Gated
    bound: float
    least: bool = True
    """Whether the bound is the least that is aimed at; else the most."""
    on_test: Recorded | None = None
    """The pipeline's own figure on test, of an aim that is read out of fold."""


HOME, AWAY, AWAY_TEST = "yolospine-test", "spider-val-and-test", "spider-test"
BULGE, STRICT = "classification bulgeOrHerniation", "classification herniation"
SPACE, T2_CANAL = ("space",), ("t2w, shows the canal",)
SPACE_TEST = {
    name: Recorded(AWAY_TEST, "spider-space", f"segmentation {path}")
    for name, path in (("mIoU", "meanIou"), ("dice/vertebra", "dice vertebra"), ("dice/disc", "dice disc"), ("dice/canal", "dice canal"))
}
AIMS = (
    Aim("Lumbar regions, mAP50", Recorded(HOME, "yolospine", "region ap50"), 0.99),
    Aim("Discs, mAP50", Recorded(HOME, "yolospine", "discs ap50"), 0.99),
    Aim("Discs, mAP50-95", Recorded(HOME, "yolospine", "discs ap50To95"), 0.68),
    Aim("Discs, mAP50", Recorded(AWAY, "spider-t2", "discs ap50"), 0.97),
    Aim("Discs, mAP50-95", Recorded(AWAY, "spider-t2", "discs ap50To95"), 0.57),
    Aim("Pictures with all five discs found", Recorded(HOME, "yolospine", "discs allFound"), 0.98),
    Aim("Pictures with all five discs found", Recorded(AWAY, "spider-space", "discs allFound"), 0.98),
    Aim("Discs that are not there, a picture", Recorded(HOME, "yolospine", "discs falsePerPicture"), 0.05, least=False),
    Aim("Discs named right and certain", Recorded(AWAY, "spider-t2", "levels rightAndCertain"), 0.97),
    Aim("Discs named right and certain", Recorded(AWAY, "spider-space", "levels rightAndCertain"), 0.97),
    Aim("Discs named right and certain", Recorded(HOME, "yolospine", "levels rightAndCertain"), 0.97),
    Aim("Certain names that are wrong", Recorded(AWAY, "spider-t2", "levels certainWrong"), 0.01, least=False),
    Aim("Certain names that are wrong", Recorded(AWAY, "spider-space", "levels certainWrong"), 0.01, least=False),
    Aim("Certain names that are wrong", Recorded(HOME, "yolospine", "levels certainWrong"), 0.01, least=False),
    Aim("Cut off above L5-S1: names that are certain", Recorded(HOME, "yolospine", "cutOff certain"), 0.02, least=False),
    Aim("Cut off above L5-S1: names that are certain", Recorded(AWAY, "spider-t2", "cutOff certain"), 0.02, least=False),
    Aim("Cut off above L5-S1: names that are certain", Recorded(AWAY, "spider-space", "cutOff certain"), 0.02, least=False),
    Aim("Bulge or herniation, ROC AUC", Recorded(HOME, "yolospine", f"{BULGE} rocAuc"), 0.967),
    Aim(
        "Bulge or herniation, ROC AUC", Unseen("figures.md", ("spider, labelled boxes", "bulgeOrHerniation"), "ROC AUC"), 0.925,
        on_test=Recorded(AWAY_TEST, "spider-t2", f"{BULGE} rocAuc"),
    ),
    Aim(
        "Herniation, ROC AUC", Unseen("figures.md", ("yolospine", "herniation"), "ROC AUC"), 0.94,
        on_test=Recorded(HOME, "yolospine", f"{STRICT} rocAuc"),
    ),
    Aim("Bulge or herniation, calibration error above chance", Recorded(HOME, "yolospine", f"{BULGE} calibrationExcess"), 0.02, least=False),
    Aim("Herniation, calibration error above chance", Recorded(HOME, "yolospine", f"{STRICT} calibrationExcess"), 0.02, least=False),
    Aim("Bulge or herniation, calibration error above chance", Recorded(AWAY, "spider-t2", f"{BULGE} calibrationExcess"), 0.02, least=False),
    Aim("Herniation, calibration error above chance", Recorded(AWAY, "spider-t2", f"{STRICT} calibrationExcess"), 0.02, least=False),
    Aim("Segmentation, mean IoU", Unseen("masks.md", SPACE, "mIoU"), 0.86, on_test=SPACE_TEST["mIoU"]),
    Aim("Vertebrae, Dice", Unseen("masks.md", SPACE, "dice/vertebra"), 0.93, on_test=SPACE_TEST["dice/vertebra"]),
    Aim("Discs, Dice", Unseen("masks.md", SPACE, "dice/disc"), 0.89, on_test=SPACE_TEST["dice/disc"]),
    Aim("Canal, Dice", Unseen("masks.md", SPACE, "dice/canal"), 0.95, on_test=SPACE_TEST["dice/canal"]),
    Aim("Segmentation, mean IoU", Unseen("masks.md", T2_CANAL, "mIoU"), 0.80, on_test=Recorded(AWAY_TEST, "spider-t2w", "segmentation meanIou")),
    Aim("Pictures refused or deferred", Gated(((HOME, "yolospine"), (AWAY_TEST, "spider-t2"))), 0.10, least=False),
)


def glance_section(results: Path) -> list[str]:
    """A row an aim whose record is there; nothing without records of the shipped pack."""
    rows = list(_rows(read_records(results, FOLDER), results / UNSEEN))
    if not rows:
        return []
    return [
        "## At a glance",
        "",
        "Evaluations are the TypeScript pipeline's (`discflow evaluate`); `out of fold` are networks of the same recipes on"
        " patients that they were not trained on (Python), read where `test` holds too few cases, to three decimals; the"
        " pipeline's own figure on `test` stands beside. Where an aim is missed,"
        " [what was tried](#what-is-not-reached-and-what-was-tried) is told below.",
        "",
        *tables.markdown_table(("Figure", "Measured on", "Aim", "Reached (95 %)", "", "On test, where read out of fold"), rows),
        "",
    ]


def _rows(records: dict[str, Any], unseen: Path) -> Iterator[Sequence[str]]:
    for aim in AIMS:
        found = aim.place.read(records, unseen)
        if found:
            where, reached, value = found
            short = aim.bound - value if aim.least else value - aim.bound
            verdict = f"**missed by {short:.3f}**" if short > 0 else "met"
            bound = f"{'≥' if aim.least else '≤'} {aim.bound:g}"
            yield aim.figure, where, bound, reached, verdict, _on_test(aim, records, unseen)


def _on_test(aim: Aim, records: dict[str, Any], unseen: Path) -> str:
    """`0.932 (0.868 to 0.979), 255 discs, 12 positive, 50 patients`; nothing where the aim itself is read from evaluations."""
    found = aim.on_test.read(records, unseen) if aim.on_test else None
    return f"{found[1]}, {found[0].partition(': ')[2]}" if found else ""
