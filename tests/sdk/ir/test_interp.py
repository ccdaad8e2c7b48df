"""The interpreter and its types."""

import numpy as np
import pytest

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.types import QType
from support.integer_graphs import forked_graph, samples, small_graph


def test_the_input_must_have_the_shape_and_range_of_the_model():
    graph = small_graph()
    with pytest.raises(GraphError, match=r"input has shape \(6, 6, 3\), the model takes \(6, 6, 2\)"):
        interp.run(graph, np.zeros((1, 6, 6, 3), np.int64))
    for wrong in (-1, 256):
        with pytest.raises(GraphError, match="input leaves its range 0 to 255"):
            interp.run(graph, np.full((1, 6, 6, 2), wrong))


def test_several_outputs_come_in_their_order_and_each_is_its_nodes_value():
    graph = forked_graph()
    x = samples(graph)
    values = dict(interp.steps(graph, x))
    found = interp.outputs(graph, x)
    assert [y.shape for y in found] == [(3, 4, 4, 3), (3, 5), (3, 3)]
    for y, node in zip(found, ("conv", "head", "cell"), strict=True):
        np.testing.assert_array_equal(y, values[node])
    for whole, part in zip(interp.predict(graph, x, batch_size=2), found, strict=True):
        np.testing.assert_array_equal(whole, part)


def test_each_input_must_be_there():
    graph = forked_graph()
    with pytest.raises(GraphError, match="forked_net: 1 inputs, the model takes 2: image, state"):
        interp.outputs(graph, samples(graph)[:1])
    with pytest.raises(GraphError, match=r"image: input has shape \(3,\), the model takes \(4, 4, 2\)"):
        interp.outputs(graph, samples(graph)[::-1])


def test_the_only_output_of_several_is_refused():
    with pytest.raises(GraphError, match="forked_net: has 3 outputs, map, logits, state; one is expected"):
        interp.run(forked_graph(), samples(forked_graph()))


def test_no_inputs_give_no_outputs():
    assert interp.run(small_graph(), np.zeros((0, 6, 6, 2), np.int64)).shape == (0, 5)


def test_real_numbers_become_integers_half_up_and_clamped():
    type_ = QType("s4", 0.5, -2)  # holds -3.0 .. 4.5
    x = np.array([0, 0.25, 0.24, -0.25, -0.26, 0.75, 4.5, 4.8, 1e9, -3.0, -3.3, -1e9], np.float32)
    assert type_.quantize(x).tolist() == [-2, -1, -2, -2, -3, 0, 7, 7, 7, -8, -8, -8]
    assert type_.dequantize(np.array([-8, -2, 7])).tolist() == [-3.0, 0.0, 4.5]


@pytest.mark.parametrize(("dtype", "low", "high"), [("u4", 0, 15), ("s4", -8, 7), ("u8", 0, 255), ("s8", -128, 127)])
def test_a_type_has_its_range_and_peak(dtype, low, high):
    for zero in range(low, high + 1):
        type_ = QType(dtype, 1.0, zero)
        assert (type_.low, type_.high, type_.bits) == (low, high, int(dtype[1]))
        assert type_.peak == max(abs(q - zero) for q in range(low, high + 1))
