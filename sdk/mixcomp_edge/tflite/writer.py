"""A network as the bytes of a .tflite file, by the package flatbuffers alone. The same network gives the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import ExportError
from mixcomp_edge.ir.tflite import Operation, Tensor
from mixcomp_edge.numerics.packing import pack_elements
from mixcomp_edge.tflite import schema
from mixcomp_edge.tflite.network import Network

ALIGNMENT = 16  # of constants, so that kernels may read them in place
Field = tuple[str, Any]  # kind of number, or "offset" of what was written before


def write(network: Network, metadata: Mapping[str, bytes]) -> bytes:
    """The file; `metadata` are its named entries. ExportError without flatbuffers."""
    return _Writer().file(network, metadata)


class _Writer:
    """Flatbuffers are written from the leaves up: what a table holds comes before it."""

    def __init__(self) -> None:
        try:
            import flatbuffers
        except ModuleNotFoundError as error:
            raise ExportError("writing .tflite files needs flatbuffers. Run pip install flatbuffers.") from error
        self.builder = flatbuffers.Builder(1 << 16)
        self.buffers = [self.table(schema.BUFFER)]  # the first one is empty, by the schema

    def file(self, network: Network, metadata: Mapping[str, bytes]) -> bytes:
        index = {tensor.name: i for i, tensor in enumerate(network.tensors)}
        codes = list(dict.fromkeys(map(_code, network.operations)))
        tensors = self.offsets([self.tensor(tensor) for tensor in network.tensors])
        operators = self.offsets([self.operator(op, index, codes.index(_code(op))) for op in network.operations])
        ends = [self.numbers([index[tensor.name] for tensor in side]) for side in (network.inputs, network.outputs)]
        name = self.text(network.name)
        graph = self.table(
            schema.SUBGRAPH, tensors=("offset", tensors), inputs=("offset", ends[0]), outputs=("offset", ends[1]),
            operators=("offset", operators), name=("offset", name),
        )  # fmt: skip
        graphs = self.offsets([graph])
        kinds = self.offsets([self.code(*code) for code in codes])
        entries = self.offsets([self.entry(key, content) for key, content in metadata.items()])
        description, buffers = self.text("mixcomp-edge"), self.offsets(self.buffers)
        model = self.table(
            schema.MODEL, version=("uint32", schema.VERSION), operatorCodes=("offset", kinds),
            subgraphs=("offset", graphs), description=("offset", description), buffers=("offset", buffers),
            metadata=("offset", entries),
        )  # fmt: skip
        self.builder.Finish(model, file_identifier=schema.IDENTIFIER)
        return bytes(self.builder.Output())

    def tensor(self, tensor: Tensor) -> int:
        shape, name = self.numbers(tensor.shape), self.text(tensor.name)
        fields: dict[str, Field] = {
            "shape": ("offset", shape),
            "type": ("int8", schema.TYPES[tensor.type]),
            "name": ("offset", name),
        }
        if tensor.data is not None:
            fields["buffer"] = ("uint32", self.buffer(_stored(tensor.data, tensor.type)))
        if tensor.scale is not None:
            zeros = np.full(len(tensor.scale), tensor.zero_point, "<i8")
            scale, zero = self.array(tensor.scale.astype("<f4")), self.array(zeros)
            table = self.table(
                schema.QUANTIZATION, scale=("offset", scale), zeroPoint=("offset", zero),
                quantizedDimension=("int32", tensor.axis),
            )  # fmt: skip
            fields["quantization"] = ("offset", table)
        return self.table(schema.TENSOR, **fields)

    def operator(self, operation: Operation, index: Mapping[str, int], code: int) -> int:
        kind = schema.KINDS[operation.kind]
        inputs = self.numbers([index[tensor.name] for tensor in operation.inputs])
        outputs = self.numbers([index[operation.output.name]])
        fields: dict[str, Field] = {
            "opcodeIndex": ("uint32", code),
            "inputs": ("offset", inputs),
            "outputs": ("offset", outputs),
        }
        if kind.options:
            slots = {name: slot for name, (slot, _) in kind.settings.items()}
            given = {name: (kind.settings[name][1], _number(value)) for name, value in operation.settings.items()}
            options = self.table(slots, **given)
            fields |= {"builtinOptionsType": ("uint8", kind.options), "builtinOptions": ("offset", options)}
        return self.table(schema.OPERATOR, **fields)

    def code(self, kind: str, version: int) -> int:
        number = schema.KINDS[kind].code
        name: dict[str, Field] = {"customCode": ("offset", self.text(kind))} if number == schema.CUSTOM else {}
        return self.table(
            schema.CODE, deprecatedBuiltinCode=("int8", min(number, 127)), version=("int32", version),
            builtinCode=("int32", number), **name,
        )  # fmt: skip

    def entry(self, name: str, content: bytes) -> int:
        text = self.text(name)
        return self.table(schema.METADATA, name=("offset", text), buffer=("uint32", self.buffer(content)))

    def buffer(self, content: bytes) -> int:
        """The number of a new buffer."""
        self.builder.Prep(ALIGNMENT, len(content))
        data = self.builder.CreateByteVector(content)
        self.buffers.append(self.table(schema.BUFFER, data=("offset", data)))
        return len(self.buffers) - 1

    def table(self, slots: Mapping[str, int], **fields: Field) -> int:
        self.builder.StartObject(max(slots.values(), default=-1) + 1)
        for name, (kind, number) in fields.items():
            word = "UOffsetTRelative" if kind == "offset" else kind.capitalize()
            getattr(self.builder, f"Prepend{word}Slot")(slots[name], number, 0)
        return int(self.builder.EndObject())

    def numbers(self, values: Any) -> int:
        return self.array(np.asarray(values, "<i4"))

    def array(self, values: NDArray[Any]) -> int:
        return int(self.builder.CreateNumpyVector(values))

    def offsets(self, places: list[int]) -> int:
        self.builder.StartVector(4, len(places), 4)
        for place in reversed(places):
            self.builder.PrependUOffsetTRelative(place)
        return int(self.builder.EndVector())

    def text(self, text: str) -> int:
        return int(self.builder.CreateString(text))


def _code(operation: Operation) -> tuple[str, int]:
    return operation.kind, operation.version or schema.KINDS[operation.kind].version


def _number(value: Any) -> Any:
    """A setting; a type by its name."""
    return schema.TYPES[value] if isinstance(value, str) else value


def _stored(data: NDArray[np.int64], type_: str) -> bytes:
    """The bytes of a constant; of INT4 two elements each, the first in the low half."""
    return pack_elements(data, 4) if type_ == "INT4" else data.astype(schema.DTYPES[type_]).tobytes()
