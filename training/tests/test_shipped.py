"""The shipped pack's part of the results page: what is kept of an evaluation, and how its figures are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from discflow_training.paper.page import main
from discflow_training.paper.shipped import record_evaluation, shipped_section


def estimate(value: float | None) -> dict[str, Any]:
    return {"value": value, "ci95": None if value is None else [value - 0.01, value + 0.01]}


def classified(value: float | None) -> dict[str, Any]:
    names = ("rocAuc", "balancedAccuracy", "recall", "specificity")
    return {"patients": 2, "discs": 10, "positives": 4, **{name: estimate(value) for name in names}}


def evaluation() -> dict[str, Any]:
    figures = {
        "source": "phantoms",
        "pictures": 2,
        "patients": 2,
        "statuses": {"done": 1, "rejected": 1},
        "discs": {"truths": 10, "patients": 2, "ap50": estimate(0.99)},
        "classification": {"herniation": classified(None), "bulgeOrHerniation": classified(0.9)},
        "subsets": [
            {
                "by": "slice",
                "name": "shows the canal",
                "classification": None,
                "segmentation": {
                    "pictures": 2,
                    "patients": 1,
                    "meanIou": estimate(0.8),
                    "meanDice": estimate(0.9),
                },
            },
            {"by": "level", "name": "L5-S1", "classification": {"herniation": classified(0.7)}, "segmentation": None},
        ],
    }
    return {
        "data": "FOLDER",
        "splits": ["test"],
        "pack": {"name": "some-pack", "version": "1.2.3"},
        "sources": [figures],
        "tiers": [
            {
                "source": "phantoms", "tier": "single", "networksMs": {"median": 31.4, "p95": 41.6, "pictures": 2},
                "classification": {
                    "herniation": None,
                    "bulgeOrHerniation": {**classified(0.9), "rocAucAboveReference": estimate(-0.02)},
                },
                "meanIou": estimate(0.8),
            }
        ],
        "worst": [{"picture": "a name"}],
    }


def recorded(tmp_path: Path, name: str) -> str:
    (tmp_path / "metrics.json").write_text(json.dumps(evaluation()))
    record_evaluation(tmp_path, name, tmp_path)
    return "\n".join(shipped_section(tmp_path))


def test_a_recorded_evaluation_names_no_picture(tmp_path: Path) -> None:
    recorded(tmp_path, "test")
    assert "a name" not in (tmp_path / "shipped" / "test.json").read_text()


def test_figures_carry_interval_and_counts_and_an_unknown_one_a_dash(tmp_path: Path) -> None:
    page = recorded(tmp_path, "test")
    assert "### some-pack 1.2.3, `npx discflow evaluate --data FOLDER --split test`" in page
    assert "phantoms: 2 pictures of 2 patients (done 1, rejected 1)" in page
    assert "| discs, mAP50 | 0.990 (0.980 to 1.000) | 10 truths, 2 patients |" in page
    assert "| classification, herniation, ROC AUC | – | 10 discs, 4 positives, 2 patients |" in page
    assert "| level L5-S1 | herniation | 0.700 (0.690 to 0.710) |" in page
    assert "| slice shows the canal | 0.800 (0.790 to 0.810) | 0.900 (0.890 to 0.910) | 2 pictures, 1 patients |" in page


def test_imitated_scanners_stand_in_one_table(tmp_path: Path) -> None:
    page = recorded(tmp_path, "disturbed-noisy")
    assert "| noisy | done 1, rejected 1 | 0.990 (0.980 to 1.000) | 0.900 (0.890 to 0.910) | – |" in page
    assert "evaluate --data" not in page


def test_without_an_evaluation_the_page_says_how_to_record_one(tmp_path: Path) -> None:
    assert "results --record NAME=DIR" in "\n".join(shipped_section(tmp_path))
    with pytest.raises(FileNotFoundError):
        record_evaluation(tmp_path, "test", tmp_path / "nowhere")


def test_tiers_stand_beside_the_ensemble_with_their_times(tmp_path: Path) -> None:
    page = recorded(tmp_path, "phantoms")
    row = next(line for line in page.splitlines() if line.startswith("| phantoms | single |"))
    assert "| 31, 42 | 0.900 (0.890 to 0.910) | -0.020 (-0.030 to -0.010) | 0.900" in row
    assert row.endswith("| 0.800 (0.790 to 0.810) |")


def test_evaluations_of_several_record_options_are_all_kept(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps(evaluation()))
    main(["--results", str(tmp_path / "results"), "--record", f"a={tmp_path}", f"b={tmp_path}", "--record", f"c={tmp_path}"])
    assert sorted(path.stem for path in (tmp_path / "results" / "shipped").glob("*.json")) == ["a", "b", "c"]
