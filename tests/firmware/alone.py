"""One call of one kernel on one layer, from the integer graph to the bytes of y: on this machine, or in an image of all
kernels of an instruction set on an emulated core."""

from __future__ import annotations

import ctypes
import struct
from ctypes import c_int16, c_int32, c_uint8, c_uint16, c_uint32

import numpy as np

from firmware import structs
from firmware.structs import Memory, garbage, tensor
from mixcomp_edge.ir import qops
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.numerics.packing import pack_elements
from mixcomp_edge.plan.kernels import Kernel
from mixcomp_edge.plan.packing import Packed
from mixcomp_sim import Machine


class Call:
    """The arguments of a kernel: its struct, then buffers. `y` is the last but one, or the last without scratch."""

    def __init__(self, graph: Graph, node: qops.QNode, kernel: Kernel, packed: Packed, values: dict[str, np.ndarray],
                 in_place: bool = False) -> None:  # fmt: skip
        self.name, self.keep = kernel.name, []
        sources = [graph[name] for name in node.inputs]
        buffers = [self.hold(c_uint8, pack_elements(values[s.name], s.type.bits)) for s in sources]
        self.y = buffers[1] if in_place else garbage(node.nbytes)
        self.params = self.struct(graph, node, packed)
        scratch = [] if packed.scratch_bytes is None else [garbage(packed.scratch_bytes)]
        self.buffers = [*buffers, self.y, *scratch]

    def hold(self, ctype: type, values: object) -> Memory:
        self.keep.append(Memory(ctype, values if isinstance(values, bytes) else np.asarray(values).ravel().tolist()))
        return self.keep[-1]

    def struct(self, graph: Graph, node: qops.QNode, packed: Packed) -> ctypes.Structure:
        x = tensor(
            graph.sources(node)[0].shape, graph.sources(node)[0].type.dtype, graph.sources(node)[0].type.zero_point
        )
        y = tensor(node.shape, node.type.dtype, node.type.zero_point)
        if isinstance(node, qops.AvgPool2d):
            return structs.Pool2d(x, y, self.window(node), self.requant(node.requant))
        assert isinstance(node, qops.WEIGHTED)
        codes = self.hold({1: c_uint8, 2: c_uint16, 4: c_uint32}[packed.codes.itemsize], packed.codes).address
        table = None
        if packed.table:
            book = node.weights.codebook
            table = self.hold(*((c_int16, book.levels) if packed.table == "levels" else (c_uint32, book.pairs))).address
        bias, by = self.hold(c_int32, packed.bias).pointer, self.requant(node.weights.requant)
        blocks = self.hold(c_uint8, packed.blocks).pointer if packed.blocks.size else None
        if isinstance(node, qops.Dense):
            return structs.Dense(x, y, codes, table, bias, by, blocks)
        groups = x.c if isinstance(node, qops.DwConv2d) else node.groups
        conv = structs.Conv2d(x, y, self.window(node), groups, codes, table, bias, by, blocks)
        if not isinstance(node, qops.Conv2dAdd):
            return conv
        r = graph.sources(node)[1]
        residual = tensor(r.shape, r.type.dtype, r.type.zero_point)
        return structs.Conv2dAdd(conv, residual, node.residual_multiplier, node.residual_shift)

    @staticmethod
    def window(node: qops.QNode) -> structs.Window:
        w = node.window
        return structs.Window(*w.kernel, *w.stride, *w.dilation, *w.padding[:2])

    def requant(self, requant: qops.Requant) -> structs.Requant:
        multiplier = self.hold(c_int32, requant.multiplier).pointer
        return structs.Requant(multiplier, int(requant.multiplier.size > 1), requant.shift)

    def on_host(self, library: ctypes.CDLL) -> bytes:
        """The bytes of y."""
        function = getattr(library, self.name)
        function.restype = None
        function(ctypes.byref(self.params), *(buffer.pointer for buffer in self.buffers))
        return self.y.bytes()

    def on_core(self, emulator: Machine, index: int) -> bytes:
        """The same in an image of `image_source`; `index` counts its kernels."""
        at = emulator.symbol("mce_memory").address
        places: dict[int, int] = {}
        for memory in (*self.keep, *self.buffers):
            if memory.address not in places:
                places[memory.address] = at
                emulator.write(at, memory.bytes())
                at += -(-len(memory.bytes()) // 4) * 4
        params = _bytes(self.params, places)
        emulator.write(at, params)
        arguments = [index, at, *(places[b.address] for b in self.buffers)]
        arguments += [0] * (6 - len(arguments))
        emulator.write(at + len(params), struct.pack("<6I", *arguments))
        emulator.call("mce_call", at + len(params))
        return bytes(emulator.read(places[self.y.address], len(self.y.bytes())))


def _bytes(value: ctypes.Structure, places: dict[int, int]) -> bytes:
    """A struct as a 32-bit core sees it; each pointer by its place there. No field needs padding before it."""
    found = b""
    for name, ctype in value._fields_:
        field = getattr(value, name)
        if isinstance(field, ctypes.Structure):
            found += _bytes(field, places)
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
    """C whose entry calls kernel a[0] with five words; a function of fewer parameters does not look at the rest."""
    table = "".join(f"    (kernel){name},\n" for name in names)
    return f"""#include "mixcomp/kernels.h"
typedef void (*kernel)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t);
static const kernel kernels[] = {{
{table}}};
uint32_t mce_memory[{nbytes // 4}];
uint32_t *mce_call(const uint32_t *a);
uint32_t *mce_call(const uint32_t *a)
{{
    kernels[a[0]](a[1], a[2], a[3], a[4], a[5]);
    return mce_memory;
}}
"""
