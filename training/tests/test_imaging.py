"""The shared arithmetic: window, resize, letterbox, crop, normalise."""

import math

import numpy as np
import pytest

from discflow_training.imaging import (
    CropRule,
    crop_box,
    letterbox,
    normalise,
    plan_letterbox,
    resize_bilinear,
    unletterbox_boxes,
    upright_slice,
)


def bilinear_by_the_page(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The contract's formula, pixel by pixel."""
    out = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            sy = max(0.0, (y + 0.5) * image.shape[0] / height - 0.5)
            sx = max(0.0, (x + 0.5) * image.shape[1] / width - 0.5)
            y0, x0 = math.floor(sy), math.floor(sx)
            y1, x1 = min(y0 + 1, image.shape[0] - 1), min(x0 + 1, image.shape[1] - 1)
            top = image[y0, x0] * (1 - sx + x0) + image[y0, x1] * (sx - x0)
            bottom = image[y1, x0] * (1 - sx + x0) + image[y1, x1] * (sx - x0)
            out[y, x] = top * (1 - sy + y0) + bottom * (sy - y0)
    return out


@pytest.mark.parametrize("size", [(9, 4), (3, 11), (7, 5), (1, 1)])
def test_resize_follows_the_contract(size: tuple[int, int]) -> None:
    image = np.random.default_rng(1).uniform(0, 255, (7, 5)).astype(np.float32)
    np.testing.assert_allclose(resize_bilinear(image, *size), bilinear_by_the_page(image, *size), atol=1e-3)


def test_window_takes_the_lower_index_of_the_sorted_pixels() -> None:
    pixels = np.arange(200, dtype=np.uint16).reshape(10, 20)
    windowed = upright_slice(pixels)
    low, high = math.floor(0.01 * 199), math.floor(0.995 * 199)
    assert windowed.ravel()[low] == 0 and windowed.ravel()[high] == 255
    assert windowed.ravel()[100] == math.floor(255 * (100 - low) / (high - low) + 0.5)


def test_window_of_a_flat_picture_is_black() -> None:
    assert upright_slice(np.full((4, 4), 7)).max() == 0


@pytest.mark.parametrize("size", [(384, 384), (448, 335), (1, 900), (133, 512)])
def test_letterbox_inverts(size: tuple[int, int]) -> None:
    plan = plan_letterbox(*size, 160, 320)
    points = np.random.default_rng(2).uniform(0, 1, (20, 2)) * size
    np.testing.assert_allclose(plan.inverse(plan.forward(points)), points, atol=1e-9)
    assert plan.content_width <= 160 and plan.content_height <= 320


def test_letterbox_pads_with_114_and_maps_its_content_to_the_whole_picture() -> None:
    frame, plan = letterbox(np.zeros((100, 50), dtype=np.uint8), 64, 64)
    assert frame.shape == (64, 64) and frame.dtype == np.float32
    assert (plan.left, plan.top, plan.content_width, plan.content_height) == (16, 0, 32, 64)
    assert frame[0, 15] == 114 and frame[0, 16] == 0
    np.testing.assert_allclose(unletterbox_boxes(np.array([[16, 0, 48, 64]]), plan), [[0, 0, 50, 100]])


def test_crop_is_clipped_then_rounded_outwards() -> None:
    assert crop_box((10, 10, 30, 50), CropRule("box", 1.1), 100, 100) == (9, 8, 31, 52)
    assert crop_box((10, 10, 30, 50), CropRule("square", 1.5), 45, 100) == (0, 0, 45, 60)
    assert crop_box((0, 0, 100, 80), CropRule("box", 1.1), 100, 80) == (0, 0, 100, 80)


def test_normalise() -> None:
    np.testing.assert_allclose(normalise(np.array([[0, 255]]), mean=0.5, std=0.25), [[-2, 2]])
