"""Half-precision storage of exported weights, and silence of the runtime that they are tried in."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from discflow_training.export import OPSET, halve_weights


@pytest.mark.parametrize(("scale", "halved"), [(1.0, True), (0.0, True), (1e-3, True), (1e-6, False), (1e6, False)])
def test_weights_are_halved_where_half_precision_holds_them(scale: float, halved: bool) -> None:
    values = (np.random.default_rng(0).normal(0, 1, (16, 32)) * scale).astype(np.float32)
    graph = helper.make_graph([], "weights", [], [], [numpy_helper.from_array(values, "w")])
    stored = halve_weights(helper.make_model(graph)).graph.initializer[0]
    assert (stored.data_type == TensorProto.FLOAT16) == halved
    np.testing.assert_allclose(numpy_helper.to_array(stored).astype(np.float32), values, atol=1e-3 * abs(values).max())


def test_a_session_leaves_nothing_in_the_home_folder(tmp_path: Path) -> None:
    values = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "negation", [values], [out])
    (tmp_path / "home").mkdir()
    opset = [helper.make_opsetid("", OPSET)]
    (tmp_path / "negation.onnx").write_bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())
    program = "import sys, pathlib; from discflow_training.export import open_session; open_session(pathlib.Path(sys.argv[1]))"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    home = str(tmp_path / "home")
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "negation.onnx")],
        env={**environment, "HOME": home, "XDG_CACHE_HOME": home},
        check=True,
    )
    assert list((tmp_path / "home").iterdir()) == []
