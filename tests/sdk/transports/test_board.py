"""A board that contradicts itself is an error, never a verdict; played here by a session that says what it is told."""

from __future__ import annotations

import zlib
from types import SimpleNamespace

import numpy as np
import pytest

from mixcomp_edge.board.messages import Record
from mixcomp_edge.board.session import Run
from mixcomp_edge.codegen.render import golden_vector
from mixcomp_edge.errors import BoardError
from mixcomp_edge.ir import interp
from mixcomp_edge.numerics.packing import pack_elements, unpack_elements
from mixcomp_edge.plan.layout import lay_out
from mixcomp_edge.targets import target
from mixcomp_edge.transports import board as module
from mixcomp_edge.transports.board import BoardTransport


class Session:
    """Computes right unless told otherwise: `wrong` layers come out with a changed byte, `again` ones only in the
    second run, `output` replaces the output."""

    def __init__(self, layout, layers, wrong=(), again=(), output=None):
        self.right, self.again = layers, again
        self.first = [flip(data) if index in wrong else data for index, data in enumerate(layers)]
        self.output = layers[-1] if output is None else output
        self.closed = False
        source, sink = layout.graph.nodes[0], layout.graph[layout.graph.output]
        self.hello = SimpleNamespace(
            sha256="ab", build_id="cd" * 8, layers=len(layers), board="x", model="tiny", input_bytes=source.nbytes,
            output_bytes=sink.nbytes, arena_bytes=layout.arena.total_bytes,
        )  # fmt: skip

    def run(self, x):
        return Run(self.output, [Record(zlib.crc32(data), 1) for data in self.first], 3)

    def layers(self, x, wanted):
        return [flip(self.first[index]) if index in self.again else self.first[index] for index, _ in wanted]

    def close(self):
        self.closed = True


def flip(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


@pytest.fixture
def opened(tiny_bundle, monkeypatch):
    """A function: (transport, input, right layers) around a session with these faults."""
    layout = lay_out(tiny_bundle.graph, target("cortex-m4"))
    x, _ = golden_vector(tiny_bundle.graph)
    source = tiny_bundle.graph.nodes[0]
    codes = unpack_elements(x, source.elements, source.type.bits, signed=source.type.signed).reshape(source.shape)
    values = dict(interp.steps(tiny_bundle.graph, codes[None]))
    layers = [pack_elements(values[step.node.name], step.node.type.bits) for step in layout.steps]
    monkeypatch.setattr(module, "Port", lambda url, baud: url)

    def open_one(**faults):
        session = Session(layout, layers, **faults)
        monkeypatch.setattr(module, "Session", lambda port: session)
        return BoardTransport("serial", "played", layout, "ab", bytes.fromhex("cd" * 8)), x, layers

    return open_one


def test_layers_that_differ_are_fetched_and_the_others_taken_as_they_should_be(opened):
    transport, x, layers = opened(wrong=[1])
    assert transport.trace(x, layers) == [layers[0], flip(layers[1]), layers[2]]
    batch = transport.infer_batch(np.array([list(x)], np.uint8))
    assert batch.tobytes() == layers[-1]


def test_a_layer_that_changes_from_run_to_run_is_an_error(opened):
    transport, x, layers = opened(wrong=[1], again=[1])
    with pytest.raises(BoardError, match="layer 1 came out differently when it ran again"):
        transport.trace(x, layers)


def test_an_output_that_is_not_its_layers_is_an_error(opened):
    transport, x, layers = opened(output=b"\7" * 5)
    with pytest.raises(BoardError, match="the output differs from what its layer wrote"):
        transport.trace(x, layers)


def test_a_firmware_with_other_layers_is_refused_and_the_port_left(opened):
    transport, _, _ = opened()
    session = transport.session
    session.hello.layers = 7
    with pytest.raises(BoardError, match="says that it has 7 layers, but 'tiny' has 3"):
        BoardTransport("serial", "played", transport.layout, "ab", bytes.fromhex("cd" * 8))
    assert session.closed
