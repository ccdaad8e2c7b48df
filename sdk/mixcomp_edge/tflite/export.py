"""A bundle as a .tflite file on disk, and beside it C++ with the op resolver that the file needs."""

from __future__ import annotations

import json
from pathlib import Path

from mixcomp_edge import __version__
from mixcomp_edge.bundle import Bundle
from mixcomp_edge.storage import check_file, write_file
from mixcomp_edge.tflite.decode import decoded
from mixcomp_edge.tflite.network import Network, network
from mixcomp_edge.tflite.resolver import beside, resolver
from mixcomp_edge.tflite.writer import write

METADATA = "mixcomp-edge"  # its entry in the file: JSON with the version that wrote it and the digest of the bundle


def content(bundle: Bundle, *, decode: bool = False) -> tuple[Network, bytes]:
    """The network and the bytes of its file. decode: weights of 4 bits that no int4 holds as codes and a table.
    UnsupportedError for what TensorFlow Lite Micro lacks."""
    origin = {"bundle_sha256": bundle.sha256, "model": bundle.graph.name, "version": __version__}
    found = decoded(network(bundle.graph)) if decode else network(bundle.graph)
    return found, write(found, {METADATA: json.dumps(origin, sort_keys=True).encode()})


def export(bundle: Bundle, path: Path, *, decode: bool = False) -> tuple[Network, bytes]:
    """Writes both, each whole or not at all; StorageError where they cannot be written."""
    found, data = content(bundle, decode=decode)
    snippet = beside(path)
    check_file(snippet)
    write_file(path, data)
    write_file(snippet, resolver(found))
    return found, data
