"""`docs/results.md` from recorded JSON: `python -m discflow_training results`."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..faults import InputFault
from . import ensemble_tables, tables
from .average_chart import average_section
from .charts import write_charts
from .errors import errors_section
from .glance import glance_section
from .looks import looks_section
from .protocol import OPEN_POINTS
from .published import CANNOT_BE_COMPARED
from .records import DEFAULT_RESULTS, read_records
from .shipped import record_evaluation, shipped_section
from .sizes import read_speed, sizes_section

DEFAULT_PAGE = Path(__file__).resolve().parents[3] / "docs" / "results.md"
SCHEDULE = (
    "Width, pixels and epochs above are what was trained. Where they are below the published networks' (width 1; the paper's"
    " 100, 35 and 30 epochs for detectors, classifiers and segmenters, and ImageNet weights), a figure below the paper's tells"
    " nothing of the paper's method. A row of one slice or of three patients is no evidence either way."
)
CURVES = (
    "Loss by epoch, on val drawn through, on train dashed; the highest twentieth of a panel's losses lies at its upper edge."
    " Below, what val reached: accuracy of classifiers, mean IoU of segmenters, mAP50 of detectors."
)
PARITY = (
    "Seconds are those of the training, some of it beside other runs. The last column is the largest difference between a"
    " probability of the torch network and the same picture's through the exported file and the pipeline's own TypeScript, on"
    " 20 drawn pictures (`parity`, `scripts/network-parity.ts`); of a detector between confidences, and in brackets between"
    " edges of boxes, in pixels of the picture."
)


def page_beside(results: Path) -> Path:
    """The repository's page for the repository's records, otherwise a page among the records."""
    return DEFAULT_PAGE if results.resolve() == DEFAULT_RESULTS else results / "results.md"


def write_page(results: Path, out: Path = DEFAULT_PAGE) -> None:
    """Write the page and its charts; nothing but the records decides what they say."""
    runs, ensembles = read_records(results), read_records(results, "ensembles")
    charts = write_charts(runs, ensembles, out.parent / "results")
    lines = [
        "# Results",
        "",
        "Written by `python -m discflow_training results` from `training/results`; do not edit by hand. Intervals are 95 % over"
        " patients drawn with replacement. The shipped pack's figures are shares, those of the paper's protocol percent; where"
        " two are parted by `/`, the first is the paper's.",
        "",
        *glance_section(results),
        *shipped_section(results, errors_section(results, out.parent / "results")),
        *_zoo(
            runs, ensembles, charts, average_section(runs, ensembles, results, out.parent / "results"), read_parity(results),
            read_speed(results),
        ),
        *looks_section(results, [*runs.values(), *ensembles.values()]),
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _zoo(
    runs: dict[str, Any], ensembles: dict[str, Any], charts: dict[str, str], average: Sequence[str], parity: dict[str, Any],
    speed: dict[str, Any] | None,
) -> list[str]:
    """The paper's protocol: tables beside the paper's, then what may not be read from them."""
    networks = {name: record for name, record in runs.items() if record["configuration"]["kind"] != "pretraining"}
    return [
        "## The paper's protocol on public data (Python)",
        "",
        "Rows of this section come from `python -m discflow_training reproduce` in PyTorch, not from the shipped pack.",
        "",
        *_settings(networks),
        "",
        SCHEDULE,
        "",
        "### Detection (figure 3)",
        "",
        *tables.detection_table(networks),
        "",
        "### Table 1: ablations",
        "",
        *tables.table_1(ensembles),
        "",
        "Out of fold stand train and val patients, answered by runs that were not trained on them; WAE's weights were chosen there.",
        "",
        "### Table 2: classifiers, bulge or herniation, test",
        "",
        *tables.table_2(networks, ensembles),
        "",
        *_sources(networks, ensembles),
        "The weighted average by level:",
        "",
        *tables.level_table(ensembles),
        "",
        *(["", charts["classifiers"], ""] if "classifiers" in charts else [""]),
        *average,
        "### Table 4: segmenters, test",
        "",
        *tables.table_4(networks, ensembles),
        "",
        *([charts["segmenters"], ""] if "segmenters" in charts else []),
        "### Table 5: segmentation ensemble",
        "",
        *tables.table_5(ensembles),
        "",
        "### What the ensembles buy",
        "",
        *ensemble_tables.ensemble_gains(ensembles),
        "",
        *ensemble_tables.weights_table(ensembles),
        "",
        "### Curves (figure 3)",
        "",
        *([CURVES, "", charts["curves"], "", charts["scores"], ""] if "curves" in charts else ["No run is recorded.", ""]),
        "### Sizes, and parity with TypeScript",
        "",
        PARITY,
        "",
        *sizes_section(networks, parity, speed),
        "### What cannot be compared",
        "",
        *(f"- {line}" for line in CANNOT_BE_COMPARED),
        "",
        "### What the paper leaves open",
        "",
        *(f"- {line}" for line in OPEN_POINTS),
        "",
    ]


def _settings(runs: dict[str, Any]) -> list[str]:
    """One sentence a kind of run: width, size, epochs."""
    lines = []
    for kind in ("detector", "classifier", "segmenter"):
        chosen = [record["configuration"] for record in runs.values() if record["configuration"]["kind"] == kind]
        if not chosen:
            lines.append(f"- No {kind} is recorded yet.")
            continue
        widths = sorted({settings["width"] for settings in chosen})
        sizes = sorted({_size(settings) for settings in chosen})
        epochs = sorted({settings["schedule"]["epochs"] for settings in chosen})
        lines.append(
            f"- {len(chosen)} {kind} runs: width {_list(widths)}, input {_list(sizes)} pixels, at most {_list(epochs)} epochs."
        )
    return lines


def _size(settings: dict[str, Any]) -> str:
    if settings["kind"] != "classifier":
        return f"{settings['input_width']} x {settings['input_height']}"
    return f"{settings['size']} x {settings['size']}"


def _list(values: Sequence[Any]) -> str:
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)


def _sources(runs: dict[str, Any], ensembles: dict[str, Any]) -> list[str]:
    """Table 2 by hospital, where test holds more than one source."""
    record = next((record for record in runs.values() if record["configuration"].get("view") == "disc"), None)
    sources = [name for name in (record["figures"]["test"] if record else {}) if name != "all"]
    lines: list[str] = []
    for source in sources:
        lines += [f"The same on {source} alone:", "", *tables.table_2(runs, ensembles, source), ""]
    return lines


def read_parity(results: Path) -> dict[str, Any]:
    """What `scripts/network-parity.ts` wrote, by run; empty where it was not run."""
    path = results / "parity.json"
    return json.loads(path.read_text()) if path.exists() else {}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m discflow_training results", description=__doc__)
    parser.add_argument("--results", type=Path, default=DEFAULT_RESULTS, help="folder of records")
    parser.add_argument(
        "--out", type=Path,
        help="the page (default: docs/results.md, of other records results.md among them); charts go into results/ beside it",
    )
    parser.add_argument(
        "--record", metavar="NAME=DIR", nargs="+", action="extend", default=[], help="first keep the figures that `discflow evaluate` wrote"
    )
    options = parser.parse_args(arguments)
    for argument in options.record:
        name, _, folder = argument.partition("=")
        if not folder or not re.fullmatch(r"[\w.-]+", name):
            raise InputFault(f"--record {argument}: a name and the folder of an evaluation, such as yolospine-test=DIR")
        record_evaluation(options.results, name, Path(folder))
    if not options.results.is_dir():
        raise InputFault(f"{options.results}: no folder of records")
    out = options.out or page_beside(options.results)
    write_page(options.results, out)
    print(out)
