import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import calls, judge
from firmware import strategies as some
from firmware.structs import TYPES


@pytest.mark.parametrize("x_type", TYPES)
@some.cases
@given(data=st.data())
def test_dwconv2d_equals_the_judge(kernels, x_type, data):
    random, levels, y_type = data.draw(some.randoms), data.draw(some.codebooks), data.draw(some.types)
    repeat = data.draw(st.sampled_from((1, 1, 2, 3)))
    x_shape = (data.draw(some.size(1, 6)), data.draw(some.size(1, 6)), data.draw(some.size(1, 7)))
    k, oh, ow = data.draw(some.windows(x_shape))
    y_shape = (oh, ow, repeat * x_shape[2])
    rows = [[random.randrange(len(levels)) for _ in range(y_shape[2])] for _ in range(k["KH"] * k["KW"])]
    sums = [sum(abs(levels[row[o]]) for row in rows) * some.largest(x_type) for o in range(y_shape[2])]
    bias, m, s = data.draw(some.requants(random, sums, y_type))
    x_zero, y_zero = data.draw(some.zeros(x_type)), data.draw(some.zeros(y_type))
    x = some.values(random, calls.count(x_shape), x_type)

    def code(o, i, j, c):
        return rows[i * k["KW"] + j][o]

    groups = x_shape[2]
    expected = judge.conv2d(x, x_shape, x_zero, y_shape, y_type, y_zero, k, groups, code, levels, bias, m, s)
    y = calls.conv(
        kernels, "dwconv2d", x, x_shape, x_type, x_zero, y_shape, y_type, y_zero, k, groups, rows, levels, bias, m, s
    )
    assert y == judge.pack(expected, y_type)
