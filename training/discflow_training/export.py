"""Export of a torch module to one ONNX file with half-precision or 8-bit weights and single-precision arithmetic."""

from __future__ import annotations

import errno
import hashlib
import math
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from .faults import InputFault

OPSET = 17
HALF_MINIMUM_ELEMENTS = 256
HALF_TOLERANCE = 1e-3
INT8_MINIMUM_ELEMENTS = 4096
STORED = {
    TensorProto.FLOAT: "fp32", TensorProto.FLOAT16: "fp16", TensorProto.INT8: "int8", TensorProto.UINT8: "int8",
}


@dataclass(frozen=True)
class ExportedModel:
    """An ONNX file: its SHA-256, its size in bytes and the largest deviation of its output from torch's."""

    path: Path
    sha256: str
    bytes: int
    max_abs_difference: float


def export_onnx(
    module: nn.Module,
    example: Tensor,
    path: Path,
    *,
    dynamic_batch: bool,
    int8: bool = False,
    input_name: str = "images",
    output_name: str = "output",
) -> ExportedModel:
    """Write `module` (one `N x C x H x W` input, one output) to `path` by an atomic rename, checked by a session.

    Weights are rounded to float16 and cast back to float32 in the graph, so arithmetic stays float32. `int8` stores
    large tensors in 8 bits with a scale for each of their first axis' entries, a quarter of float32's size.
    """
    module = module.eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".onnx.part")
    torch.onnx.export(
        module,
        (example,),
        str(temporary),
        opset_version=OPSET,
        dynamo=False,
        input_names=[input_name],
        output_names=[output_name],
        dynamic_axes={input_name: {0: "batch"}, output_name: {0: "batch"}} if dynamic_batch else None,
    )
    model = onnx.load(temporary)
    if int8:
        model = round_weights(model)
    model = halve_weights(model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, temporary)
    difference = _difference(module, example, temporary, input_name)
    os.replace(temporary, path)
    content = path.read_bytes()
    return ExportedModel(path, hashlib.sha256(content).hexdigest(), len(content), difference)


def halve_weights(model: onnx.ModelProto, minimum_elements: int = HALF_MINIMUM_ELEMENTS) -> onnx.ModelProto:
    """Store float32 initializers of at least `minimum_elements` as float16, each with a Cast back to float32."""
    graph = model.graph
    initializers, casts = [], []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if not _halves(values, minimum_elements):
            initializers.append(tensor)
            continue
        stored = f"{tensor.name}.half"
        initializers.append(numpy_helper.from_array(values.astype(np.float16), stored))
        name = f"{tensor.name}.cast"
        casts.append(helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT, name=name))
    nodes = casts + list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(initializers)
    graph.node.extend(nodes)
    return model


def round_weights(model: onnx.ModelProto, minimum_elements: int = INT8_MINIMUM_ELEMENTS) -> onnx.ModelProto:
    """Store float32 initializers of at least `minimum_elements` as int8, each with a Cast and a Mul back to float32.

    Symmetric about zero, one scale for each entry of the first axis. A runtime folds both nodes when it loads the file.
    """
    graph = model.graph
    initializers, nodes = [], []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2 or values.size < minimum_elements:
            initializers.append(tensor)
            continue
        largest = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True)
        scale = np.maximum(largest / 127, np.finfo(np.float32).tiny).astype(np.float32)
        name = tensor.name
        initializers.append(numpy_helper.from_array(np.round(values / scale).astype(np.int8), f"{name}.int8"))
        initializers.append(numpy_helper.from_array(scale, f"{name}.scale"))
        nodes.append(helper.make_node("Cast", [f"{name}.int8"], [f"{name}.unscaled"], to=TensorProto.FLOAT, name=f"{name}.widen"))
        nodes.append(helper.make_node("Mul", [f"{name}.unscaled", f"{name}.scale"], [name], name=f"{name}.rescale"))
    nodes += list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(initializers)
    graph.node.extend(nodes)
    return model


def widen_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Undo `halve_weights`: half-precision initializers that a Cast brings back to float32 become float32 themselves."""
    graph = model.graph
    halves = {tensor.name: tensor for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT16}
    casts = [
        node for node in graph.node
        if node.op_type == "Cast" and node.input[0] in halves and any(a.name == "to" and a.i == TensorProto.FLOAT for a in node.attribute)
    ]
    read_by = Counter(name for node in graph.node for name in node.input)
    gone = {name for name in halves if read_by[name] == sum(node.input[0] == name for node in casts)}
    initializers = [tensor for tensor in graph.initializer if tensor.name not in gone]
    for node in casts:
        initializers.append(numpy_helper.from_array(numpy_helper.to_array(halves[node.input[0]]).astype(np.float32), node.output[0]))
    widened = {node.output[0] for node in casts}
    nodes = [node for node in graph.node if widened.isdisjoint(node.output)]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(initializers)
    graph.node.extend(nodes)
    return model


def stored_as(path: Path) -> str:
    """What most weights of an ONNX file are stored as: `int8`, `fp16` or `fp32`. Raises `InputFault` where it is no such file."""
    counts = Counter({"fp32": 0})
    for tensor in load_model(path).graph.initializer:
        if name := STORED.get(tensor.data_type):
            counts[name] += math.prod(tensor.dims)
    return counts.most_common(1)[0][0]


def load_model(path: Path) -> onnx.ModelProto:
    """An ONNX file's content; raises `InputFault` where it is none."""
    try:
        return onnx.load(path)
    except DecodeError as fault:
        raise InputFault(f"{path} is no ONNX file") from fault


def store_in_int8(source: Path, path: Path) -> bool:
    """Write `source` with its large weights in 8 bits, as `export_onnx` stores them; False, and no file, where none is large.

    Weights that `source` holds in half precision are rounded from there.
    """
    model = round_weights(widen_weights(load_model(source)))
    if not any(tensor.data_type == TensorProto.INT8 for tensor in model.graph.initializer):
        return False
    onnx.save(halve_weights(model), path)
    return True


def open_session(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """A CPU session of an ONNX file."""
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run_session(session: onnxruntime.InferenceSession, images: np.ndarray) -> np.ndarray:
    """The one output of a session for `N x C x H x W` float32 images."""
    (output,) = session.run(None, {session.get_inputs()[0].name: images.astype(np.float32)})
    return output


def file_entry(exported: ExportedModel) -> Mapping[str, str | int]:
    """The `file`, `sha256` and `bytes` fields of a manifest member."""
    return {"file": exported.path.name, "sha256": exported.sha256, "bytes": exported.bytes}


def _halves(values: np.ndarray, minimum_elements: int) -> bool:
    """Whether an initializer is large, single precision, and float16 holds it: neither too large nor too small for it.

    A layer behind plain convolutions, joined with its batch norm, can have weights of a millionth; those stay as they are.
    """
    if values.dtype != np.float32 or values.size < minimum_elements:
        return False
    largest = float(np.abs(values).max())
    if largest > float(np.finfo(np.float16).max):
        return False
    return float(np.abs(values - values.astype(np.float16).astype(np.float32)).max()) <= HALF_TOLERANCE * largest


def _difference(module: nn.Module, example: Tensor, path: Path, input_name: str) -> float:
    with torch.inference_mode():
        expected = module(example).float().numpy()
    session = open_session(path)
    (output,) = session.run(None, {input_name: example.numpy()})
    return float(np.abs(output - expected).max())
