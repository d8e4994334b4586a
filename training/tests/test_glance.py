"""The first table of the results page: aims beside what the records reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from discflow_training.paper.glance import glance_section

FIGURES = """| source | target | over | ROC AUC |
| --- | --- | --- | --- |
| yolospine | bulgeOrHerniation | 1980 discs | 0.990 (0.980 to 1.000) |
| yolospine | herniation | 1901 discs, 107 positive | 0.931 (0.920 to 0.940) |
"""

MASKS = """| source | over | mIoU | dice/vertebra | dice/disc | dice/canal |
|---|---|---|---|---|---|
| space | 140 slices | – | – | – | 0.948 |
"""


def estimate(value: float | None) -> dict[str, Any]:
    return {"value": value, "ci95": None if value is None else [value - 0.01, value + 0.01]}


def keep(results: Path, name: str, source: str, figures: dict[str, Any]) -> None:
    (results / "shipped").mkdir(exist_ok=True)
    found = {"source": source, "pictures": 40, "patients": 39, "statuses": {"done": 35, "needs_review": 5}, **figures}
    evaluation = {"splits": ["val", "test"], "sources": [found]}
    (results / "shipped" / f"{name}.json").write_text(json.dumps(evaluation))


def test_an_aim_that_is_reached_is_met_and_another_is_missed_by_what_it_lacks(tmp_path: Path) -> None:
    discs = {"truths": 200, "patients": 39, "ap50": estimate(0.995), "falsePerPicture": estimate(0.07)}
    keep(tmp_path, "yolospine-test", "yolospine", {"discs": {**discs, "ap50To95": estimate(None), "allFound": estimate(None)}})
    page = glance_section(tmp_path)
    where = "yolospine, val and test: 200 boxes, 39 patients"
    assert f"| Discs, mAP50 | {where} | ≥ 0.99 | 0.995 (0.985 to 1.005) | met |  |" in page
    assert f"| Discs that are not there, a picture | {where} | ≤ 0.05 | 0.070 (0.060 to 0.080) | **missed by 0.020** |  |" in page
    assert not any("mAP50-95" in line for line in page)


def test_a_figure_out_of_fold_is_read_from_the_row_of_its_source_and_target(tmp_path: Path) -> None:
    (tmp_path / "out-of-fold").mkdir()
    (tmp_path / "out-of-fold" / "figures.md").write_text(FIGURES)
    rows = [line for line in glance_section(tmp_path) if "out of fold:" in line]
    where = "yolospine, out of fold: 1901 discs, 107 positive"
    assert rows == [f"| Herniation, ROC AUC | {where} | ≥ 0.94 | 0.931 (0.920 to 0.940) | **missed by 0.009** |  |"]


def test_a_figure_out_of_fold_has_the_pipelines_own_on_test_beside_it(tmp_path: Path) -> None:
    (tmp_path / "out-of-fold").mkdir()
    (tmp_path / "out-of-fold" / "figures.md").write_text(FIGURES)
    (tmp_path / "out-of-fold" / "masks.md").write_text(MASKS)
    strict = {"discs": 255, "positives": 12, "patients": 50, "rocAuc": estimate(0.93), "calibrationExcess": estimate(None)}
    keep(tmp_path, "yolospine-test", "yolospine", {"classification": {"herniation": strict}})
    masks = {"pictures": 25, "patients": 5, "dice": {"canal": estimate(0.951)}}
    keep(tmp_path, "spider-test", "spider-space", {"segmentation": masks})
    ends = [line.split(" | ")[-1] for line in glance_section(tmp_path) if "out of fold:" in line]
    assert ends == ["0.930 (0.920 to 0.940), 255 discs, 12 positive, 50 patients |", "0.951 (0.941 to 0.961), 25 pictures, 5 patients |"]


def test_refused_and_deferred_pictures_of_both_sources_are_counted_together(tmp_path: Path) -> None:
    keep(tmp_path, "yolospine-test", "yolospine", {})
    assert not any("refused or deferred" in line for line in glance_section(tmp_path))
    keep(tmp_path, "spider-test", "spider-t2", {})
    assert glance_section(tmp_path)[-2].endswith("test: 10 of 80 pictures | ≤ 0.1 | 0.125 (0.062 to 0.218) | **missed by 0.025** |  |")


def test_without_records_there_is_nothing_to_glance_at(tmp_path: Path) -> None:
    assert glance_section(tmp_path) == []
