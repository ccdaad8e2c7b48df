"""MLPerf Tiny's four benchmarks: what their runner sends for an input, and what it wants back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import ExportError
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.verify import home
from mixcomp_edge.numerics.softmax import exponentials
from mixcomp_edge.operators.input import QAffineInput, QInput

BYTES = np.arange(256, dtype=np.uint8)
KWS_SCALE, KWS_ZERO = 0.5847029089927673, 83  # input of the reference kws_ref_model.tflite, mlcommons/tiny v1


@dataclass(frozen=True)
class Profile:
    """`value` gives the real numbers of the 256 bytes that the runner may send for an element; None: it sends float32.
    `outputs`: how many numbers the model gives: its classes, of which the runner wants probabilities; or, with
    `reconstruction`, its input again, of which it wants one number, the mean squared error."""

    name: str
    elements: int
    outputs: int
    value: Callable[[NDArray[np.uint8]], NDArray[np.float32]] | None
    reconstruction: bool = False


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("ic01", 32 * 32 * 3, 10, lambda byte: byte.astype(np.float32)),
        Profile("vww01", 96 * 96 * 3, 2, lambda byte: byte.astype(np.float32) / np.float32(255)),
        Profile("kws01", 49 * 10, 12, lambda byte: np.float32(KWS_SCALE) * (byte.view(np.int8) - np.float32(KWS_ZERO))),
        Profile("ad01", 640, 640, None, reconstruction=True),
    )
}
NETWORKS = {"resnet8": "ic01", "mobilenet": "vww01", "dscnn": "kws01", "autoencoder": "ad01"}  # built-in tasks


def profile_of(graph: Graph, name: str | None) -> Profile | None:
    """The profile of that name, or the one of a built-in network; None: the runner's bytes are the model's codes."""
    found = PROFILES.get(name or NETWORKS.get(graph.name, ""))
    if name is not None and found is None:
        raise ExportError(f"unknown MLPerf Tiny profile '{name}'. Known are {', '.join(PROFILES)}.")
    if found is None or (reason := _unfit(found, graph)) is None:
        return found
    if name is None:
        return None  # a network of that name with another input
    raise ExportError(f"{graph.name} cannot answer as {name}: {reason}.")


def _unfit(profile: Profile, graph: Graph) -> str | None:
    if not graph.has_one_of_each:
        return f"the runner knows one input and one output, the model has {len(graph.inputs)} and {len(graph.outputs)}"
    source, sink = graph.inputs[0], graph[graph.output]
    assert isinstance(source, QInput)
    assert isinstance(sink, QNode)
    if source.elements != profile.elements:
        return f"the runner sends {profile.elements} elements, the model reads {source.elements}"
    if sink.elements != profile.outputs:
        return f"the benchmark has {profile.outputs} outputs, the model {sink.elements}"
    if isinstance(source, QAffineInput):
        if profile.value is None:
            return "its input is normalised, which the firmware does not do with float32"
        if len(np.unique(source.gain)) > 1 or len(np.unique(source.offset)) > 1:
            return "it normalises its channels differently, and one table makes codes of all bytes"
    return None


def probability_table(profile: Profile | None, graph: Graph) -> NDArray[np.uint16] | None:
    """SPEC.md 4.11's table for the output's codes, where the firmware has to make probabilities of them."""
    if profile is None or profile.reconstruction:
        return None
    node = graph[home(graph, graph.output)]
    assert isinstance(node, QNode)
    if node.makes_probabilities:
        return None
    return exponentials(node.type.scale)


def byte_map(profile: Profile | None, source: QInput) -> NDArray[np.uint8] | None:
    """The model's code for each byte of the runner, SPEC.md 6; None where they are the same."""
    if profile is None or profile.value is None:
        return None
    real = profile.value(BYTES)
    if isinstance(source, QAffineInput):
        real = real * source.gain[0] + source.offset[0]
    codes = source.type.quantize(real).astype(np.uint8)
    return None if np.array_equal(codes, BYTES) else codes
