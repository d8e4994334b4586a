"""A recipe's fields as options of a command, and recorded recipes in place of their defaults."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Container, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from .faults import InputFault
from .runs import tupled

Recipe = TypeVar("Recipe")

HELP = {
    "family": "the encoder",
    "decoder": "what turns the encoder's features into masks",
    "encoder": "what the decoder reads",
    "width": "width factor of the network; 1 is published",
    "crop_kind": "square: a side of the factor times the box's longer side; box: both sides times the factor",
    "crop_factor": "how much larger than the disc's box the crop is",
    "input_width": "pixels",
    "input_height": "pixels",
    "epochs": "passes over the training cases",
    "batch": "cases a step",
    "learning_rate": "highest rate of the one cycle",
    "weight_decay": "of AdamW",
    "smoothing": "label smoothing, a share of 1",
    "mixup": "both parameters of the beta distribution; 0 mixes nothing",
    "degrees": "largest rotation either way",
    "strength": "of the changes of grey values; 0 makes none",
    "t2_repeats": "times that an epoch sees each ordinary T2 slice",
    "pseudo_share": "share of the slices of --pseudo that an epoch sees",
    "seed": "of first weights, order and augmentation",
    "sequences": "of SPIDER; yolospine is T2 alone",
    "fold": "hold out and predict this fold of the training patients; -1 trains on all of them",
    "sources": "train on these; discs of the others are predicted",
    "auxiliary": "heads that help in training and end with it",
}
SHARES = ("smoothing", "pseudo_share")
FROM_ZERO = ("weight_decay", "mixup", "degrees", "strength")
ABOVE_ZERO = ("width", "crop_factor", "input_width", "input_height", "epochs", "batch", "learning_rate", "t2_repeats")


def positive(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    """A reader of numbers above 0 for `argparse`."""

    def read(text: str) -> Any:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        if value == math.inf:
            raise argparse.ArgumentTypeError(f"{text} is without end")
        return value

    read.__name__ = kind.__name__
    return read


def from_zero(text: str) -> float:
    """A reader of numbers of 0 and more for `argparse`."""
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 upwards")
    return value


def share(text: str) -> float:
    """A reader of shares for `argparse`: from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return value


def seed(text: str) -> int:
    """A reader of seeds for `argparse`: whole numbers from 0 that 63 bits hold."""
    value = int(text)
    if not 0 <= value < 2**63:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 2^63 - 1")
    return value


READERS = {"seed": seed} | dict.fromkeys(SHARES, share) | dict.fromkeys(FROM_ZERO, from_zero)


def device(name: str) -> str:
    """A reader of what trains for `argparse`, cpu or cuda; refuses a GPU that torch does not find."""
    if name == "cuda" and not torch.cuda.is_available():
        raise argparse.ArgumentTypeError("torch finds no GPU here")
    return name


def add_recipe(parser: argparse.ArgumentParser, recipe: Any, choices: Mapping[str, Container[Any]]) -> None:
    """One option a field of the dataclass, and `--recipe`; `chosen_recipe` reads them. Values in the help are `recipe`'s."""
    add_recorded(parser)
    for name, default in asdict(recipe).items():
        several = isinstance(default, tuple)
        kind = str if several else READERS[name] if name in READERS else positive(type(default)) if name in ABOVE_ZERO else type(default)
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=kind, nargs="+" if several else None,
            choices=choices.get(name), help=f"{HELP[name]} (default: {' '.join(default) if several else default})",
        )


def add_recorded(parser: argparse.ArgumentParser) -> None:
    """The option `--recipe`."""
    parser.add_argument(
        "--recipe", type=Path, metavar="FILE", help="a record, such as results/pack/NAME.json: its recipe instead of the defaults"
    )


def chosen_recipe(options: argparse.Namespace, recipe: Recipe) -> Recipe:
    """The recipe with the values of `--recipe`'s record, and over these the options that were given."""
    recorded = recorded_values(options.recipe, recipe) if options.recipe else {}
    given = {name: getattr(options, name, None) for name in asdict(recipe)}
    return replace(recipe, **tupled(recorded | {name: value for name, value in given.items() if value is not None}))


def recorded_values(path: Path, recipe: Any) -> dict[str, Any]:
    """The recipe that a record holds; a field younger than the record is left out, and said to be.

    Raises `InputFault` where the file holds no recipe, or that of another kind of network.
    """
    try:
        held = json.loads(path.read_text())["recipe"]
    except (ValueError, TypeError, KeyError) as fault:
        raise InputFault(f"{path} holds no recipe") from fault
    fields = asdict(recipe)
    if not set(held) <= set(fields) or held.get("task") != fields.get("task"):
        raise InputFault(f"{path} holds the recipe of another kind of network")
    missing = [name for name in fields if name not in held]
    if missing:
        print(f"{path} says nothing of {', '.join(missing)}: as by default")
    return held
