"""The network's size, its decoded output, the assigner, the losses and the ONNX export."""

from pathlib import Path

import numpy as np
import pytest
import torch

from discflow_training.export import export_onnx
from discflow_training.yolov8 import (
    DecodedYolov8,
    YoloConfig,
    Yolov8,
    anchor_points,
    parameter_count,
)
from discflow_training.yolov8_loss import Targets, assign, ciou, detection_loss, distribution_focal_loss

PUBLISHED_PARAMETERS = {"n": 3_157_200, "s": 11_166_560, "m": 25_902_640}


@pytest.mark.parametrize("scale", PUBLISHED_PARAMETERS)
def test_sizes_equal_the_published_ones(scale: str) -> None:
    network = Yolov8(YoloConfig(scale, classes=80, channels=3))
    assert parameter_count(network) == PUBLISHED_PARAMETERS[scale]


def test_width_makes_it_narrower() -> None:
    assert 0.7e6 < parameter_count(Yolov8(YoloConfig(width=0.5))) < 1.2e6


def test_anchors_are_cell_centres_fine_to_coarse() -> None:
    points, strides = anchor_points(64, 32)
    assert len(points) == 8 * 4 + 4 * 2 + 2 * 1
    assert points[0].tolist() == [4, 4] and points[1].tolist() == [12, 4] and points[32].tolist() == [8, 8]
    assert strides[[0, 32, -1], 0].tolist() == [8, 16, 32]


def test_decoded_output_is_centre_boxes_and_scores() -> None:
    output = DecodedYolov8(Yolov8(YoloConfig(width=0.25, classes=2)), 64, 96).eval()(torch.rand(1, 1, 96, 64))
    assert output.shape == (1, 6, 12 * 8 + 6 * 4 + 3 * 2)
    assert ((output[:, 4:] > 0) & (output[:, 4:] < 1)).all() and (output[:, 2:4] > 0).all()


def test_ciou_of_equal_and_of_distant_boxes() -> None:
    box = torch.tensor([[0.0, 0.0, 4.0, 2.0]])
    assert ciou(box, box).item() == pytest.approx(1, abs=1e-5)
    assert ciou(box, box + 10).item() < 0
    half = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    assert ciou(box, half).item() < 0.5


def test_each_truth_gets_its_own_anchors_and_padding_gets_none() -> None:
    points, strides = anchor_points(64, 64)
    truth = torch.tensor([[[0.0, 0.0, 24.0, 24.0], [32.0, 32.0, 64.0, 64.0], [0.0, 0.0, 0.0, 0.0]]])
    targets = _targets(truth, torch.tensor([[True, True, False]]), len(points))
    predicted = torch.cat([points - 12, points + 12], dim=1)[None]
    assignment = assign(torch.full((1, len(points), 1), 0.5), predicted, points, targets)
    owners = assignment.boxes[0][assignment.positive[0]]
    assert {tuple(row) for row in owners.tolist()} == {(0, 0, 24, 24), (32, 32, 64, 64)}
    centres = points[assignment.positive[0]]
    assert ((centres > owners[:, :2]) & (centres < owners[:, 2:])).all()
    assert assignment.scores.max() <= 1 and (assignment.scores[0][~assignment.positive[0]] == 0).all()
    assert len(strides) == len(points)


def test_ignored_anchors_teach_no_background() -> None:
    network = Yolov8(YoloConfig(width=0.25))
    points, strides = anchor_points(32, 32)
    outputs = (torch.zeros(1, len(points), 64), torch.full((1, len(points), 1), 5.0))
    truth, nothing = torch.zeros(1, 1, 4), torch.zeros(1, 1, dtype=torch.bool)
    everywhere = _targets(truth, nothing, len(points))
    nowhere = Targets(truth, everywhere.classes, nothing, torch.ones(1, len(points), dtype=torch.bool))
    assert detection_loss(network, outputs, points, strides, everywhere).total > 1
    assert detection_loss(network, outputs, points, strides, nowhere).total == 0


def test_distance_loss_is_least_where_the_bins_agree() -> None:
    logits = torch.full((1, 4, 16), -10.0)
    logits[:, :, 3] = logits[:, :, 4] = 10
    right = distribution_focal_loss(logits.view(1, 64), torch.full((1, 4), 3.5))
    wrong = distribution_focal_loss(logits.view(1, 64), torch.full((1, 4), 9.0))
    assert right.item() == pytest.approx(np.log(2), abs=1e-3) and wrong > 5


def test_export_agrees_with_torch_and_has_half_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Yolov8(YoloConfig(width=0.25))
    decoded, example = DecodedYolov8(network, 64, 64), torch.rand(1, 1, 64, 64)
    exported = export_onnx(decoded, example, tmp_path / "n.onnx", dynamic_batch=False)
    assert exported.max_abs_difference < 0.1
    assert exported.bytes < 3 * parameter_count(network)
    assert [path.name for path in tmp_path.iterdir()] == ["n.onnx"]


def _targets(boxes: torch.Tensor, present: torch.Tensor, anchors: int) -> Targets:
    classes = torch.zeros(boxes.shape[:2], dtype=torch.long)
    return Targets(boxes, classes, present, torch.zeros(len(boxes), anchors, dtype=torch.bool))
