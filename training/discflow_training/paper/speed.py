"""How long each network takes for a picture, and how large its file is: `python -m discflow_training speed`.

Every recorded network of the paper's protocol, built from its configuration with fresh weights and exported, and every
member of a pack as it is; one picture at a time through ONNX Runtime with one thread. Written to `results/speed.json`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import nn

from ..export import open_session, run_session
from ..faults import InputFault
from ..fragment import DEFAULT_MODELS, read_part, write_json
from ..recipes import positive
from .export_run import export_network
from .protocol import PretrainingRun, Run, run_of
from .records import DEFAULT_RESULTS, read_records
from .runner import input_size
from .sizes import SPEED, network_key
from .tasks import network_of

THREADS = 1
RUNS = 20
WARM_UP = 3
OFFSET = 0.01
PROCESSORS = Path("/proc/cpuinfo")

Record = dict[str, Any]
Measurer = Callable[[Path, tuple[int, int, int], int], list[float]]
"""Milliseconds of each of so many runs of an ONNX file on a picture of channels, height and width."""


def milliseconds(path: Path, shape: tuple[int, int, int], runs: int) -> list[float]:
    """Time `runs` pictures one after the other, after `WARM_UP` that do not count."""
    session = open_session(path, THREADS)
    picture = np.random.default_rng(0).random((1, *shape), dtype=np.float32)
    spent = []
    for _ in range(WARM_UP + runs):
        start = time.perf_counter()
        run_session(session, picture)
        spent.append(1000 * (time.perf_counter() - start))
    return spent[WARM_UP:]


def networks_of(records: dict[str, Record]) -> dict[str, list[Run]]:
    """The recorded runs of each network; encoders that were only trained beforehand are none."""
    found: dict[str, list[Run]] = {}
    for record in records.values():
        run = run_of(record["configuration"])
        if not isinstance(run, PretrainingRun):
            found.setdefault(network_key(run), []).append(run)
    return found


def fresh_network(run: Run) -> nn.Module:
    """A run's network as its training begins, but for norms and biases: a file keeps equal ones, such as zeros, only once."""
    torch.manual_seed(run.seed)
    network = network_of(run)
    with torch.no_grad():
        for tensor in itertools.chain(network.parameters(), network.buffers()):
            if tensor.ndim == 1 and tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor), alpha=OFFSET)
    return network


def measure_network(runs: Sequence[Run], count: int, measurer: Measurer) -> Record:
    """The entry of runs that share a network."""
    with tempfile.TemporaryDirectory() as folder:
        exported = export_network(runs[0], fresh_network(runs[0]), Path(folder))
        spent = measurer(exported.path, (1, *input_size(runs[0])), count)
    return {"network": network_key(runs[0]), "runs": [run.id for run in runs], **_figures(spent, exported.bytes)}


def measure_member(member: Record, models: Path, count: int, measurer: Measurer) -> Record:
    """The entry of a pack's member."""
    path, seen = models / member["file"], member["input"]
    spent = measurer(path, (seen["channels"], seen["height"], seen["width"]), count)
    return {"id": member["id"], "role": member["role"], **_figures(spent, path.stat().st_size)}


def _figures(spent: Sequence[float], size: int) -> Record:
    found = {"median": statistics.median(spent), "lowest": min(spent), "highest": max(spent)}
    return {"ms": {name: round(value, 3) for name, value in found.items()}, "bytes": size}


def processor() -> str:
    """The model name of the machine's processor."""
    if PROCESSORS.exists():
        for line in PROCESSORS.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()


def conditions(pack: Record, count: int) -> Record:
    """What figures must share to stand in one table."""
    return {
        "processor": processor(), "threads": THREADS, "onnxruntime": onnxruntime.__version__, "runs": count, "warmUp": WARM_UP,
        "pack": f"{pack['name']} {pack['version']}",
    }


def measure(
    records: dict[str, Record], models: Path, count: int = RUNS, only: Collection[str] = (), known: Record | None = None,
    measurer: Measurer = milliseconds,
) -> Record:
    """The record of all networks and members, or of those that `only` names, the others as `known` has them.

    Raises `InputFault` where `only` names none, or `known` was measured otherwise.
    """
    pack = read_part(models / "manifest.json")
    networks, members = networks_of(records), {member["id"]: member for member in pack["members"]}
    names = {*members, *(run.id for runs in networks.values() for run in runs)}
    if unknown := sorted(set(only) - names):
        raise InputFault(f"{unknown[0]} is neither a recorded network nor a member of {models}")
    own = conditions(pack, count)
    if only and known and known["conditions"] != own:
        differing = next(name for name, value in own.items() if known["conditions"].get(name) != value)
        raise InputFault(f"the record there is of another {differing}; measure all, or name another file with --out")
    known = (known if only else None) or {"networks": [], "members": []}
    kept = {entry["network"]: entry for entry in known["networks"]}, {entry["id"]: entry for entry in known["members"]}
    todo_networks = [key for key, runs in networks.items() if not only or any(run.id in only for run in runs)]
    todo_members = [name for name in members if not only or name in only]
    titles = [*todo_networks, *todo_members]

    def say(title: str) -> None:
        print(f"{titles.index(title) + 1} of {len(titles)}: {title}", file=sys.stderr, flush=True)

    for key in todo_networks:
        say(key)
        kept[0][key] = measure_network(networks[key], count, measurer)
    for name in todo_members:
        say(name)
        kept[1][name] = measure_member(members[name], models, count, measurer)
    return {
        "conditions": own, "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "networks": [kept[0][key] for key in networks if key in kept[0]],
        "members": [kept[1][name] for name in members if name in kept[1]],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m discflow_training speed", description=__doc__)
    parser.add_argument("--runs", type=positive(int), default=RUNS, metavar="N", help=f"timed pictures a network (default {RUNS})")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these runs and members; the record keeps the others")
    parser.add_argument("--models", type=Path, default=DEFAULT_MODELS, help="the pack's folder")
    parser.add_argument("--results", type=Path, default=DEFAULT_RESULTS, help="where `reproduce` kept the records")
    parser.add_argument("--out", type=Path, help=f"the record (default: {SPEED} among the records, where `results` looks for it)")
    options = parser.parse_args(arguments)
    if not options.results.is_dir():
        raise InputFault(f"{options.results}: no folder of records")
    out = options.out or options.results / SPEED
    if out.resolve() == DEFAULT_RESULTS / SPEED and options.models.resolve() != DEFAULT_MODELS:
        raise InputFault(f"{out} is of the repository's own pack; name another file with --out")
    known = json.loads(out.read_text()) if options.only and out.exists() else None
    write_json(out, measure(read_records(options.results), options.models, options.runs, options.only, known))
    print(out)
