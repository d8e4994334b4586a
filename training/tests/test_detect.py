"""Samples, figures, the two stages, learning on a phantom, and the commands."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from discflow_training.data import (
    DetectionImage,
    disc_boxes_of_mask,
    loosened,
    read_found,
    read_masked,
    region_of_discs,
)
from discflow_training.detect import main
from discflow_training.detection_golden import PHANTOMS, phantom
from discflow_training.detection_pipeline import Detector, decode, find_discs
from discflow_training.detection_samples import (
    LoadedImage,
    Warp,
    disc_sample,
    region_sample,
    render,
    rotate_boxes,
    visible_boxes,
)
from discflow_training.detection_training import collate
from discflow_training.imaging import plan_letterbox
from discflow_training.metrics_detection import (
    Detections,
    JudgedImage,
    average_precision,
    bootstrap,
    detection_figures,
    in_order,
    iou_matrix,
    match_all,
    suppress,
)
from discflow_training.yolov8 import YoloConfig, Yolov8, anchor_points
from discflow_training.yolov8_loss import detection_loss

DISCS = np.array([[60, 210 - 40 * step, 110, 230 - 40 * step] for step in range(6)], dtype=float)


@pytest.fixture
def spine() -> LoadedImage:
    """A bright column with six dark discs, 240 x 200."""
    pixels = np.full((260, 200), 30, dtype=np.uint8)
    pixels[:, 62:108] = 120
    for x0, y0, x1, y1 in DISCS.astype(int):
        pixels[y0:y1, x0:x1] = 220
    region = region_of_discs(DISCS, 200, 260)
    return LoadedImage(DetectionImage("a", "1", "train", "yolospine", "t2", Path("a.png"), DISCS, region), pixels)


def test_region_follows_the_rule() -> None:
    assert region_of_discs(DISCS, 200, 260).tolist() == [50, 10, 150, 250]


def test_discs_of_a_mask_come_from_the_bottom_without_specks() -> None:
    mask = np.zeros((60, 40), dtype=np.uint8)
    mask[5:10, 5:30] = mask[40:46, 8:33] = mask[20, 20] = 2
    assert disc_boxes_of_mask(mask).tolist() == [[8, 40, 33, 46], [5, 5, 30, 10]]


@pytest.mark.parametrize("sampler", [disc_sample, region_sample])
def test_samples_are_finite_and_their_boxes_lie_in_the_frame(sampler, spine: LoadedImage) -> None:
    for seed in range(20):
        sample = sampler(spine, 96, 128, np.random.default_rng(seed), calm=seed % 2 == 0)
        assert sample.pixels.shape == (128, 96) and np.isfinite(sample.pixels).all()
        assert sample.pixels.min() >= 0 and sample.pixels.max() <= 255
        assert (sample.boxes >= -1e-6).all() and (sample.boxes <= [96, 128, 96, 128]).all()


def test_boxes_follow_the_pixels_through_a_warp(spine: LoadedImage) -> None:
    warp = Warp(0.0, np.array([85.0, 130.0]), np.array([40, 10, 150, 250.0]), 1.0, plan_letterbox(110, 240, 96, 192))
    frame = render(spine.pixels, warp, np.random.default_rng(0))
    for x0, y0, x1, y1 in warp.to_frame(DISCS[:5]):
        inner = frame[math.ceil(y0) + 1 : int(y1) - 1, math.ceil(x0) + 1 : int(x1) - 1]
        np.testing.assert_allclose(inner, 220, atol=1)


def test_rotation_moves_boxes_with_the_picture() -> None:
    turned = rotate_boxes(np.array([[10.0, 0, 20, 4]]), math.pi / 2, np.zeros(2))
    np.testing.assert_allclose(turned, [[-4, 10, 0, 20]], atol=1e-9)


def test_half_hidden_boxes_are_not_learnt() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 10.5, 10, 20.5], [0, 40, 10, 50.0]])
    learnt, rest = visible_boxes(boxes, np.array([0, 0, 30, 16.0]))
    assert learnt.tolist() == [[0, 0, 10, 10]] and rest.tolist() == [[0, 10.5, 10, 16]]


def test_average_precision_is_interpolated_at_101_points() -> None:
    scores, hits = np.array([0.9, 0.8, 0.7]), np.array([True, False, True])
    assert average_precision(scores, hits, 2) == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert average_precision(scores[:1], hits[:1], 2) == pytest.approx(51 / 101)
    assert average_precision(np.zeros(0), np.zeros(0, dtype=bool), 2) == 0


def test_a_disc_above_the_scored_ones_is_not_judged_and_a_double_is_false() -> None:
    truth = DISCS[:5]
    found = Detections(np.concatenate([truth, DISCS[5:], truth[:1] + 2]), np.linspace(0.9, 0.3, 7))
    image = JudgedImage(found, truth, judged_from=50.0)
    figures = detection_figures([match_all(image)])
    assert figures.recall50 == 1 and figures.precision50 == pytest.approx(5 / 6) and figures.map50 == 1
    assert not in_order(image)
    assert in_order(JudgedImage(Detections(DISCS, np.ones(6)), truth, 50.0))


def test_bootstrap_of_perfect_finds_is_one() -> None:
    matched = [match_all(JudgedImage(Detections(DISCS, np.full(6, 0.9)), DISCS)) for _ in range(3)]
    assert bootstrap(matched, ["1", "2", "3"], 20, seed=0) == {"map50": (1.0, 1.0), "map50_95": (1.0, 1.0)}


def test_suppression_keeps_the_first_of_equal_scores() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 1, 10, 11], [30, 0, 40, 10.0]])
    assert suppress(boxes, np.array([0.5, 0.5, 0.9]), 0.7).tolist() == [2, 0]


def test_decode_drops_low_scores() -> None:
    output = np.array([[[20.0, 60], [30, 60], [10, 8], [4, 8], [0.9, 0.25]]])
    boxes, scores = decode(output)
    assert boxes.tolist() == [[15, 28, 25, 32]] and scores.tolist() == [0.9]


def test_discs_are_mapped_back_from_the_crop() -> None:
    whole = np.array([[[32.0], [64], [64], [122], [0.9]]])
    found = find_discs(Detector(lambda _: whole, 64, 128), np.zeros((300, 200)), np.array([50.0, 100, 150, 300]))
    np.testing.assert_allclose(found.boxes, [[44, 90, 155, 300]], atol=1)


def test_a_small_network_learns_a_phantom(spine: LoadedImage) -> None:
    torch.manual_seed(0)
    network, rng = Yolov8(YoloConfig(width=0.25)), np.random.default_rng(0)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    points, strides = anchor_points(64, 128)
    images, targets = collate([disc_sample(spine, 64, 128, rng, calm=True) for _ in range(4)], points)
    for _ in range(70):
        loss = detection_loss(network, network(images), points, strides, targets).total
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    box_logits, class_logits = network(images)
    best = class_logits[0, :, 0].topk(1).indices
    boxes = network.decode_boxes(box_logits, points, strides)[0, best].detach().numpy()
    truth = targets.boxes[0][targets.present[0]].numpy()
    assert iou_matrix(boxes, truth).max() > 0.7


@pytest.mark.parametrize("name", PHANTOMS)
def test_phantoms_are_the_same_every_time(name: str) -> None:
    width, height = PHANTOMS[name]
    assert phantom(width, height).shape == (height, width)
    np.testing.assert_array_equal(phantom(width, height), phantom(width, height))


@pytest.mark.parametrize("command", ["train", "export", "evaluate", "golden"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0 and "--" in capsys.readouterr().out


def test_found_slices_carry_patient_split_and_the_hull_of_their_discs(tmp_path: Path) -> None:
    (tmp_path / "spider").mkdir()
    (tmp_path / "spider" / "series.csv").write_text("new_file_name,split\n7_t2,train\n8_t2,val\n", encoding="utf-8")
    found = tmp_path / "found.json"
    found.write_text('{"7_t2": [[10, 80, 40, 90], [12, 50, 44, 62]]}', encoding="utf-8")
    (image,) = read_found(tmp_path, found)
    assert (image.name, image.patient, image.split, image.source, image.sequence) == ("7_t2", "7", "train", "spider", "t2")
    assert image.path == tmp_path / "spider" / "midslices" / "7_t2.png"
    assert image.region.tolist() == [10, 50, 44, 90]


def test_masks_with_five_discs_give_boxes_as_loose_as_labelled_ones(tmp_path: Path) -> None:
    for source, names in (("space", ("five", "four")), ("t2w", ("ordinary",))):
        folder = tmp_path / "spider" / source
        (folder / "images").mkdir(parents=True)
        (folder / "masks").mkdir()
        for name in names:
            mask = np.zeros((260, 200), dtype=np.uint8)
            for x0, y0, x1, y1 in DISCS[: 4 if name == "four" else 6].astype(int):
                mask[y0:y1, x0:x1] = 29
            Image.fromarray(mask).save(folder / "masks" / f"{name}.png")
    (tmp_path / "spider" / "space_masks.csv").write_text("file,patient,split\nfive.png,7,train\nfour.png,8,train\n")
    (tmp_path / "spider" / "t2w.csv").write_text("file,patient,split\nordinary.png,9,val\n")

    five, ordinary = read_masked(tmp_path)

    assert (five.name, five.patient, five.split, five.source, five.sequence) == ("five", "7", "train", "spider", "t2_SPACE")
    assert (ordinary.name, ordinary.patient, ordinary.split, ordinary.sequence) == ("ordinary", "9", "val", "t2")
    assert five.path == tmp_path / "spider" / "space" / "images" / "five.png"
    np.testing.assert_allclose(five.discs, DISCS + np.array([-1, -1, 1, 1]) * 0.145 * 40)
    np.testing.assert_allclose(five.region, region_of_discs(five.discs, 200, 260))


def test_without_masks_there_are_no_boxes_of_masks(tmp_path: Path) -> None:
    assert read_masked(tmp_path) == []


def test_loosened_boxes_end_at_the_picture() -> None:
    boxes = loosened(DISCS, 112, 232)
    assert boxes[:, 2].max() == 112 and boxes[:, 3].max() == 232
    np.testing.assert_allclose(boxes[1], [54.2, 164.2, 112, 195.8])
