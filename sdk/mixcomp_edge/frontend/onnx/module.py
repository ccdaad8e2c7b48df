"""An ONNX network as a torch module, one submodule an operation, so that torch.export sees plain calls and layers keep
the file's names. What depends on constants and shapes alone is worked out in NumPy, by onnx.reference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixcomp_edge.errors import ModelFileError, UnsupportedError
from mixcomp_edge.frontend.bounds import FAULTS, Budget, TooMuch, first_line
from mixcomp_edge.frontend.onnx import document
from mixcomp_edge.frontend.onnx.bounds import check_result
from mixcomp_edge.frontend.onnx.calls import HANDLERS, Call, Value, Weighted
from mixcomp_edge.frontend.onnx.document import Document, Operation
from mixcomp_edge.frontend.places import path_of, put, shown
from mixcomp_edge.frontend.torch_export.refusals import Refusal, Refused, unsupported

SHAPES = ("Shape", "Size")
TYPES = ("float32", "float16", "float64", "uint8", "int8")  # of inputs; data is taken as float32
TOKENS = ("int32", "int64")  # of inputs that stay integers
LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
TO_FLOAT = ("Cast", "DequantizeLinear")
SAME_IN_FLOAT = (  # of integers: what moves or chooses them; sums wrap around, and quotients are cut off
    "ArgMax", "Clip", "Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "Identity", "Max", "MaxPool", "Min",
    "Pad", "ReduceMax", "ReduceMin", "Reshape", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose",
    "Unsqueeze",
)  # fmt: skip


class OnnxModule(nn.Module):
    """Takes and gives what the file's network does, in float32 (tokens in int64), for any number of samples.

    `input_shapes`: of each input by name, or of the only one, without the batch. Raises ModelFileError and
    UnsupportedError."""

    def __init__(
        self, path: str | Path, input_shapes: Mapping[str, tuple[int, ...]] | tuple[int, ...] | None = None
    ) -> None:
        super().__init__()
        self.path = Path(path)
        self.document: Document = document.read(self.path)
        if isinstance(input_shapes, tuple):
            input_shapes = {self.document.inputs[0].name: input_shapes} if self.document.inputs else {}
        self.input_shapes = _shapes(self.path, self.document, input_shapes or {})
        self.input_names = list(self.input_shapes)
        self.tokens = frozenset(port.name for port in self.document.inputs if port.type in TOKENS)
        self.batch = next((port.shape[0] or 1 for port in self.document.inputs if port.shape), 1)
        self.budget = Budget()  # what a batch takes of it
        self.constants = dict(self.document.constants)
        self.plan: list[tuple[Operation, str]] = []  # with the submodule's path; none for what NumPy works out
        self._build()
        self._try()
        self.eval()

    def forward(self, *inputs: Tensor) -> Tensor | dict[str, Tensor]:
        """Several outputs by the file's names."""
        values = self.values(*inputs)
        results: dict[str, Tensor] = {}
        for port in self.document.outputs:
            result = values[port.name]
            if not isinstance(result, Tensor):
                raise UnsupportedError(f"{self.path}: its output '{shown(port.name)}' does not depend on its input.")
            results[port.name] = result
        return results if len(results) > 1 else next(iter(results.values()))

    @property
    def is_rounded(self) -> bool:
        """Whether the file rounds values to integers, which stay real numbers here."""
        return any(operation.kind == "QuantizeLinear" for operation, _ in self.plan)

    def values(self, *inputs: Tensor) -> dict[str, Value]:
        """Every value of the network by its name in the file."""
        values = self._start(inputs)
        for operation, place in self.plan:
            values |= self._step(operation, place, values)
        return values

    def _start(self, inputs: tuple[Tensor, ...]) -> dict[str, Value]:
        return {**self.constants, **dict(zip((port.name for port in self.document.inputs), inputs, strict=True))}

    def _step(self, operation: Operation, place: str, values: Mapping[str, Value]) -> dict[str, Value]:
        """What one operation makes, by name."""
        operands = [values[name] if name else None for name in operation.inputs]
        if place:
            results = self.get_submodule(place)(*operands)
        elif operation.kind in SHAPES and isinstance(operands[0], Tensor):
            results = _shape(operation, operands[0])
        else:
            results = _evaluate(operation, operands)
        results = results if isinstance(results, tuple | list) else (results,)
        return dict(zip(operation.outputs, results, strict=False))

    def _try(self) -> None:
        """Runs zeros through it: what asks for too much, and what a handler refuses, is told now, with the node's
        name."""
        shapes = [(self.batch, *shape) for shape in self.input_shapes.values()]
        try:
            self.budget.take(shapes)
        except TooMuch as error:
            raise ModelFileError(f"{self.path}: its input {error}.") from error
        types = (torch.int64 if name in self.tokens else torch.float32 for name in self.input_names)
        values = self._start(tuple(torch.zeros(shape, dtype=dtype) for shape, dtype in zip(shapes, types, strict=True)))
        for operation, place in self.plan:
            try:
                operands = [values[name] if name else None for name in operation.inputs]
                check_result(operation.proto, self.document.opset, operands, self.budget)
                with torch.no_grad():
                    values |= self._step(operation, place, values)
            except Refused as error:
                raise unsupported(self.path.name, [error.refusal]) from error
            except TooMuch as error:
                raise ModelFileError(f"{self.path}: {operation.title} {error}.") from error
            except FAULTS as error:
                raise ModelFileError(f"{self.path}: {operation.title} does not work: {first_line(error)}.") from error

    def _build(self) -> None:
        """Folds what is constant, and makes a submodule of each operation on data."""
        constants, shapes = self.constants, set[str]()
        whole = {port.name for port in self.document.inputs if port.type in ("uint8", "int8")}  # data that is integers
        refusals: list[Refusal] = []
        for operation in self.document.operations:
            read = [name for name in operation.inputs if name]
            place = shown(operation.name or operation.outputs[0])
            if operation.has_graphs:
                what = f"the ONNX operator {operation.kind}, a loop or a branch, is not supported"
                refusals.append(Refusal(what, operation.kind.lower(), place, place))
            elif all(name in constants for name in read) and not operation.kind.startswith("Random"):
                results = self._fold(operation, [constants[name] if name else None for name in operation.inputs])
                constants |= zip(operation.outputs, results, strict=False)
            elif operation.kind in SHAPES or all(name in constants or name in shapes for name in read):
                shapes.update(operation.outputs)
                self.plan.append((operation, ""))
            elif (handler := HANDLERS.get(operation.kind)) is None:
                what = f"the ONNX operator {shown(operation.kind)} is not supported"
                refusals.append(Refusal(what, operation.kind.lower(), place, place))
            elif whole.intersection(read) and operation.kind not in (*TO_FLOAT, *SAME_IN_FLOAT):
                what, remedy = f"the ONNX operator {operation.kind} on integers", "cast them to float before it"
                refusals.append(Refusal(what, operation.kind.lower(), place, place, remedy))
            else:
                if whole.intersection(read) and operation.kind not in TO_FLOAT:
                    whole.update(operation.outputs)
                arrays = [constants.get(name) for name in operation.inputs]
                try:
                    module = Weighted(Call(operation, self.document.opset, self.batch), handler, arrays)
                except Refused as error:
                    refusals.append(error.refusal)
                    continue
                self.plan.append((operation, put(self, _place(operation, constants), module)))
        if refusals:
            raise unsupported(self.path.name, refusals)

    def _fold(self, operation: Operation, operands: list[Any]) -> list[Any]:
        """The results of an operation on constants."""
        try:
            check_result(operation.proto, self.document.opset, operands, self.budget)
            return _evaluate(operation, operands)
        except TooMuch as error:
            raise ModelFileError(f"{self.path}: {operation.title} {error}.") from error


def _place(operation: Operation, constants: Mapping[str, Any]) -> str:
    """A module path: that of the weights where the file names them, layer1.0.conv for layer1.0.conv.weight, else the
    node's own name. Torch's exporters name a node by the modules that it lies in, /layer1/layer1.0/conv/Conv, and what
    else is computed there like a layer, /layer1/layer1.0/conv/Pad: only layers take the module's place."""
    named = (name for name in operation.inputs if name in constants and name.endswith((".weight", ".bias")))
    text = next((name.rpartition(".")[0] for name in named), "") or operation.name or operation.outputs[0]
    parts = text.split("/") if text.startswith("/") else [text]
    inner = [part for part, next_ in zip(parts, [*parts[1:], ""], strict=True) if not next_.startswith(f"{part}.")]
    place = path_of("/".join(inner))
    folder, _, last = place.rpartition(".")
    if not folder or not re.fullmatch(rf"{operation.kind}(_\d+)?", last):
        return place
    alone = folder.rpartition(".")[2].lower() == operation.kind.lower()  # a module relu, around a Relu
    return folder if alone or operation.kind in LAYERS else f"{folder}_{last.lower()}"


def _shape(operation: Operation, x: Tensor) -> Value:
    if operation.kind == "Size":
        return np.array(x.numel(), np.int64)
    part = slice(operation.attributes.get("start", 0), operation.attributes.get("end"))
    return np.array(tuple(x.shape)[part], np.int64)


def _evaluate(operation: Operation, operands: list[Value | None]) -> list[Any]:
    """What onnx.reference makes of arrays."""
    from onnx.reference import ReferenceEvaluator

    try:
        feed = {name: value for name, value in zip(operation.inputs, operands, strict=True) if name}
        with np.errstate(all="ignore"):
            return [np.asarray(result) for result in ReferenceEvaluator(operation.proto).run(None, feed)]
    except Exception as error:  # onnx.reference raises many kinds
        raise ModelFileError(f"{operation.title} cannot be worked out: {first_line(error)}.") from error


def _shapes(path: Path, network: Document, given: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Of each input, without the batch: what is given, else what the file says."""
    if not network.inputs or not network.outputs:
        raise ModelFileError(f"{path}: has no input or no output.")
    names = [port.name for port in network.inputs]
    if unknown := sorted(set(given) - set(names)):
        raise ModelFileError(f"{path}: has no input '{unknown[0]}'; it has {', '.join(map(shown, names))}.")
    shapes = {}
    for port in network.inputs:
        if port.type not in (*TYPES, *TOKENS):
            what = port.type or "text, a sequence or the like"
            raise ModelFileError(f"{path}: its input '{shown(port.name)}' takes {what}.")
        shape = given.get(port.name, port.shape[1:])
        if not shape and len(port.shape) == 1:
            raise ModelFileError(
                f"{path}: its input '{shown(port.name)}' has one dimension, taken for the samples, and none for what a "
                "sample holds. Give it a second one: (N, 1) for a number each."
            )
        if not shape or None in shape:
            sizes = ", ".join("?" if size is None else str(size) for size in port.shape)
            raise ModelFileError(
                f"{path}: its input '{shown(port.name)}' has the shape ({sizes}). Say it, without the batch: "
                "--input-shape 3,96,96."
            )
        shapes[port.name] = tuple(int(size) for size in shape)  # type: ignore[arg-type]
    return shapes
