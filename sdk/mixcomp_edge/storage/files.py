"""A file, whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mixcomp_edge.errors import StorageError
from mixcomp_edge.storage.leftovers import clear
from mixcomp_edge.storage.parts import fill, new_part, probe, sync_names, there, told


def check_file(path: Path) -> None:
    """Raises the StorageError that `write_file` would end with, before the work is done: no folder, or one where
    nothing can be made; a folder, a device or a write-protected file in its place."""
    real = _place(path)
    with told(path):
        probe(real.parent)


def _place(path: Path) -> Path:
    """What `path` names, its links followed, if a file may lie there."""
    with told(path):
        real = Path(os.path.realpath(path))
        if real.is_symlink():
            raise StorageError(f"{path}: is a link that leads to itself.")
        exists = there(real)
        if real.is_dir():
            raise StorageError(f"{path}: is a folder. Name a file.")
        if not real.parent.is_dir():
            raise StorageError(f"{path}: the folder {path.parent} does not exist. Make it first.")
        if exists and not stat.S_ISREG(real.stat().st_mode):
            raise StorageError(f"{path}: is a device or a pipe. Name a file.")
        if exists and not os.access(real, os.W_OK):
            raise StorageError(f"{path}: is write-protected. Name another file, or lift the protection.")
    return real


def write_file(path: Path, data: bytes | str) -> None:
    """Puts a file there or replaces it, keeping its mode; text is UTF-8. StorageError where that cannot be."""
    real = _place(path)
    with told(path):
        clear(real.parent)
        part, handle = new_part(real.parent)
        try:
            fill(handle, data.encode() if isinstance(data, str) else data, like=real)
            os.replace(part, real)
            sync_names(real.parent)
        finally:
            os.close(handle)
            part.unlink(missing_ok=True)
