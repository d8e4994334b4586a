"""Segmenters: loss, figures, un-letterboxing, augmentation geometry, learning a phantom, ONNX parity, goldens."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from discflow_training import goldens, segment
from discflow_training.data import fold_of
from discflow_training.fragment import read_fragment, write_fragment
from discflow_training.imaging import plan_letterbox
from discflow_training.overlap import confusion, overlap_figures
from discflow_training.pseudo import discs_inside, largest_canal
from discflow_training.region_data import (
    IGNORED,
    Region,
    RegionInput,
    augmented_regions,
    exact_input,
    jitter_region,
    on_crop_grid,
)
from discflow_training.segment import Recipe, dice_focal_loss

TINY = Recipe(width=0.125, input_width=64, input_height=96)


def spine(seed: int = 0) -> Region:
    """Bone blocks, discs between them and a canal behind, each of its own grey."""
    mask = np.zeros((150, 100), dtype=np.uint8)
    mask[5:145, 60:70] = 3
    for index in range(5):
        mask[5 + 28 * index : 23 + 28 * index, 25:55] = 1
        mask[24 + 28 * index : 32 + 28 * index, 25:55] = 2
    greys = np.array([40, 120, 180, 240], dtype=np.float32)
    image = greys[mask] + np.random.default_rng(seed).normal(0, 4, mask.shape).astype(np.float32)
    return Region("spine", "1", "train", "space", np.clip(image, 0, 255), mask, (20.0, 4.0, 75.0, 146.0))


def one_hot_logits(mask: torch.Tensor) -> torch.Tensor:
    return 40.0 * torch.nn.functional.one_hot(mask, 4).permute(0, 3, 1, 2).float()


def test_a_perfect_answer_has_no_loss_and_pad_is_ignored() -> None:
    mask = torch.randint(0, 4, (1, 16, 16))
    logits = one_hot_logits(mask)
    padded = mask.clone()
    padded[:, :4] = IGNORED
    assert float(dice_focal_loss(logits, mask)) == pytest.approx(0, abs=1e-3)
    logits[:, :, :4] = -logits[:, :, :4]
    assert float(dice_focal_loss(logits, padded)) == pytest.approx(0, abs=1e-3)


def test_an_answer_that_knows_nothing_pays_dice_and_focal_loss() -> None:
    mask = torch.arange(4).repeat_interleave(4).reshape(1, 4, 4)
    dice, focal = 1 - (2 * 1 + 1) / (4 + 4 + 1), -((1 - 0.25) ** 2) * math.log(0.25)
    assert float(dice_focal_loss(torch.zeros(1, 4, 4, 4), mask)) == pytest.approx(dice + focal, abs=1e-6)


def test_overlap_figures_of_a_known_confusion() -> None:
    truth = np.array([[0, 0, 1, 1], [2, 2, 3, 3]])
    found = np.array([[0, 0, 1, 0], [2, 2, 3, 3]])
    result = overlap_figures(confusion(truth, found))
    assert result["iou/vertebra"] == 0.5
    assert result["dice/vertebra"] == pytest.approx(0.6667)
    assert result["mIoU"] == pytest.approx(2.5 / 3, abs=1e-4)


def test_crop_grid_undoes_the_letterbox() -> None:
    crop = (10, 20, 40, 110)
    plan = plan_letterbox(30, 90, 64, 96)
    logits = np.full((4, 96, 64), -20.0, dtype=np.float32)
    logits[0] = 20
    logits[:, plan.top : plan.top + plan.content_height, plan.left : plan.left + plan.content_width] = 0
    probabilities = on_crop_grid(logits, crop)
    assert probabilities.shape == (4, 90, 30)
    np.testing.assert_allclose(probabilities, 0.25, atol=1e-6)


def test_augmented_masks_follow_their_images() -> None:
    region = spine()
    images, masks = augmented_regions([region] * 3, RegionInput(64, 96), np.random.default_rng(0), 10.0, 0.0)
    grey = images[:, 0] * 0.25 * 255 + 0.25 * 255
    for value, expected in enumerate((40, 120, 180, 240)):
        assert float(grey[masks == value].median()) == pytest.approx(expected, abs=6)
    assert float(grey[masks == IGNORED].float().mean()) == pytest.approx(114, abs=0.01)


def test_a_masks_pixels_move_exactly_as_its_images() -> None:
    region = spine()
    marked = replace(region, image=region.mask.astype(np.float32) * 60)
    images, masks = augmented_regions([marked] * 3, RegionInput(64, 96, mean=0.0, std=1.0), np.random.default_rng(0), 10.0, 0.0)
    classes, known = (images[:, 0] * 255 / 60).round().long(), masks != IGNORED
    assert float((classes == masks)[known].float().mean()) > 0.9
    for axis, step in ((1, 1), (1, -1), (2, 1), (2, -1)):
        assert (classes == masks)[known].sum() > (classes.roll(step, axis) == masks)[known].sum()


def test_jittered_regions_keep_most_of_the_region() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        x0, y0, x1, y1 = jitter_region((0, 0, 100, 200), rng)
        assert x0 < 15 and x1 > 85 and y0 < 30 and y1 > 170


def test_a_tiny_network_learns_the_phantom() -> None:
    torch.manual_seed(0)
    region, network = spine(), TINY.network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    rng = np.random.default_rng(0)
    for _ in range(30):
        images, masks = augmented_regions([region, region], TINY.view, rng, 3.0, 0.1)
        loss = dice_focal_loss(network.train()(images), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    frame, _ = exact_input(region.image, region.box, TINY.view)
    with torch.inference_mode():
        for _ in range(20):
            network(torch.from_numpy(frame)[None, None].repeat(2, 1, 1, 1))
    results = segment.measure([region], [segment.predict(network.eval(), region, TINY.view)])
    assert results["space"]["mIoU"] > 0.6


def test_pseudo_masks_are_judged_by_labelled_discs() -> None:
    mask = spine().mask
    inside = discs_inside(mask, np.array([[20.0, 134.0, 60.0, 146.0], [70.0, 0.0, 90.0, 10.0]]))
    assert inside[0] == 1 and inside[1] == 0
    mask[0:3, 0:3] = 3
    assert (largest_canal(mask)[0:3, 0:3] == IGNORED).all()


def write_data(root: Path) -> None:
    """Three slices with masks in the public data's layout."""
    folder = root / "spider" / "space"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    rows = ["file,patient,slice,canal_px,split"]
    for index, split in enumerate(("train", "train", "val")):
        region = spine(index)
        Image.fromarray(region.image.astype(np.uint8)).save(folder / "images" / f"{index}.png")
        Image.fromarray(np.array([0, 76, 29, 150], dtype=np.uint8)[region.mask]).save(folder / "masks" / f"{index}.png")
        rows.append(f"{index}.png,{index},1,1,{split}")
    (root / "spider" / "space_masks.csv").write_text("\n".join(rows))
    (root / "spider" / "t2w.csv").write_text("file,patient,series,slice,split\n")


def test_a_held_out_fold_lends_no_pseudo_masks(tmp_path: Path) -> None:
    write_data(tmp_path / "data")
    region, folder = spine(), tmp_path / "pseudo"
    folder.mkdir()
    for patient in ("0", "2", "3"):
        stored = {"image": region.image.astype(np.uint8), "mask": region.mask, "box": np.array(region.box), "patient": patient}
        np.savez_compressed(folder / f"{patient}.npz", **stored)
    arguments = ["train", "--decoder", "fpn", "--width", "0.125", "--input-width", "64", "--input-height", "96", "--batch", "1", "--epochs", "1"]
    arguments += ["--fold", str(fold_of("0")), "--pseudo", str(folder), "--pseudo-share", "1"]
    arguments += ["--data-root", str(tmp_path / "data"), "--out", str(tmp_path / "run")]
    segment.main(arguments)
    kept = [patient for patient in ("0", "1", "0", "2", "3") if fold_of(patient) != fold_of("0")]
    assert kept == ["2", "3"]
    assert json.loads((tmp_path / "run" / "training.json").read_text())["slices"] == len(kept)


def test_train_resume_export_and_goldens(tmp_path: Path) -> None:
    write_data(tmp_path / "data")
    arguments = ["train", "--decoder", "fpn", "--width", "0.125", "--input-width", "64", "--input-height", "96", "--batch", "2", "--epochs", "2"]
    arguments += ["--data-root", str(tmp_path / "data"), "--out", str(tmp_path / "run")]
    segment.main([*arguments, "--stop-after", "1"])
    assert not (tmp_path / "run" / "weights.pt").exists()
    segment.main(arguments)
    curves = json.loads((tmp_path / "run" / "training.json").read_text())["curves"]
    assert [curve["epoch"] for curve in curves] == [0, 1] and "space" in curves[1]["val"]
    segment.main([*arguments, "--out", str(tmp_path / "unbroken")])
    stored, others = (torch.load(tmp_path / name / "weights.pt", weights_only=True) for name in ("run", "unbroken"))
    assert all(torch.equal(stored[name], others[name]) for name in stored)
    models = tmp_path / "pack"
    entry = segment.export(tmp_path / "run", models, "tiny")
    write_fragment(models, {"members": [entry], "targets": {}, "segmentation": {"method": "single", "weights": {"tiny": 1.0}}})
    built = goldens.build(models, tmp_path / "golden")
    assert len(built["segmenters"][0]["cases"]) == len(goldens.PHANTOMS)
    sampled = built["ensemble"]["segmentation"][0]["probabilities"]
    assert all(0 <= value <= 1 for value in sampled["values"])
    assert read_fragment(models)["members"][0]["id"] == "tiny"
