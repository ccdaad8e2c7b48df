"""One layer by one kernel, from the integer graph to the bytes of y: on this machine, or in an image of kernels on an
emulated core or in a process of its own."""

from __future__ import annotations

import ctypes
import struct
from ctypes import c_int16, c_int32, c_int64, c_uint8, c_uint16, c_uint32
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from firmware import build, structs
from firmware.structs import MCE_TYPES, Memory, garbage, tensor
from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.ir import c_view
from mixcomp_edge.ir.graph import Q32, Graph
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.types import Requant
from mixcomp_edge.numerics.packing import pack_elements
from mixcomp_edge.operators.conv2d import QConv2dAdd
from mixcomp_edge.operators.dense import QDense
from mixcomp_edge.operators.dwconv2d import QDwConv2d
from mixcomp_edge.plan.kernels import Kernel
from mixcomp_edge.plan.packing import Packed
from mixcomp_edge.targets import Target
from mixcomp_sim import Machine, image_memory, open_machine

CTYPES = {"int32_t": c_int32, "uint8_t": c_uint8, "uint16_t": c_uint16, "uint32_t": c_uint32}
ENUMS = ("-fno-short-enums",)


class Core(Protocol):
    """What runs an image: a Machine of the simulator, or firmware.process."""

    def symbol(self, name: str) -> Any: ...
    def write(self, address: int, data: bytes) -> None: ...
    def read(self, address: int, nbytes: int) -> bytes: ...
    def call(self, name: str, argument: int) -> Any: ...


class Call:
    """The calls of a kernel that make a layer, a struct and buffers each."""

    def __init__(self, graph: Graph, node: QNode, kernel: Kernel, packed: Packed, values: dict[str, np.ndarray],
                 in_place: bool = False) -> None:  # fmt: skip
        self.name, self.keep = kernel.name, []
        sources = [graph[name] for name in node.inputs]
        buffers = [self.hold(c_uint8, pack_elements(values[s.name], s.type.bits)) for s in sources]
        self.y = buffers[node.in_place[1] - 1] if in_place else garbage(node.nbytes)
        scratch = [] if packed.scratch_bytes is None else [garbage(packed.scratch_bytes)]
        self.steps: list[tuple[ctypes.Structure, list[Memory]]]
        view = node.c_view(sources, graph.contract)
        if view.calls[0].struct in structs.WEIGHTED and graph.contract == Q32:
            self.steps = [(self.struct(graph, node, packed), [*buffers, self.y, *scratch])]
            return
        at = dict(zip(node.inputs, buffers, strict=True))
        held = (*packed.arrays, *view.constants)
        arrays = {array.name: self.hold(CTYPES[array.ctype], array.values) for array in held}
        if packed.table:
            arrays["levels"] = self.table(node, packed)
        self.steps = [
            (filled(call, arrays), [*(at[name] for name in call.reads), self.y, *scratch]) for call in view.calls
        ]

    def hold(self, ctype: type, values: object) -> Memory:
        self.keep.append(Memory(ctype, values if isinstance(values, bytes) else np.asarray(values).ravel().tolist()))
        return self.keep[-1]

    def struct(self, graph: Graph, node: QNode, packed: Packed) -> ctypes.Structure:
        tensors = [tensor(n.shape, n.type.dtype, n.type.zero_point) for n in (*graph.sources(node), node)]
        x, y = tensors[0], tensors[-1]
        codes = self.hold({1: c_uint8, 2: c_uint16, 4: c_uint32}[packed.codes.itemsize], packed.codes).address
        table = self.table(node, packed).address if packed.table else None
        bias, by = self.hold(c_int32, packed.bias).pointer, self.requant(node.weights.requant)
        blocks = self.hold(c_uint8, packed.blocks).pointer if packed.blocks.size else None
        if isinstance(node, QDense):
            return structs.Dense(x, y, codes, table, bias, by, blocks)
        groups = x.c if isinstance(node, QDwConv2d) else node.groups
        conv = structs.Conv2d(x, y, self.window(node), groups, codes, table, bias, by, blocks)
        if not isinstance(node, QConv2dAdd):
            return conv
        r = graph.sources(node)[1]
        residual = tensor(r.shape, r.type.dtype, r.type.zero_point)
        return structs.Conv2dAdd(conv, residual, node.residual_multiplier, node.residual_shift)

    def table(self, node: QNode, packed: Packed) -> Memory:
        book = node.weights.codebook
        return self.hold(*((c_int16, book.levels) if packed.table == "levels" else (c_uint32, book.pairs)))

    @staticmethod
    def strided(call: c_view.Call) -> structs.Strided:
        f = call.lines[0] | call.lines[1]
        type_ = MCE_TYPES.index(f["type"].removeprefix("MCE_").lower())
        return structs.Strided(type_, f["start"], *f["size"], *f["x_step"], *f["y_step"])

    @staticmethod
    def window(node: QNode) -> structs.Window:
        w = node.window
        return structs.Window(*w.kernel, *w.stride, *w.dilation, *w.padding[:2])

    def requant(self, requant: Requant) -> structs.Requant:
        multiplier = self.hold(c_int32, requant.multiplier).pointer
        return structs.Requant(multiplier, int(requant.multiplier.size > 1), requant.shift)

    def on_host(self, library: ctypes.CDLL) -> bytes:
        """The bytes of y."""
        function = getattr(library, self.name)
        function.restype = None
        for params, buffers in self.steps:
            function(ctypes.byref(params), *(buffer.pointer for buffer in buffers))
        return self.y.bytes()

    def on_core(self, core: Core, index: int) -> bytes:
        """The same in an image of `image_source`; `index` counts its kernels."""
        at = core.symbol("mce_memory").address
        places = {0: 0}
        for memory in (*self.keep, *(buffer for _, buffers in self.steps for buffer in buffers)):
            if memory.address not in places:
                places[memory.address] = at
                core.write(at, memory.bytes())
                at += -(-len(memory.bytes()) // 4) * 4
        for params, buffers in self.steps:
            packed = _bytes(params, places)
            core.write(at, packed)
            arguments = [index, at, *(places[b.address] for b in buffers)]
            arguments += [0] * (7 - len(arguments))
            core.write(at + len(packed), struct.pack("<7I", *arguments))
            core.call("mce_call", at + len(packed))
        return bytes(core.read(places[self.y.address], len(self.y.bytes())))


def filled(call: c_view.Call, arrays: dict[str, Memory]) -> ctypes.Structure:
    """The struct of a call as the node describes it, with the layer's arrays where it refers to them."""

    def made(ctype: Any, value: Any) -> Any:
        if isinstance(value, c_view.Ref):
            array = arrays.get(value.name)
            return array and (array.address if ctype is ctypes.c_void_p else array.pointer)
        if isinstance(value, str):
            return MCE_TYPES.index(value.removeprefix("MCE_").lower())
        if isinstance(value, tuple) and issubclass(ctype, ctypes.Array):
            return ctype(*(made(ctype._type_, item) for item in value))
        if isinstance(value, tuple):
            return ctype(*(made(t, item) for (_, t), item in zip(ctype._fields_, value, strict=True)))
        return None if issubclass(ctype, ctypes._Pointer) else value  # a pointer is given as the number 0

    def struct(ctype: Any, table: c_view.Fields, **more: Any) -> Any:
        types = dict(ctype._fields_)
        return ctype(**{name: made(types[name], value) for name, value in table.items()}, **more)

    whole = (structs.BY_NAME | structs.WEIGHTED)[call.struct]
    table = {name: value for line in call.lines for name, value in line.items()}
    if not call.member:
        return struct(whole, table)
    return struct(whole, call.behind, **{call.member: struct(dict(whole._fields_)[call.member], table)})


def _bytes(value: ctypes.Structure, places: dict[int, int]) -> bytes:
    """A struct as a 32-bit machine sees it; each pointer by its place there. No field needs padding before it: images
    are built with enums as wide as int (ENUMS)."""
    found = b""
    for name, ctype in value._fields_:
        field = getattr(value, name)
        if isinstance(field, ctypes.Structure):
            found += _bytes(field, places)
        elif isinstance(field, ctypes.Array):
            numbers = isinstance(field[0], int)
            found += struct.pack(f"<{len(field)}i", *field) if numbers else b"".join(_bytes(v, places) for v in field)
        elif ctype is c_int64:
            found += struct.pack("<q", field)
        elif ctype is c_uint16:
            found += struct.pack("<H", field)
        elif isinstance(field, ctypes._Pointer):
            found += struct.pack("<I", places[ctypes.cast(field, ctypes.c_void_p).value] if field else 0)
        elif ctype is ctypes.c_void_p:
            found += struct.pack("<I", places[field] if field else 0)
        else:
            found += struct.pack("<I", field & 0xFFFFFFFF)
    return found


def image_source(names: list[str], nbytes: int = 1 << 20) -> str:
    """C whose entry calls kernel a[0] with six words; a function of fewer parameters does not look at the rest."""
    table = "".join(f"    (kernel){name},\n" for name in names)
    return f"""{build.INCLUDES}typedef void (*kernel)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t);
static const kernel kernels[] = {{
{table}}};
uint32_t mce_memory[{nbytes // 4}];
uint32_t *mce_call(const uint32_t *a);
uint32_t *mce_call(const uint32_t *a)
{{
    kernels[a[0]](a[1], a[2], a[3], a[4], a[5], a[6]);
    return mce_memory;
}}
"""


def image(kernels: list[Kernel], core: Target, chain: str, folder: Path) -> Machine:
    """An emulated core with an image of the kernels."""
    source, script = folder / "image.c", folder / "image.ld"
    source.write_text(image_source([kernel.name for kernel in kernels]))
    memory = image_memory(core.core)
    areas = {"FLASH (rx)": memory.flash, "RAM (rw)": memory.ram}
    lines = "".join(f"{name} : ORIGIN = {at}, LENGTH = {size}\n" for name, (at, size) in areas.items())
    script.write_text(f"MEMORY {{\n{lines}}}\n" + (build.FIRMWARE / "ports" / "emulated" / "sections.ld").read_text())
    sources = [*(build.source(kernel) for kernel in kernels), source]
    found = toolchains(core.triple)[chain]
    objects = found.compile(sources, [build.FIRMWARE / "include"], core, folder, ENUMS)
    return open_machine(found.link(objects, core, folder / "image.elf", script, "mce_call"), core.core)
