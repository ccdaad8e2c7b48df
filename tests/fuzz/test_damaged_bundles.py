"""What reads bytes from outside: cut, flipped and hostile bundles. Each is refused with one kind of error, in one line,
in time, and leaves nothing behind. The hostile ones carry right SHA-256 sums, so they get past the first gate."""

import gzip
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mixcomp_edge import cli
from mixcomp_edge.bundle import load_bundle
from mixcomp_edge.codegen.project import export
from mixcomp_edge.errors import BundleError
from support.bundle_files import Parts, container, forked, signed, taken_apart, whole, worded
from support.processes import mixcomp_edge

WHOLE, FORKED, WORDED = whole(), forked(), worded()
LIMIT_S = 60  # what takes longer hangs, however busy the machine
HUGE = {"2**31": 2**31, "2**40": 2**40, "2**63": 2**63, "10**400": 10**400}


def hostile(change: Callable[[Parts], object], start: bytes = WHOLE) -> bytes:
    parts = taken_apart(start)
    change(parts)
    return signed(parts)


def field(node: str, path: str, value: object) -> Callable[[Parts], None]:
    """Sets a field of a node; the path is split at dots."""

    def change(parts: Parts) -> None:
        *way, last = path.split(".")
        table = parts.node(node)
        for step in way:
            table = table[int(step) if isinstance(table, list) else step]
        table[int(last) if isinstance(table, list) else last] = value

    return change


def another_field(node: str, key: str) -> Callable[[Parts], None]:
    return lambda parts: parts.node(node).__setitem__(key, 1)


def drop(node: str, key: str) -> Callable[[Parts], object]:
    return lambda parts: parts.node(node).pop(key)


def top(key: str, value: object) -> Callable[[Parts], None]:
    return lambda parts: parts.content.__setitem__(key, value)


def graph(key: str, value: object) -> Callable[[Parts], None]:
    return lambda parts: parts.content["graph"].__setitem__(key, value)


def tensor(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Parts], None]:
    return lambda parts: parts.put(name, change(parts.array(name)))


def fill(index: tuple[int, ...], value: int) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array[index] = value
        return array

    return change


def rename(old: str, new: str) -> Callable[[Parts], None]:
    """Gives a node another name and lets its readers know."""

    def change(parts: Parts) -> None:
        for node in parts.content["graph"]["nodes"]:
            node["name"] = new if node["name"] == old else node["name"]
            node["inputs"] = [new if name == old else name for name in node["inputs"]]

    return change


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def endless(parts: Parts) -> None:
    """5000 nodes in a row."""
    nodes = parts.content["graph"]["nodes"]
    reshape = next(node for node in nodes if node["op"] == "reshape")
    at = nodes.index(reshape) + 1
    more = [reshape | {"name": f"r{i}", "inputs": [f"r{i - 1}" if i else "flatten"]} for i in range(5000)]
    parts.node("fc")["inputs"] = ["r4999"]
    nodes[at:at] = more


def wide_padding(parts: Parts) -> None:
    """A 1x1 convolution of 3x3 outputs, whose padded input would have 2**34 elements."""
    edge = 65_535
    size = 2 * edge + 6
    node = parts.node("block.conv")
    node["window"] = {"kernel": [3, 3], "stride": [edge, edge], "dilation": [1, 1], "padding": [edge] * 4}
    node["shape"] = [(size - 3) // edge + 1] * 2 + [3]
    for name in ("block.dw", "add", "relu", "join"):
        parts.node(name)["shape"] = [3, 3, 3]
    for name, shape in {"maxpool": [1, 1, 3], "pad": [2, 2, 3], "avgpool": [1, 1, 3], "concat": [1, 1, 6]}.items():
        parts.node(name)["shape"] = shape
    parts.node("flatten")["shape"] = [6]
    parts.node("fc")["weights"]["row_length"] = 6
    parts.put("fc/weights/codes", parts.array("fc/weights/codes")[:, :3].copy())


BAD_NAMES = {
    "that ends a comment": "a*/b", "with a quote": 'a"b', "with a newline": "a\nb", "that ends in a newline": "add2\n",
    "with a backslash": "a\\b", "with NUL": "a\0b", "with a surrogate": "\ud800", "of another script": "добавить",
    "empty": "", "of 10,000 letters": "a" * 10_000, "with a path": "../../a", "with a trigraph": "a??/", "with a space":
    "a b", "with an escape": "\x1b[2J", "with a brace": "a{{b}}",
}  # fmt: skip
BAD_INTEGERS = {
    "true": True, "none": None, "text": "1", "a float": 1.0, "a list": [1], "2**40": 2**40, "10**400": 10**400,
    "-1": -1, "-10**400": -(10**400),
}  # fmt: skip
INTEGER_FIELDS = {
    "join": ["residual_multiplier", "residual_shift"],
    "add": ["shape.0", "a_multiplier", "shift", "type.zero_point"],
    "block.conv": ["window.kernel.0", "window.stride.1", "window.padding.2", "groups", "weights.requant.shift"],
    "product": ["requant.shift", "shape.0"], "difference": ["shift"],
    "concat": ["axis", "requants.0.shift"], "fc": ["weights.row_length"], "pad": ["before.0", "after.1"],
}  # fmt: skip
LEVELS = {"name": "lut4", "levels": [0, *range(1, 9), *range(-7, 0)]}
BAD_LEVELS = {
    "15": LEVELS | {"levels": LEVELS["levels"][:15]}, "17": LEVELS | {"levels": [*LEVELS["levels"], 1]},
    "256": LEVELS | {"levels": [0] * 256}, "whose first is 1": LEVELS | {"levels": [1] * 16},
    "of 9 bits": LEVELS | {"levels": [0] * 15 + [128]}, "-128": LEVELS | {"levels": [0] * 15 + [-128]},
    "10**400": LEVELS | {"levels": [0] * 15 + [10**400]}, "as text": LEVELS | {"levels": "0" * 16},
    "as floats": LEVELS | {"levels": [0.0] * 16}, "as booleans": LEVELS | {"levels": [False] * 16},
    "of fixp4": LEVELS | {"name": "fixp4"}, "without a name": {"levels": LEVELS["levels"]},
    "of a name as list": LEVELS | {"name": ["lut4"]}, "with a shift": LEVELS | {"shift": 7}, "of nothing": {},
}  # fmt: skip


def codes_of_8_bits(book: str, code: int = 1) -> Callable[[Parts], None]:
    """fc with a byte a code, all of them `code`."""

    def change(parts: Parts) -> None:
        table = parts.node("fc")["weights"]
        table["codebook"] = book
        parts.put("fc/weights/codes", np.full((5, table["row_length"]), code, np.uint8))

    return change


HOSTILE = {
    **{f"node name {what}": rename("add", name) for what, name in BAD_NAMES.items()},
    **{f"model name {what}": graph("name", name) for what, name in BAD_NAMES.items()},
    **{f"output {what}": graph("output", name) for what, name in BAD_NAMES.items()},
    **{f"input {what}": field("relu", "inputs", [name]) for what, name in BAD_NAMES.items()},
    **{f"codebook {what}": field("fc", "weights.codebook", name) for what, name in BAD_NAMES.items()},
    **{f"type {what}": field("add", "type.dtype", name) for what, name in BAD_NAMES.items()},
    **{f"tensor name {what}": field("fc", "weights.bias", name) for what, name in BAD_NAMES.items()},
    **{f"operator {what}": field("fc", "op", name) for what, name in BAD_NAMES.items()},
    **{f"unknown field {what}": another_field("fc", name) for what, name in BAD_NAMES.items()},
    **{
        f"{node} {path} is {what}": field(node, path, value)
        for node, paths in INTEGER_FIELDS.items()
        for path in paths
        for what, value in BAD_INTEGERS.items()
        if not (path == "type.zero_point" and what == "-1")  # s4 has one
    },
    **{f"shape of {what}": field("add", "shape", [size] * 3) for what, size in HUGE.items()},
    "shape of 0": field("add", "shape", [0, 6, 3]),
    "shape of nothing": field("add", "shape", []),
    "shape of four": field("add", "shape", [1, 6, 6, 3]),
    "shape as text": field("add", "shape", "663"),
    "shape of another layer": field("add", "shape", [3, 6, 6]),
    "same name twice": rename("relu", "add"),
    "names equal in C": rename("relu", "block_conv"),
    "names equal but for capitals": rename("relu", "ADD"),
    "cycle of two": field("block.dw", "inputs", ["add"]),
    "cycle of one": field("relu", "inputs", ["relu"]),
    "forward reference": field("relu", "inputs", ["maxpool"]),
    "input that is missing": field("relu", "inputs", ["ghost"]),
    "no inputs": field("relu", "inputs", []),
    "inputs as text": field("relu", "inputs", "add"),
    "inputs as numbers": field("relu", "inputs", [3]),
    "unread value": field("relu", "inputs", ["block.conv"]),
    "second input node": lambda p: p.content["graph"]["nodes"].append(p.node("input") | {"name": "input2"}),
    "unknown operator": field("fc", "op", "exec"),
    "operator of the float graph": field("fc", "op", "affine"),
    "operator as number": field("fc", "op", 7),
    "operator as list": field("fc", "op", ["dense"]),
    "no operator": drop("fc", "op"),
    "no name": drop("fc", "name"),
    "name as number": field("fc", "name", 7),
    "no weights": drop("fc", "weights"),
    "weights as list": field("fc", "weights", []),
    "node as list": lambda p: p.content["graph"]["nodes"].append([]),
    "node as null": lambda p: p.content["graph"]["nodes"].append(None),
    "no nodes": graph("nodes", []),
    "nodes as table": graph("nodes", {}),
    "5000 nodes": endless,
    "not a real number": tensor("block.dw/weights/codes", fill((0, 0), 0x88)),
    "half a byte too much": tensor("block.dw/weights/codes", fill((4, 1), 0x10)),
    "codes as vector": tensor("fc/weights/codes", lambda a: a.ravel()),
    "codes of one row less": tensor("fc/weights/codes", lambda a: a[1:].copy()),
    "codes of no rows": tensor("fc/weights/codes", lambda a: a[:0].copy()),
    "codes of one column less": tensor("fc/weights/codes", lambda a: a[:, 1:].copy()),
    "codes as int8": tensor("fc/weights/codes", lambda a: a.astype(np.int8)),
    "bias as int64": tensor("fc/weights/bias", lambda a: a.astype(np.int64)),
    "bias as float": tensor("fc/weights/bias", lambda a: a.astype(np.float32)),
    "bias as matrix": tensor("fc/weights/bias", lambda a: a[None]),
    "bias too short": tensor("fc/weights/bias", lambda a: a[1:].copy()),
    "bias of nothing": tensor("fc/weights/bias", lambda a: a[:0].copy()),
    "bias that overflows": tensor("fc/weights/bias", fill((0,), -(2**31))),
    "multiplier negative": tensor("relu/requant/multiplier", fill((0,), -1)),
    "multiplier INT32_MIN": tensor("relu/requant/multiplier", fill((0,), -(2**31))),
    "multipliers too many": tensor("relu/requant/multiplier", lambda a: np.repeat(a, 2)),
    "multiplier as scalar": tensor("relu/requant/multiplier", lambda a: a.reshape(())),
    "multiplier of nothing": tensor("relu/requant/multiplier", lambda a: a[:0].copy()),
    "multiplier as int16": tensor("relu/requant/multiplier", lambda a: a.astype(np.int16)),
    "table as int16": tensor("softmax/table", lambda a: (a // 2).astype(np.int16)),
    "table too short": tensor("softmax/table", lambda a: a[:16].copy()),
    "table of zeros": tensor("softmax/table", lambda a: a * 0),
    "table that rises": tensor("softmax/table", fill((9,), 65_535)),
    "lookup of 16 entries": tensor("lookup/table", lambda a: a[:16].copy()),
    "lookup of nothing": tensor("lookup/table", lambda a: a[:0].copy()),
    "lookup as int8": tensor("lookup/table", lambda a: a.astype(np.int8)),
    "lookup of 4 bits with 8 in its table": field("lookup", "type.dtype", "s4"),
    "prelu with one slope too few": tensor("prelu/requant/multiplier", lambda a: a[1:].copy()),
    "prelu with one slope too many": tensor("prelu/requant/multiplier", lambda a: np.append(a, a[:1])),
    "prelu that falls above 0": tensor("prelu/requant/multiplier", fill((0,), -1)),
    "prelu with a slope of INT32_MIN": tensor("prelu/requant/multiplier", fill((2,), -(2**31))),
    "prelu of no slopes": tensor("prelu/requant/multiplier", lambda a: a[:0].copy()),
    "prelu that overflows": field("prelu", "requant.shift", 30),
    "shift 31": field("relu", "requant.shift", 31),
    "shift that overflows": field("fc", "weights.requant.shift", 30),
    "add that overflows": field("add", "a_multiplier", 2**31 - 1),
    "product that overflows": field("product", "requant.shift", 17),
    "constant of too few bytes": tensor("held/data", lambda a: a[:2].copy()),
    "constant with a spare half byte": tensor("held/data", fill((2,), 0x13)),
    "constant as the output": lambda p: (p.node("softmax").update(inputs=["held"]), graph("output", "held")(p)),
    "constant that reads": field("held", "inputs", ["fc"]),
    "product of shapes that do not meet": field("product", "inputs", ["fc", "flatten"]),
    "product of two ranks": field("product", "inputs", ["fc", "concat"]),
    "product of one value": field("product", "inputs", ["fc"]),
    "difference that overflows": field("difference", "b_multiplier", -(2**24)),
    "minimum that overflows": field("smaller", "a_multiplier", 2**24),
    "residual that overflows": field("join", "residual_shift", 30),
    "residual of another shape": field("join", "inputs", ["relu", "input"]),
    "no residual": field("join", "inputs", ["relu"]),
    "two residuals": field("join", "inputs", ["relu", "add", "add"]),
    "tensor missing": lambda p: p.tensors.pop("fc/weights/bias"),
    "tensor too many": lambda p: p.put("extra", np.zeros(3, np.uint8)),
    "tensor used twice": field("block.dw", "weights.bias", "block.conv/weights/bias"),
    "tensor as number": field("fc", "weights.bias", 5),
    "unknown format": field("fc", "weights.codebook", "int4"),
    "format with wide levels": field("block.dw", "weights.codebook", "posit4e2"),
    "format as list": field("fc", "weights.codebook", ["fixp4"]),
    "codes of 4 bits as int8": field("fc", "weights.codebook", "int8"),
    "codes of 8 bits as posit4": codes_of_8_bits("posit4"),
    "an int8 code that is never emitted": codes_of_8_bits("int8", 128),
    "learned levels by name alone": field("fc", "weights.codebook", "lut4"),
    **{f"learned levels {what}": field("fc", "weights.codebook", table) for what, table in BAD_LEVELS.items()},
    "zero point beyond the type": field("add", "type.zero_point", 8),
    "type of 44 bits": field("add", "type.dtype", "s44"),
    "type as null": field("add", "type", None),
    "scale true": field("add", "type.scale", True),
    "scale 0": field("add", "type.scale", 0),
    "scale negative": field("add", "type.scale", -1.0),
    "scale of 10**400": field("add", "type.scale", 10**400),
    "scale subnormal": field("add", "type.scale", 5e-324),
    "scale as text": field("add", "type.scale", "nan"),
    "scale NaN": field("add", "type.scale", float("nan")),
    "scale Infinity": field("add", "type.scale", float("inf")),
    "scale -Infinity": field("add", "type.scale", float("-inf")),
    "pool that changes the type": field("maxpool", "type.scale", 0.3),
    "pool in padding alone": field("maxpool", "window.padding", [6, 6, 6, 6]),
    "kernel of three": field("maxpool", "window.kernel", [2, 2, 2]),
    "kernel of one number": field("maxpool", "window.kernel", 2),
    "padding of three": field("maxpool", "window.padding", [0, 0, 0]),
    "kernel 0": field("maxpool", "window.kernel", [0, 0]),
    "stride 0": field("maxpool", "window.stride", [0, 0]),
    "dilation 0": field("block.conv", "window.dilation", [0, 0]),
    "padding that fills the memory": wide_padding,
    "groups 0": field("block.conv", "groups", 0),
    "axis 3": field("concat", "axis", 3),
    "one requantizer too few": lambda p: (
        p.node("concat")["requants"].pop(),
        p.tensors.pop("concat/requants/1/multiplier"),
    ),
    "row length 0": field("fc", "weights.row_length", 0),
    "row length one more": field("fc", "weights.row_length", 25),
    "pads of two": field("pad", "before", [1, 0]),
    "other contract": top("contract", "q31"),
    "contract of another form": top("contract", "tflm"),
    "contract null": top("contract", None),
    "format 2": top("format", 2),
    "format 0": top("format", 0),
    "format as text": top("format", "1"),
    "format true": top("format", True),
    "format 1.0": top("format", 1.0),
    "format of 10**400": top("format", 10**400),
    "origin as list": top("origin", []),
    "no origin": lambda p: p.content.pop("origin"),
    "no graph": lambda p: p.content.pop("graph"),
    "graph as list": top("graph", []),
    "graph with another field": graph("extra", 1),
    "nested shape": field("add", "shape", nested(200)),
    "nested inputs": field("add", "inputs", nested(200)),
}

HOSTILE_ENDS = {  # of a bundle with two inputs and three outputs
    **{f"output of the name {what}": graph("outputs", [["a", "head"], [name, "cell"]]) for what, name in
       BAD_NAMES.items()},
    **{f"output of the node {what}": graph("outputs", [["a", "head"], ["b", name]]) for what, name in
       BAD_NAMES.items()},
    "outputs of none": graph("outputs", []),
    "outputs as table": graph("outputs", {"a": "head", "b": "cell"}),
    "outputs as text": graph("outputs", "head"),
    "outputs as names": graph("outputs", ["head", "cell"]),
    "outputs of three each": graph("outputs", [["a", "head", "cell"]]),
    "outputs of numbers": graph("outputs", [[1, 2]]),
    "outputs nested": graph("outputs", nested(200)),
    "an output lone among inputs with a name": graph("outputs", [["y", "head"]]),
    "two outputs of one name": graph("outputs", [["a", "head"], ["a", "cell"]]),
    "two outputs of one name in C": graph("outputs", [["a.b", "head"], ["A_b", "cell"]]),
    "two outputs whose names meet in C": graph("outputs", [["a", "head"], ["a_get", "cell"]]),
    "two outputs of one value": graph("outputs", [["a", "head"], ["b", "head"]]),
    "an output that is a view of another": graph("outputs", [["a", "conv"], ["b", "flat"], ["c", "head"]]),
    "an output that is an input": graph("outputs", [["a", "state"], ["b", "head"]]),
    "outputs without end": graph("outputs", [[f"y{i}", "head"] for i in range(100_000)]),
    "kept as text": graph("kept", "state"),
    "kept of nothing": graph("kept", []),
    "kept as names": graph("kept", ["state", "cell"]),
    "kept of two": graph("kept", [["state", "c"]]),
    "kept of numbers": graph("kept", [[1, 2, 3]]),
    "kept nested": graph("kept", nested(200)),
    "kept from a tensor that is none": graph("kept", [["state", "c", "state/start"]]),
    "kept from another's tensor": graph("kept", [["state", "c", "conv/weights/codes"]]),
    "format 3": top("format", 3),
    "a lone output beside outputs": graph("output", "head"),
    "a lone output in their place": lambda p: graph("output", p.content["graph"].pop("outputs")[1][1])(p),
    "format 1": top("format", 1),
    "an input behind a layer": lambda p: p.content["graph"]["nodes"].insert(3, p.content["graph"]["nodes"].pop(1)),
    "an input that nobody reads": field("concat", "inputs", ["flat", "flat"]),
    "two inputs of one name in C": rename("state", "IMAGE"),
    "two inputs whose names meet in C": rename("state", "image_set"),
    "33 inputs": lambda p: p.content["graph"]["nodes"].__setitem__(
        slice(0, 0), [p.node("state") | {"name": f"i{i}"} for i in range(31)]),
}  # fmt: skip


HOSTILE_TOKENS = {  # of a bundle that reads tokens
    **{f"{node} {path} is {what}": field(node, path, value)
       for node, path in (("tokens", "words"), ("length", "words"), ("table", "weights.row_length"),
                          ("offset", "start"), ("places", "start"), ("tokens", "type.zero_point"))
       for what, value in BAD_INTEGERS.items() if not (path == "start" and what == "-1")},
    "no words": field("tokens", "words", 0),
    "more words than 16 bits": field("tokens", "words", 65_537),
    "more words than 8 bits": field("length", "words", 257),
    "tokens of 4 bits": field("tokens", "type.dtype", "u4"),
    "tokens with a sign": field("tokens", "type.dtype", "s16"),
    "tokens of another scale": field("tokens", "type.scale", 0.5),
    "rows of 16 bits": field("table", "type.dtype", "u16"),
    "rows of another depth": field("table", "shape", [6, 6]),
    "rows of fewer tokens": field("table", "shape", [5, 5]),
    "a table of no rows": tensor("table/weights/codes", lambda a: a[:0].copy()),
    "a table with biases": tensor("table/weights/bias", lambda a: np.zeros(5, np.int32)),
    "a multiplier for each column": tensor("table/weights/requant/multiplier", lambda a: a[:5].copy()),
    "a table that overflows": field("table", "weights.requant.shift", 30),
    "an offset of 4 bits": field("offset", "type.dtype", "u4"),
    "an offset of another scale": field("offset", "type.scale", 2.0),
    "a mask of two lengths": field("places", "inputs", ["tokens"]),
    "a mask of no places": field("places", "shape", [0]),
    "a mask in two dimensions": field("places", "shape", [2, 3]),
    "a mask of a mask": field("places", "inputs", ["places"]),
}  # fmt: skip


def text_with(old: str, new: str) -> bytes:
    """The whole bundle with a piece of its JSON text replaced; its SHA-256 cannot be right."""
    parts = taken_apart(WHOLE)
    text = json.dumps({"content": parts.content, "sha256": "0" * 64}, sort_keys=True)
    assert old in text
    return container(parts.tensors, text.replace(old, new, 1))


def header(change: Callable[[dict], object]) -> bytes:
    """The whole bundle with another safetensors header."""
    length = int.from_bytes(WHOLE[:8], "little")
    table = json.loads(WHOLE[8 : 8 + length])
    change(table)
    encoded = json.dumps(table).encode()
    return len(encoded).to_bytes(8, "little") + encoded + WHOLE[8 + length :]


def wrong_digests(digests: object) -> bytes:
    parts = taken_apart(WHOLE)
    parts.content["sha256"] = digests
    return signed(parts, digests=False)


PARTS = taken_apart(WHOLE)
RAW = {
    "empty": b"",
    "one byte": b"\0",
    "eight zeros": bytes(8),
    "text": b"not a bundle\n" * 100,
    "gzip": gzip.compress(WHOLE),
    "JSON": json.dumps(PARTS.content).encode(),
    "header of 2**63 bytes": (2**63).to_bytes(8, "little") + WHOLE[8:],
    "header longer than the file": len(WHOLE).to_bytes(8, "little") + WHOLE[8:],
    "header that is no UTF-8": (16).to_bytes(8, "little") + b"\xff" * 16,
    "header nested 100,000 deep": (200_000).to_bytes(8, "little") + b"[" * 100_000 + b"]" * 100_000,
    "twice the file": WHOLE + WHOLE,
    "one byte more": WHOLE + b"\0",
    "no metadata": container(PARTS.tensors, None),
    "metadata of others": header(lambda t: t.update(__metadata__={"format": "pt"})),
    "metadata null": header(lambda t: t.update(__metadata__=None)),
    "no tensors": container({}, json.dumps({"content": PARTS.content, "sha256": "0" * 64})),
    "envelope as list": container(PARTS.tensors, "[]"),
    "envelope as number": container(PARTS.tensors, "1"),
    "envelope without content": container(PARTS.tensors, '{"sha256": ""}'),
    "content as text": container(PARTS.tensors, '{"content": "x", "sha256": ""}'),
    "envelope cut": container(PARTS.tensors, '{"content": {'),
    "content nested 100,000 deep": container(PARTS.tensors, "[" * 100_000 + "]" * 100_000),
    "number of 5000 digits": text_with('"format": 1', f'"format": 1{"0" * 5000}'),
    "number 1e999": text_with('"format": 1', '"format": 1e999'),
    "number NaN": text_with('"format": 1', '"format": NaN'),
    "digests missing": wrong_digests(None),
    "digests as list": wrong_digests([]),
    "digests of nothing": wrong_digests({}),
    "digests as numbers": wrong_digests(dict.fromkeys(PARTS.tensors, 1)),
    "tensors that overlap": header(
        lambda t: t["fc/weights/bias"].update(data_offsets=t["block.conv/weights/bias"]["data_offsets"])
    ),
    "tensor of 2**64 bytes": header(lambda t: t["fc/weights/bias"].update(shape=[2**62])),
    "tensor of negative size": header(lambda t: t["fc/weights/bias"].update(shape=[-5])),
    "tensor of another shape": header(lambda t: t["fc/weights/bias"].update(shape=[5, 1])),
    "tensor of another type": header(lambda t: t["fc/weights/bias"].update(dtype="F32")),
    "tensor of a type unknown to NumPy": header(lambda t: t["fc/weights/bias"].update(dtype="F8_E4M3", shape=[20])),
    "tensor of an unknown type": header(lambda t: t["fc/weights/bias"].update(dtype="X9")),
}  # fmt: skip


def cut(seed: int) -> bytes:
    return WHOLE[: random.Random(seed).randrange(len(WHOLE))]


def flipped(seed: int) -> bytes:
    rng = random.Random(1000 + seed)
    data = bytearray(WHOLE)
    for _ in range(rng.choice((1, 1, 2, 8))):
        data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
    return bytes(data)


CASES: dict[str, Callable[[], bytes]] = {
    **{f"cut {seed}": lambda seed=seed: cut(seed) for seed in range(60)},
    **{f"flipped {seed}": lambda seed=seed: flipped(seed) for seed in range(60)},
    **{f"raw: {what}": lambda what=what: RAW[what] for what in RAW},
    **{f"hostile: {what}": lambda what=what: hostile(HOSTILE[what]) for what in HOSTILE},
    **{f"ends: {what}": lambda what=what: hostile(HOSTILE_ENDS[what], FORKED) for what in HOSTILE_ENDS},
    **{f"tokens: {what}": lambda what=what: hostile(HOSTILE_TOKENS[what], WORDED) for what in HOSTILE_TOKENS},
}
BY_COMMAND = [
    "cut 3", "flipped 7", "raw: empty", "raw: content nested 100,000 deep", "hostile: not a real number",
    "hostile: cycle of two", "hostile: add shape.0 is 10**400", "hostile: node name that ends a comment",
    "hostile: scale NaN", "hostile: bias that overflows",
]  # fmt: skip


def refused_by_command(path: Path, capsys, monkeypatch) -> None:
    """`export` ends with code 2 and one line, and the folder holds no more than before."""
    before = sorted(path.parent.iterdir())
    monkeypatch.setattr(cli, "console", Console(stderr=True))  # what one case cannot print must not stay for the next
    monkeypatch.setattr(sys, "argv", ["mixcomp-edge", "export", str(path), "-o", str(path.parent / "out")])
    with pytest.raises(SystemExit) as end:
        cli.main()
    out, err = capsys.readouterr()
    assert end.value.code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.endswith("\n")
    assert len(err.splitlines()) == 1, err
    assert err.rstrip("\n").isprintable(), err
    assert sorted(path.parent.iterdir()) == before


def test_the_undamaged_bundle_loads_and_so_does_one_signed_here(tmp_path):
    assert signed(taken_apart(FORKED))
    for data in (WHOLE, signed(taken_apart(WHOLE))):
        path = tmp_path / "a.mce"
        path.write_bytes(data)
        export(load_bundle(path), "cortex-m4", tmp_path / "out")
    assert len(CASES) >= 300


@pytest.mark.parametrize("what", CASES)
def test_a_damaged_bundle_is_refused_in_one_line(what, tmp_path, capsys, monkeypatch):
    path = tmp_path / "bad.mce"
    path.write_bytes(CASES[what]())
    start = time.monotonic()
    with pytest.raises(BundleError, match=r"bad\.mce: .") as caught:
        load_bundle(path)
    assert type(caught.value) is BundleError
    refused_by_command(path, capsys, monkeypatch)
    assert time.monotonic() - start < LIMIT_S


@pytest.mark.parametrize("what", ["directory", "sparse", "missing", "loop"])
def test_what_is_no_readable_file_of_a_bundles_size_is_refused(what, tmp_path, capsys, monkeypatch):
    path = tmp_path / "bad.mce"
    if what == "directory":
        path.mkdir()
    elif what == "loop":
        path.symlink_to(path)
    elif what == "sparse":
        path.touch()
        os.truncate(path, 100 << 20)
    with pytest.raises(
        BundleError, match=r"bad\.mce: (cannot read it|is not a file|104857600 bytes; at most 67108864 are read)"
    ):
        load_bundle(path)
    refused_by_command(path, capsys, monkeypatch)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "bad.mce")
    script = "import sys; from pathlib import Path; from mixcomp_edge.bundle import load_bundle\n"
    script += "load_bundle(Path(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "bad.mce")], capture_output=True, timeout=LIMIT_S
    )
    assert b"BundleError" in done.stderr


@pytest.mark.parametrize("what", BY_COMMAND)
def test_the_command_refuses_it_with_code_2_and_one_line(what, tmp_path):
    path = tmp_path / "bad.mce"
    path.write_bytes(CASES[what]())
    done = mixcomp_edge("export", path, "-o", tmp_path / "out", timeout=LIMIT_S)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    assert [p.name for p in tmp_path.iterdir()] == ["bad.mce"]


VALUES = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    7,
    31,
    65_536,
    2**31,
    2**64,
    0.5,
    -0.0,
    "",
    "x",
    "add",
    "u8",
    [],
    [1],
    {},
    "\n",
]


def leaves(value: object, way: tuple = ()) -> list[tuple]:
    """The path of every leaf of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    deeper = [leaf for key, item in items for leaf in leaves(item, (*way, key))]
    return deeper or [way]


@pytest.mark.parametrize("seed", range(120))
def test_a_bundle_with_any_field_replaced_is_refused_or_exports(seed, tmp_path):
    """One kind of error, or a model that is whole enough to be planned, run and printed as C."""
    rng = random.Random(seed)
    parts = taken_apart(WHOLE if seed % 6 else WORDED)
    way = rng.choice(leaves(parts.content["graph"]))
    table = parts.content["graph"]
    for step in way[:-1]:
        table = table[step]
    table[way[-1]] = rng.choice(VALUES)
    path = tmp_path / "odd.mce"
    path.write_bytes(signed(parts))
    try:
        bundle = load_bundle(path)
    except BundleError:
        return
    export(bundle, "cortex-m4", tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["odd.mce", "out"]


@pytest.mark.parametrize("name", ["add__c", "conv2d_u8_w4__c", "kernels", "types", "status"])
def test_a_model_named_like_a_part_of_the_runtime_is_refused_or_keeps_its_source(name, tmp_path):
    """src/mce_add__c.c is a kernel: a model of that name would have its own source replaced."""
    path = tmp_path / "odd.mce"
    path.write_bytes(hostile(graph("name", name)))
    try:
        bundle = load_bundle(path)
    except BundleError:
        return
    export(bundle, "generic", tmp_path / "out")
    assert f"mce_{name}_run(" in (tmp_path / "out" / "src" / f"mce_{name}.c").read_text()


@pytest.mark.parametrize("depth", range(940, 1000, 4))
def test_an_origin_of_any_depth_is_refused_or_exports(depth, tmp_path):
    """Reading and writing JSON recurse; what one can read the other must be able to write."""
    parts = taken_apart(WHOLE)
    parts.content["origin"] = {"deep": nested(min(depth, 900))}
    for _ in range(depth - 900):
        parts.content["origin"] = {"deep": parts.content["origin"]}
    path = tmp_path / "deep.mce"
    path.write_bytes(signed_deep(parts))
    try:
        bundle = load_bundle(path)
    except BundleError:
        return
    export(bundle, "cortex-m4", tmp_path / "out")


def signed_deep(parts: Parts) -> bytes:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        return signed(parts)
    finally:
        sys.setrecursionlimit(limit)
