"""A .tflite file, read within bounds: its operations in order, its constants as real numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.documents import read_bytes
from mixcomp_edge.errors import ModelFileError
from mixcomp_edge.frontend.places import shown
from mixcomp_edge.tflite.schema import DTYPES, IDENTIFIER

MAX_BYTES = 256 << 20
MAX_OPERATIONS = 20_000
MAX_STATE = 1 << 20  # elements of a value that is kept from call to call


@dataclass(frozen=True, eq=False)
class Slot:
    """A tensor of the file. `value` is a constant's; of a quantized one the real numbers that it stands for; of a state
    zeros, with which it begins."""

    name: str
    shape: tuple[int, ...]
    type: str  # as in INT8
    value: NDArray[Any] | None
    quantized: bool

    @property
    def at(self) -> int | None:
        """Which dimension is taken for the samples: the first of size 1. Converters move it, drop it, or join it with
        others."""
        return self.shape.index(1) if 1 in self.shape else None

    @property
    def sample(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return self.shape if self.at is None else self.shape[: self.at] + self.shape[self.at + 1 :]


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation; -1 among `inputs` is an optional operand that is left out."""

    kind: str  # as in CONV_2D
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any  # the schema's object of the operation's settings; None without


@dataclass(frozen=True, eq=False)
class Document:
    slots: tuple[Slot, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    content: bytes
    is_dynamic: bool  # whether a value's shape, but for the samples, is known only when the network runs
    names: dict[int, str]  # of inputs and outputs, where the file has a signature
    apart: frozenset[int] = frozenset()  # values that are not as the file has them

    def name(self, index: int) -> str:
        """Of an input or an output."""
        return self.names.get(index, self.slots[index].name)

    @property
    def is_quantized(self) -> bool:
        """Whether the network computes in integers."""
        return self.slots[self.inputs[0]].quantized or any(op.kind == "QUANTIZE" for op in self.operations)

    @property
    def is_hybrid(self) -> bool:
        """Whether it computes in floats with integer weights; a runtime may round the inputs of such layers, too."""
        return not self.is_quantized and any(slot.quantized for slot in self.slots)


def read(path: Path) -> Document:
    """The file's network; ModelFileError says what is wrong with it."""
    schema = _schema()
    content = read_bytes(path, MAX_BYTES, ModelFileError)
    if content[4:8] != IDENTIFIER:
        raise ModelFileError(f"{path}: is no TensorFlow Lite file.")
    try:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
        return _document(path, model, _mended(model) or content)
    except ModelFileError:
        raise
    except Exception as error:  # a reader of flatbuffers trips over damage in many ways
        raise ModelFileError(f"{path}: is no sound TensorFlow Lite file ({type(error).__name__}: {error}).") from error


def _schema() -> Any:
    try:
        from ai_edge_litert import schema_py_generated  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        raise ModelFileError("reading .tflite files needs LiteRT. Run pip install 'mixcomp-edge[tflite]'.") from error
    return schema_py_generated


def _mended(model: Any) -> bytes | None:
    """The file with each bias's own dimension for its scales, where an older converter named one of its weight, which
    LiteRT does not open; None where nothing was wrong."""
    wrong = [
        tensor.quantization
        for graph in model.subgraphs
        for tensor in graph.tensors
        if tensor.quantization is not None
        and tensor.shape is not None
        and 0 < len(tensor.shape) <= tensor.quantization.quantizedDimension
    ]
    if not wrong:
        return None
    import flatbuffers

    for quantization in wrong:
        quantization.quantizedDimension = 0
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


@cache
def _names(enumeration: str) -> dict[int, str]:
    return {v: k for k, v in vars(getattr(_schema(), enumeration)).items() if isinstance(v, int)}


def _document(path: Path, model: Any, content: bytes) -> Document:
    if len(model.subgraphs) != 1:
        raise ModelFileError(
            f"{path}: holds {len(model.subgraphs)} graphs; loops and branches have no counterpart in C. Keras' "
            "recurrent layers are none with unroll=True, at the price of their weights for each step; PyTorch's are "
            "taken whole."
        )
    [graph] = model.subgraphs
    if len(graph.operators) > MAX_OPERATIONS:
        raise ModelFileError(f"{path}: {len(graph.operators)} operations; at most {MAX_OPERATIONS} are read.")
    slots = tuple(_slot(path, tensor, model.buffers) for tensor in graph.tensors)
    operations = []
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        kind = _names("BuiltinOperator")[max(code.builtinCode, code.deprecatedBuiltinCode)]
        if kind == "CUSTOM":
            kind = f"custom {code.customCode.decode('utf-8', 'replace')}"
        inputs, outputs = (tuple(map(int, part)) for part in (operator.inputs, operator.outputs))
        operations.append(Operation(kind, inputs, outputs, operator.builtinOptions))
    inputs, outputs = tuple(map(int, graph.inputs)), tuple(map(int, graph.outputs))
    _check_order(path, slots, operations, inputs, outputs)
    signatures = [() if tensor.shapeSignature is None else tuple(tensor.shapeSignature) for tensor in graph.tensors]
    for index in inputs:
        if min(signatures[index][1:], default=0) < 0:
            sizes = ", ".join("?" if size < 0 else str(size) for size in signatures[index])
            raise ModelFileError(
                f"{path}: its input '{shown(slots[index].name)}' is of any size, ({sizes}); convert it for one."
            )
    is_dynamic = any(min(signature[1:], default=0) < 0 for signature in signatures)
    signature = model.signatureDefs[0] if model.signatureDefs and len(model.signatureDefs) == 1 else None
    entries = [*(signature.inputs or ()), *(signature.outputs or ())] if signature else []
    names = {int(entry.tensorIndex): entry.name.decode("utf-8", "replace") for entry in entries}
    return Document(slots, tuple(operations), inputs, outputs, content, is_dynamic, names)


def _check_order(
    path: Path, slots: tuple[Slot, ...], operations: list[Operation], inputs: tuple[int, ...], outputs: tuple[int, ...]
) -> None:
    """Every tensor is there, and made before it is read."""
    known = {i for i, slot in enumerate(slots) if slot.value is not None} | set(inputs)
    for operation in operations:
        if not known.issuperset(i for i in operation.inputs if i >= 0):
            raise ModelFileError(f"{path}: a {operation.kind} reads a tensor that nothing makes before.")
        if not operation.outputs or not all(0 <= i < len(slots) for i in operation.outputs):
            raise ModelFileError(f"{path}: a {operation.kind} makes a tensor that is not there, or none.")
        known.update(operation.outputs)
    if not inputs or not outputs or not known.issuperset(outputs):
        raise ModelFileError(f"{path}: has no input, or an output that nothing makes.")


def _slot(path: Path, tensor: Any, buffers: Any) -> Slot:
    name = (tensor.name or b"").decode("utf-8", "replace")
    shape = tuple(int(size) for size in tensor.shape) if tensor.shape is not None else ()
    kind = _names("TensorType").get(tensor.type, "?")
    scales = None if tensor.quantization is None else tensor.quantization.scale
    quantized = kind in ("INT8", "UINT8", "INT16") and scales is not None and len(scales) > 0
    data = buffers[tensor.buffer].data
    if data is None or len(data) == 0:
        state = np.zeros(shape, np.float32) if tensor.isVariable and np.prod(shape, dtype=float) <= MAX_STATE else None
        return Slot(name, shape, kind, state, quantized)
    if kind not in DTYPES:
        raise ModelFileError(f"{path}: the constant '{name}' is of type {kind}, which is not read.")
    array = np.frombuffer(np.asarray(data, np.uint8).tobytes(), DTYPES[kind])
    if tensor.sparsity is not None or array.size != int(np.prod(shape, dtype=np.int64)):
        raise ModelFileError(f"{path}: the constant '{name}' holds {array.size} numbers for the shape {shape}.")
    array = array.reshape(shape)
    if scales is not None and len(scales) > 0 and array.dtype.kind in "iu":
        array = _real(array, tensor.quantization)
    return Slot(name, shape, kind, array.astype(np.float32) if array.dtype.kind == "f" else array, quantized)


def _real(array: NDArray[Any], quantization: Any) -> NDArray[np.float32]:
    """(array - zero point) * scale, one for all or one for each index of the quantized dimension."""
    scale, zero = (np.asarray(values, np.float64) for values in (quantization.scale, quantization.zeroPoint))
    shape = [1] * array.ndim
    if scale.size > 1:
        shape[quantization.quantizedDimension] = -1
    scale = scale.reshape(shape)
    zero = zero.reshape(shape) if zero.size == scale.size else np.zeros(1)
    return ((array.astype(np.float64) - zero) * scale).astype(np.float32)
