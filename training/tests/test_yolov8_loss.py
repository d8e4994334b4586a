"""YOLOv8's assignment, losses and weights against the published definitions, written out one box at a time.

Task-aligned assignment: Feng et al. 2021; complete IoU: Zheng et al. 2020; distribution focal loss: Li et al. 2020.
"""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from discflow_training.yolov8 import YoloConfig, Yolov8, anchor_points
from discflow_training.yolov8_loss import Targets, assign, ciou, detection_loss, distribution_focal_loss

SIDE = 64
BEST, SCORE_POWER, OVERLAP_POWER = 10, 0.5, 6
"""The published choice of anchors for each truth, and the powers of score and overlap in their alignment."""


def complete_iou(a: list[float], b: list[float]) -> float:
    overlap = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
    (aw, ah), (bw, bh) = ((box[2] - box[0], box[3] - box[1]) for box in (a, b))
    iou = overlap / (aw * ah + bw * bh - overlap)
    diagonal = (max(a[2], b[2]) - min(a[0], b[0])) ** 2 + (max(a[3], b[3]) - min(a[1], b[1])) ** 2
    gap = ((a[0] + a[2] - b[0] - b[2]) / 2) ** 2 + ((a[1] + a[3] - b[1] - b[3]) / 2) ** 2
    shape = 4 / math.pi**2 * (math.atan(bw / bh) - math.atan(aw / ah)) ** 2
    return iou - gap / diagonal - (shape**2 / (1 - iou + shape) if shape else 0)


def drawn_boxes(rng: np.random.Generator, n: int) -> np.ndarray:
    low = rng.uniform(0, SIDE / 2, (n, 2))
    return np.concatenate([low, low + rng.uniform(12, SIDE / 2, (n, 2))], axis=1)


@pytest.fixture
def case() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, Targets]:
    """Scores of two classes, boxes near their anchors, anchors, strides, and three truths, two of which overlap, with a padding."""
    rng = np.random.default_rng(4)
    points, strides = anchor_points(SIDE, SIDE)
    truth = np.array([[2, 4, 40, 30], [20, 8, 60, 34], [10, 36, 50, 62], [0, 0, 0, 0]], dtype=np.float64)
    sides = rng.uniform(8, 20, (len(points), 4))
    boxes = np.concatenate([points.numpy() - sides[:, :2], points.numpy() + sides[:, 2:]], axis=1)
    targets = Targets(
        torch.tensor(truth).float()[None], torch.tensor([[0, 1, 1, 0]]), torch.tensor([[True, True, True, False]]),
        torch.zeros(1, len(points), dtype=torch.bool),
    )
    scores = torch.tensor(rng.uniform(0.05, 0.95, (1, len(points), 2))).float()
    return scores, torch.tensor(boxes).float()[None], points, strides, targets


def owners_of(scores: torch.Tensor, boxes: torch.Tensor, points: torch.Tensor, targets: Targets) -> dict[int, tuple[int, float]]:
    """The truth of each positive anchor and its class target."""
    kinds, truth = targets.classes[0].tolist(), targets.boxes[0].tolist()
    overlaps, alignments, wanted = {}, {}, {}
    for m in range(int(targets.present.sum())):
        for a, (x, y) in enumerate(points.tolist()):
            inside = truth[m][0] < x < truth[m][2] and truth[m][1] < y < truth[m][3]
            overlaps[m, a] = max(0.0, complete_iou(boxes[0, a].tolist(), truth[m]))
            alignments[m, a] = float(scores[0, a, kinds[m]]) ** SCORE_POWER * overlaps[m, a] ** OVERLAP_POWER * inside
        best = sorted(range(len(points)), key=lambda a: -alignments[m, a])[:BEST]
        for a in (a for a in best if alignments[m, a] > 0):
            wanted.setdefault(a, []).append(m)
    owner = {a: max(truths, key=lambda m: overlaps[m, a]) for a, truths in wanted.items()}
    result = {}
    for a, m in owner.items():
        own = [other for other, truth_of_other in owner.items() if truth_of_other == m]
        highest = max(alignments[m, other] for other in own)
        result[a] = m, alignments[m, a] / highest * max(overlaps[m, other] for other in own)
    return result


def test_overlap_is_the_published_complete_iou() -> None:
    rng = np.random.default_rng(0)
    a, b = drawn_boxes(rng, 40), drawn_boxes(rng, 40)
    expected = [complete_iou(*pair) for pair in zip(a.tolist(), b.tolist(), strict=True)]
    np.testing.assert_allclose(ciou(torch.tensor(a), torch.tensor(b)).numpy(), expected, atol=1e-6)


def test_anchors_go_to_the_truths_that_the_published_rule_names(case) -> None:
    scores, boxes, points, _, targets = case
    expected = owners_of(scores, boxes, points, targets)
    assert {m for m, _ in expected.values()} == {0, 1, 2} and len(expected) > 2 * BEST
    found = assign(scores, boxes, points, targets)
    assert set(torch.nonzero(found.positive[0]).flatten().tolist()) == set(expected)
    for a, (m, strength) in expected.items():
        assert torch.equal(found.boxes[0, a], targets.boxes[0, m])
        kind = int(targets.classes[0, m])
        assert float(found.scores[0, a, kind]) == pytest.approx(strength, rel=1e-3) and float(found.scores[0, a, 1 - kind]) == 0


def test_distances_are_shared_by_the_two_bins_beside_them() -> None:
    logits, distances = torch.randn(3, 64, generator=torch.Generator().manual_seed(0)), torch.tensor([[0.25, 3.0, 7.9, 14.5]]).repeat(3, 1)
    losses = distribution_focal_loss(logits, distances)
    for row, loss in zip(logits.view(3, 4, 16), losses, strict=True):
        logs = F.log_softmax(row, dim=1)
        sides = [(0, 0.25), (3, 0.0), (7, 0.9), (14, 0.5)]
        expected = [-(1 - share) * logs[i, low] - share * logs[i, low + 1] for i, (low, share) in enumerate(sides)]
        assert float(loss) == pytest.approx(float(sum(expected) / 4), rel=1e-4)


def test_loss_terms_carry_the_published_weights(case) -> None:
    _, _, points, strides, targets = case
    network = Yolov8(YoloConfig(width=0.25, classes=2))
    drawn = torch.Generator().manual_seed(2)
    outputs = torch.randn(1, len(points), 64, generator=drawn) * 2, torch.randn(1, len(points), 2, generator=drawn)
    boxes = network.decode_boxes(outputs[0], points, strides)
    found = assign(outputs[1].sigmoid(), boxes, points, targets)
    scale, weights = max(1.0, float(found.scores.sum())), found.scores.sum(-1)[found.positive]
    losses = detection_loss(network, outputs, points, strides, targets)
    assert found.positive.any()
    overlap = 1 - ciou(boxes[found.positive], found.boxes[found.positive])
    truth, centres, cells = found.boxes[found.positive], points[found.positive[0]], strides[found.positive[0]]
    reach = torch.cat([centres - truth[:, :2], truth[:, 2:] - centres], dim=1) / cells
    assert float(losses.box) == pytest.approx(7.5 * float((overlap * weights).sum()) / scale, rel=1e-4)
    assert float(losses.score) == pytest.approx(
        0.5 * float(F.binary_cross_entropy_with_logits(outputs[1], found.scores, reduction="sum")) / scale, rel=1e-4
    )
    distance = distribution_focal_loss(outputs[0][found.positive], reach)
    assert float(losses.distance) == pytest.approx(1.5 * float((distance * weights).sum()) / scale, rel=1e-4)
