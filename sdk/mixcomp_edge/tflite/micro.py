"""TensorFlow Lite Micro itself, by the package tflite-micro: every tensor of a network, as it computes them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import ExportError
from mixcomp_edge.tflite.network import Network

INSTALL = "pip install 'mixcomp-edge[tflm]'"
ROOM = 1 << 20  # of the arena, beside the tensors


def available() -> bool:
    """Whether the package is here."""
    try:
        import tflite_micro  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


class Micro:
    """A file with an interpreter around it. ExportError where TFLM does not take it, or is not installed."""

    def __init__(self, network: Network, content: bytes) -> None:
        try:
            from tflite_micro.python.tflite_micro import runtime
        except ModuleNotFoundError as error:
            raise ExportError(f"tflm: the package tflite-micro is missing. {INSTALL}") from error
        self.network = network
        arena = ROOM + 4 * sum(4 * prod(tensor.shape) for tensor in network.tensors)
        try:
            self.interpreter: Any = runtime.Interpreter.from_bytes(
                content, arena_size=arena, intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors
            )
        except RuntimeError as error:
            raise ExportError(f"{network.name}: TensorFlow Lite Micro does not take the file ({error}).") from error

    def run(self, inputs: Sequence[NDArray[np.int64]]) -> dict[str, NDArray[np.int64]]:
        """Every tensor that an operation makes, of one sample: int8s in the shape that the file says."""
        for i, (tensor, x) in enumerate(zip(self.network.inputs, inputs, strict=True)):
            self.interpreter.set_input(x.astype(np.int8).reshape(tensor.shape), i)
        self.interpreter.invoke()
        places = {tensor.name: i for i, tensor in enumerate(self.network.tensors)}
        return {
            op.output.name: np.asarray(self.interpreter.GetTensor(places[op.output.name], 0)["tensor_data"], np.int64)
            for op in self.network.operations
        }
