"""The kernels of contract tflm, each layer that TensorFlow Lite Micro takes against what the contract says of it;
tests/sdk/tflite holds that against TensorFlow Lite Micro itself."""

from __future__ import annotations

import ctypes
import os
import re
from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from firmware import alone, build
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import TFLM, Graph
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.numerics.packing import pack_elements
from mixcomp_edge.plan.kernels import catalogue
from mixcomp_edge.verification import make_inputs
from support.scaled_graphs import OPS, by_tflm, graphs

OWN = [kernel for kernel in catalogue(TFLM) if kernel not in catalogue()]
MOST = 2**31 - 1
EXAMPLES = int(os.environ.get("MCE_TEST_EXAMPLES", "40"))  # test_build.py says how many under the sanitizers


def doubled(acc: int, m: int, shift: int) -> int:
    """SPEC.md 3, in fractions."""
    a = (acc * 2 ** max(shift, 0) + 2**31) % 2**32 - 2**31
    high = floor(Fraction(a * m, 2**31) + Fraction(1, 2))
    value = Fraction(high, 2 ** max(-shift, 0))
    size = floor(abs(value) + Fraction(1, 2))
    return size if value > 0 else -size


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(-(2**31), MOST), st.integers(2**30, MOST), st.integers(-31, 30))
@example(-(2**31), MOST, 0)
@example(-(2**31), 2**30, -31)
@example(3, 2**30, 0)
@example(-3, 2**30, 0)
@example(-6, 2**30, -1)
@example(MOST, MOST, 30)
def test_a_number_is_rounded_twice_as_the_specification_says(kernels, acc, m, shift):
    assert kernels.test_tflm(acc, m, shift) == doubled(acc, m, shift)


def wrong(graph: Graph, kernels) -> list[str]:
    """The layers whose bytes are others than the contract's, in place, too, where that may be."""
    found = []
    for x in zip(*make_inputs(graph, 3), strict=True):
        values = {name: value[0] for name, value in interp.steps(graph, tuple(each[None] for each in x))}
        values |= {node.name: each for node, each in zip(graph.inputs, x, strict=True)}
        for node in graph.nodes:
            assert isinstance(node, QNode)
            if node.is_input or node.is_constant or node.is_view:
                continue
            want = pack_elements(values[node.name], node.type.bits)
            here = [kernel for kernel in catalogue(TFLM) if hasattr(kernels, kernel.name)]
            served = [(kernel, packed) for kernel in here if (packed := kernel.pack(graph, node)) is not None]
            assert served
            for kernel, packed in served:
                for in_place in (False, True) if over_its_last(graph, node) else (False,):
                    call = alone.Call(graph, node, kernel, packed, values, in_place)
                    if call.on_host(kernels) != want:
                        found.append(f"{kernel.name} {node.name} in_place={in_place}")
    return found


def over_its_last(graph: Graph, node: QNode) -> bool:
    """Whether y may lie where the last value that it reads does, which it reads once."""
    *others, last = graph.sources(node)
    alike = (last.shape, last.type.bits) == (node.shape, node.type.bits)
    return alike and last not in others and node.in_place[1] == len(node.inputs)


@pytest.mark.parametrize("op", OPS)
@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_kernel_computes_the_contract(op, data, kernels):
    assert wrong(by_tflm(data.draw(graphs((op,), most=2))), kernels) == []


@pytest.fixture(scope="module")
def all_kernels(tmp_path_factory) -> ctypes.CDLL:
    """Those for cores with instructions of their own, too."""
    if "MCE_TEST_LIBRARY" in os.environ:
        return build.load(tmp_path_factory.mktemp("tflm"))
    path = tmp_path_factory.mktemp("tflm") / "kernels.so"
    sources = [build.source(kernel) for kernel in catalogue(TFLM)]
    build.compile_c(build.host_compiler(), [*build.WARNINGS, "-O1", "-fPIC", "-shared"], sources, path)
    return ctypes.CDLL(str(path))


@pytest.mark.long
@settings(max_examples=25 * EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs(most=8))
def test_every_kernel_computes_the_contract_in_many_graphs(all_kernels, graph):
    assert wrong(by_tflm(graph), all_kernels) == []


def test_the_header_of_the_contract_declares_its_own_kernels():
    header = (build.FIRMWARE / "include" / "mixcomp" / "tflm.h").read_text()
    assert sorted(re.findall(r"^void (mce_\w+)\(", header, re.M)) == sorted(kernel.name for kernel in OWN)


def test_a_kernel_of_the_contract_says_so_and_none_serves_what_another_contract_rounds():
    assert len(OWN) > 100
    assert all("_tflm__" in kernel.name and kernel.contracts == (TFLM,) for kernel in OWN)
    both = [kernel for kernel in catalogue(TFLM) if kernel in catalogue()]
    sources = [build.source(kernel).read_text() for kernel in both]
    assert both
    assert not any(re.search(r"requant|mce_q32|round_shift", text) for text in sources)


@pytest.mark.parametrize("kernel", [kernel for kernel in OWN if kernel.requantizer], ids=lambda kernel: kernel.name)
def test_it_is_the_c_of_the_other_contract_behind_one_header(kernel):
    (other,) = (k for k in catalogue() if k.name == kernel.of)
    text, others = ("".join(build.source(k).read_text().split()) for k in (kernel, other))
    header = f'#include"mixcomp/internal/{kernel.requantizer}"'
    assert text.count(header) == 1
    assert text.replace(header, "").replace(kernel.name, kernel.of) == others


def test_gains_above_one_and_zero_points_at_the_ends_stay_in_range(kernels):
    """A value times 2**30 wraps, and is still clamped."""
    assert kernels.test_tflm(255, MOST, 30) == doubled(255, MOST, 30)
    assert np.iinfo(np.int32).min <= kernels.test_tflm(255, 2**30, 30) <= np.iinfo(np.int32).max
