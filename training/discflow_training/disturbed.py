"""Labelled pictures as other scanners would take them: `python -m discflow_training.disturbed`, for `discflow evaluate --data`.

Writes one folder a disturbance, in the format of one's own labelled data: field of view, resolution, coil shading,
contrast, blur and noise, each well beyond what a labelled picture shows. How far a pack's figures fall there tells how it
carries over; a source that no training picture comes from tells more, and both are needed.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from .data import DEFAULT_DATA_ROOT, DetectionImage, read_spider, read_yolospine, spacing_of
from .disc_data import LEVEL_NAMES, TARGETS, read_discs
from .faults import told_plainly
from .imaging import resize_bilinear, upright_slice
from .recipes import positive

Disturbance = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]


def padded(left: float, top: float, right: float, bottom: float) -> Disturbance:
    """A wider field of view: black beyond the picture, by parts of its sides."""

    def disturb(pixels: np.ndarray, boxes: np.ndarray, _: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        height, width = pixels.shape
        x0, y0, x1, y1 = round(left * width), round(top * height), round(right * width), round(bottom * height)
        return np.pad(pixels, ((y0, y1), (x0, x1))), boxes + np.array([x0, y0, x0, y0])

    return disturb


def narrowed(spacings: float) -> Disturbance:
    """A narrow field of view: so many disc spacings around the five lowest discs, and the canal behind them."""

    def disturb(pixels: np.ndarray, boxes: np.ndarray, _: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        height, width = pixels.shape
        lowest = boxes[: len(LEVEL_NAMES)]
        margin = spacings * spacing_of(boxes)
        x0, y0 = max(0, int(lowest[:, 0].min() - margin)), max(0, int(lowest[:, 1].min() - margin))
        x1, y1 = min(width, int(lowest[:, 2].max() + 1.7 * margin)), min(height, int(lowest[:, 3].max() + margin))
        moved = np.clip(boxes - np.array([x0, y0, x0, y0]), 0, np.array([x1 - x0, y1 - y0] * 2))
        return pixels[y0:y1, x0:x1], moved[moved[:, 3] - moved[:, 1] > 0.6 * (boxes[:, 3] - boxes[:, 1])]

    return disturb


def rescaled(factor: float) -> Disturbance:
    """Another matrix: the same field of view with coarser or finer pixels."""

    def disturb(pixels: np.ndarray, boxes: np.ndarray, _: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        height, width = (round(side * factor) for side in pixels.shape)
        scale = np.array([width / pixels.shape[1], height / pixels.shape[0]] * 2)
        return resize_bilinear(pixels, height, width), boxes * scale

    return disturb


def grey(change: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Disturbance:
    """A change of grey values alone."""
    return lambda pixels, boxes, rng: (change(pixels, rng), boxes)


def shaded(depth: float) -> Disturbance:
    """A surface coil behind the back: the signal falls by a factor `exp(2 * depth)` to the front."""

    def change(pixels: np.ndarray, _: np.random.Generator) -> np.ndarray:
        bright = pixels * np.exp(np.linspace(-depth, depth, pixels.shape[1]))
        return 255 * np.clip(bright / np.quantile(bright, 0.995), 0, 1)

    return grey(change)


def displayed(gamma: float) -> Disturbance:
    """Another curve of the display: dark above 1, bright below; 2.2 is a screen's, applied once too often, 1 / 2.2 once too few."""
    return grey(lambda pixels, _: 255 * (pixels / 255) ** gamma)


DISTURBANCES: dict[str, Disturbance] = {
    "none": grey(lambda pixels, _: pixels),
    "wide": padded(0.3, 0.6, 0.3, 0.2),
    "to-the-neck": padded(0, 1.0, 0, 0),
    "narrow": narrowed(0.7),
    "coarse": rescaled(0.4),
    "fine": rescaled(2.0),
    "shaded": shaded(1.0),
    "shaded-strongly": shaded(1.6),
    "bright": displayed(0.55),
    "very-bright": displayed(1 / 2.2),
    "dark": displayed(1.8),
    "very-dark": displayed(2.2),
    "blurred": grey(lambda pixels, _: ndimage.gaussian_filter(pixels, 1.5)),
    "noisy": grey(lambda pixels, rng: pixels + rng.normal(0, 20, pixels.shape)),
}


def write_folder(
    folder: Path, images: Sequence[DetectionImage], findings: dict[tuple[str, int], tuple[int, ...]], disturb: Disturbance
) -> None:
    """One disturbance of every picture, with its boxes, findings and split."""
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    splits, rows = [], []
    for number, image in enumerate(images):
        rng = np.random.default_rng(number)
        pixels, boxes = disturb(upright_slice(image.path).astype(np.float32), image.discs, rng)
        height, width = pixels.shape
        Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8)).save(folder / "images" / f"{image.name}.png")
        sides = np.array([width, height])
        relative = np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2 / sides, (boxes[:, 2:] - boxes[:, :2]) / sides], axis=1)
        lines = ["1 " + " ".join(f"{value:.6f}" for value in np.clip(box, 0, 1)) for box in relative]
        (folder / "labels" / f"{image.name}.txt").write_text("\n".join(lines) + "\n")
        splits.append([image.name, image.patient, image.split])
        for order, level in enumerate(LEVEL_NAMES):
            values = findings.get((image.name, order), ())
            rows += [[image.name, level, target, value] for target, value in zip(TARGETS, values, strict=True) if value >= 0]
    _write_table(folder / "splits.csv", ["image", "patient", "split"], splits)
    _write_table(folder / "findings.csv", ["image", "level", "target", "label"], rows)


def _write_table(path: Path, header: list[str], rows: list[list]) -> None:
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


@told_plainly
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m discflow_training.disturbed", description=__doc__)
    parser.add_argument("--data-root", type=Path, default=DEFAULT_DATA_ROOT, help="labelled data (default: ../shared/data)")
    parser.add_argument("--out", type=Path, required=True, help="a folder outside the repository: the pictures are public data")
    parser.add_argument("--split", choices=("train", "val"), default="val", help="whose pictures (default: val)")
    parser.add_argument("--every", type=positive(int), default=1, help="one picture in so many (default: 1)")
    parser.add_argument("--only", nargs="+", choices=sorted(DISTURBANCES), default=sorted(DISTURBANCES), help="these (default: all)")
    options = parser.parse_args(arguments)
    images = read_yolospine(options.data_root) + read_spider(options.data_root, ("t2",))
    images = [image for image in images if image.split == options.split][:: options.every]
    findings = {(disc.image, disc.order): disc.targets for disc in read_discs(options.data_root, ("t2",))}
    for name in options.only:
        write_folder(options.out / name, images, findings, DISTURBANCES[name])
    print(f"{len(images)} pictures, {len(options.only)} folders")


if __name__ == "__main__":
    main()
