import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import calls, judge
from firmware import strategies as some
from firmware.structs import TYPES


@st.composite
def layers(draw, x_type):
    """A conv2d: (x, its arguments for the judge and the kernel, code rows)."""
    random, levels, y_type = draw(some.randoms), draw(some.codebooks), draw(some.types)
    groups = draw(st.sampled_from((1, 1, 2, 3)))
    depth, outputs = draw(some.size(1, 5)), draw(some.size(1, 3))
    x_shape = (draw(some.size(1, 6)), draw(some.size(1, 6)), depth * groups)
    k, oh, ow = draw(some.windows(x_shape))
    y_shape = (oh, ow, outputs * groups)
    n = k["KH"] * k["KW"] * depth
    rows = [[random.randrange(len(levels)) for _ in range(n)] for _ in range(y_shape[2])]
    sums = [sum(abs(levels[c]) for c in row) * some.largest(x_type) for row in rows]
    bias, m, s = draw(some.requants(random, sums, y_type))
    x_zero, y_zero = draw(some.zeros(x_type)), draw(some.zeros(y_type))
    x = some.values(random, calls.count(x_shape), x_type)

    def code(o, i, j, c):
        return rows[o][(i * k["KW"] + j) * depth + c]

    return random, x, x_shape, x_zero, y_shape, y_type, y_zero, k, groups, code, rows, levels, bias, m, s


@pytest.mark.parametrize("x_type", TYPES)
@some.cases
@given(data=st.data())
def test_conv2d_equals_the_judge(kernels, x_type, data):
    _, x, x_shape, x_zero, y_shape, y_type, y_zero, k, groups, code, rows, levels, bias, m, s = data.draw(
        layers(x_type)
    )
    expected = judge.conv2d(x, x_shape, x_zero, y_shape, y_type, y_zero, k, groups, code, levels, bias, m, s)
    y = calls.conv(
        kernels, "conv2d", x, x_shape, x_type, x_zero, y_shape, y_type, y_zero, k, groups, rows, levels, bias, m, s
    )
    assert y == judge.pack(expected, y_type)


@pytest.mark.parametrize("x_type", TYPES)
@some.cases
@given(data=st.data())
def test_conv2d_add_equals_the_judge_also_in_place(kernels, x_type, data):
    layer = data.draw(layers(x_type))
    random, x, x_shape, x_zero, y_shape, y_type, y_zero, k, groups, code, rows, levels, bias, m, s = layer
    r_type = data.draw(some.types)
    r_zero = data.draw(some.zeros(r_type))
    r = some.values(random, calls.count(y_shape), r_type)
    shift = data.draw(some.size(0, 22))  # |r - zero| <= 255 stays below 2**31 up to here
    multiplier = data.draw(st.sampled_from((0, 1, 2**31 - 1, 2**30, 2 ** (31 - shift), 3 * 2 ** (29 - shift))))
    in_place = (r_type[1] == y_type[1]) and data.draw(st.booleans())
    expected = judge.conv2d(
        x, x_shape, x_zero, y_shape, y_type, y_zero, k, groups, code, levels, bias, m, s,
        (r, r_zero, min(multiplier, 2**31 - 1), shift),
    )  # fmt: skip
    y = calls.conv_add(
        kernels, x, x_shape, x_type, x_zero, y_shape, y_type, y_zero, k, groups, rows, levels, bias, m, s,
        r, r_type, r_zero, min(multiplier, 2**31 - 1), shift, in_place,
    )  # fmt: skip
    assert y == judge.pack(expected, y_type)
