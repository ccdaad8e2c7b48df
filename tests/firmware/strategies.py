"""Layers that a lowering could have made: shapes, zero points and numbers at and around every bound of SPEC.md."""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from firmware.judge import RANGE

CODEBOOKS = {
    "fixp4": [0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1],
    "posit4": [0, 1, 2, 3, 4, 6, 8, 16, 0, -16, -8, -6, -4, -3, -2, -1],
    "posit4e1": [0, 1, 4, 8, 16, 32, 64, 256, 0, -256, -64, -32, -16, -8, -4, -1],
    "nf4": [0, 10, 20, 31, 43, 56, 71, 92, 127, -127, -88, -67, -50, -36, -23, -12],
    "int8": [*range(128), *range(-128, 0)],
    "int16": [0, 32767, -32768, 9, -9, 255, -255, 4095, -4096, 77, -1, 1, 20000, -20000, 3, 12345],
}

# MCE_TEST_EXAMPLES: fewer cases under the sanitizers
cases = settings(
    max_examples=int(os.environ.get("MCE_TEST_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

types = st.sampled_from(list(RANGE))
codebooks = st.sampled_from(list(CODEBOOKS.values()))
randoms = st.randoms(use_true_random=False)


def size(low: int, high: int) -> st.SearchStrategy[int]:
    return st.integers(low, high)


def zeros(type_: str) -> st.SearchStrategy[int]:
    return st.integers(*RANGE[type_])


def values(random, n: int, type_: str) -> list[int]:
    """n elements; a third of them at the ends of the type."""
    lo, hi = RANGE[type_]
    return [random.choice((lo, hi, *(random.randint(lo, hi) for _ in range(4)))) for _ in range(n)]


@st.composite
def windows(draw, x_shape, least: int = 0):
    """A window with any stride, dilation and padding, and an output size: (window, OH, OW).

    Each window holds at least `least` elements of x."""
    window, outputs = {}, []
    for axis, pad, extent in (("H", "top", x_shape[0]), ("W", "left", x_shape[1])):
        k, stride, step = draw(size(1, 3)), draw(size(1, 3)), draw(size(1, 2))
        before = draw(size(0, 2))
        n = draw(size(1, 4))
        inside = [sum(0 <= o * stride - before + t * step < extent for t in range(k)) for o in range(n)]
        if inside[0] < least:
            before, inside[0] = 0, 1
            inside = [sum(0 <= o * stride + t * step < extent for t in range(k)) for o in range(n)]
        while inside[-1] < least:
            inside.pop()
        if min(inside) < least:
            inside = inside[: next(i for i, v in enumerate(inside) if v < least)]
        window |= {f"K{axis}": k, f"S{axis}": stride, f"D{axis}": step, pad: before}
        outputs.append(len(inside))
    return window, *outputs


@st.composite
def requants(draw, random, sums: list[int], y_type: str):
    """Bias, multipliers and shift for accumulators of at most sums[o] in size: (bias, m, s).

    (|bias[o]| + sums[o]) * 2**s < 2**31, up to equality with 2**31 - 1; half of the time y fills its range."""
    largest = max(1, *sums)
    shift = draw(size(0, min(30, ((2**31 - 1) // largest).bit_length() - 1)))
    bias = []
    for bound in sums:
        room = (2**31 - 1) // 2**shift - bound
        near = min(room, bound + 1)
        bias.append(random.choice((0, random.randint(-near, near), room, -room, random.randint(-near, near))))
    outputs = len(sums) if draw(st.booleans()) else 1
    fitting = min(2**31 - 1, max(1, 2 * (RANGE[y_type][1] + 1) * 2 ** (32 - shift) // largest))
    if draw(st.booleans()):
        m = [random.randint(0, fitting) for _ in range(outputs)]
    else:
        m = [random.choice((0, 1, 2**31 - 1, 2**30, random.randrange(2**31))) for _ in range(outputs)]
    return bias, m, shift


def largest(type_: str) -> int:
    return max(abs(v) for v in RANGE[type_])
