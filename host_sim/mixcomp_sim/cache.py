"""The folder of the user's machine in which compiled things are kept."""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path


@cache
def _temporary() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="mixcomp-edge-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def cache_folder(part: str) -> Path:
    """That part of $MIXCOMP_CACHE or of the user's cache folder. It is ours alone, since what lies there is loaded or
    linked; where that cannot be, a private temporary folder."""
    if chosen := os.environ.get("MIXCOMP_CACHE"):
        folder = Path(chosen)
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "mixcomp-edge"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mixcomp-edge"
    private = folder / part
    try:
        folder.mkdir(parents=True, exist_ok=True)
        private.mkdir(mode=0o700, exist_ok=True)
        if _is_ours(private, folder) and os.access(private, os.W_OK):
            return private
    except (OSError, ValueError):
        pass
    private = _temporary() / part
    private.mkdir(exist_ok=True)
    return private


def _is_ours(folder: Path, parent: Path) -> bool:
    """Whether nobody else can write into the folder, or put another in its place."""
    if not hasattr(os, "geteuid"):
        return True
    found, above = folder.lstat(), parent.stat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return False
    if found.st_mode & 0o077:
        folder.chmod(0o700)
    return not above.st_mode & 0o022 or bool(above.st_mode & stat.S_ISVTX)
