"""The two stages in use: letterbox, network, decode, suppress, map back to the slice.

Boxes are `n x 4` corners in pixels of the upright slice, origin at the top left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .imaging import CropRule, crop_box, letterbox, normalise, unletterbox_boxes
from .metrics_detection import Detections, suppress

CONFIDENCE = 0.25
NMS_IOU = 0.7
REGION_CROP = CropRule("box", 1.1)

Engine = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Detector:
    """A network (`1 x 1 x H x W` normalised to `1 x (4 + classes) x A`) with its input size in pixels."""

    engine: Engine
    width: int
    height: int

    def detect(self, pixels: np.ndarray) -> Detections:
        """Detections on an `H x W` image (0..255), in its pixels."""
        frame, plan = letterbox(pixels, self.width, self.height)
        boxes, scores = decode(self.engine(normalise(frame)[None, None]))
        return Detections(unletterbox_boxes(boxes, plan), scores)


def decode(output: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and scores of class 0 above the confidence after suppression, from `1 x (4 + classes) x A`."""
    rows = output[0].astype(np.float64)
    candidates = np.flatnonzero(rows[4] > CONFIDENCE)
    centre, half = rows[:2, candidates].T, rows[2:4, candidates].T / 2
    boxes, scores = np.concatenate([centre - half, centre + half], axis=1), rows[4, candidates]
    kept = suppress(boxes, scores, NMS_IOU)
    return boxes[kept], scores[kept]


def find_region(detector: Detector, pixels: np.ndarray) -> Detections:
    """The best lumbar region, at most one box."""
    found = detector.detect(pixels)
    return Detections(found.boxes[:1], found.scores[:1])


def find_discs(detector: Detector, pixels: np.ndarray, region: np.ndarray) -> Detections:
    """Discs inside a lumbar region of the slice, in the slice's pixels."""
    x0, y0, x1, y1 = crop_box(region, REGION_CROP, pixels.shape[1], pixels.shape[0])
    found = detector.detect(pixels[y0:y1, x0:x1])
    return Detections(found.boxes + np.array([x0, y0, x0, y0]), found.scores)


def find_discs_in_slice(region_detector: Detector, disc_detector: Detector, pixels: np.ndarray) -> Detections:
    """Both stages; no region means no discs."""
    region = find_region(region_detector, pixels)
    if len(region.boxes) == 0:
        return Detections(np.zeros((0, 4)), np.zeros(0))
    return find_discs(disc_detector, pixels, region.boxes[0])
