"""The .mce file: one safetensors file with the integer graph, its tensors, and where they come from.

Saving the same model twice gives the same bytes. Loading checks every byte (SHA-256) and every rule of the IR, and
never runs code: a file that is cut, damaged or hostile is a BundleError that says what is wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import ArrayLike, NDArray

from mixcomp_edge.codec import decode_graph, encode_graph
from mixcomp_edge.documents import MAX_BYTES as MAX_TEXT_BYTES
from mixcomp_edge.documents import parse_json, read_bytes
from mixcomp_edge.errors import BundleError, GraphError, MixcompError
from mixcomp_edge.ir import ends, interp
from mixcomp_edge.ir.class_names import class_names
from mixcomp_edge.ir.cost import check_cost
from mixcomp_edge.ir.graph import CONTRACTS, Graph
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.storage import write_file
from mixcomp_edge.streaming import Session, step_form

FORMATS = (1, 2, 3)  # 2: several inputs or outputs, 3: a step of a stream
KEY = "mixcomp"  # of the metadata entry; one entry, because safetensors writes several in any order
MAX_BYTES = 64 << 20
MAX_MESSAGE = 600  # characters
MAX_DEPTH = 32  # of the origin's JSON


@dataclass(frozen=True, eq=False)
class Bundle:
    """An integer graph and its origin. `origin` holds plan, recipe, versions and measurements: strings and numbers."""

    graph: Graph
    origin: dict[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The whole file."""
        description, tensors = encode_graph(self.graph)
        try:
            origin = json.loads(json.dumps(self.origin, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise BundleError(f"the origin must be text, finite numbers, lists and tables: {error}.") from error
        content = {
            "format": _format(self.graph),
            "contract": self.graph.contract,
            "graph": description,
            "origin": origin,
            "sha256": {name: _tensor_digest(tensor) for name, tensor in sorted(tensors.items())},
        }
        text = json.dumps({"content": content, "sha256": _content_digest(content)}, sort_keys=True, allow_nan=False)
        data = safetensors.numpy.save(dict(sorted(tensors.items())), {KEY: text})
        if len(data) > MAX_BYTES or _header_bytes(data) > MAX_TEXT_BYTES:
            raise BundleError(f"{self.graph.name}: takes {len(data)} bytes, more than a bundle may have.")
        return data

    def predict(
        self, x: ArrayLike | Mapping[str, ArrayLike], progress: Callable[[int, int], None] = lambda done, of: None
    ) -> NDArray[np.float32] | dict[str, NDArray[np.float32]]:
        """What the integers make of real numbers x (N, C, ...), channels first as in PyTorch, as real numbers in that
        order, (N, 1) where the model gives (N,); of several inputs or outputs a dictionary by name. It is what the C
        computes, to the bit. GraphError for a name or shape that the model has not."""
        sources, sinks = ends.inputs(self.graph), ends.outputs(self.graph)
        given = x if isinstance(x, Mapping) else {sources[0].name: x}
        names = [end.name for end in sources]
        if sorted(given) != sorted(names):
            raise GraphError(f"{self.graph.name}: takes {', '.join(names)}; given are {', '.join(sorted(given))}.")
        values = tuple(_quantized(end, np.asarray(given[end.name])) for end in sources)
        found = interp.predict(self.graph, values, progress)
        real = {end.name: end.real(value) for end, value in zip(sinks, found, strict=True)}
        return real if len(real) > 1 or isinstance(x, Mapping) else next(iter(real.values()))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, () where the task that made it had none."""
        shapes = [(end.node.shape[-1], *end.node.shape[:-1]) for end in ends.outputs(self.graph)]
        return class_names(self.origin, shapes)

    def stream(self, frames: int, dim: int | None = None) -> Bundle:
        """The model's step form: it takes so many frames at a time, and its outputs, one behind the other, are those of
        the whole sequence at once. dim: PyTorch's number of the dimension along which frames lie, where more than one
        could be. StreamError, which names the module, where the model needs later frames."""
        form = step_form(self.graph, frames, dim)
        return Bundle(form.graph, {**self.origin, "stream": form.as_dict()})

    def session(self) -> Session:
        """A stream of a step form, in Python: integers in, integers out, step by step."""
        return Session(self.graph)

    @property
    def sha256(self) -> str:
        """Hex digest of the file."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def _format(graph: Graph) -> int:
    """That of a file which holds it."""
    return 3 if graph.kept else 1 if graph.has_one_of_each else 2


def _quantized(end: ends.End, x: NDArray[Any]) -> NDArray[np.int64]:
    """The integers of real numbers (N, C, ...)."""
    shape = (end.node.shape[-1], *end.node.shape[:-1])
    if x.ndim < 1 or x.shape[1:] != shape or x.dtype.kind not in "uifb":
        raise GraphError(
            f"{end.title}: {x.dtype} of shape {x.shape}; the model takes numbers (N, {', '.join(map(str, shape))})."
        )
    return end.node.quantize(np.moveaxis(x.astype(np.float32), 1, -1))  # type: ignore[attr-defined]


def save_bundle(bundle: Bundle, path: str | Path) -> None:
    """Writes the file whole or not at all; StorageError where it cannot be written."""
    write_file(Path(path), bundle.to_bytes())


def load_bundle(path: str | Path) -> Bundle:
    """The bundle in a file, every rule checked; one that asks for more than a microcontroller has is refused."""
    data = read_bytes(Path(path), MAX_BYTES, BundleError)
    try:
        bundle = parse_bundle(data)
        check_cost(bundle.graph)
    except MixcompError as error:
        raise BundleError(f"{path}: {_one_line(str(error))}") from error
    return bundle


def _one_line(text: str) -> str:
    """Short, and without what a terminal might act on: a hostile file chooses the names that a message repeats."""
    text = text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE // 2]} … {text[-MAX_MESSAGE // 2 :]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def parse_bundle(data: bytes) -> Bundle:
    """The bundle in the bytes of a file."""
    content, tensors = _read_container(data)
    if type(content.get("format")) is not int or content["format"] not in FORMATS:
        raise BundleError(f"has format {content.get('format')!r}; this version reads 1 to 3. Export it again.")
    if content.get("contract") not in CONTRACTS:
        raise BundleError(f"rounds by {content.get('contract')!r}; this version knows {' and '.join(CONTRACTS)}.")
    digests = content.get("sha256")
    if not isinstance(digests, dict) or set(digests) != set(tensors):
        raise BundleError("its list of tensors and its tensors differ.")
    for name, tensor in tensors.items():
        if _tensor_digest(tensor) != digests[name]:
            raise BundleError(f"the tensor {name!r} is damaged: its SHA-256 differs from the recorded one.")
    if not isinstance(content.get("origin"), dict) or _depth(content["origin"]) > MAX_DEPTH:
        raise BundleError("has no record of its origin, or one that is too deep.")
    try:
        graph = verify(replace(decode_graph(content.get("graph"), tensors), contract=content["contract"]))
    except MixcompError:
        raise
    except Exception as error:  # whatever a hostile description may provoke, the caller sees one kind of error
        raise BundleError(f"its graph cannot be read ({type(error).__name__}: {str(error)[:120]}).") from error
    if content["format"] != _format(graph):
        raise BundleError(f"has format {content['format']}, which is not that of its inputs and outputs.")
    return Bundle(graph, content["origin"])


def _read_container(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The JSON content, its digest checked, and the tensors of a safetensors file."""
    length = _header_bytes(data)
    if length > MAX_TEXT_BYTES:
        raise BundleError(f"has a header of {length} bytes; at most {MAX_TEXT_BYTES} are read.")
    try:
        tensors = safetensors.numpy.load(data)
        metadata = parse_json(data[8 : 8 + length], BundleError, "its header")["__metadata__"]
        envelope = parse_json(metadata[KEY], BundleError, "its graph")
        content, digest = envelope["content"], envelope["sha256"]
        intact = isinstance(content, dict) and _content_digest(content) == digest
    except BundleError:
        raise
    except (KeyError, TypeError, AttributeError):
        raise BundleError("is a safetensors file, but not a mixcomp-edge bundle.") from None
    except (Exception, RecursionError) as error:  # safetensors raises its own kinds, some of them undocumented
        raise BundleError(f"is not a whole safetensors file ({str(error)[:120]}).") from None
    if not intact:
        raise BundleError("its graph is damaged: the SHA-256 differs from the recorded one.")
    return content, tensors


def _header_bytes(data: bytes) -> int:
    return int.from_bytes(data[:8], "little")


def _depth(value: Any) -> int:
    """How deep the lists and tables of a JSON value are nested."""
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth


def _tensor_digest(tensor: np.ndarray) -> str:
    header = f"{tensor.dtype.str}{tensor.shape}".encode()
    return hashlib.sha256(header + np.ascontiguousarray(tensor).tobytes()).hexdigest()


def _content_digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()
