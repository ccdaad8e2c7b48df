"""cumsum against PyTorch's. Python's integers judge it in test_meaning."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mixcomp_edge.errors import LoweringError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.types import DTYPES, QType, Requant
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.lower.widen import widen
from mixcomp_edge.operators.cumsum import CumSum
from mixcomp_edge.operators.input import QInput


def graph(x_type: QType, y: QType, shape: tuple[int, ...] = (3, 10)) -> Graph:
    x = QInput(name="x", inputs=(), shape=shape, type=x_type)
    node = CumSum(name="y", inputs=("x",), shape=shape)
    return verify(Graph("m", (x, node.lower(y, [x_type], None)), "y"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_it_is_that_of_pytorch_to_half_a_step_since_rounding_does_not_add_up(dtype):
    x_type = QType(dtype, 0.11, 3 if dtype[0] == "u" else 0)
    x = np.random.default_rng(2).integers(x_type.low, x_type.high + 1, (50, 3, 40))
    expected = torch.tensor(x_type.dequantize(x)).cumsum(-1).numpy()
    y = QType("s8", float(np.abs(expected).max()) / 127)
    error = y.dequantize(interp.run(graph(x_type, y, (3, 40)), x)) - expected
    assert np.abs(error).max() <= 0.501 * y.scale


def test_widened_it_takes_finer_steps():
    narrow = graph(QType("s4", 0.5), QType("s4", 3.0), (4, 5))
    x = np.random.default_rng(1).integers(-8, 8, (9, 4, 5))
    small, fine = interp.run(narrow, x), interp.run(widen(narrow), x * 16)
    inside = np.abs(small) < 7
    assert np.abs(fine / 16 - small)[inside].max() <= 0.54


def test_a_shift_that_takes_the_longest_sum_beyond_int32_is_refused():
    x, node = graph(QType("u8", 0.1), QType("u8", 0.1), (1, 1 << 14)).nodes
    beyond = replace(node, requant=Requant(node.requant.multiplier, 10))  # 255 * 2**14 * 2**10 > 2**31
    with pytest.raises(LoweringError, match="y: "):
        verify(Graph("m", (x, beyond), "y"))
