"""Spine segmenters: `python -m discflow_training.segment train|export|evaluate` (paper, Methods, segmentation).

Dice plus focal loss (lambda 1, gamma 2) over background, vertebra, disc and canal on the letterboxed lumbar crop.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checkpoints import load_checkpoint
from .data import FOLDS, MASK_CLASS_NAMES, data_hash, fold_of, read_segmentation
from .decoders import DECODERS, ENCODER_TITLES, TITLES, Segmenter
from .export import export_onnx, file_entry, open_session, run_session
from .faults import InputFault, told_plainly
from .fragment import find_member, upsert_member
from .imaging import CropRule
from .member_training import Course, member_parser
from .overlap import Probabilities, measure
from .precision import arithmetic_name, autocast
from .recipes import chosen_recipe
from .region_data import (
    CLASSES,
    IGNORED,
    Region,
    RegionInput,
    augmented_regions,
    exact_input,
    on_crop_grid,
    read_pseudo,
    read_regions,
)
from .runs import (
    alone_in_run,
    begin_with,
    commit,
    keep_data,
    keep_recipe,
    load_average,
    load_recipe,
    require_cases,
    save_weights,
    seed_epoch,
    write_whole,
)

FOCAL_GAMMA = 2.0
CHOICES = {"decoder": sorted(DECODERS), "encoder": sorted(ENCODER_TITLES), "fold": range(-1, FOLDS)}


@dataclass(frozen=True)
class Recipe:
    """All that decides a training; `results/pack` records the shipped members' recipes. Sizes are pixels, angles degrees.

    An epoch sees every SPACE slice once, every ordinary T2 slice `t2_repeats` times and `pseudo_share` of pseudo slices.
    """

    decoder: str = "unet"
    encoder: str = "resnet34"
    width: float = 0.25
    input_width: int = 192
    input_height: int = 384
    epochs: int = 48
    batch: int = 4
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    degrees: float = 12.0
    strength: float = 1.0
    t2_repeats: int = 3
    pseudo_share: float = 0.35
    seed: int = 0
    fold: int = -1
    """A fold of the training patients that is held out and predicted; -1 trains on all of them."""

    @property
    def view(self) -> RegionInput:
        return RegionInput(self.input_width, self.input_height)

    def network(self) -> Segmenter:
        if self.input_width % 32 or self.input_height % 32:
            raise InputFault(f"{self.input_width} x {self.input_height} pixels: both sides are multiples of 32")
        return Segmenter(self.decoder, self.encoder, self.width, 1, CLASSES)


def dice_focal_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """One minus the mean soft Dice over the batch, plus focal cross-entropy; `IGNORED` pixels count for neither."""
    known = (masks != IGNORED).unsqueeze(1).float()
    goal = F.one_hot(masks.clamp(max=CLASSES - 1), CLASSES).permute(0, 3, 1, 2).float() * known
    logs = F.log_softmax(logits, dim=1)
    probabilities = logs.exp() * known
    overlap = (probabilities * goal).sum(dim=(0, 2, 3))
    dice = (2 * overlap + 1) / (probabilities.sum(dim=(0, 2, 3)) + goal.sum(dim=(0, 2, 3)) + 1)
    chosen = (logs * goal).sum(dim=1)
    focal = -((1 - chosen.exp()) ** FOCAL_GAMMA * chosen * known[:, 0]).sum() / known.sum()
    return 1 - dice.mean() + focal


@torch.inference_mode()
def predict(network: nn.Module, region: Region, view: RegionInput) -> Probabilities:
    """Class probabilities on the crop grid, `4 x h x w`, and the crop."""
    frame, crop = exact_input(region.image, region.box, view)
    device = next(network.parameters()).device
    logits = network(torch.from_numpy(frame)[None, None].to(device))[0].float().cpu().numpy()
    return on_crop_grid(logits, crop), crop


def _epoch_order(training: Sequence[Region], recipe: Recipe, rng: np.random.Generator) -> list[Region]:
    chosen: list[Region] = []
    for region in training:
        if region.source == "t2w":
            chosen += [region] * recipe.t2_repeats
        elif region.source == "space" or rng.random() < recipe.pseudo_share:
            chosen.append(region)
    return [chosen[i] for i in rng.permutation(len(chosen))]


def _expected_steps(training: Sequence[Region], recipe: Recipe) -> int:
    """An upper bound of the steps of the whole training."""
    return int(recipe.epochs * (_slices_an_epoch(training, recipe) * 1.2 // recipe.batch + 1))


def _slices_an_epoch(training: Sequence[Region], recipe: Recipe) -> float:
    """How many slices an epoch sees, on average."""
    weights = {"t2w": recipe.t2_repeats, "space": 1, "pseudo": recipe.pseudo_share}
    return sum(weights[region.source] for region in training)


def train(
    recipe: Recipe, root: Path, out: Path, pseudo: Path | None = None, encoder_weights: Path | None = None, initial: Path | None = None,
    stop_after: int | None = None, device: str = "cpu",
) -> None:
    """Train, or go on from `out/checkpoint.pt`; writes `weights.pt` and `training.json`.

    `encoder_weights` is an encoder's checkpoint, `initial` the output folder of a run of the same network.
    """
    torch.manual_seed(recipe.seed)
    regions = read_regions(root)
    training = [region for region in regions if region.split == "train"] + (read_pseudo(pseudo) if pseudo else [])
    training = [region for region in training if fold_of(region.patient) != recipe.fold]
    validation = held_out(regions, recipe.fold)
    require_cases(int(_slices_an_epoch(training, recipe)), len(validation), recipe.batch)
    keep_data(out, ((r.name, r.box, sha256(r.image.tobytes() + r.mask.tobytes()).hexdigest()) for r in training))
    network = recipe.network().to(device, memory_format=torch.channels_last)
    if encoder_weights:
        print(load_checkpoint(network.encoder, encoder_weights))
    if initial:
        begin_with(network, initial)
    course = Course(network, recipe, _expected_steps(training, recipe), out)
    last = min(recipe.epochs, stop_after or recipe.epochs)
    for epoch in range(len(course.curves), last):
        started = time.monotonic()
        seed_epoch(recipe.seed, epoch)
        rng = np.random.default_rng([recipe.seed, epoch])
        loss = _epoch(course, _epoch_order(training, recipe, rng), recipe, rng)
        curve = {"epoch": epoch, "loss": loss, "seconds": time.monotonic() - started}
        if epoch % 5 == 4 or epoch == recipe.epochs - 1:
            curve["val"] = measure(validation, [predict(course.average.network, region, recipe.view) for region in validation])
        course.curves.append(curve)
        print(json.dumps(curve), flush=True)
        course.save()
    if last < recipe.epochs:
        return
    paths = [path for item in read_segmentation(root) if item.split == "train" for path in (item.image_path, item.mask_path)]
    record = {
        "recipe": asdict(recipe), "slices": len(training), "dataSha256": data_hash(paths, root), "commit": commit(),
        "arithmetic": arithmetic_name(device),
    }
    write_whole(out / "training.json", json.dumps(record | {"curves": course.curves}, indent=1))
    write_predictions(out / "predictions.npz", validation, [predict(course.average.network, region, recipe.view) for region in validation])
    save_weights(out, course.average.network)


def held_out(regions: Sequence[Region], fold: int) -> list[Region]:
    """The slices that a run does not train on: those of its fold of the training patients, or those of `val`."""
    if fold < 0:
        return [region for region in regions if region.split == "val"]
    return [region for region in regions if region.split == "train" and fold_of(region.patient) == fold]


def write_predictions(path: Path, regions: Sequence[Region], probabilities: Sequence[Probabilities]) -> None:
    """Each slice's class probabilities on its crop, as float16, so that ensembles are searched on slices unseen."""
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as handle:
        np.savez_compressed(
            handle, **{region.name: values.astype(np.float16) for region, (values, _) in zip(regions, probabilities, strict=True)}
        )
    temporary.replace(path)


def _epoch(course: Course, order, recipe, rng) -> float:
    """One pass; returns the mean loss."""
    network = course.network.train()
    losses = []
    for start in range(0, len(order) - recipe.batch + 1, recipe.batch):
        batch = order[start : start + recipe.batch]
        images, masks = augmented_regions(batch, recipe.view, rng, recipe.degrees, recipe.strength)
        device = next(network.parameters()).device
        with autocast(device):
            logits = network(images.to(device).contiguous(memory_format=torch.channels_last))
        loss = dice_focal_loss(logits.float(), masks.to(device))
        losses.append(course.step(loss))
    return float(np.mean(losses))


def load_trained(out: Path) -> tuple[Segmenter, Recipe]:
    """The trained network of an output folder; before the end of training, the last checkpoint's average."""
    recipe = load_recipe(out, Recipe)
    network = recipe.network()
    network.load_state_dict(load_average(out))
    return network.eval(), recipe


def export(out: Path, models: Path, member_id: str, int8: bool = False) -> dict[str, object]:
    """Write `<models>/<member id>.onnx`; returns the member's entry in the manifest's format."""
    network, recipe = load_trained(out)
    view = recipe.view
    example = torch.rand(1, 1, view.height, view.width)
    exported = export_onnx(network, example, models / f"{member_id}.onnx", dynamic_batch=True, int8=int8)
    return {
        "id": member_id,
        "role": "spine-segmenter",
        "architecture": f"{TITLES[recipe.decoder]}/{ENCODER_TITLES[recipe.encoder]}",
        "width": recipe.width,
        **file_entry(exported),
        "input": {
            "width": view.width, "height": view.height, "channels": 1, "mean": view.mean, "std": view.std,
            "resize": "letterbox", "pad": 114,
        },
        "crop": view.crop.as_manifest(),
        "output": {"kind": "segmentation", "classes": list(MASK_CLASS_NAMES)},
    }


def member_view(entry: dict[str, Any]) -> RegionInput:
    """How an exported member sees a region."""
    size = entry["input"]
    rule = CropRule(entry["crop"]["kind"], entry["crop"]["factor"])
    return RegionInput(size["width"], size["height"], rule, size["mean"], size["std"])


def member_probabilities(models: Path, entry: dict[str, Any], regions: Sequence[Region]) -> list[Probabilities]:
    """Crop-grid probabilities of an exported member, each with its crop."""
    view = member_view(entry)
    session = open_session(models / entry["file"])
    results = []
    for region in regions:
        frame, crop = exact_input(region.image, region.box, view)
        results.append((on_crop_grid(run_session(session, frame[None, None])[0], crop), crop))
    return results


def _parser() -> argparse.ArgumentParser:
    parser, training, _ = member_parser(
        "python -m discflow_training.segment", __doc__, Recipe(), CHOICES, "IoU and Dice of an exported member on the labelled crops"
    )
    training.add_argument("--pseudo", type=Path, help="a folder written by `pseudo`")
    return parser


@told_plainly
def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    if options.command == "train":
        recipe = chosen_recipe(options, Recipe())
        with alone_in_run(options.out):
            keep_recipe(options.out, recipe)
            train(
                recipe, options.data_root, options.out, options.pseudo, options.encoder_weights, options.initial, options.stop_after,
                options.device,
            )
    elif options.command == "export":
        entry = export(options.out, options.models, options.id, options.int8)
        upsert_member(options.models, entry)
        print(json.dumps(entry))
    else:
        entry = find_member(options.models, options.id, "spine-segmenter")
        regions = [region for region in read_regions(options.data_root) if region.split == options.split]
        if not regions:
            raise InputFault(f"no {options.split} slice has a mask: there is nothing to measure on")
        print(json.dumps(measure(regions, member_probabilities(options.models, entry, regions)), indent=1))


if __name__ == "__main__":
    main()
