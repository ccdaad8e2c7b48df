"""Object files that were compiled before. What an export compiles is mostly kernels, and other exports have the same.

An object follows from the compiler, its flags and the preprocessed text, and from nothing else: the folders that the
text came from are mapped to their names, in the debug information, too."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from mixcomp_sim.cache import find, keep

KEPT = 4_000  # files; the oldest go
SUFFIX = ".o"


def digest_of(words: list[str], text: str, folders: list[Path]) -> str:
    """Of what an object is made of: the compiler's words, and the text behind the preprocessor."""
    for folder in folders:
        words = [word.replace(str(folder), folder.name) for word in words]
        text = text.replace(str(folder), folder.name)
    return sha256("\0".join([*words, text]).encode()).hexdigest()[:32]


def prefix_maps(folders: list[Path]) -> list[str]:
    return [f"-ffile-prefix-map={folder}={folder.name}" for folder in folders]


def kept(store: Path, digest: str, output: Path, compile_it: Callable[[], object]) -> None:
    """Writes the object of that digest to `output`: a copy of the stored one, or what `compile_it` makes, which is then
    stored."""
    with suppress(OSError):  # another process may take the oldest away
        if (found := find(store, digest, SUFFIX)) is not None:
            output.write_bytes(found.read_bytes())
            return
    compile_it()
    with suppress(OSError):  # a full disk costs the next one the time
        _store(store, digest, output.read_bytes())


def _store(store: Path, digest: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory(dir=store) as work:
        part = Path(work) / "object"
        part.write_bytes(content)
        keep(store, digest, SUFFIX, part)
    files = [entry for entry in os.scandir(store) if entry.name.endswith(SUFFIX)]
    if len(files) > KEPT:
        for entry in sorted(files, key=lambda entry: entry.stat().st_mtime)[: KEPT // 4]:
            Path(entry.path).unlink(missing_ok=True)
