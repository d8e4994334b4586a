"""The weighted average of the fine-tuned classifiers on test (the paper's figure 5): its right and wrong answers, its curve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .intervals import answers
from .published import WAE_COUNTS
from .records import read_cases
from .svg import document, text
from .tables import markdown_table

GROUP = "classifiers-disc-finetuned"
COLOURS = {"wae": "#3366aa", "aem": "#339966", "single": "#cc6633"}
TITLES = {"wae": "WAE", "aem": "AEM", "single": "best single"}
SIDE, LEFT, TOP = 240, 48, 26
NAME = "average"


def average_section(runs: dict[str, Any], ensembles: dict[str, Any], results: Path, folder: Path) -> list[str]:
    """The counts beside the paper's and the curve, which goes into `folder`; nothing where the average is not recorded."""
    record = ensembles.get(GROUP)
    members = [runs[name] for name in record["configuration"]["members"] if name in runs] if record else []
    if not members:
        return []
    labels = np.array(read_cases(results, members[0]["cases"])["test"]["label"])
    by_method = {method: np.array(p) for method, p in record["predictions"]["test"].items()}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{NAME}.svg").write_text(roc_chart(by_method, labels), encoding="utf-8")
    return [
        "### The weighted average's answers (figure 5)",
        "",
        "Test discs by label and answer at a probability of one half. The paper's counts are those that its percentages fit.",
        "",
        *counts_table(by_method["wae"], labels),
        "",
        f"![Recall against the share of false positives]({folder.name}/{NAME}.svg)",
        "",
        "The cross is the paper's WAE at its one threshold; the paper's own curve is not printed in numbers.",
        "",
    ]


def counts_table(p: np.ndarray, labels: np.ndarray) -> list[str]:
    """Paper's and own counts of discs, the labels by rows."""
    hit, missed, false, right = (int(count) for count in answers(p, labels).sum(axis=0))
    paper = WAE_COUNTS
    rows = [
        ("positive", f"{paper[0]} / {hit}", f"{paper[1]} / {missed}"),
        ("negative", f"{paper[2]} / {false}", f"{paper[3]} / {right}"),
    ]
    return markdown_table(("Labelled", "Answered positive, paper / ours", "Answered negative, paper / ours"), rows)


def roc_points(p: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The share of false positives and the recall at every threshold, `n x 2`, from nought to one."""
    thresholds = [np.inf, *np.unique(p)[::-1]]
    positive = labels == 1
    return np.array([((p[~positive] >= least).mean(), (p[positive] >= least).mean()) for least in thresholds])


def roc_chart(by_method: dict[str, np.ndarray], labels: np.ndarray) -> str:
    """A curve a method, and the paper's one point."""

    def place(false: float, recall: float) -> tuple[float, float]:
        return LEFT + SIDE * false, TOP + SIDE * (1 - recall)

    parts = [
        text(LEFT, 16, "Recall against false positives, test"),
        f'<rect x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#bbb"/>',
        f'<line x1="{LEFT}" y1="{TOP + SIDE}" x2="{LEFT + SIDE}" y2="{TOP}" stroke="#ccc" stroke-dasharray="3 3"/>',
    ]
    for row, (method, p) in enumerate(sorted(by_method.items())):
        corners = [place(false, recall) for false, recall in roc_points(p, labels)]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[method]}"/>')
        parts.append(text(LEFT + SIDE - 8, TOP + SIDE - 12 - 14 * row, TITLES[method], "end", COLOURS[method]))
    hit, missed, false, right = WAE_COUNTS
    x, y = place(false / (false + right), hit / (hit + missed))
    parts.append(f'<path d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8" stroke="#333" stroke-width="1.5"/>')
    for share in (0, 0.5, 1):
        parts.append(text(LEFT + SIDE * share, TOP + SIDE + 14, f"{100 * share:.0f} %", "middle"))
        parts.append(text(LEFT - 6, TOP + SIDE * (1 - share) + 4, f"{100 * share:.0f} %", "end"))
    return document(LEFT + SIDE + 30, TOP + SIDE + 24, "Recall against the share of false positives", parts)
