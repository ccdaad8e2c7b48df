"""A model that normalises its input is the same integers as one that is given normalised inputs."""

from __future__ import annotations

import subprocess
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import nn

from mixcomp_edge import Bundle, convert, export, prepare
from mixcomp_edge.bundle import parse_bundle
from mixcomp_edge.codegen.profiles import profile_of
from mixcomp_edge.errors import ExportError, GraphError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.types import QType, Requant
from mixcomp_edge.ir.verify import verify as check
from mixcomp_edge.operators.input import QAffineInput
from mixcomp_edge.operators.rescale import QRescale
from mixcomp_edge.verification import verify
from mixcomp_sim.hostcc import host_compiler

MEAN = torch.tensor([0.5, -64.0, 1.25]).view(1, 3, 1, 1)  # powers of two: float32 does not round them
STD = torch.tensor([0.25, 128.0, 2.0]).view(1, 3, 1, 1)


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 3, padding=1))

    def forward(self, x):
        return self.body(x)


class Normalising(Plain):
    def forward(self, x):
        return super().forward((x - MEAN) / STD)


def bundles() -> tuple[Bundle, Bundle, torch.Tensor, torch.Tensor]:
    """The bundle of each, and the inputs that each is calibrated on."""
    torch.manual_seed(3)
    inside = Normalising()
    outside = Plain()
    outside.load_state_dict(inside.state_dict())
    normal = torch.round(torch.randn(32, 3, 6, 5) * 64) / 64
    raw = normal * STD + MEAN
    assert torch.equal((raw - MEAN) / STD, normal)
    return convert(prepare(inside, raw, name="m")), convert(prepare(outside, normal, name="m")), raw, normal


def last(x: torch.Tensor) -> np.ndarray:
    return x.permute(0, 2, 3, 1).numpy()


def test_normalising_inside_or_outside_gives_the_same_integers():
    inside, outside, raw, normal = bundles()
    first, *layers = inside.graph.nodes
    assert isinstance(first, QAffineInput)
    assert first.type == outside.graph.nodes[0].type
    assert_array_equal(first.quantize(last(raw)), outside.graph.nodes[0].quantize(last(normal)))
    assert len(np.unique(first.quantize(last(raw))[..., 0])) > 50  # the small channel keeps its resolution
    for a, b in zip(layers, outside.graph.nodes[1:], strict=True):
        assert type(a) is type(b)
        for f in fields(a.weights):
            if f.name in ("codes", "bias"):
                assert_array_equal(getattr(a.weights, f.name), getattr(b.weights, f.name))
    x = first.quantize(last(raw))
    assert_array_equal(interp.run(inside.graph, x), interp.run(outside.graph, x))


def test_the_bundle_keeps_gain_and_offset():
    first = bundles()[0].graph.nodes[0]
    again = parse_bundle(bundles()[0].to_bytes()).graph.nodes[0]
    assert again.gain.dtype == again.offset.dtype == np.float32
    assert_array_equal(again.gain, first.gain)
    assert_array_equal(again.gain, 1 / STD.numpy().ravel())
    assert_array_equal(again.offset, -(MEAN / STD).numpy().ravel())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gain": np.ones(2, np.float32)}, r"input: gain \(2,\), offset \(3,\) do not fit"),
        ({"offset": np.ones((3, 1), np.float32)}, "do not fit"),
        ({"gain": np.array([1, np.nan, 1], np.float32)}, "input: a gain or offset is not finite"),
        ({"offset": np.array([1, np.inf, 1], np.float32)}, "not finite"),
    ],
)
def test_a_damaged_gain_is_refused(change, message):
    graph = bundles()[0].graph
    with pytest.raises(GraphError, match=message):
        check(graph.with_nodes([replace(graph.nodes[0], **change), *graph.nodes[1:]]))


def test_a_runner_that_sends_plain_numbers_needs_one_normalisation_for_all_channels():
    def image(*gain: float) -> Graph:
        kind = QType("u8", 1.0)
        node = QAffineInput(
            name="x",
            inputs=(),
            shape=(32, 32, 3),
            type=kind,
            gain=np.array(gain, np.float32),
            offset=np.zeros(3, np.float32),
        )
        classes = QRescale(name="y", inputs=("x",), shape=(10,), type=kind, requant=Requant.of(1.0))  # as ic01 has them
        return Graph("m", (node, classes), "y")

    assert profile_of(image(2, 2, 2), "ic01").name == "ic01"
    with pytest.raises(ExportError, match="m cannot answer as ic01: it normalises its channels differently"):
        profile_of(image(1, 2, 3), "ic01")
    inside, _, _, _ = bundles()
    assert profile_of(inside.graph, None) is None
    with pytest.raises(ExportError, match="the runner sends 3072 elements"):
        profile_of(inside.graph, "ic01")


PROGRAM = """
#include <math.h>
#include <stdio.h>
#include "mce_m.h"
int main(void)
{
    static const float gain[] = MCE_M_INPUT_NORM_GAIN, offset[] = MCE_M_INPUT_NORM_OFFSET;
    float x;
    for (int i = 0; scanf("%f", &x) == 1; i++) {
        const int c = i % MCE_M_INPUT_CHANNELS;
        const float y = x * gain[c] + offset[c];
        const float q = floorf(y / MCE_M_INPUT_SCALE + 0.5f) + MCE_M_INPUT_ZERO_POINT;
        printf("%d ", q < 0 ? 0 : q > 255 ? 255 : (int)q);
    }
    return 0;
}
"""


def test_the_header_says_how_the_input_becomes_integers(tmp_path):
    bundle, _, raw, _ = bundles()
    export(bundle, "generic", tmp_path / "c")
    assert verify(tmp_path / "c", count=2).mismatches == 0
    (tmp_path / "main.c").write_text(PROGRAM)
    program = tmp_path / "program"
    flags = [
        "-std=c99",
        "-ffp-contract=off",
        f"-I{tmp_path}/c/include",
        str(tmp_path / "main.c"),
        "-o",
        str(program),
        "-lm",
    ]
    subprocess.run([*host_compiler(), *flags], check=True)
    x = last(raw[:2])
    text = " ".join(f"{v:.9g}" for v in x.ravel())
    done = subprocess.run([str(program)], input=text, capture_output=True, text=True, check=True)
    assert_array_equal(np.array(done.stdout.split(), int), bundle.graph.nodes[0].quantize(x).ravel())
