"""Figures with intervals over patients and paired differences."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from discflow_training.overlap import confusion, overlap_figures
from discflow_training.paper.intervals import (
    answer_figures,
    answers,
    area_under_curve,
    classification_figures,
    interval,
    overlap_of_counts,
    paired_difference,
    patient_swaps,
    resampled,
    resampled_areas,
    share_interval,
    swapped_areas,
    swapped_figures,
    told_with,
)


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
    assert alone["accuracy"]["value"] == figures["accuracy"]["value"] and alone["accuracy"]["ci95"] is None
    assert told_with(0.5, [0.5, 0.5]) == told_with(0.5, None) == "0.500"


def test_figures_are_rounded_as_the_evaluation_rounds_them() -> None:
    assert told_with(0.0625, [-0.0625, 0.1875]) == "0.063 (-0.063 to 0.188)"
    assert told_with(0.926356, [0.708491, 1.3065]) == "0.926 (0.708 to 1.306)"
    assert told_with(-0.0002, [-0.0214, -0.0]) == "-0.000 (-0.021 to -0.000)"


def test_the_same_answers_differ_by_nought_without_an_interval() -> None:
    p, labels, patients = np.linspace(0, 1, 20), np.arange(20) % 2, [str(i) for i in range(20)]
    areas = resampled_areas(p, labels, patients, 200)
    swapped = swapped_areas(p, p, labels, patients)
    assert paired_difference(0.0, areas, areas, swapped) == {"value": 0.0, "ci95": None, "p": 1.0}


def test_answers_are_counted_as_hits_misses_false_alarms_and_right_negatives_and_positive_from_the_threshold_on() -> None:
    counted = answers(np.array([0.5, 0.1, 0.8, 0.2]), np.array([1, 1, 0, 0]))
    assert counted.tolist() == np.eye(4).tolist()


def test_an_interval_holds_the_middle_95_percent_of_resamples_that_are_defined() -> None:
    assert interval(np.append(np.arange(1001) / 1000, np.nan)) == [0.025, 0.975]


def test_of_many_patients_the_first_swap_exchanges_none_and_the_others_some() -> None:
    swaps, index = patient_swaps([f"{patient:02}" for patient in range(40)])
    assert not swaps[0].any() and swaps[1:].any(axis=1).all()
    assert index.tolist() == list(range(40))


def test_a_share_has_its_exact_interval() -> None:
    assert share_interval(0, 13) == [0.0, pytest.approx(1 - 0.025 ** (1 / 13), abs=1e-4)]
    assert share_interval(13, 13) == [pytest.approx(0.025 ** (1 / 13), abs=1e-4), 1.0]
    assert share_interval(5, 72) == pytest.approx([0.0229, 0.1547], abs=1e-3)


@pytest.mark.parametrize("patients", [3, 6, 9])
def test_few_patients_who_all_agree_give_the_least_p_that_they_can(patients: int) -> None:
    better = np.tile([9.0, 1.0, 1.0, 9.0], (patients, 1))
    worse = np.tile([8.0, 2.0, 2.0, 8.0], (patients, 1))
    names = [str(i) for i in range(patients)]
    swapped = swapped_figures(better, worse, names, answer_figures)["accuracy"]
    assert len(swapped) == 2**patients
    found = paired_difference(0.1, *(np.array([0.1]), np.array([0.0])), swapped)
    assert found["p"] == pytest.approx(2 / 2**patients, abs=1e-4)


def test_methods_alike_but_for_chance_rarely_differ_and_unlike_ones_do() -> None:
    rng = np.random.default_rng(3)
    labels, patients = rng.integers(0, 2, 200), [str(i // 2) for i in range(200)]
    first, second = (np.clip(labels * 0.3 + rng.random(200) * 0.7, 0, 1) for _ in range(2))
    noise = rng.random(200)

    def p_of(other: np.ndarray) -> float:
        whole = area_under_curve(first, labels) - area_under_curve(other, labels)
        return paired_difference(whole, np.array([whole]), np.array([0.0]), swapped_areas(first, other, labels, patients))["p"]

    assert p_of(second) > 0.05
    assert p_of(noise) < 0.01


def test_overlaps_agree_with_the_segmenters_own_figures() -> None:
    rng = np.random.default_rng(0)
    counts = confusion(rng.integers(0, 4, 500), rng.integers(0, 4, 500))
    ours, theirs = overlap_of_counts(counts.reshape(16)), overlap_figures(counts)
    assert round(float(ours["mIoU"]), 4) == theirs["mIoU"]
    assert round(float(ours["mIoUWithBackground"]), 4) == theirs["mIoU with background"]
    assert round(float(ours["iou/disc"]), 4) == theirs["iou/disc"]
