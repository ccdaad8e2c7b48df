"""SPEC.md in plain Python integers and loops: the judge of the kernels. Nothing here is fast, clever or shared.

Tensors are flat lists in row-major order; shapes are (h, w, c); windows are dicts with the names of SPEC.md."""

RANGE = {"u4": (0, 15), "s4": (-8, 7), "u8": (0, 255), "s8": (-128, 127)}
WIDE = {"u16": (0, 65535), "s16": (-32768, 32767)}


def clamp(v, type_):
    lo, hi = (RANGE | WIDE)[type_]
    return min(max(v, lo), hi)


def q32(acc, m, s):
    return ((acc << s) * m + 2**31) >> 32


def pack_bits(codes):
    """Two to a byte, even index low; an odd end is filled with 0."""
    codes = [*codes, 0] if len(codes) % 2 else codes
    return bytes((codes[i] & 15) + 16 * (codes[i + 1] & 15) for i in range(0, len(codes), 2))


def pack(values, type_):
    """The bytes of a tensor, SPEC.md 1."""
    if type_ in ("u4", "s4"):
        return pack_bits(values)
    if type_ in WIDE:
        return bytes(byte for v in values for byte in (v & 255, v >> 8 & 255))
    return bytes(v & 255 for v in values)


def at(x, shape, zero, h, w, c):
    """X of SPEC.md 4: x inside, zero outside."""
    if 0 <= h < shape[0] and 0 <= w < shape[1]:
        return x[(h * shape[1] + w) * shape[2] + c]
    return zero


def conv2d(x, x_shape, x_zero, y_shape, y_type, y_zero, k, groups, code, levels, bias, m, s, residual=None):
    """SPEC.md 4.1. code(o, i, j, c) -> 0..15; m: one entry or one per output channel.

    residual (r, r_zero, n, t) makes it SPEC.md 4.12."""
    depth = x_shape[2] // groups
    y = []
    for h in range(y_shape[0]):
        for w in range(y_shape[1]):
            for o in range(y_shape[2]):
                g = o // (y_shape[2] // groups)
                acc = bias[o]
                for i in range(k["KH"]):
                    for j in range(k["KW"]):
                        for c in range(depth):
                            row = h * k["SH"] - k["top"] + i * k["DH"]
                            column = w * k["SW"] - k["left"] + j * k["DW"]
                            acc += levels[code(o, i, j, c)] * at(x, x_shape, x_zero, row, column, g * depth + c)
                if residual is None:
                    y.append(clamp(y_zero + q32(acc, m[o if len(m) > 1 else 0], s), y_type))
                else:
                    r, r_zero, n, t = residual
                    wide = acc * 2**s * m[o if len(m) > 1 else 0] + (r[len(y)] - r_zero) * 2**t * n
                    y.append(clamp(y_zero + (wide + 2**31) // 2**32, y_type))
    return y


def dense(x, code, levels, bias, m, s, y_type, y_zero):
    """SPEC.md 4.3. code(o, i) -> 0..15"""
    y = []
    for o in range(len(bias)):
        acc = bias[o]
        for i in range(len(x)):
            acc += levels[code(o, i)] * x[i]
        y.append(clamp(y_zero + q32(acc, m[o if len(m) > 1 else 0], s), y_type))
    return y


def add(a, a_zero, ma, b, b_zero, mb, s, y_type, y_zero):
    """SPEC.md 4.4"""
    return [
        clamp(y_zero + (((p - a_zero) * ma + (q - b_zero) * mb + 2 ** (s - 1)) >> s), y_type)
        for p, q in zip(a, b, strict=True)
    ]


def pair(op, a, a_shape, a_zero, ma, b, b_shape, b_zero, mb, s, y_shape, y_type, y_zero):
    """SPEC.md 4.4 blend, 4.15 and 4.16: operands that repeat where they have size 1; of mul, ma is the multiplier."""
    y = []
    for i in range(_count(y_shape)):
        u, v = repeated(a, a_shape, y_shape, i) - a_zero, repeated(b, b_shape, y_shape, i) - b_zero
        if op == "mul":
            y.append(clamp(y_zero + q32(u * v, ma, s), y_type))
            continue
        term = {"blend": u * ma + v * mb, "minimum": min(u * ma, v * mb), "maximum": max(u * ma, v * mb)}[op]
        y.append(clamp(y_zero + ((term + 2 ** (s - 1)) >> s), y_type))
    return y


def repeated(x, x_shape, y_shape, i):
    """What element i of y meets of x."""
    at, stride = 0, 1
    for size, own in zip(reversed(y_shape), reversed(x_shape), strict=True):
        at += (i % size if own > 1 else 0) * stride
        i //= size
        stride *= own
    return x[at]


def rescale(x, x_zero, m, s, y_type, y_zero):
    """SPEC.md 4.5"""
    return [clamp(y_zero + q32(v - x_zero, m, s), y_type) for v in x]


def lookup(x, table, y_type):
    """SPEC.md 4.13; the table holds bits, and is read at bits."""
    entries = [table[v % len(table)] for v in x]
    lo, hi = RANGE[y_type]
    return [v - (hi - lo + 1) if v > hi else v for v in entries]


def prelu(x, channels, x_zero, m, s, y_type, y_zero):
    """SPEC.md 4.14"""
    y = []
    for i in range(len(x)):
        v = x[i] - x_zero
        factor = m[0] if v >= 0 else m[1 + i % channels]
        y.append(clamp(y_zero + (q32(-v, -factor, s) if factor < 0 else q32(v, factor, s)), y_type))
    return y


def concat(parts, shapes, axis):
    """Rescaled parts joined along an axis of any shape, SPEC.md 4.6: each element of y by its coordinates."""
    shape = list(shapes[0])
    shape[axis] = sum(s[axis] for s in shapes)
    y = []
    for flat in range(_count(shape)):
        index = []
        for size in reversed(shape):
            index.insert(0, flat % size)
            flat //= size
        part = 0
        while index[axis] >= shapes[part][axis]:
            index[axis] -= shapes[part][axis]
            part += 1
        position = 0
        for i, size in zip(index, shapes[part], strict=True):
            position = position * size + i
        y.append(parts[part][position])
    return y


def _count(shape):
    n = 1
    for size in shape:
        n *= size
    return n


def window_elements(x, x_shape, k, h, w, c):
    """The elements of x under the window of output (h, w) and inside x."""
    found = []
    for i in range(k["KH"]):
        for j in range(k["KW"]):
            v = at(x, x_shape, None, h * k["SH"] - k["top"] + i * k["DH"], w * k["SW"] - k["left"] + j * k["DW"], c)
            if v is not None:
                found.append(v)
    return found


def avgpool2d(x, x_shape, x_zero, y_shape, y_type, y_zero, k, m, s):
    """SPEC.md 4.7"""
    y = []
    for h in range(y_shape[0]):
        for w in range(y_shape[1]):
            for c in range(y_shape[2]):
                found = window_elements(x, x_shape, k, h, w, c)
                total = sum(v - x_zero for v in found)
                y.append(clamp(y_zero + q32(total, m[len(found) - 1] if len(m) > 1 else m[0], s), y_type))
    return y


def maxpool2d(x, x_shape, y_shape, k):
    """SPEC.md 4.8"""
    return [
        max(window_elements(x, x_shape, k, h, w, c))
        for h in range(y_shape[0])
        for w in range(y_shape[1])
        for c in range(y_shape[2])
    ]


def pad(x, x_shape, x_zero, y_shape, top, left, front):
    """SPEC.md 4.9"""
    y = []
    for h in range(y_shape[0]):
        for w in range(y_shape[1]):
            for c in range(y_shape[2]):
                inside = 0 <= c - front < x_shape[2]
                y.append(at(x, x_shape, x_zero, h - top, w - left, c - front) if inside else x_zero)
    return y


def softmax(row, table):
    """SPEC.md 4.11, one row."""
    top = max(row)
    e = [table[top - v] for v in row]
    total = sum(e)
    return [min(255, (256 * v + total // 2) // total) for v in e]
