"""Boxes of discs in a picture that is turned or bent."""

import math

import numpy as np
import pytest
from scipy import ndimage

from discflow_training.data import disc_boxes_of_mask, loosened
from discflow_training.detection_samples import Warp, render, rotate_boxes
from discflow_training.disc_shapes import Bend, bent_boxes
from discflow_training.imaging import plan_letterbox

SIZE = (360, 280)
CENTRES = np.array([[120, 300], [112, 244], [112, 188], [120, 132], [132, 76]], dtype=float)
TILTS = np.radians([-32, -12, 2, 8, 12])
WHOLE = np.array([0.0, 0, SIZE[1], SIZE[0]])


def column() -> np.ndarray:
    """Five discs 52 long and 16 high across a curved column, as 255 on 0, turned to anterior at the lowest."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    pixels = np.zeros(SIZE, dtype=np.uint8)
    for (cx, cy), tilt in zip(CENTRES, TILTS, strict=True):
        along = (x - cx) * math.cos(tilt) + (y - cy) * math.sin(tilt)
        across = (y - cy) * math.cos(tilt) - (x - cx) * math.sin(tilt)
        pixels[(along / 26) ** 2 + (across / 8) ** 2 < 1] = 255
    return pixels


def boxes_in(pixels: np.ndarray) -> np.ndarray:
    """As loose as labelled ones."""
    return loosened(disc_boxes_of_mask(2 * (pixels > 127).astype(np.uint8)), SIZE[1], SIZE[0])


def rendered(angle: float, bend: Bend | None) -> np.ndarray:
    warp = Warp(angle, CENTRES[2], WHOLE, 1.0, plan_letterbox(SIZE[1], SIZE[0], SIZE[1], SIZE[0]), bend)
    frame = render(column(), warp, np.random.default_rng(0))
    return ndimage.binary_opening(frame > 127).astype(np.uint8) * 255


def test_what_is_bent_is_straight_again_by_the_inverse() -> None:
    bend = Bend(np.array([50.0, 60.0]), 0.5, 30.0)
    points = np.random.default_rng(0).uniform(0, 120, (40, 2))
    np.testing.assert_allclose(bend.inverse(bend.forward(points)), points, atol=1e-9)
    np.testing.assert_allclose(bend.forward(np.array([[50.0, 60], [500, 60]])), [[50, 60], [500, 60]], atol=1e-9)


@pytest.mark.parametrize("degrees", [-20, -8, 8, 20])
def test_boxes_of_tilted_discs_follow_a_rotation(degrees: float) -> None:
    turned = rotate_boxes(boxes_in(column()), math.radians(degrees), CENTRES[2])
    np.testing.assert_allclose(turned, boxes_in(rendered(math.radians(degrees), None)), atol=5)


@pytest.mark.parametrize("degrees", [-30, -15, 12])
def test_boxes_of_tilted_discs_follow_a_bend_at_the_sacrum(degrees: float) -> None:
    bend = Bend(CENTRES[0], math.radians(degrees), 90.0)
    straight = boxes_in(column())
    bent = bent_boxes(straight, bend)
    np.testing.assert_allclose(bent, boxes_in(rendered(0.0, bend)), atol=5)
    np.testing.assert_allclose(bent[4], straight[4], atol=2)


def test_boxes_that_are_not_turned_stay() -> None:
    boxes = boxes_in(column())
    np.testing.assert_allclose(bent_boxes(boxes, Bend(CENTRES[0], 0.0, math.inf)), boxes, atol=1e-9)
