"""The paper's protocol: its values, the list of runs, their hashes, augmentation, losses and what is frozen."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from discflow_training.faults import InputFault
from discflow_training.paper.augment import drawn_brightness, drawn_transforms, vary
from discflow_training.paper.cases import Cases
from discflow_training.paper.fitting import Descent, Frozen, best_epoch, fit, is_over
from discflow_training.paper.plan import SCALES, SMOKE, plan
from discflow_training.paper.protocol import (
    CLASSIFIERS,
    Augmentation,
    ClassifierRun,
    DetectorRun,
    PretrainingRun,
    Schedule,
    SegmenterRun,
    configuration,
    configuration_hash,
)
from discflow_training.paper.tasks import PlidTask, frozen_part, network_of, spine_loss
from discflow_training.region_data import IGNORED

RUNS = {run.id: run for run in plan(SCALES["paper"])}


def test_hyper_parameters_are_the_papers() -> None:
    frozen, tuned = RUNS["vgg16-disc-frozen"], RUNS["vgg16-disc-finetuned"]
    assert isinstance(frozen, ClassifierRun) and isinstance(tuned, ClassifierRun)
    assert frozen.schedule == Schedule(35, 5, 1e-3, 10) and tuned.schedule == Schedule(35, 5, 1e-4, 10)
    assert frozen.class_weights == (0.702, 1.73) and frozen.bootstrap
    assert frozen.augmentation == Augmentation(30.0, (0.1, 0.5), 0.2, True)
    segmenter = RUNS["unet-resnet34-dice-focal"]
    assert isinstance(segmenter, SegmenterRun)
    assert segmenter.schedule == Schedule(30, 3, 3e-3, 10)
    assert (segmenter.focal_share, segmenter.focal_gamma, segmenter.class_weights) == (1.0, 2.0, (0.25,) * 4)
    assert segmenter.augmentation == frozen.augmentation
    detector = RUNS["yolov8n-disc"]
    assert isinstance(detector, DetectorRun)
    assert (detector.schedule.epochs, detector.schedule.batch, detector.schedule.learning_rate) == (100, 8, 0.02)
    assert (detector.momentum, detector.degrees, detector.brightness) == (0.9, 20.0, 0.25)


def test_the_plan_holds_every_run_of_the_tables_after_what_it_starts_from() -> None:
    kinds = [run.kind for run in RUNS.values() if run.kind == "detector" or run.fold is None]
    expected = {"classifier": 24, "segmenter": 34, "pretraining": 8, "detector": 2}
    assert {kind: kinds.count(kind) for kind in expected} == expected
    seen: set[str] = set()
    for run in RUNS.values():
        assert seen.issuperset(run.needs)
        seen.add(run.id)


def test_each_fold_repeats_the_runs_of_an_ensemble_from_an_encoder_that_never_saw_it() -> None:
    held_out = [run for run in RUNS.values() if run.kind != "detector" and run.fold == 3]
    kinds = [run.kind for run in held_out]
    assert {kind: kinds.count(kind) for kind in ("classifier", "segmenter", "pretraining")} == {
        "classifier": 24, "segmenter": 34, "pretraining": 8,
    }
    assert all(name.endswith("-fold3") for run in held_out for name in run.needs)
    for run in held_out:
        whole = RUNS[run.id.removesuffix("-fold3")]
        assert replace(run, fold=None) == whole
        assert "fold" not in configuration(whole) and configuration(run)["fold"] == 3


def test_a_hash_knows_the_run_and_all_that_it_starts_from() -> None:
    tuned = RUNS["resnet50-disc-finetuned"]
    before = configuration_hash(tuned, RUNS)
    other = replace(RUNS["pretrained-resnet50"], seed=1)
    assert configuration_hash(tuned, {**RUNS, other.id: other}) != before
    assert configuration_hash(replace(tuned, class_weights=(1.0, 1.0)), RUNS) != before
    assert configuration_hash(replace(tuned), dict(RUNS)) == before


def test_another_question_has_runs_of_its_own() -> None:
    strict = {run.id: run for run in plan(SCALES["paper"], ("classifiers",), target="herniation")}
    assert strict["vgg16-disc-finetuned-herniation"].needs == ("vgg16-disc-frozen-herniation",)
    assert "pretrained-vgg16" in strict and not set(strict) & {name for name in RUNS if "disc" in name}


def test_files_of_weights_take_the_place_of_pretraining() -> None:
    runs = {run.id: run for run in plan(SCALES["paper"], ("classifiers",), encoder_weights={"vgg16": "ab"})}
    assert "pretrained-vgg16" not in runs and runs["vgg16-disc-frozen"].needs == ()
    assert "pretrained-vgg19" in runs


def test_rotation_keeps_pixels_square_and_nothing_drawn_leaves_all() -> None:
    torch.manual_seed(0)
    still = Augmentation(0.0, (0.0, 0.0), 0.0, False)
    images = torch.rand(2, 1, 8, 16) * 255
    torch.testing.assert_close(vary(images, still)[0], images, rtol=0, atol=1e-2)
    transforms = drawn_transforms(50, 40, 20, Augmentation(shift=0.0))
    pixels = torch.diag(torch.tensor([20.0, 40.0]))
    for transform in transforms:
        turned = pixels @ transform[:, :2] @ torch.linalg.inv(pixels)
        torch.testing.assert_close(turned @ turned.T, torch.eye(2), rtol=0, atol=1e-5)


def test_draws_stay_within_the_papers_ranges() -> None:
    torch.manual_seed(0)
    drawn = drawn_brightness(500, Augmentation()) - 1
    assert 0.4 < float((drawn < 0).float().mean()) < 0.6
    factors = drawn.abs()
    assert float(factors.min()) >= 0.1 - 1e-6 and float(factors.max()) <= 0.5 + 1e-6
    transforms = drawn_transforms(500, 10, 10, Augmentation())
    assert float(transforms[:, :, 2].abs().max()) <= 0.4
    assert float(torch.rad2deg(torch.asin(transforms[:, 1, 0].abs())).max()) <= 30.001
    assert 0.4 < float((transforms[:, 0, 0] < 0).float().mean()) < 0.6


def test_masks_move_with_their_images() -> None:
    torch.manual_seed(1)
    masks = torch.zeros(4, 32, 32, dtype=torch.long)
    masks[:, 8:24, 12:20] = 2
    images = masks[:, None].float() * 100
    moved, turned = vary(images, Augmentation(brightness=(0.0, 0.0)), masks)
    assert turned is not None
    assert float((moved[:, 0] - turned * 100).abs().max()) <= 150


def test_spine_losses_on_a_known_answer() -> None:
    run = RUNS["unet-resnet34-dice-focal"]
    assert isinstance(run, SegmenterRun)
    masks = torch.randint(0, 4, (1, 8, 8))
    masks[0, 0] = IGNORED
    logits = 40.0 * F.one_hot(masks.clamp(max=3), 4).permute(0, 3, 1, 2).float()
    for loss in ("dice-focal", "cross-entropy"):
        assert float(spine_loss(logits, masks, replace(run, loss=loss))) == pytest.approx(0, abs=1e-3)
        assert float(spine_loss(-logits, masks, replace(run, loss=loss))) > 0.5
    even = torch.zeros(1, 4, 8, 8)
    plain = replace(run, focal_share=0.0)
    focal = float(spine_loss(even, masks, run)) - float(spine_loss(even, masks, plain))
    assert focal == pytest.approx(0.25 * 0.75**2 * float(torch.log(torch.tensor(4.0))), abs=1e-4)


@pytest.mark.parametrize("family", CLASSIFIERS)
def test_frozen_runs_train_the_dense_layers_and_fine_tuned_ones_the_last_block_too(family: str) -> None:
    runs = {run.id: run for run in plan(SMOKE, ("classifiers",))}
    for stage in ("frozen", "finetuned"):
        run = runs[f"{family}-disc-{stage}"]
        network = network_of(run)
        frozen = frozen_part(run, network)
        trained = {id(parameter) for parameter in frozen.apply(network)}
        names = {name for name, parameter in network.named_parameters() if id(parameter) in trained}
        assert {"dense.0.weight", "head.bias"} <= names
        inner = {name for name in names if name.startswith("encoder.")}
        whole = sum(1 for _ in network.encoder.parameters())
        assert len(inner) == 0 if stage == "frozen" else 0 < len(inner) < whole / 2
        frozen.train_mode(network)
        norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        assert any(norm.training for norm in norms) == (stage == "finetuned" and bool(norms))


def test_early_stopping_waits_ten_epochs_for_a_lower_loss() -> None:
    curves = [{"val": {"loss": value}} for value in [3.0, 1.0, *[2.0] * 9]]
    assert best_epoch(curves) == 1
    assert not is_over(curves, Schedule(35, 5, 1e-3)) and is_over(
        [*curves, {"val": {"loss": 1.5}}], Schedule(35, 5, 1e-3)
    )
    assert is_over(curves, Schedule(11, 5, 1e-3))


class Falling:
    """A task of one weight, whose loss on val is lowest after the first epoch."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def batches(self, rng: np.random.Generator, size: int) -> Iterator[int]:
        yield size

    def loss(self, network: torch.nn.Module, batch: int) -> torch.Tensor:
        return network.weight.sum()

    def validate(self, network: torch.nn.Module) -> dict[str, float]:
        self.seen.append(float(network.weight.detach()))
        return {"loss": float(len(self.seen))}


def test_the_weights_of_the_best_epoch_are_kept(tmp_path: Path) -> None:
    network, task = torch.nn.Linear(1, 1, bias=False), Falling()
    fit(network, Frozen(), task, Schedule(3, 1, 0.1), 0, tmp_path)
    assert len(set(task.seen)) == 3 and float(network.weight.detach()) == task.seen[0]


class Diverging(Falling):
    """A task whose gradient is no number from the second epoch on, while its loss still is one."""

    def loss(self, network: torch.nn.Module, batch: int) -> torch.Tensor:
        weight = network.weight.sum()
        return torch.sqrt(weight - weight) if self.seen else weight


def test_a_run_that_diverges_is_told_and_keeps_its_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InputFault, match="unet diverged in epoch 1"):
        fit(torch.nn.Linear(1, 1, bias=False), Frozen(), Diverging(), Schedule(30, 1, 0.1), 0, tmp_path / "unet")
    stored = torch.load(tmp_path / "unet" / "checkpoint.pt", weights_only=True)
    assert stored["network"]["weight"].isfinite().all()


def test_a_bootstrapped_training_set_draws_with_replacement_for_each_network() -> None:
    cases = Cases(torch.zeros(50, 1, 8, 8), torch.zeros(50, dtype=torch.int64), ("a",) * 50, ("p",) * 50, ("s",) * 50, (0,) * 50)
    drawn = {}
    for family, bootstrap in (("vgg16", True), ("resnet50", True), ("vgg16", False)):
        run = replace(RUNS[f"{family}-disc-frozen"], bootstrap=bootstrap)
        batches = PlidTask(run, cases, cases).batches(np.random.default_rng(0), 5)
        drawn[family, bootstrap] = sorted(int(i) for batch in batches for i in batch)
    assert drawn["vgg16", False] == list(range(50))
    assert all(len(members) == 50 and 20 < len(set(members)) < 45 for (_, kind), members in drawn.items() if kind)
    assert drawn["vgg16", True] != drawn["resnet50", True]


def test_a_rare_answers_class_weight_counts_in_training_and_on_val(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discflow_training.paper.tasks.vary", lambda images, _: (images, None))
    labels = torch.tensor([0, 0, 0, 1])
    cases = Cases(torch.zeros(4, 1, 8, 8), labels, ("a",) * 4, ("p",) * 4, ("s",) * 4, (0,) * 4)
    task = PlidTask(replace(RUNS["vgg16-disc-frozen"], bootstrap=False), cases, cases)

    class Certain(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.tensor([[1.0, -1.0]]).expand(len(x), 2)

    right, wrong = math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))
    expected = (3 * 0.702 * right + 1.73 * wrong) / (3 * 0.702 + 1.73)
    assert float(task.loss(Certain(), np.arange(4))) == pytest.approx(expected, rel=1e-5)
    assert task.validate(Certain())["loss"] == pytest.approx(expected, rel=1e-5)


def test_gradient_descent_warms_up_and_falls_to_a_hundredth() -> None:
    schedule, descent = Schedule(100, 8, 0.02), Descent(0.9, 3, 0.01)
    optimizer = descent.optimizer([torch.nn.Parameter(torch.zeros(1))], schedule)
    rates = []
    for epoch in range(100):
        descent.begin_epoch(optimizer, schedule, epoch)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates[0] == pytest.approx(0.02 / 3) and max(rates) == pytest.approx(rates[2])
    assert rates[2] == pytest.approx(0.02 * (1 - 0.99 * 0.02)) and rates[-1] == pytest.approx(0.02 * 0.0199)
    still = Descent().optimizer([torch.nn.Parameter(torch.zeros(1))], schedule)
    Descent().begin_epoch(still, schedule, 50)
    assert still.param_groups[0]["lr"] == 0.02


def test_pretraining_never_sees_a_target() -> None:
    from discflow_training.disc_data import TARGETS
    from discflow_training.paper.cases import GRADES

    assert not set(GRADES) & set(TARGETS)
    assert isinstance(RUNS["pretrained-vgg16"], PretrainingRun)
