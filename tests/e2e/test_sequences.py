"""Reductions, norms, softmaxes, linear layers at positions and attention in whole networks: the generated C equals the
definition in every layer, and the definition stays near the float network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge import Bundle, LayerPlan, QuantPlan, convert, export, prepare
from mixcomp_edge.ir import interp
from mixcomp_edge.verification import compare, make_inputs, open_transport
from support.kernels import preferred


class Encoder(nn.Module):
    """A transformer's layer on (N, 6, 8) with two heads, norm first, then classes of the mean over time."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(8), nn.RMSNorm(8)
        self.q, self.k, self.v, self.o, self.up, self.down = (nn.Linear(8, n) for n in (8, 8, 8, 8, 12, 8))
        self.down = nn.Linear(12, 8)
        self.classes = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        q, k, v = (m(y).view(-1, 6, 2, 4).transpose(1, 2) for m in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(-1, 6, 8)
        x = x + self.o(y)
        x = x + self.down(F.relu(self.up(self.second(x))))
        return F.log_softmax(self.classes(x.mean(1)), 1)


class Maps(nn.Module):
    """Norms and reductions of a map, channel attention as in XCiT, softmaxes along an inner dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.group = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.GroupNorm(2, 8)
        self.layer, self.instance = nn.LayerNorm(8), nn.InstanceNorm2d(8, affine=True)
        self.mix = nn.Conv2d(8, 8, 1)
        self.fc = nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.group(self.stem(x)))
        x = self.layer(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        flat = F.normalize(x.flatten(2), dim=-1)  # (N, 8, P)
        x = x + ((flat @ flat.transpose(-2, -1)).softmax(-1) @ x.flatten(2)).view_as(x)
        x = self.mix(F.softmax(self.instance(x), 2))
        parts = (x.mean((2, 3)), x.amax((2, 3)), x.amin((2, 3)), x.norm(dim=(2, 3)))
        return self.fc(torch.cat(parts, 1))


NETWORKS = {"encoder": (Encoder, (6, 8)), "maps": (Maps, (3, 9, 7))}


def bundle(name: str, bits: int) -> tuple[Bundle, nn.Module, Tensor]:
    network, shape = NETWORKS[name]
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model, x = network().eval(), 2 * torch.randn(24, *shape)
    return convert(prepare(model, x, QuantPlan(LayerPlan(act_bits=bits)), name)), model, x


CASES = [("encoder", 8, "host"), ("encoder", 4, "emulator"), ("maps", 8, "emulator"), ("maps", 4, "host")]


@pytest.mark.parametrize(("name", "bits", "transport"), CASES)
def test_the_c_of_a_network_with_attention_and_norms_equals_its_definition(name, bits, transport, tmp_path):
    model, _, _ = bundle(name, bits)
    layout = export(model, "cortex-m4", tmp_path / "c", kernels=preferred(model.graph, "cortex-m4"))
    opened = open_transport(transport, tmp_path / "c", layout, None)
    try:
        verdict = compare(opened, layout, make_inputs(model.graph, 4, seed=1))
    finally:
        opened.close()
    assert verdict.first_mismatch is None
    assert verdict.elements > 1000


@pytest.mark.parametrize(("name", "least_db"), [("encoder", 15), ("maps", 15)])
def test_integers_stay_near_the_float_network(name, least_db):
    """With 4-bit weights without retraining, these alone leave about 20 dB."""
    held, model, x = bundle(name, 8)
    integers = interp.run(held.graph, held.graph.nodes[0].quantize(x.movedim(1, -1).numpy()))
    with torch.no_grad():
        expected = model(x).numpy()
    found = held.graph[held.graph.output].type.dequantize(integers)
    assert 10 * np.log10((expected**2).mean() / ((found - expected) ** 2).mean()) > least_db
