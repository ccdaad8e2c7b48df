"""What was made of an ONNX file, held against what a runtime of others makes of it: onnxruntime where it is installed,
else onnx.reference, which is slow and always there. The first value that differs beyond rounding is named. Of a file
that rounds to integers only an output that is plainly another is a fault."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixcomp_edge.errors import ModelFileError
from mixcomp_edge.frontend.bounds import first_line
from mixcomp_edge.frontend.onnx.module import OnnxModule

TOLERANCE = 1e-3  # of the largest element of a value: float32 in another order, a hundred layers deep
SAMPLES = 4
LEAST_SQNR = 3.0  # dB, of outputs where the file rounds its values and we do not


def prove(module: OnnxModule, inputs: Sequence[Tensor]) -> str:
    """The name of the runtime that agreed on the first samples of each input; ModelFileError names the node that does
    not."""
    count = module.budget.samples(max(1, min(SAMPLES, len(inputs[0])) // module.batch)) * module.batch
    taken = [x[:count].to(_type(module, i)).numpy() for i, x in enumerate(inputs)]
    arrays = [np.resize(x, (count, *x.shape[1:])) for x in taken]
    with torch.no_grad():
        ours = module.values(*map(torch.from_numpy, arrays))
    producers = {name: operation for operation, _ in module.plan for name in operation.outputs if name}
    ends = [port.name for port in module.document.outputs]
    watched = [name for name in (ends if module.is_rounded else producers) if isinstance(ours.get(name), Tensor)]
    name, theirs = _theirs(module, watched, arrays)
    for value, expected in zip(watched, theirs, strict=True):
        got = ours[value].numpy()  # type: ignore[union-attr]
        if got.shape != expected.shape or not (_similar if module.is_rounded else _close)(got, expected):
            operation = producers[value]
            raise ModelFileError(
                f"{module.path}: {operation.title} computes something else here than "
                f"in {name}. This is a fault of mixcomp-edge: please report it with the file."
            )
    return name


def _type(module: OnnxModule, index: int) -> torch.dtype:
    return torch.int64 if module.input_names[index] in module.tokens else torch.float32


def _close(got: np.ndarray, expected: np.ndarray) -> bool:
    if got.dtype.kind != "f":
        return True  # indices of equal maxima may differ
    peak = float(np.max(np.abs(expected), initial=0.0))
    return bool(np.allclose(got, expected, rtol=0.0, atol=TOLERANCE * peak + 1e-6, equal_nan=True))


def _similar(got: np.ndarray, expected: np.ndarray) -> bool:
    """Whether the file's own rounding explains the difference."""
    if got.dtype.kind != "f":
        return True
    signal, noise = float(np.sum(expected**2)), float(np.sum((got - expected) ** 2))
    return noise <= signal / 10 ** (LEAST_SQNR / 10) + 1e-6


def _theirs(module: OnnxModule, watched: list[str], arrays: Sequence[np.ndarray]) -> tuple[str, list[np.ndarray]]:
    """Name of the runtime, and each watched value over all samples; files of a fixed batch are run piece by piece."""
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(module.document.proto)
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=value) for value in watched)
    names = [port.name for port in module.document.inputs]
    fixed = module.document.inputs[0].shape[0]
    count = len(arrays[0])
    size = fixed or count
    types = [port.type for port in module.document.inputs]
    given = {name: array.astype(type_) for name, array, type_ in zip(names, arrays, types, strict=True)}
    try:
        runtime, run = _runtime(model)
        pieces = [run({name: array[at : at + size] for name, array in given.items()}) for at in range(0, count, size)]
    except Exception as error:  # runtimes raise many kinds
        raise ModelFileError(f"{module.path}: a runtime for ONNX refuses it: {first_line(error)}.") from error
    return runtime, [np.concatenate(parts) if parts[0].ndim else parts[0] for parts in zip(*pieces, strict=True)]


def _runtime(model: Any) -> tuple[str, Any]:
    try:
        import onnxruntime  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        from onnx.reference import ReferenceEvaluator

        evaluator = ReferenceEvaluator(model)
        return "onnx.reference", lambda feed: evaluator.run(None, feed)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return "onnxruntime", lambda feed: session.run(None, feed)
