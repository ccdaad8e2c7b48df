"""The interpreters of .tflite files for phones and servers, LiteRT and TensorFlow's. Theirs is no one arithmetic: what
comes out depends on kernels, delegates and versions. So how far they are from a bundle is measured, and proves
nothing."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.bundle import Bundle
from mixcomp_edge.errors import ExportError
from mixcomp_edge.ir.interp import Values
from mixcomp_edge.tflite.difference import Difference, measure
from mixcomp_edge.tflite.export import content
from mixcomp_edge.tflite.network import Network

INSTALL = {
    "litert": "pip install 'mixcomp-edge[tflite]'",
    "tensorflow": "pip install 'mixcomp-edge[tensorflow]'",
}
WAYS = {"as it comes": "AUTO", "reference kernels": "BUILTIN_REF"}  # how it says so itself


def differences(bundle: Bundle, on: str, inputs: Values) -> dict[str, Difference]:
    """How far that interpreter is on these inputs, run in each of WAYS. ExportError where it is missing or does not
    take the file."""
    network, data = content(bundle)
    runners = {way: Interpreter(on, network, data, resolver) for way, resolver in WAYS.items()}
    return {way: measure(bundle.graph, runner, inputs) for way, runner in runners.items()}


class Interpreter:
    """A file in one of these."""

    def __init__(self, on: str, network: Network, content: bytes, resolver: str) -> None:
        self.network = network
        lite = _lite(on)
        kind = getattr(lite.OpResolverType if on == "litert" else lite.experimental.OpResolverType, resolver)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.interpreter = lite.Interpreter(model_content=content, experimental_op_resolver_type=kind)
            self.interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ExportError(f"{network.name}: {on} does not take the file ({error}).") from error

    def run(self, inputs: Sequence[NDArray[np.int64]]) -> dict[str, NDArray[np.int64]]:
        """The outputs of one sample, by the names of their tensors."""
        places = {told["name"]: told["index"] for told in self.interpreter.get_tensor_details()}
        for tensor, x in zip(self.network.inputs, inputs, strict=True):
            self.interpreter.set_tensor(places[tensor.name], x.astype(np.int8).reshape(tensor.shape))
        self.interpreter.invoke()
        names = [tensor.name for tensor in self.network.outputs]
        return {name: self.interpreter.get_tensor(places[name]).astype(np.int64) for name in names}


def _lite(on: str) -> Any:
    try:
        return import_module("ai_edge_litert.interpreter") if on == "litert" else import_module("tensorflow").lite
    except ModuleNotFoundError as error:
        raise ExportError(f"{on}: the package {error.name} is missing. {INSTALL[on]}") from error
