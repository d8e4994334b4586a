"""The training loop of the two detectors: sampling, optimiser, averaged weights, checkpoints and curves."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .data import DetectionImage, data_hash, fold_of, read_found, read_masked, read_spider, read_yolospine
from .detection_pipeline import Detector, find_discs, find_region
from .detection_samples import LoadedImage, Sample, disc_sample, load_images, region_sample
from .faults import InputFault
from .metrics_detection import (
    DetectionFigures,
    Detections,
    JudgedImage,
    MatchedImage,
    detection_figures,
    match_all,
)
from .precision import arithmetic_name, autocast
from .runs import commit, keep_data, load_stored, require_number, require_same, save_whole, say_unfinished, tupled, write_whole
from .yolov8 import DecodedYolov8, YoloConfig, Yolov8, anchor_points
from .yolov8_loss import Targets, detection_loss

SAMPLERS = {"lumbar": region_sample, "disc": disc_sample}
DISC_REPEATS = (("yolospine t2", 1), ("spider t2", 2), ("spider t2_SPACE", 1), ("spider t1", 1))
LUMBAR_REPEATS = (("yolospine t2", 1), ("spider t2", 2), ("spider t2_SPACE", 2), ("spider t1", 1))


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run, the data aside. Sizes in pixels, `repeats` by source and sequence."""

    task: str
    scale: str
    width: float
    input_width: int
    input_height: int
    epochs: int
    batch: int = 16
    learning_rate: float = 2e-3
    final_share: float = 0.01
    weight_decay: float = 0.02
    warmup_epochs: int = 2
    calm_epochs: int = 6
    ema_decay: float = 0.998
    gradient_norm: float = 10.0
    seed: int = 20250101
    repeats: tuple[tuple[str, int], ...] = DISC_REPEATS
    fold: int = -1
    """A fold of the training patients that is held out; -1 trains on all of them."""
    masks: bool = True
    """Whether the discs of SPIDER's masks are learnt too; the region detector gains nothing by them."""


RECIPES = {
    "lumbar": Recipe("lumbar", "n", 0.5, 256, 256, epochs=40, repeats=LUMBAR_REPEATS, masks=False),
    "disc": Recipe("disc", "n", 0.8, 160, 320, epochs=46),
}


class AveragedWeights:
    """Exponential moving average of a network's weights and buffers, with a decay that warms up."""

    def __init__(self, network: Yolov8, decay: float) -> None:
        self.network = Yolov8(network.config)
        self.network.load_state_dict(network.state_dict())
        self.network.requires_grad_(False).eval()
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, network: Yolov8) -> None:
        self.updates += 1
        decay = self.decay * (1 - math.exp(-self.updates / 200))
        current = network.state_dict()
        for name, value in self.network.state_dict().items():
            if value.dtype.is_floating_point:
                value.mul_(decay).add_(current[name], alpha=1 - decay)
            else:
                value.copy_(current[name])


def train(
    recipe: Recipe, data_root: Path, out: Path, resume: bool, checkpoint_every: int = 5, found: Path | None = None
) -> None:
    """Train, writing `checkpoint.pt` and `run.json` (recipe, data hash, curves) under `out`.

    Discs of SPIDER's masks (`Recipe.masks`) and, with `found`, slices of `find_discs` (self-training) join the labelled
    ones, never those that figures are read on.
    Raises `InputFault` where a checkpoint lies there and `resume` is not asked for or its recipe is another, and where
    there is nothing to learn.
    """
    out.mkdir(parents=True, exist_ok=True)
    labels = read_yolospine(data_root) + read_spider(data_root)
    boxed = {label.name for label in labels}
    masked = [label for label in read_masked(data_root) if recipe.masks and label.name not in boxed]
    learnt = labels + masked + (read_found(data_root, found) if found else [])
    training = load_images(
        [label for label in learnt if label.split == "train" and fold_of(label.patient) != recipe.fold]
    )
    validation = load_images([label for label in labels if label.split == "val"])
    paths = [image.label.path for image in training]
    if not training:
        raise InputFault("no training picture carries boxes of discs and region")
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists() and not resume:
        raise InputFault(f"{checkpoint} is there: go on from it with --resume, or give another --out")
    hashes = data_hash(paths, data_root)
    keep_data(out, [hashes, *((x.label.name, x.label.discs.tolist(), x.label.region.tolist()) for x in training)])
    record = {
        "recipe": asdict(recipe), "training_images": len(paths), "data_sha256": hashes, "commit": commit(),
        "arithmetic": arithmetic_name("cpu"),
    }
    torch.manual_seed(recipe.seed)
    network = Yolov8(YoloConfig(recipe.scale, recipe.width)).to(memory_format=torch.channels_last)
    averaged = AveragedWeights(network, recipe.ema_decay)
    optimiser = _optimiser(network, recipe)
    first_epoch, curves = 0, []
    if checkpoint.exists():
        first_epoch, curves = _restore(checkpoint, recipe, network, averaged, optimiser)
        record["resumed_from"] = {"epoch": first_epoch}
        if not _holds(out / "run.json", curves):
            _write_json(out / "run.json", {**record, "curves": curves})
    for epoch in range(first_epoch, recipe.epochs):
        started = time.monotonic()
        row = {"epoch": epoch, **_train_epoch(recipe, epoch, training, network, averaged, optimiser)}
        row["seconds"] = round(time.monotonic() - started, 1)
        last = epoch + 1 == recipe.epochs
        if last or (epoch + 1) % checkpoint_every == 0:
            row["val"] = evaluate_network(recipe, averaged.network, validation)
            curves.append(row)
            _save(checkpoint, recipe, network, averaged, optimiser, epoch + 1, curves)
            _write_json(out / "run.json", {**record, "curves": curves})
        else:
            curves.append(row)
        print(json.dumps(row), flush=True)


def load_averaged(checkpoint: Path) -> tuple[Recipe, Yolov8]:
    """The recipe and the averaged network of a checkpoint, in evaluation mode. Of an unfinished run that is said on standard error."""
    state = load_stored(checkpoint, "averaged")
    recipe = Recipe(**tupled(state["recipe"]))
    if state["epoch"] < recipe.epochs:
        say_unfinished(checkpoint.parent)
    network = Yolov8(YoloConfig(recipe.scale, recipe.width))
    network.load_state_dict(state["averaged"])
    return recipe, network.eval()


def torch_detector(recipe: Recipe, network: Yolov8) -> Detector:
    """A detector that runs a torch network."""
    decoded = DecodedYolov8(network, recipe.input_width, recipe.input_height).eval()

    def engine(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return decoded(torch.from_numpy(images)).numpy()

    return Detector(engine, recipe.input_width, recipe.input_height)


def evaluate_network(recipe: Recipe, network: Yolov8, images: list[LoadedImage]) -> dict[str, dict[str, float | int]]:
    """Figures of one stage by source and sequence; the disc stage gets the labelled region."""
    detector = torch_detector(recipe, network)
    judge = judge_region if recipe.task == "lumbar" else judge_discs_in_labelled_region
    figures = figures_by_group(images, lambda image: judge(detector, image))
    return {group: value.as_dict() for group, value in figures.items()}


def judge_region(detector: Detector, image: LoadedImage) -> JudgedImage:
    """The first stage alone."""
    return JudgedImage(find_region(detector, image.pixels), image.label.region[None])


def judge_discs_in_labelled_region(detector: Detector, image: LoadedImage) -> JudgedImage:
    """The second stage alone, on the five scored discs."""
    return judge_discs(find_discs(detector, image.pixels, image.label.region), image)


def judge_discs(found: Detections, image: LoadedImage) -> JudgedImage:
    """Discs against the five scored ones; what lies above L1-L2 is not judged."""
    return JudgedImage(found, image.label.scored, float(image.label.scored[:, 1].min()))


def figures_by_group(
    images: list[LoadedImage], judge: Callable[[LoadedImage], JudgedImage]
) -> dict[str, DetectionFigures]:
    """Figures by source and sequence, such as `spider t2`."""
    groups: dict[str, list[MatchedImage]] = {}
    for image in images:
        groups.setdefault(group_of(image.label), []).append(match_all(judge(image)))
    return {group: detection_figures(matched) for group, matched in sorted(groups.items())}


def group_of(label: DetectionImage) -> str:
    """Source and sequence of an image."""
    return f"{label.source} {label.sequence}"


def collate(samples: list[Sample], points: Tensor) -> tuple[Tensor, Targets]:
    """Images `B x 1 x H x W` in 0..1, channels last, and their padded targets."""
    images = torch.from_numpy(np.stack([sample.pixels for sample in samples])[:, None] / np.float32(255))
    most = max(1, *(len(sample.boxes) for sample in samples))
    boxes = torch.zeros(len(samples), most, 4)
    present = torch.zeros(len(samples), most, dtype=torch.bool)
    ignored = torch.zeros(len(samples), len(points), dtype=torch.bool)
    for index, sample in enumerate(samples):
        count = len(sample.boxes)
        boxes[index, :count] = torch.from_numpy(sample.boxes).float()
        present[index, :count] = True
        for rectangle in torch.from_numpy(sample.ignored).float():
            ignored[index] |= ((points > rectangle[:2]) & (points < rectangle[2:])).all(dim=1)
    classes = torch.zeros(len(samples), most, dtype=torch.long)
    return images.contiguous(memory_format=torch.channels_last), Targets(boxes, classes, present, ignored)


def _train_epoch(
    recipe: Recipe, epoch: int, images: list[LoadedImage], network: Yolov8, averaged: AveragedWeights,
    optimiser: torch.optim.Optimizer,
) -> dict[str, float]:
    """One pass over the repeated images; the random stream depends on seed and epoch alone, so resuming repeats it."""
    rng = np.random.default_rng([recipe.seed, epoch])
    repeats = dict(recipe.repeats)
    order = np.repeat(np.arange(len(images)), [repeats.get(group_of(image.label), 0) for image in images])
    rng.shuffle(order)
    batches = np.array_split(order, math.ceil(len(order) / recipe.batch))
    points, strides = anchor_points(recipe.input_width, recipe.input_height)
    calm = epoch >= recipe.epochs - recipe.calm_epochs
    sums = np.zeros(3)
    network.train()
    for number, batch in enumerate(batches):
        _set_rate(optimiser, recipe, epoch + number / len(batches))
        sampler = SAMPLERS[recipe.task]
        samples = [sampler(images[i], recipe.input_width, recipe.input_height, rng, calm) for i in batch]
        inputs, targets = collate(samples, points)
        with autocast("cpu"):
            outputs = network(inputs)
        loss = detection_loss(network, outputs, points, strides, targets)
        optimiser.zero_grad(set_to_none=True)
        loss.total.backward()
        require_number(torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.gradient_norm))
        optimiser.step()
        averaged.update(network)
        sums += [float(part.detach()) for part in (loss.box, loss.score, loss.distance)]
    box, score, distance = (sums / len(batches)).round(4).tolist()
    return {"box": box, "score": score, "distance": distance}


def _optimiser(network: Yolov8, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW; norms and biases are not decayed."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.99))


def _set_rate(optimiser: torch.optim.Optimizer, recipe: Recipe, epoch: float) -> None:
    """Linear warm-up, then a cosine down to `final_share` of the rate."""
    cosine = (1 + math.cos(math.pi * epoch / recipe.epochs)) / 2
    rate = recipe.learning_rate * (recipe.final_share + (1 - recipe.final_share) * cosine)
    for group in optimiser.param_groups:
        group["lr"] = rate * min(1.0, (epoch + 0.05) / recipe.warmup_epochs)


def _save(
    path: Path, recipe: Recipe, network: Yolov8, averaged: AveragedWeights, optimiser: torch.optim.Optimizer,
    epoch: int, curves: list[dict],
) -> None:
    state = {
        "recipe": asdict(recipe), "epoch": epoch, "curves": curves, "network": network.state_dict(),
        "averaged": averaged.network.state_dict(), "updates": averaged.updates, "optimiser": optimiser.state_dict(),
    }
    save_whole(path, state)


def _restore(
    path: Path, recipe: Recipe, network: Yolov8, averaged: AveragedWeights, optimiser: torch.optim.Optimizer
) -> tuple[int, list[dict]]:
    """Load a checkpoint of the recipe into the three; returns the next epoch and the curves so far.

    Raises `InputFault` where it is of another recipe.
    """
    state = load_stored(path, "averaged")
    require_same(recipe, state["recipe"], path.parent)
    network.load_state_dict(state["network"])
    averaged.network.load_state_dict(state["averaged"])
    averaged.updates = state["updates"]
    optimiser.load_state_dict(state["optimiser"])
    return state["epoch"], state["curves"]


def _holds(path: Path, curves: list[dict]) -> bool:
    """Whether a record tells of all epochs of the checkpoint: a command that was killed wrote that first."""
    return path.exists() and json.loads(path.read_text())["curves"] == curves


def _write_json(path: Path, content: dict) -> None:
    write_whole(path, json.dumps(content, indent=1) + "\n")
