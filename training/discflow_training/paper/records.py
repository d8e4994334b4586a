"""What a finished run leaves for good: `runs/<id>.json` with everything that tables, intervals and ensembles need, and
`folds/<id>.json` for a run that holds a fold out.

Predictions refer by position to a table of cases in `cases/`, which many records share.
"""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..runs import commit
from .cases import Cases
from .looks import keep_look
from .protocol import REVISIONS, DetectorRun, Run

SCHEMA = "discflow.training-run/1"
DEFAULT_RESULTS = Path(__file__).resolve().parents[2] / "results"


def write_compact(path: Path, value: dict[str, Any]) -> None:
    """Write JSON by an atomic rename: one top-level entry a line, which keeps long lists out of the way.

    Runs side by side may write the same table of cases.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f" {json.dumps(name)}: {json.dumps(part, ensure_ascii=False)}" for name, part in value.items()]
    temporary = path.with_suffix(f".{os.getpid()}.part")
    temporary.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    temporary.replace(path)


def read_records(results: Path, folder: str = "runs") -> dict[str, dict[str, Any]]:
    """Records by their file's name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted((results / folder).glob("*.json"))}


def read_finished(results: Path, run: Run, configuration_hash: str, data_hash: str) -> dict[str, Any] | None:
    """The record of a run of the same configuration on the same data, if one lies there."""
    path = record_path(results, run)
    if not path.exists():
        return None
    stored = json.loads(path.read_text())
    return stored if (stored["configurationHash"], stored["dataHash"]) == (configuration_hash, data_hash) else None


def record_path(results: Path, run: Run) -> Path:
    """Where a run's record lies."""
    held_out = not isinstance(run, DetectorRun) and run.fold is not None
    return results / ("folds" if held_out else "runs") / f"{run.id}.json"


def keep_cases(results: Path, cases: dict[str, Cases], with_labels: bool) -> str:
    """Write the table of the cases that predictions are of once, by part; returns its name."""
    table: dict[str, Any] = {}
    for part, of_part in cases.items():
        table[part] = of_part.table()
        if with_labels:
            table[part]["label"] = of_part.labels.tolist()
    name = hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()[:12]
    path = results / "cases" / f"{name}.json"
    if not path.exists():
        write_compact(path, table)
    return name


def read_cases(results: Path, name: str) -> dict[str, Any]:
    """A table of cases by split."""
    return json.loads((results / "cases" / f"{name}.json").read_text())


def header(run_id: str, configuration: dict[str, Any], configuration_hash: str, data_hash: str) -> dict[str, Any]:
    """The fields that every record begins with."""
    return {
        "schema": SCHEMA, "id": run_id, "revision": REVISIONS.get(configuration.get("kind"), 1), "configuration": configuration,
        "configurationHash": configuration_hash, "dataHash": data_hash, "commit": commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def parameter_count(network: nn.Module) -> int:
    """All parameters of a network."""
    return sum(parameter.numel() for parameter in network.parameters())


@torch.inference_mode()
def multiply_adds(network: nn.Module, example: torch.Tensor) -> int:
    """Multiply-adds of the convolutions and dense layers for one picture (`1 x C x H x W`)."""
    total = 0

    def count(module: nn.Module, _: Any, output: torch.Tensor) -> None:
        nonlocal total
        weight = module.weight
        if isinstance(module, nn.Linear):
            total += weight.numel()
        elif isinstance(module, nn.ConvTranspose2d):
            total += weight.numel() * output.shape[-1] * output.shape[-2] // (module.stride[0] * module.stride[1])
        else:
            total += weight.numel() * output.shape[-1] * output.shape[-2]

    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    hooks = [module.register_forward_hook(count) for module in network.modules() if isinstance(module, kinds)]
    network.eval()(example)
    for hook in hooks:
        hook.remove()
    return total


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Keep a run's record at its `record_path`, and the look at test of the one that it replaces."""
    keep_look(path.parents[1], path)
    write_compact(path, record)
