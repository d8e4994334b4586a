"""The three tasks of the protocol: pretraining, classification, segmentation; each with its network and loss."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from ..classifiers import FAMILIES, DiscClassifier
from ..decoders import Segmenter
from ..disc_data import AUXILIARY, UNKNOWN
from ..encoders import ENCODERS, Vgg
from ..overlap import confusion, overlap_figures
from ..precision import autocast
from ..region_data import CLASSES, IGNORED
from ..yolov8 import YoloConfig, Yolov8
from .augment import vary
from .cases import GRADES, Cases, normalised
from .fitting import Frozen, batches_of
from .protocol import ClassifierRun, DetectorRun, PretrainingRun, Run, SegmenterRun

PRECISE_BATCH = 64
LAST_BLOCKS = {
    "resnet50": ("layer4.",),
    "densenet121": ("features.denseblock4.", "features.norm5."),
    "inceptionv3": ("Mixed_7b.", "Mixed_7c."),
    "xception": ("block12.", "conv3.", "bn3.", "conv4.", "bn4."),
}


class PretrainingNetwork(nn.Module):
    """An encoder with one linear head a grade on its pooled features."""

    def __init__(self, encoder: str, width: float) -> None:
        super().__init__()
        self.encoder = (FAMILIES | ENCODERS)[encoder](1, width)
        self.heads = nn.ModuleDict({name: nn.Linear(self.encoder.channels[-1], AUXILIARY[name]) for name in GRADES})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        pooled = self.encoder(x)[-1].mean(dim=(2, 3))
        return {name: head(pooled) for name, head in self.heads.items()}


def network_of(run: Run) -> nn.Module:
    """The run's network with its first weights, channels last; torch's seed decides them."""
    return _first_network(run).to(memory_format=torch.channels_last)


def _first_network(run: Run) -> nn.Module:
    if isinstance(run, PretrainingRun):
        network = PretrainingNetwork(run.encoder, run.width)
        if isinstance(network.encoder, Vgg):
            _keep_signal(network.encoder)
        return network
    if isinstance(run, DetectorRun):
        return Yolov8(YoloConfig(run.network, run.width))
    if isinstance(run, SegmenterRun):
        return Segmenter(run.decoder, run.encoder, run.width, 1, CLASSES)
    classifier = DiscClassifier(run.family, run.width, 1, 2)
    classifier.dropout = nn.Identity()
    return classifier


def _keep_signal(encoder: Vgg) -> None:
    """He's first weights, without which thirteen plain convolutions pass no signal on."""
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)


def frozen_part(run: Run, network: nn.Module) -> Frozen:
    """What of the network does not learn."""
    if not isinstance(run, ClassifierRun):
        return Frozen()
    if run.stage == "frozen":
        return Frozen("encoder.")
    return Frozen("encoder.", tuple(f"encoder.{part}" for part in last_block(run.family, network.encoder)))


def last_block(family: str, encoder: nn.Module) -> tuple[str, ...]:
    """Prefixes of the encoder's last block; of VGG what follows the pool before the last."""
    if isinstance(encoder, Vgg):
        pools = [index for index, layer in enumerate(encoder.features) if isinstance(layer, nn.MaxPool2d)]
        return tuple(f"features.{index}." for index in range(pools[-2] + 1, len(encoder.features)))
    return LAST_BLOCKS[family]


@torch.inference_mode()
def logits_of(network: nn.Module, images: Tensor) -> Tensor:
    """Logits in single precision on the network's device, in batches."""
    parts = [network(normalised(part)) for part in images.split(PRECISE_BATCH)]
    return torch.cat([part.float() for part in parts])


class PlidTask:
    """Softmax cross-entropy with class weights on a bootstrapped training set."""

    def __init__(self, run: ClassifierRun, train: Cases, val: Cases) -> None:
        self._train, self._val, self._augmentation = train, val, run.augmentation
        self._weights = torch.tensor(run.class_weights, device=train.images.device)
        self._members = np.arange(len(train))
        if run.bootstrap:
            key = sum(run.family.encode())
            self._members = np.random.default_rng([run.seed, key]).integers(0, len(train), len(train))

    def batches(self, rng: np.random.Generator, size: int) -> Iterator[np.ndarray]:
        yield from batches_of(rng.permutation(self._members), size)

    def loss(self, network: nn.Module, batch: np.ndarray) -> Tensor:
        images, _ = vary(self._train.images[batch], self._augmentation)
        with autocast(images.device):
            logits = network(normalised(images))
        return F.cross_entropy(logits.float(), self._train.labels[batch], self._weights)

    def validate(self, network: nn.Module) -> dict[str, float]:
        logits, labels = logits_of(network, self._val.images), self._val.labels
        p = logits.softmax(dim=1)[:, 1].cpu().numpy()
        figures = {
            "loss": float(F.cross_entropy(logits, labels, self._weights)),
            "accuracy": float((logits.argmax(dim=1) == labels).float().mean()),
        }
        known = labels.cpu().numpy()
        return figures | ({"auc": float(roc_auc_score(known, p))} if 0 < known.sum() < len(known) else {})


class SpineTask:
    """Dice plus focal loss, or plain cross-entropy, on lumbar crops."""

    def __init__(self, run: SegmenterRun, train: Cases, val: Cases) -> None:
        self._run, self._train, self._val = run, train, val

    def batches(self, rng: np.random.Generator, size: int) -> Iterator[np.ndarray]:
        yield from batches_of(rng.permutation(len(self._train)), size)

    def loss(self, network: nn.Module, batch: np.ndarray) -> Tensor:
        images, masks = vary(self._train.images[batch], self._run.augmentation, self._train.labels[batch])
        with autocast(images.device):
            logits = network(normalised(images))
        return spine_loss(logits.float(), masks, self._run)

    def validate(self, network: nn.Module) -> dict[str, float]:
        logits, masks = logits_of(network, self._val.images), self._val.labels
        known = (masks != IGNORED).cpu().numpy()
        counts = confusion(masks.cpu().numpy()[known], logits.argmax(dim=1).cpu().numpy()[known])
        figures = overlap_figures(counts)
        return {
            "loss": float(spine_loss(logits, masks, self._run)),
            "mIoU": figures["mIoU"], "mIoU with background": figures["mIoU with background"],
        }


def spine_loss(logits: Tensor, masks: Tensor, run: SegmenterRun) -> Tensor:
    """The run's loss over the pixels that are not `IGNORED`; logits `N x 4 x H x W`."""
    known = masks != IGNORED
    if run.loss == "cross-entropy":
        return F.cross_entropy(logits, masks, ignore_index=IGNORED)
    weights = torch.tensor(run.class_weights, device=logits.device)
    goal = F.one_hot(masks.clamp(max=CLASSES - 1), CLASSES).permute(0, 3, 1, 2).float() * known[:, None]
    logs = F.log_softmax(logits, dim=1)
    p = logs.exp() * known[:, None]
    overlap, total = (p * goal).sum(dim=(0, 2, 3)), (p + goal).sum(dim=(0, 2, 3))
    dice = 1 - (weights * (2 * overlap + 1) / (total + 1)).sum() / weights.sum()
    focal = -((1 - logs.exp()) ** run.focal_gamma * logs * goal * weights[:, None, None]).sum() / known.sum()
    return dice + run.focal_share * focal


class GradesTask:
    """Level, degeneration, narrowing and Pfirrmann grade; unknown grades count for nothing."""

    def __init__(self, run: PretrainingRun, train: Cases, val: Cases) -> None:
        self._train, self._val, self._augmentation = train, val, run.augmentation

    def batches(self, rng: np.random.Generator, size: int) -> Iterator[np.ndarray]:
        yield from batches_of(rng.permutation(len(self._train)), size)

    def loss(self, network: nn.Module, batch: np.ndarray) -> Tensor:
        images, _ = vary(self._train.images[batch], self._augmentation)
        with autocast(images.device):
            logits = network(normalised(images))
        return grades_loss(logits, self._train.labels[batch])

    @torch.inference_mode()
    def validate(self, network: nn.Module) -> dict[str, float]:
        parts = [network(normalised(part)) for part in self._val.images.split(PRECISE_BATCH)]
        logits = {name: torch.cat([part[name] for part in parts]) for name in GRADES}
        level = (logits["level"].argmax(dim=1) == self._val.labels[:, 0]).float().mean()
        return {"loss": float(grades_loss(logits, self._val.labels)), "level accuracy": float(level)}


def grades_loss(logits: dict[str, Tensor], grades: Tensor) -> Tensor:
    """Mean loss over the known grades, summed over the kinds of grade; `N x grades` labels."""
    total = torch.zeros((), device=grades.device)
    for index, name in enumerate(GRADES):
        known = grades[:, index] != UNKNOWN
        if not known.any():
            continue
        values, goal = logits[name].float()[known], grades[known, index]
        if values.shape[1] == 1:
            total = total + F.binary_cross_entropy_with_logits(values[:, 0], goal.float())
        else:
            total = total + F.cross_entropy(values, goal)
    return total


def pretrained_state(checkpoint: Path) -> dict[str, Any]:
    """The encoder's weights of a finished pretraining run."""
    stored = torch.load(checkpoint, map_location="cpu", weights_only=True)
    return {name.removeprefix("encoder."): value for name, value in stored.items() if name.startswith("encoder.")}
