"""Hidden files and folders that become what was asked for. Each is locked while its maker lives: one without a lock was
left by a process that was killed."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from mixcomp_edge.errors import StorageError

if sys.platform != "win32":
    import fcntl

PREFIX, DIGITS = ".mixcomp-", 16
NEW = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """What the system says against it becomes a StorageError that names the path."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path}: cannot write it ({error.strerror or error}).") from error
    except ValueError as error:  # a zero byte in the name
        raise StorageError(f"{str(path)!r}: cannot be the name of a file ({error}).") from error


def there(path: Path) -> bool:
    """Whether something has this name; a link counts for what it leads to. OSError for a name that nothing can have."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def new_part(folder: Path, *, directory: bool = False) -> tuple[Path, int]:
    """A new hidden file (mode as the umask has it) or folder in `folder`, and the descriptor that holds its lock."""
    while True:
        path = folder / f"{PREFIX}{secrets.token_hex(DIGITS // 2)}"
        if directory:
            path.mkdir()
            handle = -1 if sys.platform == "win32" else os.open(path, os.O_RDONLY)
        else:
            handle = os.open(path, NEW, 0o666)
        if sys.platform == "win32":
            return path, handle
        with contextlib.suppress(OSError):  # a file system without locks: there nothing counts as left behind
            fcntl.flock(handle, fcntl.LOCK_EX)
        if there(path) and os.path.samestat(path.stat(), os.fstat(handle)):
            return path, handle
        os.close(handle)  # cleared away as a left one in the moment before the lock


def probe(folder: Path) -> None:
    """OSError where nothing can be made in a folder."""
    part, handle = new_part(folder)
    os.close(handle)
    part.unlink()


def abandoned(folder: Path) -> Iterator[Path]:
    """The parts in a folder whose makers are gone, each locked for as long as the caller looks at it."""
    if sys.platform == "win32":
        return
    for entry in list(os.scandir(folder)):
        if not entry.name.startswith(PREFIX) or len(entry.name) != len(PREFIX) + DIGITS:
            continue
        try:
            handle = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:  # a link, or not ours to open
            continue
        try:
            found = os.fstat(handle)
            if (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)) and found.st_uid == os.geteuid():
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield Path(entry.path)
        except OSError:  # its maker lives
            continue
        finally:
            os.close(handle)


def fill(handle: int, content: bytes, like: Path) -> None:
    """Writes all of the content into a new file and onto the disk; its mode becomes that of `like`, if there is one."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]
    if there(like) and sys.platform != "win32":
        os.fchmod(handle, stat.S_IMODE(like.stat().st_mode))
    os.fsync(handle)


def sync_names(folder: Path) -> None:
    """Waits until a folder's list of names is on the disk, where the system has a way to ask for it."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
