"""Detection figures: IoU, non-maximum suppression, 101-point interpolated average precision, recall and precision.

Boxes are `n x 4` corners in pixels, origin at the top left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

IOU_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
RECALL_POINTS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Detections:
    """Boxes with scores of one image, highest score first."""

    boxes: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class JudgedImage:
    """Detections of one image, the truth that counts, and the height above which nothing is judged (pixels).

    A detection that hits no truth and whose centre lies above `judged_from` is neither a find nor a false one.
    """

    detections: Detections
    truth: np.ndarray
    judged_from: float = float("-inf")


@dataclass(frozen=True)
class MatchedImage:
    """An image after matching: scores `n`, judged and hit `10 x n` (by IoU threshold), best IoU of each truth."""

    scores: np.ndarray
    judged: np.ndarray
    hits: np.ndarray
    overlaps: np.ndarray


@dataclass(frozen=True)
class DetectionFigures:
    """Figures over `images` pictures with `truths` boxes, at the detections' own score threshold."""

    images: int
    truths: int
    map50: float
    map50_95: float
    recall50: float
    precision50: float
    mean_iou: float

    def as_dict(self) -> dict[str, float | int]:
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in vars(self).items()}


def iou_matrix(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU of every box of `a` (`n x 4`) with every box of `b` (`m x 4`), `n x m`."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.clip(high - low, 0, None).prod(axis=2)
    area_a = (a[:, 2:] - a[:, :2]).prod(axis=1)
    area_b = (b[:, 2:] - b[:, :2]).prod(axis=1)
    union = area_a[:, None] + area_b[None] - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)


def suppress(boxes: np.ndarray, scores: np.ndarray, iou_threshold: float) -> np.ndarray:
    """Indices kept by non-maximum suppression (IoU above the threshold falls), highest score first, ties by index."""
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        order = rest[iou_matrix(boxes[best : best + 1], boxes[rest])[0] <= iou_threshold]
    return np.array(kept, dtype=np.int64)


def average_precision(scores: np.ndarray, hits: np.ndarray, truths: int) -> float:
    """101-point interpolated average precision of scored finds; 0 where there is no truth or no find."""
    if truths == 0 or len(scores) == 0:
        return 0.0
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(hits[order])
    recall = found / truths
    precision = found / np.arange(1, len(order) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    positions = np.searchsorted(recall, RECALL_POINTS, side="left")
    return float(np.where(positions < len(envelope), envelope[np.minimum(positions, len(envelope) - 1)], 0.0).mean())


def match(image: JudgedImage, iou_threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Greedy matching by score: which detections are judged, and which of them hit a truth of their own."""
    count = len(image.detections.scores)
    hits = np.zeros(count, dtype=bool)
    overlaps = iou_matrix(image.detections.boxes, image.truth)
    for index in range(count if overlaps.shape[1] else 0):
        best = int(overlaps[index].argmax())
        if overlaps[index, best] >= iou_threshold:
            hits[index] = True
            overlaps[:, best] = -1
    centres = (image.detections.boxes[:, 1] + image.detections.boxes[:, 3]) / 2
    return hits | (centres >= image.judged_from), hits


def match_all(image: JudgedImage) -> MatchedImage:
    """Matching at every threshold of `IOU_THRESHOLDS`."""
    judged, hits = zip(*(match(image, threshold) for threshold in IOU_THRESHOLDS), strict=True)
    overlaps = iou_matrix(image.truth, image.detections.boxes).max(axis=1, initial=0.0)
    return MatchedImage(image.detections.scores, np.array(judged), np.array(hits), overlaps)


def in_order(image: JudgedImage) -> bool:
    """Whether the lowest detections, by centre, hit the truths (lowest first) one by one at IoU 0.5."""
    boxes = image.detections.boxes
    lowest = boxes[np.argsort(-(boxes[:, 1] + boxes[:, 3]), kind="stable")][: len(image.truth)]
    return len(lowest) == len(image.truth) and bool((np.diag(iou_matrix(lowest, image.truth)) >= 0.5).all())


def detection_figures(images: list[MatchedImage]) -> DetectionFigures:
    """Figures over all images together; raises where there is no image."""
    overlaps = np.concatenate([image.overlaps for image in images])
    scores = np.concatenate([image.scores for image in images])
    judged = np.concatenate([image.judged for image in images], axis=1)
    hits = np.concatenate([image.hits for image in images], axis=1)
    precisions = [
        average_precision(scores[kept], hit[kept], len(overlaps)) for kept, hit in zip(judged, hits, strict=True)
    ]
    return DetectionFigures(
        images=len(images),
        truths=len(overlaps),
        map50=precisions[0],
        map50_95=float(np.mean(precisions)),
        recall50=float(hits[0].sum() / max(1, len(overlaps))),
        precision50=float(hits[0].sum() / max(1, judged[0].sum())),
        mean_iou=float(overlaps.mean()) if len(overlaps) else 0.0,
    )


def bootstrap(
    images: list[MatchedImage], patients: list[str], resamples: int, seed: int
) -> dict[str, tuple[float, float]]:
    """95 % intervals of `map50` and `map50_95` over patients drawn with replacement."""
    by_patient: dict[str, list[MatchedImage]] = {}
    for image, patient in zip(images, patients, strict=True):
        by_patient.setdefault(patient, []).append(image)
    groups = list(by_patient.values())
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(resamples):
        drawn = [image for index in rng.integers(0, len(groups), len(groups)) for image in groups[index]]
        figures = detection_figures(drawn)
        values.append((figures.map50, figures.map50_95))
    low, high = np.quantile(np.array(values), (0.025, 0.975), axis=0)
    names = ("map50", "map50_95")
    return {name: (round(float(a), 4), round(float(b), 4)) for name, a, b in zip(names, low, high, strict=True)}
