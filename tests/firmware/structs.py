"""The C interface as ctypes: the structs of mixcomp/<op>.h, and memory that a sanitizer can watch."""

import ctypes
from ctypes import POINTER, c_int, c_int32, c_int64, c_uint8, c_uint16, c_void_p

TYPES = ("u4", "s4", "u8", "s8")
MCE_TYPES = (*TYPES, "u16", "s16")  # mce_type, in order


class Tensor(ctypes.Structure):
    _fields_ = [(k, c_int32) for k in ("h", "w", "c", "zero")] + [("type", c_int)]


class Requant(ctypes.Structure):
    _fields_ = [("multiplier", POINTER(c_int32)), ("per_channel", c_int32), ("shift", c_int32)]


class Window(ctypes.Structure):
    _fields_ = [(k, c_uint16) for k in ("kh", "kw", "sh", "sw", "dh", "dw", "top", "left")]


class Conv2d(ctypes.Structure):
    _fields_ = [
        ("x", Tensor),
        ("y", Tensor),
        ("window", Window),
        ("groups", c_int32),
        ("codes", c_void_p),
        ("levels", c_void_p),
        ("bias", POINTER(c_int32)),
        ("requant", Requant),
        ("blocks", POINTER(c_uint8)),
    ]


class Conv2dAdd(ctypes.Structure):
    _fields_ = [("conv", Conv2d), ("r", Tensor), ("r_multiplier", c_int32), ("r_shift", c_int32)]


class Dense(ctypes.Structure):
    _fields_ = [
        ("x", Tensor),
        ("y", Tensor),
        ("codes", c_void_p),
        ("levels", c_void_p),
        ("bias", POINTER(c_int32)),
        ("requant", Requant),
        ("blocks", POINTER(c_uint8)),
    ]


class Add(ctypes.Structure):
    _fields_ = [
        ("a", Tensor),
        ("b", Tensor),
        ("y", Tensor),
        ("a_multiplier", c_int32),
        ("b_multiplier", c_int32),
        ("shift", c_int32),
    ]


class Operand(ctypes.Structure):
    _fields_ = [("type", c_int), ("zero", c_int32), ("size", c_int32 * 4), ("step", c_int32 * 4)]


class Pair(ctypes.Structure):
    _fields_ = [
        ("a", Operand),
        ("b", Operand),
        ("y_type", c_int),
        *((k, c_int32) for k in ("y_zero", "n", "a_multiplier", "b_multiplier", "shift")),
    ]


class Rescale(ctypes.Structure):
    _fields_ = [("x", Tensor), ("y", Tensor), ("requant", Requant)]


class Concat(ctypes.Structure):
    _fields_ = [
        ("x_type", c_int),
        ("y_type", c_int),
        *((k, c_int32) for k in ("x_zero", "y_zero", "outer", "block", "stride", "offset")),
        ("requant", Requant),
    ]


class Pool2d(ctypes.Structure):
    _fields_ = [("x", Tensor), ("y", Tensor), ("window", Window), ("requant", Requant)]


class Pad(ctypes.Structure):
    _fields_ = [("x", Tensor), ("y", Tensor), ("top", c_int32), ("left", c_int32), ("front", c_int32)]


class Softmax(ctypes.Structure):
    _fields_ = [("x", Tensor), ("table", POINTER(c_uint16))]


class Loop(ctypes.Structure):
    _fields_ = [("n", c_int32), ("stride", c_int32)]


class Nest(ctypes.Structure):
    _fields_ = [(k, Loop) for k in ("outer", "inner", "far", "near")]


class Reduce(ctypes.Structure):
    _fields_ = [
        *((k, c_int) for k in ("x_type", "y_type")),
        *((k, c_int32) for k in ("x_zero", "y_zero")),
        ("nest", Nest),
        ("requant", Requant),
        ("least", c_int32),
    ]


class Normalize(ctypes.Structure):
    _fields_ = [
        ("epsilon", c_int64),
        ("count", c_int32),
        ("centred", c_int32),
        *((k, c_int) for k in ("x_type", "y_type")),
        *((k, c_int32) for k in ("x_zero", "y_zero")),
        ("elements", Nest),
        ("parameters", Nest),
        ("multiplier", POINTER(c_int32)),
        ("offset", POINTER(c_int32)),
    ]


class PairLoop(ctypes.Structure):
    _fields_ = [(k, c_int32) for k in ("n", "a", "b")]


class MatMul(ctypes.Structure):
    _fields_ = [
        *((k, c_int) for k in ("a_type", "b_type", "y_type")),
        *((k, c_int32) for k in ("a_zero", "b_zero", "y_zero")),
        ("kept", PairLoop * 4),
        ("summed", PairLoop * 2),
        ("requant", Requant),
    ]


class LogSoftmax(ctypes.Structure):
    _fields_ = [("x", Tensor), ("y", Tensor), ("table", POINTER(c_uint16)), ("step", c_int32), ("octave", c_int32)]


class CumSum(ctypes.Structure):
    _fields_ = [("x", Tensor), ("y", Tensor), ("requant", Requant)]


class Lookup(ctypes.Structure):
    _fields_ = [("x", Tensor), ("y", Tensor), ("table", POINTER(c_uint8))]


class PRelu(ctypes.Structure):
    _fields_ = [("x", Tensor), ("y", Tensor), ("requant", Requant)]


class Strided(ctypes.Structure):
    _fields_ = [("type", c_int), ("start", c_int32), *((k, c_int32 * 4) for k in ("size", "x_step", "y_step"))]


class Push(ctypes.Structure):
    _fields_ = [("type", c_int), *((k, c_int32) for k in ("outer", "size", "more"))]


class Gather(ctypes.Structure):
    _fields_ = [("x", Tensor), ("y", Tensor), *((k, POINTER(c_uint16)) for k in ("rows", "columns"))]


class Resize(ctypes.Structure):
    _fields_ = [("x", Tensor), ("y", Tensor), *((k, POINTER(c_int32)) for k in ("rows", "columns"))]


class Adaptive2d(ctypes.Structure):
    _fields_ = [("x", Tensor), ("y", Tensor), ("requant", Requant)]


class Conv2dTranspose(ctypes.Structure):
    _fields_ = [
        ("conv", Conv2d),
        ("y", Tensor),
        *((k, c_int32) for k in ("row", "column", "sh", "sw", "skip_rows", "skip_columns")),
    ]


class Embedding(ctypes.Structure):
    _fields_ = [
        ("x", Tensor), ("y", Tensor), ("codes", c_void_p), ("levels", c_void_p), ("rows", c_int32),
        ("requant", Requant),
    ]  # fmt: skip


class OfTokens(ctypes.Structure):
    _fields_ = [("x", Tensor), ("y", Tensor), ("start", c_int32)]


class Factor(ctypes.Structure):
    _fields_ = [("m", c_int32), ("shift", c_int32)]


class Terms(ctypes.Structure):
    _fields_ = [
        ("a", Operand),
        ("b", Operand),
        ("y_type", c_int),
        *((k, c_int32) for k in ("y_zero", "n", "a_sign", "b_sign")),
        *((k, Factor) for k in ("a_by", "b_by", "y_by")),
    ]


class TflmLogSoftmax(ctypes.Structure):
    _fields_ = [
        ("x", Tensor), ("y", Tensor), ("table", POINTER(c_int32)), ("least", c_int32),
        *((k, Factor) for k in ("step", "back", "by")),
    ]  # fmt: skip


class TflmSoftmax(ctypes.Structure):
    _fields_ = [("x", Tensor), ("table", POINTER(c_int32))]


class Initial(ctypes.Structure):
    _fields_ = [("type", c_int), ("zero", c_int32), ("requant", Requant)]


class Recurrent(ctypes.Structure):
    _fields_ = [
        ("product", Dense),
        ("x_type", c_int),
        *((k, c_int32) for k in ("x_zero", "steps", "backward", "relu", "given")),
        ("x_requant", Requant),
        ("y_requant", Requant),
        ("initial", Initial * 2),
    ]


class FirstStates(ctypes.Structure):
    _fields_ = [("size", c_int32), ("of", Initial * 2)]


BY_NAME = {  # of the operators that say of themselves what their structs hold
    "mce_adaptive2d": Adaptive2d,
    "mce_add": Add,
    "mce_concat": Concat,
    "mce_conv2d_transpose": Conv2dTranspose,
    "mce_cumsum": CumSum,
    "mce_embedding": Embedding,
    "mce_first_states": FirstStates,
    "mce_gather": Gather,
    "mce_length_mask": OfTokens,
    "mce_log_softmax": LogSoftmax,
    "mce_matmul": MatMul,
    "mce_lookup": Lookup,
    "mce_normalize": Normalize,
    "mce_pad": Pad,
    "mce_pair": Pair,
    "mce_pool2d": Pool2d,
    "mce_prelu": PRelu,
    "mce_push": Push,
    "mce_recurrent": Recurrent,
    "mce_reduce": Reduce,
    "mce_rescale": Rescale,
    "mce_resize": Resize,
    "mce_softmax": Softmax,
    "mce_strided": Strided,
    "mce_terms": Terms,
    "mce_tflm_log_softmax": TflmLogSoftmax,
    "mce_tflm_softmax": TflmSoftmax,
    "mce_token_offset": OfTokens,
}
WEIGHTED = {
    "mce_conv2d": Conv2d,
    "mce_conv2d_add": Conv2dAdd,
    "mce_dense": Dense,
}  # so do these in contract tflm; in q32 tests fill them
STRUCTS = (  # as in shim.c
    Tensor, Requant, Window, Conv2d, Dense, Add, Rescale, Concat, Pool2d, Pad, Softmax, Reduce, Normalize,
    MatMul, LogSoftmax, CumSum, Pair, Lookup, PRelu, Strided,
    Gather, Resize, Adaptive2d, Conv2dTranspose, Embedding, OfTokens, Terms, TflmSoftmax, Initial, Recurrent,
    Push, FirstStates, TflmLogSoftmax,
)  # fmt: skip

_libc = ctypes.CDLL(None)
_libc.malloc.restype = ctypes.c_void_p
_libc.malloc.argtypes = [ctypes.c_size_t]
_libc.free.argtypes = [ctypes.c_void_p]


class Memory:
    """An array from C's malloc, exactly as long as its contents, so that AddressSanitizer sees one byte too many. An
    empty one is NULL, which generated code passes to a kernel that needs no scratch."""

    def __init__(self, ctype: type, values: list[int] | bytes) -> None:
        self.array_type = ctype * len(values)
        self.address = _libc.malloc(ctypes.sizeof(self.array_type)) if values else 0
        self.array = self.array_type.from_address(self.address)
        self.array[:] = values
        self.pointer = ctypes.cast(self.address, POINTER(ctype))

    def __del__(self) -> None:
        _libc.free(self.address)

    def bytes(self) -> bytes:
        return bytes(self.array)


def operand(x_shape: tuple[int, ...], y_shape: tuple[int, ...], type_: str, zero: int) -> Operand:
    """A value of x_shape, repeated where it has size 1 and y has not: each axis by itself, none joined."""
    size, own = ((1, 1, 1, 1, *shape)[-4:] for shape in (y_shape, x_shape))
    step, stride = [0] * 4, 1
    for axis in (3, 2, 1, 0):
        step[axis] = stride if own[axis] == size[axis] else 0
        stride *= own[axis]
    return Operand(MCE_TYPES.index(type_), zero, (c_int32 * 4)(*size), (c_int32 * 4)(*step))


def garbage(n: int) -> Memory:
    """n bytes that no kernel may let through to its result."""
    return Memory(c_uint8, [(0xA5 + 89 * i) & 0xFF for i in range(n)])


def tensor(shape: tuple[int, ...], type_: str, zero: int = 0) -> Tensor:
    """shape (h, w, c), (w, c) or (c)"""
    h, w, c = (1, 1, 1, *shape)[-3:]
    return Tensor(h, w, c, zero, MCE_TYPES.index(type_))
