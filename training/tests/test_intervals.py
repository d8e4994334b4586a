"""Figures with intervals over patients and paired differences."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from discflow_training.paper.intervals import (
    answer_figures,
    answers,
    area_under_curve,
    classification_figures,
    overlap_of_counts,
    paired_difference,
    resampled,
    resampled_areas,
)
from discflow_training.segment import confusion, overlap_figures


def test_answers_give_the_papers_figures() -> None:
    p, labels = np.array([0.9, 0.4, 0.6, 0.1, 0.2]), np.array([1, 1, 0, 0, 0])
    figures = answer_figures(answers(p, labels).sum(axis=0))
    assert {name: round(float(value), 4) for name, value in figures.items()} == {
        "accuracy": 0.6, "balancedAccuracy": 0.5833, "specificity": 0.6667, "precision": 0.5, "recall": 0.5, "f1": 0.5,
    }


def test_the_area_counts_ties_by_half() -> None:
    rng = np.random.default_rng(0)
    p, labels = rng.integers(0, 5, 60) / 5, rng.integers(0, 2, 60)
    assert area_under_curve(p, labels) == pytest.approx(roc_auc_score(labels, p))
    assert np.isnan(area_under_curve(p, np.ones(60, dtype=int)))


def test_patients_are_drawn_whole() -> None:
    drawn = resampled(np.array([[1.0], [1.0], [5.0]]), ["a", "a", "b"], 300)
    assert set(drawn[:, 0]) == {4.0, 7.0, 10.0}


def test_an_interval_holds_its_value_and_one_patient_has_none() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 200)
    p = np.clip(labels * 0.3 + rng.random(200) * 0.7, 0, 1)
    figures = classification_figures(p, labels, [str(i // 5) for i in range(200)])
    assert figures["n"] == 200 and figures["patients"] == 40
    low, high = figures["auc"]["ci95"]
    assert low < figures["auc"]["value"] < high
    alone = classification_figures(p, labels, ["one"] * 200)
    assert alone["accuracy"]["ci95"][0] == alone["accuracy"]["ci95"][1]


def test_the_same_answers_differ_by_nought_with_certainty() -> None:
    p, labels, patients = np.linspace(0, 1, 20), np.arange(20) % 2, [str(i) for i in range(20)]
    areas = resampled_areas(p, labels, patients, 200)
    assert paired_difference(0.0, areas, areas) == {"value": 0.0, "ci95": [0.0, 0.0], "p": 1.0}


def test_overlaps_agree_with_the_segmenters_own_figures() -> None:
    rng = np.random.default_rng(0)
    counts = confusion(rng.integers(0, 4, 500), rng.integers(0, 4, 500))
    ours, theirs = overlap_of_counts(counts.reshape(16)), overlap_figures(counts)
    assert round(float(ours["mIoU"]), 4) == theirs["mIoU"]
    assert round(float(ours["mIoUWithBackground"]), 4) == theirs["mIoU with background"]
    assert round(float(ours["iou/disc"]), 4) == theirs["iou/disc"]
