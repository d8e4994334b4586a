"""Weights, calibration and thresholds on cases with known answers; assembling a pack."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit as sigmoid

from discflow_training import ensemble, out_of_fold
from discflow_training.__main__ import main
from discflow_training.calibration import balanced_accuracy, best_threshold, calibrated, fit_calibration, source_shares
from discflow_training.disc_data import Disc
from discflow_training.ensemble import (
    apply_target,
    carried_weights,
    combine,
    fit_segmentation,
    fit_segmenters,
    fit_target,
    fit_targets,
    fit_weights,
    search_weights,
    weight_grid,
)
from discflow_training.faults import InputFault
from discflow_training.fragment import DEFAULT_MODELS, find_member, upsert_member
from discflow_training.pack import PackError, assemble
from discflow_training.region_data import Region


def test_weight_grid_is_the_whole_simplex() -> None:
    grid = list(weight_grid(3, 10))
    assert len(grid) == 66
    assert all(w.min() >= 0 and w.sum() == pytest.approx(1) for w in grid)
    assert [w.tolist() for w in weight_grid(1, 4)] == [[1.0]]


def test_search_prefers_equal_weights_among_equals() -> None:
    assert search_weights(2, lambda w: 0.0).tolist() == [0.5, 0.5]
    assert search_weights(2, lambda w: -abs(w[0] - 0.3)).tolist() == [0.3, 0.7]


def test_calibration_finds_a_known_temperature_and_bias() -> None:
    rng = np.random.default_rng(0)
    log_odds = rng.normal(0, 2, 40_000)
    labels = (rng.random(40_000) < sigmoid((log_odds + 0.6) / 1.5)).astype(int)
    temperature, bias = fit_calibration(sigmoid(log_odds), labels)
    assert temperature == pytest.approx(1.5, abs=0.05)
    assert bias == pytest.approx(0.6, abs=0.05)


def test_sources_count_the_same_in_calibration_however_many_discs_they_have() -> None:
    shares = source_shares(["a"] * 30 + ["b"] * 10)
    assert shares.mean() == pytest.approx(1)
    assert shares[:30].sum() == pytest.approx(shares[30:].sum())
    labels = np.array([0] * 24 + [1] * 6 + [1] * 8 + [0] * 2)
    p = np.full(40, 0.5)
    _, bias = fit_calibration(np.tile(p, 50), np.tile(labels, 50), np.tile(shares, 50))
    assert sigmoid(bias) == pytest.approx(0.5, abs=0.01)


def test_calibration_of_classifiers_that_are_far_too_sure_finds_the_least_loss() -> None:
    rng = np.random.default_rng(1)
    log_odds = rng.normal(-0.8, 1.2, 4000)
    labels = (rng.random(4000) < sigmoid(log_odds)).astype(float)
    temperature, bias = fit_calibration(sigmoid(4 * log_odds + 2), labels)
    assert temperature == pytest.approx(4, abs=0.3) and bias == pytest.approx(-2, abs=0.3)


def test_calibration_at_its_highest_temperature_keeps_the_rate_of_positives() -> None:
    p, labels = np.tile([1e-6, 1 - 1e-6], 200), np.tile([1, 0, 0, 0], 100)
    temperature, bias = fit_calibration(p, labels)
    assert temperature == 5 and calibrated(p, temperature, bias).mean() == pytest.approx(0.25, abs=0.01)


def test_calibration_of_separable_scores_stays_finite() -> None:
    temperature, bias = fit_calibration(np.array([0.01, 0.02, 0.98, 0.99]), np.array([0, 0, 1, 1]))
    assert 0.2 <= temperature <= 5 and abs(bias) < 5


def test_calibration_of_probabilities_that_tell_nothing_leaves_them_as_they_are() -> None:
    assert fit_calibration(np.full(200, 0.5), np.arange(200) % 2) == (1.0, 0.0)


def test_calibration_never_turns_answers_round() -> None:
    temperature, _ = fit_calibration(np.tile([0.1, 0.9], 100), np.tile([1, 0], 100))
    assert temperature == 5


def test_threshold_lies_between_the_classes() -> None:
    p, labels = np.array([0.1, 0.2, 0.3, 0.8]), np.array([0, 0, 1, 1])
    threshold = best_threshold(p, labels)
    assert threshold == 0.25
    assert balanced_accuracy(p, labels, threshold) == 1


def test_of_thresholds_as_good_the_one_nearest_a_half_is_taken() -> None:
    assert best_threshold(np.array([0.1, 0.3, 0.6, 0.9]), np.array([0, 1, 0, 1])) == 0.75


def test_a_probability_at_the_threshold_is_positive() -> None:
    assert balanced_accuracy(np.array([0.5, 0.4]), np.array([1, 0]), 0.5) == 1


def test_calibrated_clips_and_rounds() -> None:
    assert calibrated(np.array([0.0, 1.0]), 1.0, 0.0).tolist() == [0.0, 1.0]
    assert calibrated(np.array([0.5]), 2.0, 1.0).tolist() == [0.6225]


def test_a_useless_member_gets_no_weight() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 400)
    good = np.clip(labels * 0.7 + 0.15 + rng.normal(0, 0.15, 400), 0.01, 0.99)
    target = fit_target(["good", "noise"], np.stack([good, rng.random(400)]), labels, np.arange(400) % 5)
    assert target["weights"].get("good", 0) >= 0.8


def test_weights_that_do_not_carry_over_to_other_folds_give_way_to_equal_ones() -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, 100)
    alike = np.clip(labels * 0.2 + 0.4 + rng.normal(0, 0.3, (4, 100)), 0.01, 0.99)
    assert not np.allclose(fit_weights(alike, labels), 0.25)
    assert carried_weights(alike, labels, np.arange(100) % 5).tolist() == [0.25] * 4


def test_one_fold_alone_has_equal_weights() -> None:
    labels = np.array([0, 1] * 20)
    members = np.stack([0.1 + 0.8 * labels, np.full(40, 0.5)])
    assert carried_weights(members, labels, np.zeros(40, dtype=int)).tolist() == [0.5, 0.5]


def maps_with_errors(mask: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Class probabilities that are sure, and wrong in a share of the pixels."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(mask.shape) < share
    answer = np.where(wrong, (mask + rng.integers(1, 4, mask.shape)) % 4, mask)
    return np.eye(4)[answer].transpose(2, 0, 1) * 0.9 + 0.025, (0, 0, mask.shape[1], mask.shape[0])


def test_segmenters_count_the_same_unless_other_weights_gain_enough() -> None:
    mask = np.random.default_rng(0).integers(0, 4, (80, 60)).astype(np.uint8)
    region = Region("a", "1", "val", "space", mask.astype(np.float32), mask, (0, 0, 60, 80))
    alike = {name: [maps_with_errors(mask, 0.1, seed)] for seed, name in enumerate("abcd")}
    assert fit_segmentation(alike, [region])["weights"] == dict.fromkeys("abcd", 0.25)
    unlike = {"a": [maps_with_errors(mask, 0.02, 0)], "b": [maps_with_errors(mask, 0.6, 1)]}
    assert fit_segmentation(unlike, [region])["weights"]["a"] > 0.5


def test_disagreement_is_the_weighted_deviation() -> None:
    target = {"weights": {"a": 0.5, "b": 0.5}, "temperature": 1, "bias": 0}
    p, spread = apply_target(target, {"a": np.array([0.2]), "b": np.array([0.6])})
    assert p.tolist() == [0.4] and spread.tolist() == [0.2]
    assert combine(np.array([[0.2], [0.6]]), np.array([0.5, 0.5])) == pytest.approx([0.4])


OWN = {"name": "our-pack", "version": "1.0.0", "licence": "CC0-1.0", "intendedUse": "Trials."}


def member(name: str, role: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "role": role, "file": f"{name}.onnx", "sha256": "", "bytes": 0, "output": {}, **more}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Fragments of a small pack; the files hold a few bytes."""
    target = {"method": "single", "weights": {"a": 1.0}, "temperature": 1.0, "bias": 0.0, "threshold": 0.5}
    networks = {
        "members": [member("a", "disc-classifier", output={"targets": ["herniation"]}), member("s", "spine-segmenter")],
        "targets": {"herniation": target},
        "segmentation": {"method": "single", "weights": {"s": 1.0}},
        "tiers": {"single": {"classifier": "a", "segmenter": "s"}},
    }
    (tmp_path / "members").mkdir()
    (tmp_path / "members" / "networks.json").write_text(json.dumps(networks))
    detectors = [member("l", "lumbar-detector"), member("d", "disc-detector")]
    (tmp_path / "members" / "detectors.json").write_text(json.dumps(detectors))
    for name in "asld":
        (tmp_path / f"{name}.onnx").write_bytes(name.encode())
    (tmp_path / "members" / "own.json").write_text(json.dumps(OWN))
    return tmp_path


def test_pack_joins_its_fragments_and_stamps_the_files(models: Path) -> None:
    assemble(models)
    manifest = json.loads((models / "manifest.json").read_text())
    assert [m["id"] for m in manifest["members"]] == ["l", "d", "a", "s"]
    assert {m["bytes"] for m in manifest["members"]} == {1}
    assert all(len(m["sha256"]) == 64 for m in manifest["members"])
    assert manifest["metrics"] == []


def test_pack_refuses_weights_that_do_not_sum_to_one(models: Path) -> None:
    path = models / "members" / "networks.json"
    path.write_text(path.read_text().replace('{"s": 1.0}', '{"s": 0.6}'))
    with pytest.raises(PackError, match=r"segmentation: weights sum to 0\.6"):
        assemble(models)
    assert not (models / "manifest.json").exists()


def test_pack_refuses_a_file_that_belongs_to_no_member(models: Path) -> None:
    (models / "old.onnx").write_bytes(b"old")
    with pytest.raises(PackError, match=r"old\.onnx belongs to no member"):
        assemble(models)


def test_a_fragment_names_a_pack_of_ones_own(models: Path) -> None:
    assemble(models)
    manifest = json.loads((models / "manifest.json").read_text())
    assert {name: manifest[name] for name in OWN} == OWN


def test_a_pack_of_ones_own_does_not_pass_for_the_default_one(models: Path) -> None:
    (models / "members" / "own.json").write_text(json.dumps({"name": "our-pack", "version": "1.0.0"}))
    with pytest.raises(PackError, match=r"says its licence .*; no fragment says its intendedUse"):
        assemble(models)
    assert not (models / "manifest.json").exists()


def test_a_target_without_discs_of_both_kinds_is_refused() -> None:
    discs = [
        Disc("a", Path("a.png"), "1", "train", "yolospine", "t2", order, (0, 0, 1, 1), (order % 2, 0), {}) for order in range(4)
    ]
    with pytest.raises(InputFault, match="herniation: 0 of 4 labelled discs are positive"):
        fit_targets({"a": np.tile(np.linspace(0.2, 0.8, 4)[:, None], 2)}, discs)


def test_a_member_of_another_role_is_not_measured_as_one(models: Path) -> None:
    with pytest.raises(InputFault, match="s is a spine-segmenter and no disc-classifier"):
        find_member(models, "s", "disc-classifier")


@pytest.mark.parametrize(("text", "said"), [
    ("{", "line 1: Expecting property name"), ("7", "it is no object"), ('["a"]', "member 1 is no object"),
    ('{"members": {}}', "members is not a list"), ('[{"id": "a", "file": "a.onnx"}]', "member 1 has no role"),
    ('[{"id": "a", "role": "judge", "file": "a.onnx"}]', "the role judge is none of lumbar-detector"),
    ('[{"id": "A b", "role": "disc-detector", "file": "a.onnx"}]', "the id A b is not of small letters"),
    ('[{"id": "a", "role": "disc-classifier", "file": "a.onnx"}]', "member 1 has no output"),
    ('{"targets": {"herniation": {"weights": {}}}}', "target herniation has no temperature"),
    ('{"segmentation": {"weights": {"a": "half"}}}', "segmentation, weights: a is not a number"),
    ('{"version": 1}', "version is not a text"), ('{"tiers": {"single": "a"}}', "tiers: single is not an object"),
])
def test_a_broken_fragment_is_told_with_one_line(text: str, said: str, models: Path) -> None:
    (models / "members" / "own.json").write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["pack", "--models", str(models)])
    assert "own.json" in ended.value.code and said in ended.value.code and "\n" not in ended.value.code


def test_a_fragment_with_a_byte_order_mark_is_read(models: Path) -> None:
    (models / "members" / "own.json").write_text(json.dumps(OWN), encoding="utf-8-sig")
    assert assemble(models)["name"] == "our-pack"


def test_an_ensemble_of_a_pack_without_segmenters_is_refused(tmp_path: Path) -> None:
    upsert_member(tmp_path, member("a", "disc-classifier", output={"targets": ["herniation"]}))
    with pytest.raises(SystemExit, match=r"no spine-segmenter in .*; export one first"):
        main(["evaluate", "ensemble", "--models", str(tmp_path)])


def test_without_val_masks_the_packs_segmenters_stay_and_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    maps = {"a": [], "b": []}
    part, single = fit_segmenters(maps, [], {"members": []})
    assert part["weights"] == {"a": 0.5, "b": 0.5} and single == "a"
    assert "no val slice has a mask: the segmenters count the same, and the single one is the first, a" in capsys.readouterr().err
    before = {"method": "wae", "weights": {"a": 0.25, "b": 0.75}}
    fragment = {"members": [], "segmentation": before, "tiers": {"single": {"segmenter": "b"}}}
    assert fit_segmenters(maps, [], fragment) == (before, "b")
    assert "stay as they were, the single one is b" in capsys.readouterr().err
    gone = {**fragment, "segmentation": {"method": "single", "weights": {"c": 1.0}}}
    assert fit_segmenters(maps, [], gone)[0]["weights"] == {"a": 0.5, "b": 0.5}


def test_a_threshold_of_discs_that_are_all_answered_alike_is_refused() -> None:
    discs = [Disc("a", Path("a.png"), "1", "train", "yolospine", "t2", order, (0, 0, 1, 1), (order % 2,) * 2, {}) for order in range(4)]
    with pytest.raises(InputFault, match=r"bulgeOrHerniation: all 4 discs have the probability 0\.5, so no threshold tells them apart"):
        fit_targets({"a": np.full((4, 2), 0.5)}, discs)


def test_upsert_replaces_a_member_of_the_same_id(models: Path) -> None:
    upsert_member(models, member("s", "spine-segmenter", width=0.5))
    assert find_member(models, "s")["width"] == 0.5
    with pytest.raises(InputFault, match="no member z"):
        find_member(models, "z")


def test_predictions_of_the_folds_join_and_read_back(tmp_path: Path) -> None:
    rows = [{"image": "a", "order": 0, "logits": [1.5, -2.0]}, {"image": "b", "order": 1, "logits": [0.25, 0.5]}]
    for name, row in zip(("f0", "f1"), rows, strict=True):
        (tmp_path / name).mkdir()
        (tmp_path / name / "predictions.json").write_text(json.dumps([row]))
    runs = ["--id", "m", "--runs", str(tmp_path / "f0"), str(tmp_path / "f1")]
    expected = {("a", 0): (1.5, -2.0), ("b", 1): (0.25, 0.5)}
    out_of_fold.main([*runs, "--out", str(tmp_path)])
    assert out_of_fold.read_predictions(tmp_path / "m.csv") == expected
    out_of_fold.main([*runs, "--models", str(tmp_path / "pack")])
    assert out_of_fold.read_predictions(tmp_path / "pack-out-of-fold" / "m.csv") == expected


def test_answers_to_ones_own_pictures_lie_beside_their_pack_and_never_in_the_repository(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert out_of_fold.folder_of(tmp_path / "pack") == tmp_path / "pack-out-of-fold"
    assert out_of_fold.folder_of(DEFAULT_MODELS) == out_of_fold.DEFAULT_FOLDER
    with pytest.raises(SystemExit):
        out_of_fold.main(["--id", "m", "--runs", str(tmp_path)])
    assert "one of the arguments --models --out is required" in capsys.readouterr().err


def test_an_ensemble_reads_the_answers_beside_its_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(ensemble, "run", lambda *given: asked.append(given[-1]))
    ensemble.main(["--models", str(tmp_path / "pack")])
    ensemble.main(["--models", str(tmp_path / "pack"), "--out-of-fold", str(tmp_path)])
    ensemble.main([])
    assert asked == [tmp_path / "pack-out-of-fold", tmp_path, out_of_fold.DEFAULT_FOLDER]


def test_broken_answers_are_named(tmp_path: Path) -> None:
    for text, said in (("[", "is broken"), ('[{"image": "a"}]', "holds no answers"), ("[7]", "is broken")):
        (tmp_path / "predictions.json").write_text(text)
        with pytest.raises(InputFault, match=said):
            out_of_fold.join([tmp_path])


def test_a_disc_that_two_runs_answer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "predictions.json").write_text(json.dumps([{"image": "a", "order": 0, "logits": [0, 0]}]))
    with pytest.raises(ValueError, match="second answer"):
        out_of_fold.join([tmp_path, tmp_path])
