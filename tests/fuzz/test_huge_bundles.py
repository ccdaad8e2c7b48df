"""Small files that ask for much: memory and work are bounded before they are spent, whatever the verb."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from itertools import pairwise

import numpy as np
import pytest

from mixcomp_edge.bundle import Bundle, load_bundle
from mixcomp_edge.errors import BundleError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.cost import check_cost
from mixcomp_edge.ir.graph import Graph, Window
from mixcomp_edge.ir.types import QType, Requant, Weights
from mixcomp_edge.numerics import codebook
from mixcomp_edge.operators.avgpool2d import QAvgPool2d
from mixcomp_edge.operators.conv2d import QConv2d
from mixcomp_edge.operators.dense import QDense
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.operators.maxpool2d import QMaxPool2d
from mixcomp_edge.operators.rescale import QRescale

LIMIT_S, LIMIT_BYTES = 10, 1 << 30
U4 = QType("u4", 1.0, 0)
ONE = Requant(np.array([1 << 30], np.int32), 1)


def graph(shape, *nodes):
    source = QInput(name="x", inputs=(), shape=shape, type=U4)
    return Graph("huge", (source, *nodes), nodes[-1].name)


def weights(rows, length):
    return Weights(codebook("fixp4"), np.ones((rows, length), np.uint8), np.zeros(rows, np.int32), ONE)


def pool(kernel, side, kind=QMaxPool2d, **more):
    out = side - kernel + 1
    window = Window((kernel, kernel))
    return graph((side, side, 1), kind(name="p", inputs=("x",), shape=(out, out, 1), type=U4, window=window, **more))


def conv(kernel, side, channels=1, groups=1):
    out, window = side - kernel + 1, Window((kernel, kernel))
    node = QConv2d(
        name="c", inputs=("x",), shape=(out, out, channels), type=U4, window=window, groups=groups,
        weights=weights(channels, kernel * kernel * channels // groups),
    )  # fmt: skip
    return graph((side, side, channels), node)


def chain(side, count):
    names = ["x", *(f"r{i}" for i in range(count))]
    nodes = [
        QRescale(name=name, inputs=(source,), shape=(side, side, 1), type=U4, requant=ONE)
        for source, name in pairwise(names)
    ]
    return graph((side, side, 1), *nodes)


HUGE = {
    "max pool 64x64 on 4096x4096": lambda: pool(64, 4096),
    "max pool over 4096x4096": lambda: pool(4096, 4096),
    "max pool over 1024x1024": lambda: pool(1024, 1024),
    "average pool 32x32": lambda: pool(32, 4096, QAvgPool2d, requant=ONE),
    "convolution 181x181": lambda: conv(181, 1024),
    "60,000 groups": lambda: conv(1, 1, 60_000, 60_000),
    "300 values of 16 M elements": lambda: chain(4096, 300),
    "200 values of 4 M elements": lambda: chain(2048, 200),
    "2 values of 16 M elements": lambda: chain(4096, 2),
    "dense of 4200x4200": lambda: graph(
        (4200,), QDense(name="d", inputs=("x",), shape=(4200,), type=U4, weights=weights(4200, 4200))
    ),
}


@pytest.mark.parametrize("what", HUGE)
def test_a_bundle_that_asks_for_more_than_a_microcontroller_has_is_refused_by_name(what, tmp_path):
    path = tmp_path / "huge.mce"
    path.write_bytes(Bundle(HUGE[what]()).to_bytes())
    start = time.monotonic()
    with pytest.raises(BundleError, match=r"huge\.mce: huge: .* more than any Cortex-M can take .*MIXCOMP_LARGE=1"):
        load_bundle(path)
    assert time.monotonic() - start < LIMIT_S


def test_every_verb_refuses_it_in_time_and_memory(tmp_path):
    path = tmp_path / "huge.mce"
    path.write_bytes(Bundle(HUGE["max pool 64x64 on 4096x4096"]()).to_bytes())
    limit = (LIMIT_BYTES * 3, LIMIT_BYTES * 3)  # of addresses; libraries reserve more than they use
    for verb in (["export", "-o", str(tmp_path / "c")], ["verify"], ["simulate"]):
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "mixcomp_edge", verb[0], str(path), *verb[1:]], capture_output=True, text=True,
            timeout=60, check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit),
        )  # fmt: skip
        assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
        assert time.monotonic() - start < LIMIT_S, verb
    assert sorted(p.name for p in tmp_path.iterdir()) == ["huge.mce"]


def test_it_is_taken_where_it_is_asked_for(tmp_path, monkeypatch):
    path = tmp_path / "huge.mce"
    path.write_bytes(Bundle(chain(4096, 2)).to_bytes())
    monkeypatch.setenv("MIXCOMP_LARGE", "1")
    assert load_bundle(path).graph.name == "huge"


@pytest.mark.parametrize(
    "kind", [lambda: pool(16, 600), lambda: pool(16, 600, QAvgPool2d, requant=ONE), lambda: chain(1200, 40)]
)
def test_the_interpreter_holds_no_more_than_a_few_values(kind):
    """By taps or layers at once it would take 150 or 40 of them."""
    import tracemalloc

    model = check_cost(kind())
    x = np.zeros((1, *model.nodes[0].shape), np.int64)
    tracemalloc.start()
    interp.run(model, x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * x.nbytes


def test_networks_of_mlperf_tiny_are_far_below():
    """MobileNet's largest layer, ten times over: 7 M products, 55 kB."""
    assert check_cost(conv(3, 96, 16)) is not None
    assert os.environ.get("MIXCOMP_LARGE") != "1"
