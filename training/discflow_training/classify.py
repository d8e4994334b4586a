"""Disc classifiers: `python -m discflow_training.classify train|export|evaluate` (paper, Methods, classification).

Differs from the paper: two sigmoid targets with unknown labels masked, auxiliary heads, no class weights (probabilities
stay calibrated), weights averaged over steps, training from scratch.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from .checkpoints import load_checkpoint
from .classifier_loss import training_loss
from .classifier_members import member_logits
from .classifiers import FAMILIES, TITLES, DiscClassifier
from .data import FOLDS, SOURCES, data_hash, fold_of
from .disc_data import AUXILIARY, TARGETS, Disc, DiscInput, SliceCache, augmented_batch, exact_batch, read_discs
from .export import export_onnx, file_entry
from .faults import InputFault, told_plainly
from .fragment import find_member, upsert_member
from .imaging import CropKind, CropRule
from .member_training import Course, member_parser
from .precision import arithmetic_name
from .recipes import chosen_recipe
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

CHOICES = {
    "family": sorted(FAMILIES),
    "crop_kind": get_args(CropKind),
    "sequences": ("t1", "t2", "t2_SPACE"),
    "fold": range(-1, FOLDS),
    "sources": SOURCES,
    "auxiliary": tuple(AUXILIARY),
}


LEAST_SIDE = 32
LEAST_SIDES = {"inceptionv3": 75}
"""Pixels below which a family's last maps would be empty."""


@dataclass(frozen=True)
class Recipe:
    """All that decides a training; `results/pack` records the shipped members' recipes. Sizes are pixels, angles degrees."""

    family: str = "resnet50"
    width: float = 0.25
    crop_kind: str = "square"
    crop_factor: float = 1.5
    input_width: int = 112
    input_height: int = 112
    epochs: int = 20
    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    smoothing: float = 0.05
    mixup: float = 0.2
    degrees: float = 15.0
    strength: float = 1.0
    seed: int = 0
    sequences: tuple[str, ...] = ("t2", "t2_SPACE")
    fold: int = -1
    """A fold of the training patients that is held out and predicted; -1 trains on all of them."""
    sources: tuple[str, ...] = SOURCES
    """Sources to train on; the patients of the others are predicted, which tells how a network carries over."""
    auxiliary: tuple[str, ...] = tuple(AUXILIARY)
    """Heads that help in training alone."""

    @property
    def view(self) -> DiscInput:
        return DiscInput(CropRule(self.crop_kind, self.crop_factor), self.input_width, self.input_height)

    def network(self) -> DiscClassifier:
        least = LEAST_SIDES.get(self.family, LEAST_SIDE)
        if min(self.input_width, self.input_height) < least:
            raise InputFault(f"{self.input_width} x {self.input_height} pixels: {self.family} takes {least} and more")
        return DiscClassifier(self.family, self.width, 1, len(TARGETS), {name: AUXILIARY[name] for name in self.auxiliary})


@torch.inference_mode()
def predict(network: nn.Module, discs: Sequence[Disc], view: DiscInput, cache: SliceCache) -> np.ndarray:
    """`N x targets` logits on the contract's crops."""
    network.eval()
    batches = [discs[i : i + 64] for i in range(0, len(discs), 64)]
    device = next(network.parameters()).device
    return np.concatenate([network(exact_batch(batch, view, cache).to(device)).float().cpu().numpy() for batch in batches])


def figures(discs: Sequence[Disc], scores: np.ndarray) -> dict[str, dict[str, float | int]]:
    """AUC of each target on the scored T2 discs of each source, with the number of discs and positives; none of NaN scores."""
    result: dict[str, dict[str, float | int]] = {}
    for source in SOURCES:
        chosen = [i for i, disc in enumerate(discs) if disc.scored and disc.source == source and disc.sequence == "t2"]
        for index, target in enumerate(TARGETS):
            known = [i for i in chosen if discs[i].targets[index] >= 0]
            labels = [discs[i].targets[index] for i in known]
            if 0 < sum(labels) < len(labels) and not np.isnan(scores[known, index]).any():
                auc = float(roc_auc_score(labels, scores[known, index]))
                result[f"{source}/{target}"] = {"auc": round(auc, 4), "n": len(labels), "positive": sum(labels)}
    return result


def train(
    recipe: Recipe, root: Path, out: Path, found: Path | None = None, encoder_weights: Path | None = None, initial: Path | None = None,
    stop_after: int | None = None, device: str = "cpu",
) -> None:
    """Train, or go on from `out/checkpoint.pt`; writes `weights.pt` and `training.json`.

    `found` adds discs of `find_discs`, `encoder_weights` is an encoder's checkpoint, `initial` a run of the same network.
    """
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    discs = read_discs(root, recipe.sequences, found)
    training = [disc for disc in discs if disc.source in recipe.sources and disc.split == "train"]
    training = [disc for disc in training if fold_of(disc.patient) != recipe.fold]
    validation = [disc for disc in held_out(discs, recipe) if disc.scored]
    require_cases(len(training), len(validation), recipe.batch)
    require_answers(training)
    hashes = data_hash({disc.path for disc in training}, root)
    keep_data(out, [hashes, *((d.image, d.order, d.box, d.targets, sorted(d.grades.items())) for d in training)])
    cache = SliceCache()
    network = recipe.network().to(device, memory_format=torch.channels_last)
    if encoder_weights:
        print(load_checkpoint(network.encoder, encoder_weights))
    if initial:
        begin_with(network, initial)
    course = Course(network, recipe, recipe.epochs * (len(training) // recipe.batch), out)
    last = min(recipe.epochs, stop_after or recipe.epochs)
    for epoch in range(len(course.curves), last):
        started = time.monotonic()
        seed_epoch(recipe.seed, epoch)
        rng = np.random.default_rng([recipe.seed, epoch])
        loss = _epoch(course, training, recipe, cache, rng)
        scores = predict(course.average.network, validation, recipe.view, cache)
        course.curves.append({"epoch": epoch, "loss": loss, "seconds": time.monotonic() - started, "val": figures(validation, scores)})
        print(json.dumps(course.curves[-1]), flush=True)
        course.save()
    if last < recipe.epochs:
        return
    record = {
        "recipe": asdict(recipe), "trainingDiscs": len(training), "dataSha256": hashes, "commit": commit(),
        "arithmetic": arithmetic_name(device),
    }
    write_whole(out / "training.json", json.dumps(record | {"curves": course.curves}, indent=1))
    write_predictions(out / "predictions.json", validation, predict(course.average.network, validation, recipe.view, cache))
    save_weights(out, course.average.network)


def require_answers(training: Sequence[Disc]) -> None:
    """Raise `InputFault` where no target is labelled 0 and 1: level and grades alone teach no answer."""
    if not any({0, 1} <= {disc.targets[index] for disc in training} for index in range(len(TARGETS))):
        raise InputFault(f"of {len(training)} training discs none has a positive and another a negative finding; there is nothing to learn")


def held_out(discs: Sequence[Disc], recipe: Recipe) -> list[Disc]:
    """The train and val discs that a run does not train on: of `val`, or of its fold, and of the sources left out."""
    away = [disc for disc in discs if disc.source not in recipe.sources and disc.split != "test"]
    home = [disc for disc in discs if disc.source in recipe.sources]
    if recipe.fold < 0:
        return away + [disc for disc in home if disc.split == "val"]
    return away + [disc for disc in home if disc.split == "train" and fold_of(disc.patient) == recipe.fold]


def write_predictions(path: Path, discs: Sequence[Disc], logits: np.ndarray) -> None:
    """Logits of each disc and target, so that ensembles are searched on discs that no member was trained on."""
    rows = [
        {"image": disc.image, "order": disc.order, "logits": [round(float(v), 4) for v in values]}
        for disc, values in zip(discs, logits, strict=True)
    ]
    write_whole(path, json.dumps(rows))


def _epoch(course: Course, training, recipe, cache, rng) -> float:
    """One pass over the discs in random order; returns the mean loss."""
    network = course.network.train()
    order = rng.permutation(len(training))
    losses = []
    for start in range(0, len(order) - recipe.batch + 1, recipe.batch):
        batch = [training[i] for i in order[start : start + recipe.batch]]
        images = augmented_batch(batch, recipe.view, cache, rng, recipe.degrees, recipe.strength)
        images = images.to(next(network.parameters()).device)
        loss = training_loss(network, images, batch, recipe)
        losses.append(course.step(loss))
    return float(np.mean(losses))


def load_trained(out: Path) -> tuple[DiscClassifier, Recipe]:
    """The trained network of an output folder; before the end of training, the last checkpoint's average."""
    recipe = load_recipe(out, Recipe)
    network = recipe.network()
    network.load_state_dict(load_average(out))
    return network.eval(), recipe


def export(out: Path, models: Path, member_id: str, int8: bool = False) -> dict[str, object]:
    """Write `<models>/<member id>.onnx`; returns the member's entry in the manifest's format."""
    network, recipe = load_trained(out)
    network.auxiliary = nn.ModuleDict()
    view = recipe.view
    example = torch.rand(2, 1, view.height, view.width)
    exported = export_onnx(network, example, models / f"{member_id}.onnx", dynamic_batch=True, int8=int8)
    return {
        "id": member_id,
        "role": "disc-classifier",
        "architecture": TITLES[recipe.family],
        "width": recipe.width,
        **file_entry(exported),
        "input": {
            "width": view.width, "height": view.height, "channels": 1, "mean": view.mean, "std": view.std,
            "resize": view.resize, "pad": 114,
        },
        "crop": view.crop.as_manifest(),
        "output": {"kind": "logits", "activation": "sigmoid", "targets": list(TARGETS)},
    }


def _parser() -> argparse.ArgumentParser:
    parser, training, measuring = member_parser(
        "python -m discflow_training.classify", __doc__, Recipe(), CHOICES, "AUC of an exported member on labelled boxes"
    )
    for command in (training, measuring):
        command.add_argument("--found", type=Path, help="a file of find_discs: more SPIDER discs")
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
                recipe, options.data_root, options.out, options.found, options.encoder_weights, options.initial, options.stop_after,
                options.device,
            )
    elif options.command == "export":
        entry = export(options.out, options.models, options.id, options.int8)
        upsert_member(options.models, entry)
        print(json.dumps(entry))
    else:
        entry = find_member(options.models, options.id, "disc-classifier")
        discs = [disc for disc in read_discs(options.data_root, found=options.found) if disc.split == options.split and disc.scored]
        print(json.dumps(figures(discs, member_logits(options.models, entry, discs)), indent=1))


if __name__ == "__main__":
    main()
