"""One call of a kernel from plain Python values to the bytes of y."""

from ctypes import POINTER, byref, c_int16, c_int32, c_uint8, c_uint16, cast

from firmware import structs
from firmware.judge import pack, pack_bits
from firmware.structs import TYPES, Memory, garbage, tensor


def tensor_bytes(n: int, type_: str) -> int:
    return -(-n // 2) if type_ in ("u4", "s4") else n


def count(shape: tuple[int, ...]) -> int:
    n = 1
    for extent in shape:
        n *= extent
    return n


def requant(m: list[int], s: int, keep: list) -> structs.Requant:
    keep.append(Memory(c_int32, m))
    return structs.Requant(keep[-1].pointer, int(len(m) > 1), s)


def window(k: dict[str, int]) -> structs.Window:
    return structs.Window(*(k[n] for n in ("KH", "KW", "SH", "SW", "DH", "DW", "top", "left")))


def width(levels: list[int]) -> str:
    """Of the codes, as kernels' names say it."""
    return "w8" if len(levels) == 256 else "w4"


def weights(rows: list[list[int]], levels: list[int], bias: list[int], keep: list) -> tuple:
    packed = bytes if width(levels) == "w8" else pack_bits
    keep += [Memory(c_uint8, b"".join(packed(row) for row in rows)), Memory(c_int16, levels), Memory(c_int32, bias)]
    codes, table, biases = keep[-3:]
    return codes.address, table.address, biases.pointer


def run(function, p, y: Memory, *inputs, scratch=None) -> bytes:
    function.restype = None
    function(byref(p), *(part.pointer for part in inputs), y.pointer, *([scratch.pointer] if scratch else []))
    return y.bytes()


def conv(kernels, op, x, x_shape, x_type, x_zero, y_shape, y_type, y_zero, k, groups, rows, levels, bias, m, s):
    """conv2d and dwconv2d; rows: the codes as packed."""
    keep = []
    p = conv_struct(x_shape, x_type, x_zero, y_shape, y_type, y_zero, k, groups, rows, levels, bias, m, s, keep)
    scratch = conv_scratch(k, x_shape, groups) if op == "conv2d" else None
    y = garbage(tensor_bytes(count(y_shape), y_type))
    function = getattr(kernels, f"mce_{op}_{x_type}_{width(levels)}__c")
    return run(function, p, y, Memory(c_uint8, pack(x, x_type)), scratch=scratch)


def conv_add(
    kernels, x, x_shape, x_type, x_zero, y_shape, y_type, y_zero, k, groups, rows, levels, bias, m, s,
    r, r_type, r_zero, r_multiplier, r_shift, in_place,
):  # fmt: skip
    """conv2d_add; in_place: y is r."""
    keep = []
    conv2d = conv_struct(x_shape, x_type, x_zero, y_shape, y_type, y_zero, k, groups, rows, levels, bias, m, s, keep)
    p = structs.Conv2dAdd(conv2d, tensor(y_shape, r_type, r_zero), r_multiplier, r_shift)
    residual = Memory(c_uint8, pack(r, r_type))
    y = residual if in_place else garbage(tensor_bytes(count(y_shape), y_type))
    function = getattr(kernels, f"mce_conv2d_add_{x_type}_{width(levels)}__c")
    return run(function, p, y, Memory(c_uint8, pack(x, x_type)), residual, scratch=conv_scratch(k, x_shape, groups))


def conv_struct(x_shape, x_type, x_zero, y_shape, y_type, y_zero, k, groups, rows, levels, bias, m, s, keep):
    return structs.Conv2d(
        tensor(x_shape, x_type, x_zero),
        tensor(y_shape, y_type, y_zero),
        window(k),
        groups,
        *weights(rows, levels, bias, keep),
        requant(m, s, keep),
    )


def conv_scratch(k, x_shape, groups):
    return Memory(c_int16, [0x5A5A] * (k["KH"] * k["KW"] * x_shape[2] // groups))


def dense(kernels, x, x_shape, x_type, rows, levels, bias, m, s, y_shape, y_type, y_zero):
    keep = []
    p = structs.Dense(
        tensor(x_shape, x_type),
        tensor(y_shape, y_type, y_zero),
        *weights(rows, levels, bias, keep),
        requant(m, s, keep),
    )
    y = garbage(tensor_bytes(len(bias), y_type))
    return run(getattr(kernels, f"mce_dense_{x_type}_{width(levels)}__c"), p, y, Memory(c_uint8, pack(x, x_type)))


def add(kernels, shape, a, a_type, a_zero, ma, b, b_type, b_zero, mb, s, y_type, y_zero, in_place=None, isa="c"):
    """in_place: None, "a", "b", or "both" (b is a)."""
    p = structs.Add(
        tensor(shape, a_type, a_zero), tensor(shape, b_type, b_zero), tensor(shape, y_type, y_zero), ma, mb, s
    )
    a_memory = Memory(c_uint8, pack(a, a_type))
    b_memory = a_memory if in_place == "both" else Memory(c_uint8, pack(b, b_type))
    y = {"a": a_memory, "b": b_memory, "both": a_memory}.get(in_place) or garbage(tensor_bytes(len(a), y_type))
    scratch = garbage(256) if isa == "dsp" else None
    return run(getattr(kernels, f"mce_add__{isa}"), p, y, a_memory, b_memory, scratch=scratch)


def pair(kernels, name, a, a_shape, a_type, a_zero, ma, b, b_shape, b_type, b_zero, mb, s, y_shape, y_type, y_zero,
         in_place=None):  # fmt: skip
    """in_place: None, "a", "b", or "both" (b is a)."""
    operands = (structs.operand(a_shape, y_shape, a_type, a_zero), structs.operand(b_shape, y_shape, b_type, b_zero))
    p = structs.Pair(*operands, TYPES.index(y_type), y_zero, count(y_shape), ma, mb, s)
    a_memory = Memory(c_uint8, pack(a, a_type))
    b_memory = a_memory if in_place == "both" else Memory(c_uint8, pack(b, b_type))
    y = {"a": a_memory, "b": b_memory, "both": a_memory}.get(in_place) or garbage(tensor_bytes(count(y_shape), y_type))
    scratch = garbage(384 if name == "mce_mul__dsp" else 256)
    return run(getattr(kernels, name), p, y, a_memory, b_memory, scratch=scratch)


def rescale(kernels, shape, x, x_type, x_zero, m, s, y_type, y_zero, in_place, isa="c"):
    keep = []
    p = structs.Rescale(tensor(shape, x_type, x_zero), tensor(shape, y_type, y_zero), requant([m], s, keep))
    x_memory = Memory(c_uint8, pack(x, x_type))
    y = x_memory if in_place else garbage(tensor_bytes(len(x), y_type))
    return run(getattr(kernels, f"mce_rescale__{isa}"), p, y, x_memory)


def lookup(kernels, shape, x, x_type, table, y_type, in_place, isa="c"):
    """in_place: the bytes at the start of x are y's."""
    memory, x_memory = Memory(c_uint8, bytes(table)), Memory(c_uint8, pack(x, x_type))
    p = structs.Lookup(tensor(shape, x_type), tensor(shape, y_type), memory.pointer)
    y = x_memory if in_place else garbage(tensor_bytes(len(x), y_type))
    return run(getattr(kernels, f"mce_lookup__{isa}"), p, y, x_memory)[: tensor_bytes(len(x), y_type)]


def prelu(kernels, shape, x, x_type, x_zero, m, s, y_type, y_zero, in_place, isa="c"):
    keep = []
    p = structs.PRelu(tensor(shape, x_type, x_zero), tensor(shape, y_type, y_zero), requant(m, s, keep))
    x_memory = Memory(c_uint8, pack(x, x_type))
    y = x_memory if in_place else garbage(tensor_bytes(len(x), y_type))
    return run(getattr(kernels, f"mce_prelu__{isa}"), p, y, x_memory)


def concat(kernels, parts, y_type, y_zero, outer, stride, isa="c"):
    """parts: (values, type, zero, block, m, s) in the order of their offsets."""
    y = garbage(tensor_bytes(outer * stride, y_type))
    offset = 0
    for values, x_type, x_zero, block, m, s in parts:
        keep = []
        x_index, y_index, rescale_by = TYPES.index(x_type), TYPES.index(y_type), requant([m], s, keep)
        p = structs.Concat(x_index, y_index, x_zero, y_zero, outer, block, stride, offset, rescale_by)
        run(getattr(kernels, f"mce_concat__{isa}"), p, y, Memory(c_uint8, pack(values, x_type)))
        offset += block
    return y.bytes()


def pool(kernels, op, x, x_shape, x_type, x_zero, y_shape, y_type, y_zero, k, m=(0,), s=0):
    keep = []
    p = structs.Pool2d(
        tensor(x_shape, x_type, x_zero), tensor(y_shape, y_type, y_zero), window(k), requant(list(m), s, keep)
    )
    y = garbage(tensor_bytes(count(y_shape), y_type))
    return run(getattr(kernels, f"mce_{op}__c"), p, y, Memory(c_uint8, pack(x, x_type)))


def pad(kernels, x, x_shape, type_, zero, y_shape, top, left, front):
    p = structs.Pad(tensor(x_shape, type_, zero), tensor(y_shape, type_, zero), top, left, front)
    y = garbage(tensor_bytes(count(y_shape), type_))
    return run(kernels.mce_pad__c, p, y, Memory(c_uint8, pack(x, type_)))


def softmax(kernels, x, shape, type_, table):
    memory = Memory(c_uint16, table)
    p = structs.Softmax(tensor(shape, type_), cast(memory.pointer, POINTER(c_uint16)))
    return run(kernels.mce_softmax__c, p, garbage(len(x)), Memory(c_uint8, pack(x, type_)))
