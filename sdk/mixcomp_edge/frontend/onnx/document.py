"""An ONNX file, read within bounds: its nodes in order, its constants as arrays, its inputs and outputs by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.documents import read_bytes
from mixcomp_edge.errors import ModelFileError
from mixcomp_edge.frontend.bounds import TooMuch, first_line
from mixcomp_edge.frontend.onnx.bounds import check_functions, check_weight_files
from mixcomp_edge.frontend.places import shown

MAX_BYTES = 256 << 20  # of a file, and of those with its weights; no network for a microcontroller comes near it
OLDEST_OPSET = 7  # from here on broadcasting is NumPy's
MAX_NODES = 20_000


@dataclass(frozen=True, eq=False)
class Operation:
    """One node. Empty names among `inputs` are optional operands that are left out."""

    kind: str  # as in Conv
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    proto: Any  # as onnx.reference evaluates it

    @property
    def title(self) -> str:
        """For messages: node 'the name' (Conv)."""
        return f"node '{shown(self.name or next(iter(self.outputs), ''))}' ({shown(self.kind)})"

    @property
    def has_graphs(self) -> bool:
        """Whether it is a loop or a branch."""
        return any(entry.HasField("g") or len(entry.graphs) for entry in self.proto.attribute)


@dataclass(frozen=True, eq=False)
class Port:
    """An input or output of the network; None in the shape is a size that the file leaves open. type: as NumPy names
    it; empty for what is no tensor of numbers."""

    name: str
    shape: tuple[int | None, ...]
    type: str


@dataclass(frozen=True, eq=False)
class Document:
    """The main graph, functions inlined."""

    opset: int
    operations: tuple[Operation, ...]
    constants: dict[str, NDArray[Any]]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    proto: Any


def read(path: Path) -> Document:
    """The file's network; ModelFileError says what is wrong with it, and MissingPackageError that onnx is missing."""
    model = _load(path)
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    opset = opsets.get("", opsets.get("ai.onnx", 0))
    if opset < OLDEST_OPSET:
        raise ModelFileError(
            f"{path}: is of ONNX opset {opset}, the oldest read is {OLDEST_OPSET}. "
            "Convert it: onnx.version_converter.convert_version(model, 13)."
        )
    return _document(path, model, opset)


def _load(path: Path) -> Any:
    """The ModelProto with external data, which onnx takes from beside the file only; its functions inlined."""
    onnx = _onnx()
    content = read_bytes(path, MAX_BYTES, ModelFileError)
    if not content:
        raise ModelFileError(f"{path}: is empty.")
    try:
        model = onnx.load_model_from_string(content)
        check_weight_files(model, path, MAX_BYTES)
        onnx.external_data_helper.load_external_data_for_model(model, str(path.parent))
        check_functions(model, MAX_NODES)
        return onnx.inliner.inline_local_functions(model) if model.functions else model
    except TooMuch as error:
        raise ModelFileError(f"{path}: {error}.") from error
    except Exception as error:  # protobuf and the reader of external data raise many kinds
        raise ModelFileError(f"{path}: is no sound ONNX file ({first_line(error)}).") from error


def _onnx() -> Any:
    try:
        import onnx
        import onnx.external_data_helper
        import onnx.inliner
        import onnx.reference
    except ModuleNotFoundError as error:
        raise ModelFileError(
            "reading ONNX files needs the package onnx. Run pip install 'mixcomp-edge[onnx]'."
        ) from error
    return onnx


def _document(path: Path, model: Any, opset: int) -> Document:
    onnx, graph = _onnx(), model.graph
    if len(graph.node) > MAX_NODES:
        raise ModelFileError(f"{path}: {len(graph.node)} nodes; at most {MAX_NODES} are read.")
    try:
        constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
        operations = []
        for node in graph.node:
            attributes = {entry.name: _plain(onnx, entry) for entry in node.attribute}
            if node.op_type == "Constant" and node.domain in ("", "ai.onnx"):
                [value] = attributes.values()
                constants[node.output[0]] = np.asarray(value)
                continue
            kind = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
            operations.append(Operation(kind, node.name, tuple(node.input), tuple(node.output), attributes, node))
    except (ValueError, TypeError, MemoryError) as error:
        raise ModelFileError(f"{path}: holds a constant that cannot be read ({error}).") from error
    inputs = tuple(_port(onnx, entry) for entry in graph.input if entry.name not in constants)
    outputs = tuple(_port(onnx, entry) for entry in graph.output)
    _check_order(path, operations, {*constants, *(port.name for port in inputs)}, outputs)
    return Document(opset, tuple(operations), constants, inputs, outputs, model)


def _check_order(path: Path, operations: list[Operation], known: set[str], outputs: tuple[Port, ...]) -> None:
    """Every value is made before it is read, and once."""
    for operation in operations:
        name = f"{path}: {operation.title}"
        for value in filter(None, operation.inputs):
            if value not in known:
                raise ModelFileError(f"{name} reads '{shown(value)}', which nothing makes before.")
        made = [value for value in operation.outputs if value]
        if not made or known.intersection(made):
            raise ModelFileError(f"{name} makes no value, or one that there is already.")
        known.update(made)
    for port in outputs:
        if port.name not in known:
            raise ModelFileError(f"{path}: nothing makes its output '{shown(port.name)}'.")


def _plain(onnx: Any, entry: Any) -> Any:
    """An attribute as Python or NumPy: text decoded, a tensor as an array."""
    value = onnx.helper.get_attribute_value(entry)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def _port(onnx: Any, entry: Any) -> Port:
    kind, dims = entry.type.tensor_type.elem_type, entry.type.tensor_type.shape.dim
    try:
        found = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind))
    except (KeyError, TypeError):
        found = np.dtype(object)
    shape = tuple(dim.dim_value if dim.dim_value > 0 else None for dim in dims)
    return Port(entry.name, shape, found.name if found.kind in "fiub" else "")
