"""Classifier training: masked loss, crops, overfitting a phantom, resuming, ONNX parity."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from discflow_training import classifier_members
from discflow_training.augment import crop_grid, sample, vary_intensity
from discflow_training.classifier_loss import _grade_loss, _mixed, masked_bce, training_loss
from discflow_training.classify import Recipe, figures, held_out, main
from discflow_training.data import FOLDS
from discflow_training.disc_data import (
    AUXILIARY,
    TARGETS,
    Disc,
    DiscInput,
    SliceCache,
    augmented_batch,
    exact_batch,
    exact_crop,
    jitter_box,
    read_discs,
)
from discflow_training.export import export_onnx, open_session, run_session
from discflow_training.faults import InputFault
from discflow_training.fragment import find_member
from discflow_training.goldens import classifier_cases
from discflow_training.imaging import CropRule, resize_bilinear
from discflow_training.runs import keep_recipe

TINY = Recipe(width=0.125, input_width=64, input_height=64, mixup=0.0, smoothing=0.0)


def make_disc(path: Path, box: tuple[float, float, float, float], targets: tuple[int, int], order: int = 0) -> Disc:
    grades = {name: -1 for name in AUXILIARY} | {"level": order}
    return Disc(path.stem, path, "1", "train", "yolospine", "t2", order, box, targets, grades)


@pytest.fixture
def discs(tmp_path: Path) -> list[Disc]:
    """Eight dark blocks on grey; those called positive have a bright tail behind them."""
    image = np.full((300, 120), 90, dtype=np.uint8)
    image[:, 110:] = 255
    made = []
    for index in range(8):
        y = 10 + 36 * index
        image[y : y + 14, 30:70] = 20
        if index % 2:
            image[y + 2 : y + 12, 70:84] = 230
        made.append((float(30), float(y), float(70), float(y + 14)))
    Image.fromarray(image).save(tmp_path / "slice.png")
    return [make_disc(tmp_path / "slice.png", box, (i % 2, i % 2)) for i, box in enumerate(made)]


def test_unknown_labels_carry_no_loss() -> None:
    logits = torch.tensor([3.0, -2.0])
    assert masked_bce(logits, torch.tensor([1.0, -1.0]), 0.0) == pytest.approx(float(torch.log1p(torch.exp(torch.tensor(-3.0)))))
    assert masked_bce(logits, torch.tensor([-1.0, -1.0]), 0.0) == 0


def test_smoothing_moves_a_goal_half_its_share_towards_the_other_answer() -> None:
    logits = torch.tensor([3.0, -2.0])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor([0.95, 0.05]))
    assert masked_bce(logits, torch.tensor([1.0, 0.0]), 0.1) == pytest.approx(float(expected))


def test_a_grade_of_a_mixed_picture_costs_each_pictures_share() -> None:
    logits, grades, order = torch.tensor([[2.0, 0.0, -1.0], [0.5, 1.0, 0.0]]), torch.tensor([0, 2]), torch.tensor([1, 0])
    own, other = (torch.nn.functional.cross_entropy(logits, goal) for goal in (grades, grades[order]))
    assert _grade_loss(logits, grades, order, 0.75) == pytest.approx(float(0.75 * own + 0.25 * other))


def test_a_mixed_label_is_unknown_where_either_is() -> None:
    mixed = _mixed(torch.tensor([1.0, 0.0, -1.0]), torch.tensor([1, 2, 0]), 0.75)
    assert mixed.tolist() == [0.75, -1, -1]


class Told(torch.nn.Module):
    """Answers the same whatever it sees."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self._logits = logits

    def all_heads(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"main": self._logits}


def test_without_mixup_no_label_is_lost_to_an_unknown_one() -> None:
    targets = [(1, -1), (0, -1), (-1, 1), (-1, 0)]
    discs = [make_disc(Path("slice.png"), (0.0, 0.0, 9.0, 9.0), own) for own in targets]
    logits = torch.tensor([[2.0, 0.5], [1.0, -1.0], [0.0, 3.0], [-2.0, 1.0]])
    expected = sum(masked_bce(logits[:, i], torch.tensor(targets, dtype=torch.float32)[:, i], 0.0) for i in range(2))
    recipe = Recipe(mixup=0.0, smoothing=0.0, auxiliary=())
    for seed in range(5):
        torch.manual_seed(seed)
        assert training_loss(Told(logits), torch.zeros(4, 1, 8, 8), discs, recipe) == pytest.approx(float(expected))


def test_an_untouched_sample_is_the_contracts_crop_and_stretch() -> None:
    image = np.random.default_rng(0).uniform(0, 255, (60, 80)).astype(np.float32)
    x, y = crop_grid((10, 20, 50, 44), 96, 64, 0.0)
    sampled = sample(torch.from_numpy(image), x, y)[0].numpy()
    expected = resize_bilinear(image[20:44, 10:50], 64, 96)
    np.testing.assert_allclose(sampled[3:-3, 3:-3], expected[3:-3, 3:-3], atol=2e-2)


def test_exact_crop_is_normalised_and_of_the_members_size() -> None:
    image = np.full((50, 70), 127.5, dtype=np.float32)
    view = DiscInput(CropRule("square", 1.5), 32, 16, mean=0.25, std=0.25)
    crop = exact_crop(image, (10, 10, 30, 20), view)
    assert crop.shape == (16, 32)
    np.testing.assert_allclose(crop, 1.0, atol=1e-6)


def test_jitter_stays_within_its_bounds() -> None:
    rng = np.random.default_rng(1)
    boxes = np.array([jitter_box((100, 100, 140, 120), rng) for _ in range(500)])
    sides = boxes[:, 2:] - boxes[:, :2]
    assert (np.abs(sides / [40, 20] - 1) <= 0.12 + 1e-9).all()
    centres = (boxes[:, 2:] + boxes[:, :2]) / 2
    assert (np.abs(centres - [120, 110]) <= np.array([40, 20]) * 0.08 + 1e-9).all()


def test_intensity_chain_of_no_strength_changes_nothing() -> None:
    images = torch.rand(2, 1, 8, 8) * 255
    assert torch.equal(vary_intensity(images, 0.0), images)
    varied = vary_intensity(images, 1.0)
    assert varied.shape == images.shape and varied.min() >= 0 and varied.max() <= 255


def test_a_tiny_network_learns_the_phantom(discs: list[Disc]) -> None:
    torch.manual_seed(0)
    cache, network = SliceCache(), TINY.network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    rng = np.random.default_rng(0)
    for _ in range(25):
        images = augmented_batch(discs, TINY.view, cache, rng, 5.0, 0.2)
        loss = training_loss(network.train(), images, discs, TINY)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        for _ in range(20):
            network.train()(exact_batch(discs, TINY.view, cache))
        logits = network.eval()(exact_batch(discs, TINY.view, cache)).numpy()
    assert figures(discs[:5], logits[:5])["yolospine/herniation"]["auc"] == 1.0


def test_onnx_answers_as_torch_does(tmp_path: Path, discs: list[Disc]) -> None:
    network = TINY.network().eval()
    network.auxiliary = torch.nn.ModuleDict()
    images = exact_batch(discs, TINY.view, SliceCache())
    export_onnx(network, images[:2], tmp_path / "member.onnx", dynamic_batch=True)
    with torch.inference_mode():
        expected = network(images).numpy()
    np.testing.assert_allclose(run_session(open_session(tmp_path / "member.onnx"), images.numpy()), expected, atol=5e-3)


def write_tables(root: Path) -> None:
    """A data folder of two patients with five discs each, and no SPIDER slices."""
    (root / "yolospine" / "images").mkdir(parents=True)
    (root / "spider").mkdir()
    rng = np.random.default_rng(0)
    discs, regions = [], []
    for patient, split in ((1, "train"), (2, "val")):
        stem = f"slice{patient}"
        Image.fromarray(rng.integers(0, 255, (160, 120), dtype=np.uint8)).save(root / "yolospine" / "images" / f"{stem}.png")
        regions.append(f"{stem},{split},5,5,110,150")
        for order, level in enumerate(("L5-S1", "L4-L5", "L3-L4", "L2-L3", "L1-L2"), start=1):
            y = 150 - 28 * order
            discs += [f"{stem},{patient},{split},{order},{level},30,{y},70,{y + 14},{order % 2},0,1"] * 1
    header = "stem,patient,split,order,level,x1,y1,x2,y2,bulge_or_herniation,degenerative,scored"
    (root / "yolospine" / "discs.csv").write_text("\n".join([header, *discs]))
    (root / "yolospine" / "region_boxes.csv").write_text("\n".join(["stem,split,x1,y1,x2,y2", *regions]))
    notes = 'patient,notes\n1,"L5-S1: disc protrusion noted. L3-L4: disc bulge noted, abutting the thecal sac."\n2,Protrusion noted.\n'
    (root / "yolospine" / "radiologist_notes.csv").write_text(notes)
    (root / "yolospine" / "pfirrmann.csv").write_text("patient,L5-S1,L4-L5,L3-L4\n1,4,2,\n")
    (root / "spider" / "disc_boxes.csv").write_text("name,width,height,order_from_bottom,x1,y1,x2,y2,split\n")
    (root / "spider" / "region_boxes.csv").write_text("name,split,x1,y1,x2,y2\n")
    (root / "spider" / "series.csv").write_text("new_file_name,PixelSpacing,values_doubtful,split\n")
    (root / "spider" / "gradings.csv").write_text("Patient,IVD label\n")


def test_a_member_of_one_target_and_two_logits_is_measured_by_that_target_alone(
    discs: list[Disc], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = np.array([[0, 1 if disc.targets[1] else -1] for disc in discs[:5]], dtype=np.float32)
    monkeypatch.setattr(classifier_members, "open_session", lambda path: path)
    monkeypatch.setattr(classifier_members, "run_session", lambda *_: answers)
    entry = {
        "file": "a.onnx", "input": {"width": 64, "height": 64, "mean": 0, "std": 1, "resize": "stretch"},
        "crop": {"kind": "square", "factor": 1.5},
        "output": {"activation": "softmax", "targets": [TARGETS[1]]},
    }
    scores = classifier_members.member_logits(tmp_path, entry, discs[:5])
    assert np.isnan(scores[:, 0]).all() and scores[:, 1].tolist() == answers[:, 1].tolist()
    assert figures(discs[:5], scores) == {f"yolospine/{TARGETS[1]}": {"auc": 1.0, "n": 5, "positive": 2}}
    with pytest.raises(InputFault, match="nothing to measure on"):
        classifier_members.member_logits(tmp_path, entry, [])


def test_targets_and_grades_are_joined_from_the_tables(tmp_path: Path) -> None:
    write_tables(tmp_path)
    discs = read_discs(tmp_path)
    assert [disc.targets for disc in discs[:5]] == [(1, 1), (0, 0), (1, 0), (0, 0), (1, 0)]
    assert {disc.targets[1] for disc in discs[5:]} == {-1}
    assert [disc.grades["pfirrmann"] for disc in discs[:4]] == [3, 1, -1, -1]
    assert [disc.grades["noted"] for disc in discs[:5]] == [1, 0, 1, 0, 0]
    assert [disc.grades["compression"] for disc in discs[:5]] == [0, 0, 1, 0, 0]
    assert {disc.grades[name] for disc in discs[5:] for name in ("noted", "compression")} == {-1}
    assert {disc.grades["stenosis"] for disc in discs} == {-1}


def test_a_stenosis_belongs_to_the_nearest_disc_and_is_unknown_without_boxes(tmp_path: Path) -> None:
    write_tables(tmp_path)
    (tmp_path / "yolospine" / "labels").mkdir()
    (tmp_path / "yolospine" / "labels" / "slice1.txt").write_text("1 0.4 0.8 0.3 0.1\n2 0.7 0.62 0.1 0.1\n\n2 0.7 0.8 0.1 0.1\n")
    discs = read_discs(tmp_path)
    assert [disc.grades["stenosis"] for disc in discs[:5]] == [1, 1, 0, 0, 0]
    assert {disc.grades["stenosis"] for disc in discs[5:]} == {-1}


def test_a_note_that_calls_a_sound_disc_herniated_gives_no_strict_labels(tmp_path: Path) -> None:
    write_tables(tmp_path)
    (tmp_path / "yolospine" / "radiologist_notes.csv").write_text('patient,notes\n1,"L4-L5: disc protrusion noted."\n')
    discs = read_discs(tmp_path)
    assert [disc.targets for disc in discs[:5]] == [(1, -1), (0, -1), (1, -1), (0, -1), (1, -1)]


def assert_same_weights(first: Path, second: Path) -> None:
    """Whether two finished runs ended with the same numbers."""
    stored, others = (torch.load(out / "weights.pt", weights_only=True) for out in (first, second))
    assert all(torch.equal(stored[name], others[name]) for name in stored)


def test_training_goes_on_from_its_checkpoint_as_if_unbroken(tmp_path: Path) -> None:
    write_tables(tmp_path / "data")
    arguments = ["--width", "0.125", "--input-width", "64", "--input-height", "64", "--batch", "4"]
    arguments += ["--data-root", str(tmp_path / "data"), "--out", str(tmp_path / "run")]
    main(["train", *arguments, "--epochs", "2", "--stop-after", "1"])
    assert not (tmp_path / "run" / "weights.pt").exists()
    main(["train", *arguments, "--epochs", "2"])
    assert (tmp_path / "run" / "weights.pt").exists()
    main(["train", *arguments, "--epochs", "2", "--out", str(tmp_path / "unbroken")])
    assert_same_weights(tmp_path / "run", tmp_path / "unbroken")
    main(["export", "--out", str(tmp_path / "run"), "--models", str(tmp_path / "pack"), "--id", "tiny"])
    assert (tmp_path / "pack" / "tiny.onnx").exists()
    assert '"tiny"' in (tmp_path / "pack" / "members" / "networks.json").read_text()
    entry, image = find_member(tmp_path / "pack", "tiny"), np.full((160, 120), 90, dtype=np.float32)
    (case,) = classifier_cases(tmp_path / "pack", entry, [(0, image, [(30.0, 60.0, 70.0, 74.0)])])
    assert case["probabilities"] == pytest.approx([1 / (1 + np.exp(-value)) for value in case["logits"]], abs=1e-6)


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    keep_recipe(tmp_path, TINY)
    keep_recipe(tmp_path, replace(TINY, epochs=5))
    (tmp_path / "checkpoint.pt").touch()
    keep_recipe(tmp_path, replace(TINY, epochs=5))
    with pytest.raises(ValueError, match="another epochs, seed"):
        keep_recipe(tmp_path, replace(TINY, seed=1))


def test_auxiliary_heads_that_are_left_out_have_no_head_and_no_loss(discs: list[Disc]) -> None:
    alone = replace(TINY, auxiliary=("level",))
    network, images = alone.network(), exact_batch(discs, TINY.view, SliceCache())
    assert list(network.auxiliary) == ["level"]
    stenoses = [replace(disc, grades={**disc.grades, "stenosis": 1}) for disc in discs]
    losses = [float(training_loss(network.eval(), images, given, alone).detach()) for given in (discs, stenoses)]
    assert losses[0] == losses[1]
    whole = TINY.network().eval()
    losses = [float(training_loss(whole, images, given, TINY).detach()) for given in (discs, stenoses)]
    assert losses[0] != losses[1]


def test_folds_part_the_training_patients_and_leave_val_to_the_last_run(discs: list[Disc]) -> None:
    patients = [replace(discs[0], patient=str(n), split="train") for n in range(40)]
    everyone = [*patients, replace(discs[0], split="val"), replace(discs[0], split="test")]
    held = [held_out(everyone, replace(TINY, fold=fold)) for fold in range(FOLDS)]
    assert sorted(disc.patient for fold in held for disc in fold) == sorted(disc.patient for disc in patients)
    assert all(held)
    assert [disc.split for disc in held_out(everyone, TINY)] == ["val"]


def test_a_source_left_out_is_predicted_but_for_its_test_patients(discs: list[Disc]) -> None:
    away = [replace(discs[0], source="spider", split=split) for split in ("train", "val", "test")]
    held = held_out([*discs, *away], replace(TINY, sources=("yolospine",)))
    assert [(disc.source, disc.split) for disc in held] == [("spider", "train"), ("spider", "val")]


def test_eight_bit_weights_quarter_the_file_and_keep_the_answer(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Recipe(width=0.25, input_width=64, input_height=64).network().eval()
    network.auxiliary = torch.nn.ModuleDict()
    example = torch.rand(2, 1, 64, 64)
    half = export_onnx(network, example, tmp_path / "half.onnx", dynamic_batch=True)
    eighth = export_onnx(network, example, tmp_path / "int8.onnx", dynamic_batch=True, int8=True)
    assert eighth.bytes < 0.62 * half.bytes
    with torch.inference_mode():
        expected = network(example).numpy()
    answer = run_session(open_session(tmp_path / "int8.onnx"), example.numpy())
    np.testing.assert_allclose(answer, expected, atol=0.02 * float(np.abs(expected).max()) + 1e-3)
