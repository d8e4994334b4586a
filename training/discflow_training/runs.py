"""What every training run keeps in its output folder (recipe, checkpoint, curves, averaged weights), and its random draws."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor, nn

from .checkpoints import read_stored
from .faults import InputFault

LARGEST_SEED = 2**31
Recipe = TypeVar("Recipe")


@contextmanager
def alone_in(folder: Path, told: str) -> Iterator[None]:
    """Hold a folder for this process; raises `InputFault` with `told` where another one does, as both would write the same files."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputFault(told) from None
    try:
        yield
    finally:
        lock.release()


def alone_in_run(out: Path) -> AbstractContextManager[None]:
    """Hold the folder of a training."""
    return alone_in(out, f"another training works in {out}; --out names another folder")


def resume(out: Path, state: dict[str, Any]) -> list[dict[str, Any]]:
    """Load `out/checkpoint.pt` into the parts of `state` where it exists; returns the curves so far."""
    path = out / "checkpoint.pt"
    if not path.exists():
        return []
    stored = load_stored(path)
    for name, part in state.items():
        part.load_state_dict(stored[name])
    return json.loads(stored["curves"])


def load_stored(path: Path, holding: str | None = None) -> Any:
    """A run's file; raises `InputFault` where it is broken or lacks `holding`."""
    stored = read_stored(path, f"{path} is broken; remove it, and the run begins anew")
    if holding and holding not in stored:
        raise InputFault(f"{path.parent} holds a run of another kind of network")
    return stored


def seed_epoch(seed: int, epoch: int) -> None:
    """Let torch's and NumPy's own streams depend on seed and epoch alone, so that a run that goes on repeats them."""
    own = (seed * 100_003 + epoch) % LARGEST_SEED
    torch.manual_seed(own)
    np.random.seed(own)


def keep_recipe(out: Path, recipe: Any) -> None:
    """Write the dataclass as `out/recipe.json`.

    Raises `InputFault` where a checkpoint of another recipe lies there: going on from it would mix the two.
    """
    path = out / "recipe.json"
    if path.exists() and (out / "checkpoint.pt").exists():
        require_same(recipe, _read_recipe(path), out)
    write_whole(path, json.dumps(asdict(recipe), indent=1))


def load_recipe(out: Path, kind: Callable[..., Recipe]) -> Recipe:
    """The recipe of an output folder; raises `InputFault` where a run of another kind of network lies there."""
    return _as_recipe(kind, _read_recipe(out / "recipe.json"), out)


def keep_data(out: Path, cases: Iterable[object]) -> None:
    """Write the SHA-256 of the training cases, pictures and labels, as `out/data.sha256`.

    Raises `InputFault` where a checkpoint of other cases lies there: its weights may know patients that are held out now.
    """
    path, own = out / "data.sha256", hashlib.sha256("\n".join(map(repr, cases)).encode()).hexdigest()
    if path.exists() and (out / "checkpoint.pt").exists() and path.read_text() != own:
        raise InputFault(f"{out} holds a run on other data or labels; give those again, or another --out")
    write_whole(path, own)


def _as_recipe(kind: Callable[..., Recipe], values: dict[str, Any], out: Path) -> Recipe:
    try:
        return kind(**tupled(values))
    except TypeError as fault:
        raise InputFault(f"{out} holds a run of another kind of network") from fault


def _read_recipe(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except ValueError as fault:
        raise InputFault(f"{path} holds no recipe") from fault


def write_whole(path: Path, text: str) -> None:
    """Write by an atomic rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(text)
    os.replace(temporary, path)


def require_same(recipe: Any, earlier: dict[str, Any], out: Path) -> None:
    """Raise `InputFault` where `out` holds a run of another recipe than this."""
    before = _as_recipe(type(recipe), earlier, out)
    differing = [name for name, value in asdict(recipe).items() if getattr(before, name) != value]
    if differing:
        raise InputFault(f"{out} holds a run with another {', '.join(differing)}; give that again, or another --out")


def require_cases(training: int, held_out: int, batch: int) -> None:
    """Raise `InputFault` where an epoch would hold no batch, or where nothing is held out to measure on."""
    if training < batch:
        raise InputFault(f"{training} training cases do not fill a batch of {batch}")
    if not held_out:
        raise InputFault("no case to measure on: val, or the fold that is held out, is empty")


def require_number(norm: Tensor) -> None:
    """Raise `InputFault` where a gradient's norm is infinite or no number: weights that learnt from it would answer nothing."""
    if not norm.isfinite():
        raise InputFault("training diverged, its loss is no number any more; the last checkpoint is kept, and a lower learning rate may help")


def save_checkpoint(out: Path, state: dict[str, Any], curves: list[dict[str, Any]]) -> None:
    """Write the state dicts and curves by an atomic rename."""
    stored = {name: part.state_dict() for name, part in state.items()} | {"curves": json.dumps(curves)}
    save_whole(out / "checkpoint.pt", stored)


def save_whole(path: Path, stored: Any) -> None:
    """Write by `torch.save` and an atomic rename. Where that fails, as on a full disk, what is there stays and the rest is removed.

    Raises `InputFault` where it fails.
    """
    temporary = path.with_suffix(".part")
    try:
        torch.save(stored, temporary)
    except (OSError, RuntimeError) as fault:
        temporary.unlink(missing_ok=True)
        raise InputFault(f"{path} could not be written; is the disk full? The same command goes on from what is there") from fault
    os.replace(temporary, path)


def load_average(out: Path) -> dict[str, Tensor]:
    """The averaged weights of a finished run, or of its last checkpoint, which is said on standard error."""
    if (out / "weights.pt").exists():
        return load_stored(out / "weights.pt")
    average = load_stored(out / "checkpoint.pt", "average")["average"]
    say_unfinished(out)
    return average


def say_unfinished(out: Path) -> None:
    """Say on standard error that a run's weights are those of its last checkpoint."""
    print(f"{out} has not finished its training: the averaged weights of its last checkpoint are taken", file=sys.stderr)


def begin_with(network: nn.Module, out: Path) -> None:
    """Load the averaged weights of another run; raises `InputFault` where they are of another network."""
    try:
        network.load_state_dict(load_average(out))
    except RuntimeError as fault:
        raise InputFault(f"{out} holds the weights of another network than the one that is to begin with them") from fault


def save_weights(out: Path, network: nn.Module) -> None:
    """Keep a finished run's averaged network as `out/weights.pt`, by an atomic rename."""
    save_whole(out / "weights.pt", network.state_dict())


def commit() -> str:
    """The checked-out commit, with `+` where tracked files of the code differ from it; empty outside of git."""
    folder = Path(__file__).parent
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], cwd=folder, capture_output=True, text=True, check=True
        )
        changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "."], cwd=folder, check=False)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found.stdout.strip() + ("+" if changed.returncode else "")


def tupled(values: dict[str, Any]) -> dict[str, Any]:
    """JSON lists, however deep, as the tuples that a recipe holds."""
    return {name: _as_tuples(value) for name, value in values.items()}


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
