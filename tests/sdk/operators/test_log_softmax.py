"""log_softmax against PyTorch's, and its bounds. Python's integers judge it in test_meaning."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.types import DTYPES, QType
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.lower.widen import widen
from mixcomp_edge.numerics.softmax import log2
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.operators.log_softmax import LogSoftmax


def graph(x_type: QType, y: QType, shape: tuple[int, ...] = (3, 10)) -> Graph:
    x = QInput(name="x", inputs=(), shape=shape, type=x_type)
    node = LogSoftmax(name="y", inputs=("x",), shape=shape)
    return verify(Graph("m", (x, node.lower(y, [x_type], None)), "y"))


def test_a_logarithm_has_16_bits():
    sums = np.array([2**15, 2**15 + 1, 3 * 2**14, 2**16 - 1, 2**16, 65_535 * 2**15, 2**31 - 1, 123_456_789])
    assert np.abs(log2(sums, 16) / 2**16 + 2**-17 - np.log2(sums / 2**15)).max() < 2**-16
    assert log2(sums[[0, 4]], 16).tolist() == [0, 65536]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [0.01, 0.11, 0.6])
def test_it_is_that_of_pytorch_to_little_more_than_half_a_step(dtype, scale):
    """The table of exponentials is rounded to 2**-15, a step of x to 2**-17 of one of y."""
    x_type = QType(dtype, scale)
    x = np.random.default_rng(2).integers(x_type.low, x_type.high + 1, (50, 3, 10))
    expected = torch.log_softmax(torch.tensor(x_type.dequantize(x)), -1).numpy()
    y = QType("s8", float(np.abs(expected).max()) / 127)
    error = y.dequantize(interp.run(graph(x_type, y), x)) - expected
    assert np.abs(error).max() <= 0.503 * y.scale + 2e-4


def test_widened_it_takes_finer_steps():
    narrow = graph(QType("s4", 0.5), QType("s4", 0.6), (4, 5))
    x = np.random.default_rng(1).integers(-8, 8, (9, 4, 5))
    small, fine = interp.run(narrow, x), interp.run(widen(narrow), x * 16)
    inside = small > -8
    assert np.abs(fine / 16 - small)[inside].max() <= 0.54


def test_fields_out_of_range_and_too_fine_an_output_are_refused():
    x, node = graph(QType("s8", 0.1), QType("s8", 0.1)).nodes
    for change, text in (
        ({"step": -1}, "out of range"),
        ({"step": 2**22}, "out of range"),
        ({"octave": 2**26}, "out of range"),
        ({"table": node.table[:16]}, "16 entries"),
        ({"table": node.table // 2}, "must start with 32768"),
    ):
        with pytest.raises(GraphError, match=text):
            verify(Graph("m", (x, replace(node, **change)), "y"))
    with pytest.raises(LoweringError, match="too fine"):
        graph(QType("s8", 0.1), QType("s8", 1e-4))
