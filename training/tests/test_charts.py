"""Charts of the results page: curves by epoch, and the weighted average's answers beside the paper's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from discflow_training.paper.average_chart import average_section, roc_points
from discflow_training.paper.charts import curves_chart, losses, scores


def run(kind: str, figure: str, **settings: Any) -> dict[str, Any]:
    curves = [{"loss": loss, "val": {"loss": loss + 1, figure: value}} for loss, value in ((3.0, 0.5), (2.0, 0.75), (1.0, 1.0))]
    return {"configuration": {"kind": kind, **settings}, "curves": curves, "cases": "discs"}


RUNS = {
    "vgg16-disc-finetuned": run("classifier", "accuracy", family="vgg16", view="disc", stage="finetuned"),
    "unet-resnet34-dice-focal": run("segmenter", "mIoU", decoder="unet", encoder="resnet34", loss="dice-focal"),
    "yolov8n-disc": run("detector", "mAP50", task="disc"),
}


def test_detectors_have_curves_beside_classifiers_and_segmenters() -> None:
    for title, lines_of, of_a_run in (("Loss", losses, 2), ("Reached", scores, 1)):
        chart = curves_chart(RUNS, title, lines_of)
        assert all(f">{panel}<" in chart for panel in ("Classifiers, finetuned", "U-Net", "Detectors"))
        assert chart.count("<polyline") == 3 * of_a_run and chart.count("stroke-dasharray") == 3 * (of_a_run - 1)
    assert "0.50 to 1.00, 3 epochs" in curves_chart(RUNS, "Reached", scores)


def test_the_average_is_counted_beside_the_papers_and_its_curve_drawn(tmp_path: Path) -> None:
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "discs.json").write_text(json.dumps({"test": {"label": [1, 1, 0, 0, 0]}}))
    predictions = {method: [0.9, 0.4, 0.6, 0.1, 0.2] for method in ("wae", "aem", "single")}
    group = {"configuration": {"members": ["vgg16-disc-finetuned"]}, "predictions": {"test": predictions}}
    page = average_section(RUNS, {"classifiers-disc-finetuned": group}, tmp_path, tmp_path / "pictures")
    assert "| positive | 46 / 1 | 1 / 1 |" in page and "| negative | 0 / 1 | 111 / 2 |" in page
    assert (tmp_path / "pictures" / "average.svg").read_text().count("<polyline") == 3
    assert average_section(RUNS, {}, tmp_path, tmp_path / "pictures") == []


def test_a_curve_steps_from_nothing_found_to_everything_found() -> None:
    points = roc_points(np.array([0.9, 0.4, 0.6, 0.1]), np.array([1, 1, 0, 0]))
    assert points.tolist() == [[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1]]
