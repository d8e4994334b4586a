"""Training samples of the two detectors: a slice, warped and disturbed, with its boxes in network pixels.

One warp takes source pixels to network pixels (rotation, a bend at the sacrum, crop, field of view, stretch, letterbox),
so that every sample is resampled once, bilinearly, as in use. Boxes are `n x 4` corners, origin at the top left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

from .data import SCORED_DISCS, DetectionImage, region_of_discs, spacing_of
from .disc_shapes import Bend, bent_boxes, centre_of
from .imaging import PAD_VALUE, Letterbox, plan_letterbox, upright_slice

VISIBLE_FRACTION = 0.6
ROTATION_DEGREES = 20.0
BEND_DEGREES = (-30.0, 12.0)
"""How far the picture is turned at L5-S1: below 0 its disc gets steeper, as on a sacrum that lies more level."""
BEND_REACH = (1.2, 2.0)
"""Where a third of the bend is left, in disc spacings from L5-S1."""
REGION_FACTOR = 1.1
WIDEST_REACH = np.array([0.6, 1.2, 0.6, 0.6])
"""How far a sample may reach beyond each edge of the picture (left, top, right, bottom), in parts of its side: the
training pictures show the lumbar spine alone, others reach up to the neck or around the trunk."""


@dataclass(frozen=True)
class LoadedImage:
    """A labelled image with its upright slice, `H x W` uint8, in memory."""

    label: DetectionImage
    pixels: np.ndarray


@dataclass(frozen=True)
class Sample:
    """A network input `H x W` float32 0..255, its truth boxes, and rectangles that teach no background."""

    pixels: np.ndarray
    boxes: np.ndarray
    ignored: np.ndarray


@dataclass(frozen=True)
class Warp:
    """Source pixels rotated by `angle` (radians, about `centre`), bent, cropped to `rect`, stretched and letterboxed."""

    angle: float
    centre: np.ndarray
    rect: np.ndarray
    stretch: float
    plan: Letterbox
    bend: Bend | None = None

    def to_frame(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes of the rotated and bent picture to network pixels."""
        points = boxes.reshape(-1, 2, 2) - self.rect[:2]
        points = points * np.array([self.stretch, 1.0])
        return self.plan.forward(points).reshape(-1, 4)

    def to_source(self, points: np.ndarray) -> np.ndarray:
        """Network points `... x 2` to source points."""
        bent = self.plan.inverse(points) / np.array([self.stretch, 1.0]) + self.rect[:2]
        rotated = bent if self.bend is None else self.bend.inverse(bent)
        return (rotated - self.centre) @ _rotation(self.angle) + self.centre


def load_images(labels: list[DetectionImage]) -> list[LoadedImage]:
    """Decode and window every slice once."""
    return [LoadedImage(label, upright_slice(label.path)) for label in labels]


def disc_sample(image: LoadedImage, width: int, height: int, rng: np.random.Generator, calm: bool) -> Sample:
    """A jittered lumbar crop with all its discs; `calm` leaves out rotation and bend (for the last epochs)."""
    source_height, source_width = image.pixels.shape
    angle, centre = _draw_angle(rng, calm), centre_of(image.label.region)
    discs = rotate_boxes(image.label.discs, angle, centre)
    bend = _draw_bend(discs, rng, calm)
    if bend is not None:
        discs = bent_boxes(discs, bend)
    region = region_of_discs(discs, source_width, source_height)
    rect = _jittered_crop(region, source_width, source_height, rng)
    warp = replace(_plan_warp(angle, centre, rect, width, height, rng), bend=bend)
    truth, partial = visible_boxes(discs, rect)
    unlabelled = np.array([[rect[0], rect[1], rect[2], max(rect[1], discs[:, 1].min())]])
    pixels = disturb(render(image.pixels, warp, rng), warp.plan, rng)
    return Sample(pixels, warp.to_frame(truth), warp.to_frame(np.concatenate([partial, unlabelled])))


def region_sample(image: LoadedImage, width: int, height: int, rng: np.random.Generator, calm: bool) -> Sample:
    """A whole slice, its field of view changed (cut or padded), with its lumbar region."""
    source_height, source_width = image.pixels.shape
    angle, centre = _draw_angle(rng, calm), centre_of(image.label.region)
    discs = rotate_boxes(image.label.discs[:SCORED_DISCS], angle, centre)
    region = region_of_discs(discs, source_width, source_height)
    rect = _field_of_view(region, source_width, source_height, rng)
    warp = _plan_warp(angle, centre, rect, width, height, rng)
    truth = _clip(region[None], rect)
    pixels = disturb(render(image.pixels, warp, rng), warp.plan, rng)
    return Sample(pixels, warp.to_frame(truth), np.zeros((0, 4)))


def rotate_boxes(boxes: np.ndarray, angle: float, centre: np.ndarray) -> np.ndarray:
    """Boxes of the discs in `boxes`, from the lowest upwards, after a rotation (radians) about `centre`."""
    return boxes.copy() if angle == 0 else bent_boxes(boxes, Bend(centre, angle, math.inf))


def visible_boxes(boxes: np.ndarray, rect: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boxes clipped to `rect`: those to learn (centre inside, enough of them visible), and the others that touch it."""
    clipped = _clip(boxes, rect)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    seen = np.clip(clipped[:, 2:] - clipped[:, :2], 0, None).prod(axis=1)
    centres = centre_of(boxes)
    inside = ((centres > rect[:2]) & (centres < rect[2:])).all(axis=1)
    learnt = inside & (seen > VISIBLE_FRACTION * areas)
    return clipped[learnt], clipped[~learnt & (seen > 0)]


def render(pixels: np.ndarray, warp: Warp, rng: np.random.Generator) -> np.ndarray:
    """Resample a slice through a warp, `H x W` float32; beyond the picture is black or its edge repeated."""
    plan = warp.plan
    ys, xs = np.meshgrid(np.arange(plan.height) + 0.5, np.arange(plan.width) + 0.5, indexing="ij")
    source = warp.to_source(np.stack([xs, ys], axis=-1))
    size = np.array([pixels.shape[1], pixels.shape[0]], dtype=np.float64)
    grid = torch.from_numpy((2 * source / size - 1).astype(np.float32))[None]
    image = torch.from_numpy(pixels.astype(np.float32))[None, None]
    beyond = "zeros" if rng.random() < 0.5 else "border"
    return functional.grid_sample(image, grid, mode="bilinear", padding_mode=beyond, align_corners=False)[0, 0].numpy()


def disturb(frame: np.ndarray, plan: Letterbox, rng: np.random.Generator) -> np.ndarray:
    """Intensity changes of scanners and coils on the letterbox content (0..255), then the pad around it."""
    rows = slice(plan.top, plan.top + plan.content_height)
    columns = slice(plan.left, plan.left + plan.content_width)
    content = frame[rows, columns] / np.float32(255)
    if rng.random() < 0.3:
        content = _lose_resolution(content, rng.uniform(0.4, 0.9))
    if rng.random() < 0.4:
        content = content * _coil_shading(content.shape, rng)
    if rng.random() < 0.5:
        content = np.clip(content, 0, None) ** np.float32(rng.uniform(0.65, 1.5))
    if rng.random() < 0.7:
        content = content * np.float32(rng.uniform(0.75, 1.25))
    if rng.random() < 0.3:
        content = (content - content.mean()) * np.float32(rng.uniform(0.7, 1.3)) + content.mean()
    if rng.random() < 0.3:
        content = content + rng.standard_normal(content.shape, dtype=np.float32) * np.float32(rng.uniform(0.01, 0.06))
    padded = np.full(frame.shape, PAD_VALUE, dtype=np.float32)
    padded[rows, columns] = np.clip(content, 0, 1) * 255
    return padded


def _draw_angle(rng: np.random.Generator, calm: bool) -> float:
    if calm or rng.random() > 0.35:
        return 0.0
    return math.radians(rng.uniform(-ROTATION_DEGREES, ROTATION_DEGREES))


def _draw_bend(discs: np.ndarray, rng: np.random.Generator, calm: bool) -> Bend | None:
    if calm or rng.random() > 0.35:
        return None
    angle = math.radians(rng.uniform(*BEND_DEGREES))
    return Bend(centre_of(discs[0]), angle, spacing_of(discs) * rng.uniform(*BEND_REACH))


def _jittered_crop(region: np.ndarray, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """The region shifted and scaled as a first stage may err, enlarged by the crop rule, at times cut at an edge."""
    size = (region[2:] - region[:2]) * REGION_FACTOR
    centre = centre_of(region)
    if rng.random() < 0.85:
        centre = centre + rng.normal(0, 0.05, 2).clip(-0.15, 0.15) * size
        size = size * np.exp(rng.normal(0, 0.07, 2).clip(-0.18, 0.18))
    elif rng.random() < 0.5:
        size = size * rng.uniform(1.0, 1.6)
    rect = np.concatenate([centre - size / 2, centre + size / 2])
    if rng.random() < 0.12:
        rect = _cut_edge(rect, rng)
    limits = np.array([width, height, width, height], dtype=np.float64)
    rect = np.clip(rect, 0, limits)
    return np.concatenate([np.floor(rect[:2]), np.ceil(rect[2:])])


def _cut_edge(rect: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Part of the rectangle lost at the bottom or the top, as in a picture that ends there."""
    cut = rect.copy()
    loss = rng.uniform(0.05, 0.4) * (rect[3] - rect[1])
    if rng.random() < 0.6:
        cut[3] -= loss
    else:
        cut[1] += loss
    return cut


def _field_of_view(region: np.ndarray, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """A rectangle of the picture, or one that reaches beyond it, which still holds most of the region."""
    rect = np.array([0.0, 0.0, width, height])
    choice = rng.random()
    if choice < 0.3:
        return rect
    reach = np.array([-width, -height, width, height], dtype=np.float64)
    if choice < 0.5:
        rect = rect + reach * rng.uniform(0, 0.25, 4)
    elif choice < 0.65:
        rect = rect + reach * rng.uniform(0, 1, 4) * WIDEST_REACH
    else:
        slack = np.concatenate([region[:2], np.array([width, height]) - region[2:]])
        rect = rect + np.sign(-reach) * slack * rng.uniform(0, 1.0, 4)
        if rng.random() < 0.25:
            loss = rng.uniform(0.0, 0.35) * (region[3] - region[1])
            if rng.random() < 0.6:
                rect[3] = min(rect[3], region[3] - loss)
            else:
                rect[1] = max(rect[1], region[1] + loss)
    return np.concatenate([np.floor(rect[:2]), np.ceil(rect[2:])])


def _plan_warp(
    angle: float, centre: np.ndarray, rect: np.ndarray, width: int, height: int, rng: np.random.Generator
) -> Warp:
    stretch = rng.uniform(0.92, 1.08) if rng.random() < 0.3 else 1.0
    rect_width = max(1, round((rect[2] - rect[0]) * stretch))
    plan = plan_letterbox(rect_width, max(1, round(rect[3] - rect[1])), width, height)
    return Warp(angle, centre, rect, rect_width / (rect[2] - rect[0]), plan)


def _coil_shading(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A smooth gain like a surface coil's: falls off from one side, `H x W`, largest value 1.3."""
    ys, xs = np.meshgrid(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), indexing="ij")
    direction = rng.normal(0, 0.35) + (0 if rng.random() < 0.7 else math.pi / 2)
    along = xs * math.cos(direction) + ys * math.sin(direction)
    gain = np.exp(rng.uniform(-1.1, 1.1) * along - rng.uniform(0, 0.6) * ys**2)
    return (gain / gain.max() * 1.3).astype(np.float32)


def _lose_resolution(content: np.ndarray, factor: float) -> np.ndarray:
    """Averaged down by `factor` and interpolated back."""
    image = torch.from_numpy(np.ascontiguousarray(content))[None, None]
    small = [max(8, round(side * factor)) for side in content.shape]
    coarse = functional.interpolate(image, size=small, mode="bilinear", align_corners=False, antialias=True)
    return functional.interpolate(coarse, size=content.shape, mode="bilinear", align_corners=False)[0, 0].numpy()


def _rotation(angle: float) -> np.ndarray:
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def _clip(boxes: np.ndarray, rect: np.ndarray) -> np.ndarray:
    return np.clip(boxes.reshape(-1, 2, 2), rect[:2], rect[2:]).reshape(-1, 4)
