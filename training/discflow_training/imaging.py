"""The arithmetic of `docs/model-pack.md`: upright slice, resize, letterbox, crop and normalise.

Boxes are `x0, y0, x1, y1` in pixels, origin at the top left, on pixel edges (a full image is `0, 0, w, h`).
Images are `H x W`, values 0..255.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image

PAD_VALUE = 114.0
WINDOW_QUANTILES = (0.01, 0.995)

CropKind = Literal["box", "square"]


@dataclass(frozen=True)
class CropRule:
    """How a box is enlarged before cropping: `box` keeps its shape, `square` takes the longer side."""

    kind: CropKind = "box"
    factor: float = 1.1

    def as_manifest(self) -> dict[str, str | float]:
        return {"kind": self.kind, "factor": self.factor}


@dataclass(frozen=True)
class Letterbox:
    """Placement of a `source_width x source_height` image inside a `width x height` frame, in pixels."""

    width: int
    height: int
    source_width: int
    source_height: int
    content_width: int
    content_height: int
    left: int
    top: int

    def forward(self, points: np.ndarray) -> np.ndarray:
        """Map `... x 2` source points (x, y) into the frame."""
        return points * self._scale() + np.array([self.left, self.top], dtype=np.float64)

    def inverse(self, points: np.ndarray) -> np.ndarray:
        """Map `... x 2` frame points (x, y) back into source pixels."""
        return (points - np.array([self.left, self.top], dtype=np.float64)) / self._scale()

    def _scale(self) -> np.ndarray:
        return np.array(
            [self.content_width / self.source_width, self.content_height / self.source_height], dtype=np.float64
        )


def plan_letterbox(source_width: int, source_height: int, width: int, height: int) -> Letterbox:
    """Place an image centred and uncropped inside `width x height`."""
    ratio = min(width / source_width, height / source_height)
    content_width = max(1, math.floor(source_width * ratio + 0.5))
    content_height = max(1, math.floor(source_height * ratio + 0.5))
    left = (width - content_width) // 2
    top = (height - content_height) // 2
    return Letterbox(width, height, source_width, source_height, content_width, content_height, left, top)


def window_to_uint8(pixels: np.ndarray) -> np.ndarray:
    """Window an `H x W` image of any depth to 8 bits between its 1st and 99.5th percentile (lower index)."""
    values = np.asarray(pixels, dtype=np.float64)
    ordered = np.sort(values, axis=None)
    low, high = (float(ordered[math.floor(q * (ordered.size - 1))]) for q in WINDOW_QUANTILES)
    if high <= low:
        high = low + 1
    return np.floor(255 * np.clip((values - low) / (high - low), 0, 1) + 0.5).astype(np.uint8)


def upright_slice(source: str | Path | np.ndarray) -> np.ndarray:
    """8-bit slice (`H x W` uint8) of a picture file or array that is already head up, anterior left, square pixels."""
    if isinstance(source, np.ndarray):
        return window_to_uint8(source)
    with Image.open(source) as picture:
        grey = picture if picture.mode in ("L", "I", "I;16", "F") else picture.convert("L")
        return window_to_uint8(np.array(grey))


def resize_bilinear(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear resize, half-pixel centres, no antialias: `H x W` to `height x width`, float32."""
    source = np.ascontiguousarray(image, dtype=np.float32)
    if source.shape == (height, width):
        return source.copy()
    tensor = torch.from_numpy(source)[None, None]
    resized = torch.nn.functional.interpolate(
        tensor, size=(height, width), mode="bilinear", align_corners=False, antialias=False
    )
    return resized[0, 0].numpy()


def letterbox(image: np.ndarray, width: int, height: int, pad: float = PAD_VALUE) -> tuple[np.ndarray, Letterbox]:
    """Resize into a padded `height x width` frame, float32 0..255, with the placement that inverts it."""
    plan = plan_letterbox(image.shape[1], image.shape[0], width, height)
    frame = np.full((height, width), pad, dtype=np.float32)
    content = resize_bilinear(image, plan.content_height, plan.content_width)
    frame[plan.top : plan.top + plan.content_height, plan.left : plan.left + plan.content_width] = content
    return frame, plan


def unletterbox_boxes(boxes: np.ndarray, plan: Letterbox) -> np.ndarray:
    """Map `n x 4` frame boxes back into source pixels."""
    return plan.inverse(np.asarray(boxes, dtype=np.float64).reshape(-1, 2, 2)).reshape(-1, 4)


def crop_box(box: np.ndarray | tuple[float, ...], rule: CropRule, width: int, height: int) -> tuple[int, int, int, int]:
    """Enlarge a box by the rule, clip it to the `width x height` image and round it outwards: `x0, y0, x1, y1`."""
    x0, y0, x1, y1 = (float(v) for v in box)
    box_width, box_height = x1 - x0, y1 - y0
    if rule.kind == "square":
        box_width = box_height = max(box_width, box_height)
    half_width, half_height = box_width * rule.factor / 2, box_height * rule.factor / 2
    centre_x, centre_y = (x0 + x1) / 2, (y0 + y1) / 2
    left, right = max(0.0, centre_x - half_width), min(float(width), centre_x + half_width)
    top, bottom = max(0.0, centre_y - half_height), min(float(height), centre_y + half_height)
    return math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)


def normalise(image: np.ndarray, mean: float = 0.0, std: float = 1.0) -> np.ndarray:
    """`(v / 255 - mean) / std` in float32."""
    return ((image.astype(np.float32) / np.float32(255) - np.float32(mean)) / np.float32(std)).astype(np.float32)
