"""Small SVG charts of the results page: figures with intervals, and learning curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..classifiers import TITLES as CLASSIFIER_TITLES
from ..decoders import ENCODER_TITLES, PAPER_ZOO
from ..decoders import TITLES as DECODER_TITLES
from .protocol import CLASSIFIERS
from .svg import document, text
from .tables import figures_of, method_figures

ROW, LEFT, RIGHT, TOP = 18, 190, 430, 24
PANEL_WIDTH, PANEL_HEIGHT, PANEL_GAP = 220, 120, 74
COLOURS = ("#3366aa", "#cc6633", "#339966", "#aa3377", "#888822", "#555555")

DASHED = ' stroke-dasharray="3 3"'
SCORES = {"classifier": "accuracy", "segmenter": "mIoU", "detector": "mAP50"}

Row = tuple[str, float, Sequence[float]]
Line = tuple[list[float], str]
"""Values by epoch, and how their line is dashed."""


def write_charts(runs: dict[str, Any], ensembles: dict[str, Any], folder: Path) -> dict[str, str]:
    """Write the charts that the records allow; returns the Markdown of each by name."""
    drawn = {
        "classifiers": interval_chart("Accuracy on test, fine-tuned", _classifier_rows(runs, ensembles)),
        "segmenters": interval_chart("mIoU without background on test", _segmenter_rows(runs, ensembles)),
        "curves": curves_chart(runs, "Loss by epoch", losses),
        "scores": curves_chart(runs, "What val reached by epoch", scores),
    }
    texts = {
        "classifiers": "Accuracy of each classifier and average with intervals",
        "segmenters": "Mean IoU of each segmenter and average with intervals",
        "curves": "Loss by epoch, on val drawn through, on train dashed",
        "scores": "Accuracy, mean IoU and mAP50 on val by epoch",
    }
    links = {}
    for name, picture in drawn.items():
        if picture:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.svg").write_text(picture, encoding="utf-8")
            links[name] = f"![{texts[name]}]({folder.name}/{name}.svg)"
    return links


def _classifier_rows(runs: dict[str, Any], ensembles: dict[str, Any]) -> list[Row]:
    found = [(CLASSIFIER_TITLES[name], figures_of(runs.get(f"{name}-disc-finetuned"))) for name in CLASSIFIERS]
    found += [(name.upper(), method_figures(ensembles, "classifiers-disc-finetuned", name)) for name in ("aem", "wae")]
    return [_row(title, part["accuracy"]) for title, part in found if part]


def _segmenter_rows(runs: dict[str, Any], ensembles: dict[str, Any]) -> list[Row]:
    found = [
        (
            f"{DECODER_TITLES[decoder]} {ENCODER_TITLES[encoder]}",
            figures_of(runs.get(f"{decoder}-{encoder}-dice-focal")),
        )
        for decoder, encoder in PAPER_ZOO
    ]
    found += [(name.upper(), method_figures(ensembles, "segmenters-dice-focal", name)) for name in ("aem", "wae")]
    return [_row(title, part["mIoU"]) for title, part in found if part]


def _row(title: str, found: dict[str, Any]) -> Row:
    return title, found["value"], found["ci95"] or [found["value"]] * 2


def interval_chart(title: str, rows: Sequence[Row]) -> str:
    """One row a network: a dot with its interval; empty where there is no row."""
    if not rows:
        return ""
    low = max(0.0, min(ends[0] for _, _, ends in rows) - 0.02)
    high = min(1.0, max(ends[1] for _, _, ends in rows) + 0.02)

    def across(value: float) -> float:
        return LEFT + (value - low) / (high - low) * (RIGHT - LEFT)

    parts = [text(LEFT, 14, title)]
    for index, (name, value, (first, last)) in enumerate(rows):
        y = TOP + ROW * index + ROW / 2
        parts.append(text(LEFT - 8, y + 4, name, "end"))
        parts.append(
            f'<line x1="{across(first):.1f}" x2="{across(last):.1f}" y1="{y}" y2="{y}" stroke="{COLOURS[0]}"/>'
        )
        parts.append(f'<circle cx="{across(value):.1f}" cy="{y}" r="3.5" fill="{COLOURS[0]}"/>')
        parts.append(text(RIGHT + 8, y + 4, f"{100 * value:.1f} %"))
    bottom = TOP + ROW * len(rows)
    parts += [text(LEFT, bottom + 14, f"{100 * low:.0f} %"), text(RIGHT, bottom + 14, f"{100 * high:.0f} %", "end")]
    return document(RIGHT + 70, bottom + 22, title, parts)


def losses(record: dict[str, Any]) -> tuple[Line, ...]:
    """The loss of each epoch on train, dashed, and on val."""
    curves = record["curves"]
    return ([curve["loss"] for curve in curves], DASHED), ([curve["val"]["loss"] for curve in curves], "")


def scores(record: dict[str, Any]) -> tuple[Line, ...]:
    """What val reached in each epoch, by the figure of the run's kind."""
    name = SCORES[record["configuration"]["kind"]]
    return (([curve["val"][name] for curve in record["curves"]], ""),)


def curves_chart(runs: dict[str, Any], title: str, lines_of: Callable[[dict[str, Any]], tuple[Line, ...]]) -> str:
    """A panel a family of runs, with the lines of each run by epoch; empty where there is no run."""
    groups: dict[str, list[tuple[str, tuple[Line, ...]]]] = {}
    for _, record in sorted(runs.items()):
        group, label = _panel_of(record["configuration"])
        if group:
            groups.setdefault(group, []).append((label, lines_of(record)))
    parts = []
    for index, (group, curves) in enumerate(sorted(groups.items())):
        left, top = 20 + (index % 3) * (PANEL_WIDTH + 24), 40 + (index // 3) * (PANEL_HEIGHT + PANEL_GAP)
        parts += _panel(left, top, group, curves)
    rows = -(-len(groups) // 3)
    if not groups:
        return ""
    return document(20 + 3 * (PANEL_WIDTH + 24), 20 + rows * (PANEL_HEIGHT + PANEL_GAP), title, parts)


def _panel_of(settings: dict[str, Any]) -> tuple[str, str]:
    if settings["kind"] == "classifier" and settings["view"] == "disc":
        return f"Classifiers, {settings['stage']}", CLASSIFIER_TITLES[settings["family"]]
    if settings["kind"] == "segmenter" and settings["loss"] == "dice-focal":
        return DECODER_TITLES[settings["decoder"]], ENCODER_TITLES[settings["encoder"]]
    if settings["kind"] == "detector":
        return "Detectors", {"lumbar": "region", "disc": "discs"}[settings["task"]]
    return "", ""


def _panel(left: int, top: int, title: str, curves: Sequence[tuple[str, tuple[Line, ...]]]) -> list[str]:
    drawn = [line for _, lines in curves for line in lines]
    longest = max(len(values) for values, _ in drawn)
    whole = np.concatenate([np.array(values) for values, _ in drawn])
    with_losses = any(dashes for _, dashes in drawn)
    low, high = float(whole.min()), float(np.quantile(whole, 0.95) if with_losses else whole.max()) + 1e-6
    parts = [
        text(left, top - 18, title),
        text(left, top - 5, f"{low:.2f} to {high:.2f}, {longest} epochs", colour="#777"),
    ]
    parts.append(
        f'<rect x="{left}" y="{top}" width="{PANEL_WIDTH}" height="{PANEL_HEIGHT}" fill="none" stroke="#bbb"/>'
    )
    for index, (label, lines) in enumerate(curves):
        colour = COLOURS[index % len(COLOURS)]
        for values, dashes in lines:
            points = " ".join(
                f"{left + PANEL_WIDTH * i / max(1, longest - 1):.1f},{top + PANEL_HEIGHT * (1 - min(1, (v - low) / (high - low))):.1f}"
                for i, v in enumerate(values)
            )
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}"{dashes}/>')
        x, y = left + (index % 3) * 76, top + PANEL_HEIGHT + 14 + (index // 3) * 14
        parts.append(text(x, y, label, colour=colour))
    return parts
