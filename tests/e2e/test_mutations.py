"""`verify` can fail: one bit flipped in a constant of the exported weights is seen, in every layer, whichever kernel a
target chooses. On the host the header is edited and built; on emulated cores the bit flips in the image, in flash."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mixcomp_edge import Bundle, LayerPlan, QuantPlan, convert, export, prepare
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.targets import target, targets
from mixcomp_edge.transports.emulator import EmulatedCore
from mixcomp_edge.verification import compare, make_inputs, verify
from support.kernels import preferred

ARRAY = re.compile(r"static const (u?int\d+_t) (\w+)\[(\d+)\] = \{\n(.*?)\n\};", re.S)
INPUTS = 8
# Bits whose flip moves some output: of a code, any that some element of its array has; of a bias, a good part of
# an output's step; of a multiplier, its upper ones. Its lower bits may change no output of any input.
BITS = {"codes": range(32), "bias": range(9, 14), "multiplier": range(26, 30)}

# Bits by which a packing stores biases larger: 16 times, or as parts of an output of 2^20.
EXCESS = {"channel_pairs": 4, "channel_fours": 4, "dw_triples": 9, "points": 9}


class Net(nn.Module):
    """A convolution on the 8-bit input, depthwise, 1x1, one with a residual, dense. Reductions are multiples of 16 and
    channels fill words, so that no layout pads them; biases keep each channel off its limits."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 16, 4, padding=(1, 2))
        self.depth = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.point = nn.Conv2d(16, 16, 1)
        self.sum = nn.Conv2d(16, 16, 3, padding=1)
        self.fc = nn.Linear(256, 8)
        for layer in (self.stem, self.depth, self.point, self.sum):
            nn.init.uniform_(layer.weight, -0.1, 0.2)
            nn.init.constant_(layer.bias, 0.2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x).relu()
        x = self.point(self.depth(x).relu()).relu()
        return self.fc(nn.functional.avg_pool2d((self.sum(x) + x).relu(), 2).flatten(1))


def bundle(act_bits: int, weights: str) -> Bundle:
    """The network with every channel of every layer alive: what a dead one computes, no output shows."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        net, x = Net(), torch.rand(64, 2, 9, 8)
        found = convert(prepare(net, x, QuantPlan(LayerPlan(weights, "tensor", act_bits)), "net"))
    values = dict(interp.steps(found.graph, make_inputs(found.graph, INPUTS)))
    for node in found.graph.nodes:
        if isinstance(node, Weighted):
            channels = values[node.name].reshape(-1, node.shape[-1])
            assert min(len(np.unique(channel)) for channel in channels.T) > 1, node.name
            assert np.mean(channels != 0, axis=0).min() > 0.3, node.name
    return found


def arrays(project: Path) -> Iterator[tuple[re.Match[str], str]]:
    """(match in the header, role) of each array that belongs to a layer."""
    for found in ARRAY.finditer((project / "src" / "mce_net__weights.h").read_text()):
        role = found[2].rsplit("_", 1)[-1]
        if role in BITS:
            yield found, role


def values_of(array: re.Match[str]) -> list[int]:
    return [int(value.strip().rstrip("u"), 0) for value in array[4].split(",") if value.strip()]


def flips(role: str, values: list[int], seed: int, excess: int = 0) -> Iterator[tuple[int, int]]:
    """Two (index, bit) of an array; of codes any bit that some element has, since a layout may leave others unused.
    excess: biases are stored times 2**excess."""
    rng = np.random.default_rng(seed)
    used = int(np.bitwise_or.reduce(values))
    bits = [bit + excess * (role == "bias") for bit in BITS[role] if used >> bit & 1 or role != "codes"]
    for _ in range(2):
        index, bit = int(rng.integers(len(values))), int(rng.choice(bits))
        nibble = values[index] >> bit // 4 * 4 & 15
        yield index, bit - (role == "codes" and bit % 4 == 3 and nibble in (0, 8))  # 0 and NaR count the same


def layers(project: Path) -> int:
    return sum(role == "codes" for _, role in arrays(project))


def test_a_flipped_bit_of_the_header_is_caught_on_the_host(tmp_path):
    layout = export(bundle(4, "fixp4"), "generic", tmp_path / "c")
    header = tmp_path / "c" / "src" / "mce_net__weights.h"
    original = header.read_text()
    assert layers(tmp_path / "c") == sum(isinstance(step.node, Weighted) for step in layout.steps) == 5
    assert verify(tmp_path / "c", count=INPUTS).mismatches == 0
    for seed, (found, role) in enumerate(list(arrays(tmp_path / "c"))):
        values = values_of(found)
        index, bit = next(flips(role, values, seed))
        values[index] ^= 1 << bit
        start, end = found.span(4)
        header.write_text(original[:start] + ", ".join(map(str, values)) + original[end:])
        assert verify(tmp_path / "c", count=INPUTS, edited=True).first_mismatch is not None, (found[2], index, bit)


CORES = list(
    {core.isas: name for name, core in targets().items() if core.core}.values()
)  # one for each choice of kernels


@pytest.mark.parametrize(
    ("weights", "act_bits"),
    [
        ("posit4", 8),
        *(pytest.param(*two, marks=pytest.mark.long) for two in (("fixp4", 4), ("fixp4", 8), ("posit4", 4))),
    ],
)
@pytest.mark.parametrize("core", [pytest.param(c, marks=[pytest.mark.long] * (c == "riscv32")) for c in CORES])
def test_a_flipped_bit_of_the_image_is_caught_on_each_core(core, weights, act_bits, tmp_path):
    model = bundle(act_bits, weights)
    layout = export(model, core, tmp_path / "c", kernels=preferred(model.graph, core))
    emulated = EmulatedCore(tmp_path / "c", layout, target(core))
    try:
        inputs = make_inputs(layout.graph, INPUTS)
        assert compare(emulated, layout, inputs).mismatches == 0
        packings = {f"layer_{s.node.name}_bias": s.kernel.packing for s in layout.steps}
        for seed, (found, role) in enumerate(arrays(tmp_path / "c")):
            place, itemsize = emulated.emulator.symbol(found[2]), int(re.sub(r"\D", "", found[1])) // 8
            assert place.size == int(found[3]) * itemsize
            for index, bit in flips(role, values_of(found), seed, EXCESS.get(packings.get(found[2], ""), 0)):
                address = place.address + index * itemsize + bit // 8
                (byte,) = emulated.emulator.read(address, 1)
                emulated.emulator.write(address, bytes([byte ^ 1 << bit % 8]))
                assert compare(emulated, layout, inputs).mismatches > 0, (found[2], index, bit)
                emulated.emulator.write(address, bytes([byte]))
        assert compare(emulated, layout, inputs).mismatches == 0
    finally:
        emulated.close()
