import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import calls, judge
from firmware import strategies as some
from firmware.structs import TYPES


@pytest.mark.parametrize("x_type", TYPES)
@some.cases
@given(data=st.data())
def test_conv2d_equals_the_judge(kernels, x_type, data):
    random, levels, y_type = data.draw(some.randoms), data.draw(some.codebooks), data.draw(some.types)
    groups = data.draw(st.sampled_from((1, 1, 2, 3)))
    depth, outputs = data.draw(some.size(1, 5)), data.draw(some.size(1, 3))
    x_shape = (data.draw(some.size(1, 6)), data.draw(some.size(1, 6)), depth * groups)
    k, oh, ow = data.draw(some.windows(x_shape))
    y_shape = (oh, ow, outputs * groups)
    n = k["KH"] * k["KW"] * depth
    rows = [[random.randrange(16) for _ in range(n)] for _ in range(y_shape[2])]
    sums = [sum(abs(levels[c]) for c in row) * some.largest(x_type) for row in rows]
    bias, m, s = data.draw(some.requants(random, sums, y_type))
    x_zero, y_zero = data.draw(some.zeros(x_type)), data.draw(some.zeros(y_type))
    x = some.values(random, calls.count(x_shape), x_type)

    def code(o, i, j, c):
        return rows[o][(i * k["KW"] + j) * depth + c]

    expected = judge.conv2d(x, x_shape, x_zero, y_shape, y_type, y_zero, k, groups, code, levels, bias, m, s)
    y = calls.conv(
        kernels, "conv2d", x, x_shape, x_type, x_zero, y_shape, y_type, y_zero, k, groups, rows, levels, bias, m, s
    )
    assert y == judge.pack(expected, y_type)
