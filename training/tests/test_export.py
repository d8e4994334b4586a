"""Half-precision storage of exported weights."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from discflow_training.export import halve_weights


@pytest.mark.parametrize(("scale", "halved"), [(1.0, True), (0.0, True), (1e-3, True), (1e-6, False), (1e6, False)])
def test_weights_are_halved_where_half_precision_holds_them(scale: float, halved: bool) -> None:
    values = (np.random.default_rng(0).normal(0, 1, (16, 32)) * scale).astype(np.float32)
    graph = helper.make_graph([], "weights", [], [], [numpy_helper.from_array(values, "w")])
    stored = halve_weights(helper.make_model(graph)).graph.initializer[0]
    assert (stored.data_type == TensorProto.FLOAT16) == halved
    np.testing.assert_allclose(numpy_helper.to_array(stored).astype(np.float32), values, atol=1e-3 * abs(values).max())
