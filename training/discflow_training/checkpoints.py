"""ImageNet checkpoints of encoders by file, in torchvision's and timm's naming.

Both name VGG, ResNet, ResNeXt and InceptionV3 as we do. Old files of DenseNet121 write `norm.1` for `norm1`, old files of
Xception keep 1 x 1 convolutions without their two last axes; wrappers, `module.` prefixes, heads and auxiliary
classifiers are told apart and reported. Nothing but tensors is read from a file.
"""

from __future__ import annotations

import json
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .faults import InputFault

WRAPPERS = ("state_dict", "model", "model_state")
PREFIXES = ("module.", "model.", "backbone.", "encoder.")
OLD_DENSE_LAYER = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")
RESIDUAL_STAGE = re.compile(r"(layer\d)\.\d+\.")
SAFETENSORS_TYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32}
BROKEN = (
    pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, LookupError, AssertionError, AttributeError, TypeError, OverflowError,
)
"""What `torch.load` raises where a file is cut off or some of its bytes are others."""


@dataclass(frozen=True)
class LoadReport:
    """Names taken from a file, names of the file that were left, and whether the grey channel was summed."""

    taken: tuple[str, ...]
    left: tuple[str, ...]
    summed: bool

    def __str__(self) -> str:
        grey = ", first layer summed over the colours" if self.summed else ""
        left = f"; left in the file: {', '.join(self.left)}" if self.left else ""
        return f"{len(self.taken)} tensors taken{grey}{left}"


def load_checkpoint(encoder: nn.Module, path: Path) -> LoadReport:
    """Load a checkpoint into an encoder of width 1.

    Raises `InputFault` where a parameter is missing, of another shape or no number, and where the file holds more of a stage
    than the encoder has: it is then of another network, such as ResNet101, whose tensors have ResNet50's names among them.
    """
    own = encoder.state_dict()
    usable: dict[str, Tensor] = {}
    left, summed = [], False
    for stored_name, stored in read_tensors(path).items():
        name = own_name(stored_name, own)
        if name is None:
            if is_of_another(stored_name, own):
                raise InputFault(f"{path.name} is of another network: {stored_name} has no place in this encoder")
            left.append(stored_name)
            continue
        if not stored.is_floating_point() and own[name].is_floating_point():
            raise InputFault(f"{stored_name} of {path.name} holds whole numbers, such as those of weights in 8 bits, which are not read")
        if not stored.isfinite().all():
            raise InputFault(f"{stored_name} of {path.name} holds values that are no numbers")
        value, target = stored, own[name]
        if value.ndim == 2 and target.ndim == 4:
            value = value[:, :, None, None]
        if value.ndim == 4 and value.shape[1] == 3 and target.shape[1] == 1:
            value, summed = value.sum(dim=1, keepdim=True), True
        if value.shape != target.shape:
            raise InputFault(f"{stored_name} is {tuple(value.shape)} in {path.name} and {tuple(target.shape)} here")
        usable[name] = value
    missing = [name for name in own if name not in usable and not name.endswith("num_batches_tracked")]
    if missing:
        raise InputFault(f"{path.name} lacks {len(missing)} of the encoder's tensors, {missing[0]} among them")
    encoder.load_state_dict(usable, strict=False)
    return LoadReport(tuple(usable), tuple(left), summed)


def own_name(stored: str, own: dict[str, Tensor]) -> str | None:
    """The encoder's name of a stored tensor, None where it has none."""
    return next((name for name in _unwrapped(stored) if name in own), None)


def is_of_another(stored: str, own: dict[str, Tensor]) -> bool:
    """Whether a stored tensor lies in a stage of ResNet that the encoder has, and yet is none of the encoder's."""
    stages = {name.partition(".")[0] for name in own}
    return any((match := RESIDUAL_STAGE.match(name)) is not None and match[1] in stages for name in _unwrapped(stored))


def _unwrapped(stored: str) -> list[str]:
    """A stored name as it is and without its prefixes, one after the other, in today's spelling."""
    names = [stored]
    while (prefix := next((prefix for prefix in PREFIXES if names[-1].startswith(prefix)), None)) is not None:
        names.append(names[-1].removeprefix(prefix))
    return [OLD_DENSE_LAYER.sub(r"\1\2.", name) for name in names]


def read_stored(path: Path, said: str) -> Any:
    """What `torch.save` wrote, on the CPU; raises `InputFault` with `said` where the file is broken, as after a full disk."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except BROKEN as fault:
        raise InputFault(said) from fault


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a `.pth` or `.safetensors` file by name."""
    if path.suffix == ".safetensors":
        try:
            return _read_safetensors(path)
        except InputFault:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputFault(f"{path.name} is no safetensors file, or is broken") from error
    stored = read_stored(path, f"{path.name} holds something else than tensors, or is broken")
    if not isinstance(stored, dict):
        raise InputFault(f"{path.name} holds no tensors by name")
    for wrapper in WRAPPERS:
        if isinstance(stored.get(wrapper), dict):
            stored = stored[wrapper]
    return {name: value for name, value in stored.items() if isinstance(value, Tensor)}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    """Eight bytes of header length (little-endian), a JSON header, then the tensors' bytes."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    tensors = {}
    for name, entry in json.loads(content[8:start]).items():
        if name == "__metadata__":
            continue
        first, last = entry["data_offsets"]
        kind = SAFETENSORS_TYPES.get(entry["dtype"])
        if kind is None:
            raise InputFault(f"{name} of {path.name} is of the type {entry['dtype']}, which is not read")
        values = np.frombuffer(content[start + first : start + last], dtype=np.dtype(kind).newbyteorder("<"))
        tensors[name] = torch.from_numpy(values.astype(kind).reshape(entry["shape"]))
    return tensors
