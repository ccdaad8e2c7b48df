"""normalize against real numbers: its layers, how near they come, its bounds. Loops over Python's integers judge it in
test_meaning."""

from dataclasses import replace
from math import isqrt, prod

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.types import DTYPES, QType
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.lower.widen import widen
from mixcomp_edge.numerics.roots import inverse_sqrt
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.operators.normalize import Normalize


def test_an_inverse_root_has_29_bits_at_every_size():
    rng = np.random.default_rng(0)
    values = [1, 2, 3, 5, 2**60 - 1, 2**60, 2**62 - 1, *(int(rng.integers(1, 2**k)) for k in range(2, 62))]
    for v, r, t in zip(values, *inverse_sqrt(np.array(values), 16), strict=True):
        a = next(a for a in range(31) if v * 4**a >= 2**60)
        assert (int(r), int(t)) == ((2**61 - 1) // isqrt(v * 4**a), 45 - a)
        assert abs(int(r) / 2 ** int(t) / 2**16 * v**0.5 - 1) < 2**-29
    assert inverse_sqrt(np.array([0]), 16)[0] == 0


def normalized(shape, view, axes, over, x_type: QType, y: QType, *, eps=1e-5, seed=0, **more) -> Graph:
    rng = np.random.default_rng(seed)
    count = prod(view[a] for a in over)
    gain, offset = rng.normal(0, 1, count), rng.normal(0, 1, count)
    node = Normalize(
        name="y", inputs=("x",), shape=shape, view=view, axes=axes, over=over, gain=gain, offset=offset, eps=eps, **more
    )  # fmt: skip
    x = QInput(name="x", inputs=(), shape=shape, type=x_type)
    verify(Graph("real", (replace(x), node), "y"))
    return verify(Graph("normalized", (x, node.lower(y, [x_type], None)), "y"))


def layer_norm(x, gain, offset):
    return F.layer_norm(x, x.shape[-1:], gain, offset)


def group_norm(x, gain, offset):
    return F.group_norm(x.movedim(-1, 1), 3, gain, offset).movedim(1, -1)


def instance_norm(x, gain, offset):
    return F.instance_norm(x.movedim(-1, 1), None, None, gain, offset).movedim(1, -1)


def rms_norm(x, gain, offset):
    return F.rms_norm(x, x.shape[-1:], gain, 1e-5) + offset


def unit_norm(x, gain, offset):
    return F.normalize(x, dim=1) * 5 * gain + offset


CASES = {
    "over the channels": (layer_norm, (30, 12), (1,), (1,), {}),
    "three groups of channels": (group_norm, (30, 3, 4), (0, 2), (1, 2), {}),
    "each channel by itself": (instance_norm, (30, 12), (0,), (1,), {}),
    "without the mean": (rms_norm, (30, 12), (1,), (1,), {"centred": False}),
    "to length 5 along the height": (unit_norm, (5, 72), (0,), (), {"centred": False, "eps": 0.0, "least": 1e-12}),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("function", "view", "axes", "over", "more"), CASES.values(), ids=CASES)
def test_it_is_the_norm_of_pytorch_to_half_a_step(function, view, axes, over, more, dtype):
    """What it adds to the rounding of its output is below 2e-3 steps: 80 dB under the deviation."""
    shape, x_type = (5, 6, 12), QType(dtype, 0.021, 5)
    y = QType("s8", 0.04, -3)
    graph = normalized(shape, view, axes, over, x_type, y, **more)
    x = np.random.default_rng(1).integers(x_type.low, x_type.high + 1, (7, *shape))
    x[6] = x_type.high  # all equal
    rng = np.random.default_rng(0)
    count = prod(view[a] for a in over)
    gain, offset = (torch.tensor(rng.normal(0, 1, count)) for _ in range(2))
    if function is unit_norm:
        gain = gain / 5 * 5**0.5
    real = function(torch.tensor(x_type.dequantize(x)), gain, offset).numpy()
    expected = np.clip(real, y.scale * (-128 + 3), y.scale * (127 + 3))
    error = y.dequantize(interp.run(graph, x)) - expected
    assert np.abs(error).max() <= 0.502 * y.scale


@pytest.mark.parametrize("count", [2, 700, 60_000])
def test_a_lone_element_in_a_long_group_is_not_lost(count):
    """Its normalized size is about sqrt(count)."""
    x_type = QType("u8", 0.1, 0)
    y = QType("s8", count**0.5 / 100)
    node = Normalize(
        name="y", inputs=("x",), shape=(count,), view=(count,), axes=(0,), over=(), gain=np.ones(1),
        offset=np.zeros(1), eps=1e-5,
    )  # fmt: skip
    source = QInput(name="x", inputs=(), shape=(count,), type=x_type)
    graph = verify(Graph("m", (source, node.lower(y, [x_type], None)), "y"))
    x = np.zeros((1, count), np.int64)
    x[0, count // 2] = 1
    real = F.layer_norm(torch.tensor(x_type.dequantize(x)), (count,)).numpy()
    assert np.abs(y.dequantize(interp.run(graph, x)) - real).max() <= 0.502 * y.scale


def test_widened_it_is_the_same_in_finer_steps():
    graph = normalized((4, 9), (4, 9), (1,), (1,), QType("s4", 0.3, -2), QType("u4", 0.3, 6))
    x = np.random.default_rng(2).integers(-8, 8, (20, 4, 9))
    narrow, wide = interp.run(graph, x), interp.run(widen(graph), x * 16)
    inside = (narrow > 0) & (narrow < 15)
    assert inside.mean() > 0.5
    assert np.abs(wide / 17 - narrow)[inside].max() <= 0.53


def test_what_has_no_room_is_refused():
    x_type, y = QType("s8", 0.1), QType("s8", 0.1)
    graph = normalized((4, 9), (4, 9), (1,), (1,), x_type, y)
    x, node = graph.nodes
    for change, text in (
        ({"view": (4, 8)}, "cannot view shape"),
        ({"view": (-4, -9)}, "cannot view shape"),
        ({"axes": ()}, "must be some of those"),
        ({"over": (0, 0)}, "must be some of those"),
        ({"view": (2, 2, 3, 3), "axes": (3,), "over": (3,)}, "more than 2 axes"),
        ({"epsilon": 2**61}, "out of range"),
        ({"epsilon": -1}, "out of range"),
        ({"centred": 2}, "out of range"),
        ({"offset": node.offset[:-1]}, "9 multipliers, 8 offsets, not 9"),
        ({"over": (0,)}, "9 multipliers, 9 offsets, not 4"),
    ):
        with pytest.raises(GraphError, match=text):
            verify(Graph("m", (x, replace(node, **change)), "y"))
    with pytest.raises(LoweringError, match="eps is large beside"):
        normalized((4, 9), (4, 9), (1,), (), x_type, y, least=0.2)
    with pytest.raises(LoweringError, match="beyond 32 bits"):
        normalized((4, 9), (4, 9), (1,), (1,), x_type, QType("s8", 1e-6))
