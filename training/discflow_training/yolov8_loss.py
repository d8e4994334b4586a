"""Training targets and losses of YOLOv8: task-aligned assignment, CIoU, distribution focal loss, class BCE."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .yolov8 import BINS, Yolov8

TOP_CANDIDATES = 10
SCORE_POWER = 0.5
OVERLAP_POWER = 6.0
BOX_GAIN = 7.5
CLASS_GAIN = 0.5
DISTANCE_GAIN = 1.5
EPSILON = 1e-9


@dataclass(frozen=True)
class Targets:
    """Padded truth of a batch: corner boxes `B x M x 4` in pixels, classes `B x M`, which of them exist `B x M`.

    `ignored` marks anchors, `B x A`, that teach no background (places where labels are known to be missing).
    """

    boxes: Tensor
    classes: Tensor
    present: Tensor
    ignored: Tensor


@dataclass(frozen=True)
class Assignment:
    """Which anchors are positive (`B x A`), their boxes (`B x A x 4`) and soft class targets (`B x A x classes`)."""

    positive: Tensor
    boxes: Tensor
    scores: Tensor


@dataclass(frozen=True)
class LossParts:
    """Weighted loss terms, each averaged over the batch's target score."""

    box: Tensor
    score: Tensor
    distance: Tensor

    @property
    def total(self) -> Tensor:
        return self.box + self.score + self.distance


def ciou(a: Tensor, b: Tensor) -> Tensor:
    """Complete IoU of corner boxes broadcast over `... x 4`."""
    size_a = (a[..., 2:] - a[..., :2]).clamp(min=0)
    size_b = (b[..., 2:] - b[..., :2]).clamp(min=0)
    overlap = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    union = size_a.prod(-1) + size_b.prod(-1) - overlap + EPSILON
    iou = overlap / union
    hull = torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])
    diagonal = hull.square().sum(-1) + EPSILON
    centre_gap = ((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2).square().sum(-1)
    angle = torch.atan(size_b[..., 0] / (size_b[..., 1] + EPSILON)) - torch.atan(
        size_a[..., 0] / (size_a[..., 1] + EPSILON)
    )
    shape_gap = (4 / math.pi**2) * angle.square()
    with torch.no_grad():
        weight = shape_gap / (1 - iou + shape_gap + EPSILON)
    return iou - centre_gap / diagonal - weight * shape_gap


def assign(scores: Tensor, boxes: Tensor, points: Tensor, targets: Targets) -> Assignment:
    """Task-aligned assignment of predictions (`B x A x classes` scores in 0..1, `B x A x 4` boxes) to targets."""
    batch, anchors, class_count = scores.shape
    truth = targets.boxes
    if truth.shape[1] == 0:
        empty = torch.zeros(batch, anchors, dtype=torch.bool)
        return Assignment(empty, torch.zeros_like(boxes), torch.zeros_like(scores))
    overlaps = ciou(truth[:, :, None], boxes[:, None]).clamp(min=0)
    index = targets.classes[:, :, None].expand(-1, -1, anchors)
    own_scores = scores.transpose(1, 2).gather(1, index)
    inside = _inside(points, truth) & targets.present[:, :, None]
    alignment = own_scores.pow(SCORE_POWER) * overlaps.pow(OVERLAP_POWER) * inside
    chosen = _top_candidates(alignment) & inside
    owner = torch.where(chosen, overlaps, overlaps.new_full((), -1.0)).argmax(dim=1)
    single = functional.one_hot(owner, truth.shape[1]).transpose(1, 2).bool() & chosen
    positive = single.any(dim=1)
    alignment = alignment * single
    best_alignment = alignment.amax(dim=2, keepdim=True)
    best_overlap = (overlaps * single).amax(dim=2, keepdim=True)
    strength = (alignment / (best_alignment + EPSILON) * best_overlap).amax(dim=1)
    owned_boxes = truth.gather(1, owner[..., None].expand(-1, -1, 4))
    owned_classes = targets.classes.gather(1, owner)
    soft = functional.one_hot(owned_classes, class_count) * strength[..., None] * positive[..., None]
    return Assignment(positive, owned_boxes, soft.to(scores.dtype))


def detection_loss(
    network: Yolov8, outputs: tuple[Tensor, Tensor], points: Tensor, strides: Tensor, targets: Targets
) -> LossParts:
    """Losses of raw outputs against targets; `points` `A x 2` and `strides` `A x 1` in pixels."""
    box_logits, class_logits = outputs[0].float(), outputs[1].float()
    boxes = network.decode_boxes(box_logits, points, strides)
    with torch.no_grad():
        assignment = assign(class_logits.sigmoid(), boxes, points, targets)
    scale = assignment.scores.sum().clamp(min=1)
    counted = (~targets.ignored | assignment.positive)[..., None]
    score_loss = functional.binary_cross_entropy_with_logits(class_logits, assignment.scores, reduction="none")
    score_loss = (score_loss * counted).sum() / scale
    positive = assignment.positive
    if not positive.any():
        nothing = box_logits.sum() * 0
        return LossParts(nothing, CLASS_GAIN * score_loss, nothing)
    weight = assignment.scores.sum(-1)[positive]
    box_loss = ((1 - ciou(boxes[positive], assignment.boxes[positive])) * weight).sum() / scale
    cell_points = points.expand(len(boxes), -1, -1)[positive]
    cell_strides = strides.expand(len(boxes), -1, -1)[positive]
    truth = assignment.boxes[positive]
    distances = torch.cat([cell_points - truth[:, :2], truth[:, 2:] - cell_points], dim=1) / cell_strides
    distance_loss = (distribution_focal_loss(box_logits[positive], distances) * weight).sum() / scale
    return LossParts(BOX_GAIN * box_loss, CLASS_GAIN * score_loss, DISTANCE_GAIN * distance_loss)


def distribution_focal_loss(box_logits: Tensor, distances: Tensor) -> Tensor:
    """Cross-entropy shared by the two bins beside each distance: `n x 4 BINS` logits, `n x 4` cells, mean a box."""
    clipped = distances.clamp(0, BINS - 1 - 0.01)
    lower = clipped.floor().long()
    upper_share = clipped - lower
    logits = box_logits.reshape(-1, BINS)
    below = functional.cross_entropy(logits, lower.view(-1), reduction="none").view(lower.shape)
    above = functional.cross_entropy(logits, (lower + 1).view(-1), reduction="none").view(lower.shape)
    return (below * (1 - upper_share) + above * upper_share).mean(dim=1)


def _inside(points: Tensor, truth: Tensor) -> Tensor:
    """Whether each anchor centre lies in each box, `B x M x A`."""
    low = points - truth[:, :, None, :2]
    high = truth[:, :, None, 2:] - points
    return torch.cat([low, high], dim=-1).amin(dim=-1) > EPSILON


def _top_candidates(alignment: Tensor) -> Tensor:
    """The best anchors of each truth by alignment, `B x M x A`."""
    count = min(TOP_CANDIDATES, alignment.shape[2])
    best = alignment.topk(count, dim=2).indices
    return torch.zeros_like(alignment, dtype=torch.bool).scatter(2, best, True)
