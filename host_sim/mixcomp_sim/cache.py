"""The folder of the user's machine in which compiled things are kept, each under a name that says what
it is made of and the digest of its content, so that a damaged one is made again."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path

_LARGEST = 16 << 20  # of a file


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


def find(folder: Path, name: str, suffix: str) -> Path | None:
    """The file that is kept under a name; one that was truncated or damaged goes."""
    for known in folder.glob(f"{name}-*{suffix}"):
        if known.name == f"{name}-{_digest(known)}{suffix}":
            return known
        known.unlink(missing_ok=True)
    return None


def keep(folder: Path, name: str, suffix: str, made: Path) -> Path:
    """Moves a file of the same disk to where `find` finds it. Two processes may both make it: each renames its own, and
    either is right."""
    return made.replace(folder / f"{name}-{_digest(made)}{suffix}")


def _digest(path: Path) -> str:
    """Of a file's content; empty for what is no file."""
    found = path.lstat()
    ours = stat.S_ISREG(found.st_mode) and found.st_size <= _LARGEST
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if ours else ""
