"""How a folder's replacement ends, and what is done about one, or about a file, whose maker was killed.

A folder is replaced from a part beside it: a hidden folder with `fresh`, the new one, in which the user's files are
linked, and a journal. Then the two change places, or the old one goes to `old` and `fresh` to its place. What is left
in the part is the old one: its files that the journal calls gone, and second links to the user's."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Collection
from pathlib import Path

from mixcomp_edge.documents import read_json
from mixcomp_edge.errors import StorageError
from mixcomp_edge.storage.parts import abandoned

FRESH, OLD, JOURNAL = "fresh", "old", "journal"


def clear(folder: Path) -> None:
    """Ends or undoes what killed processes were about in a folder, and removes what they left."""
    with contextlib.suppress(OSError):
        for part in abandoned(folder):
            # It must not keep us from our own work.
            with contextlib.suppress(OSError, StorageError, ValueError, KeyError, TypeError):
                end(part) if part.is_dir() else part.unlink()


def write_journal(part: Path, target: Path, gone: Collection[str]) -> None:
    """Says what the part is about to replace, and which of the old files are to go."""
    content = {"folder": os.fsencode(target.name).hex(), "inode": (part / FRESH).stat().st_ino, "gone": sorted(gone)}
    with (part / "new").open("w") as file:
        file.write(json.dumps(content))
        file.flush()
        os.fsync(file.fileno())
    os.replace(part / "new", part / JOURNAL)


def end(part: Path) -> None:
    """Removes a part, wherever its maker has stopped: the old folder is back in its place, or the new one is in it."""
    fresh, old = part / FRESH, part / OLD
    if (part / JOURNAL).exists():
        journal = read_json(part / JOURNAL, StorageError)
        target = part.parent / Path(os.fsdecode(bytes.fromhex(journal["folder"]))).name
        if _is(fresh, journal["inode"]):
            if old.exists():  # stopped between two renames
                os.rename(old, target)
        elif _is(target, journal["inode"]):
            _unprotect(part)
            _keep(fresh if fresh.exists() else old, target, journal["gone"])
    _unprotect(part)
    shutil.rmtree(part)


def _unprotect(part: Path) -> None:
    """Folders of the user's may be write-protected; their copies are about to go."""
    for root, _, _ in os.walk(part):
        os.chmod(root, 0o700)


def _is(path: Path, inode: int) -> bool:
    return path.exists() and path.stat().st_ino == inode


def _keep(old: Path, new: Path, gone: Collection[str]) -> None:
    """Moves what is the user's from a folder into the one that replaced it, where it is not there by a link."""
    for path in files_in(old) if old.exists() else ():
        name = path.relative_to(old).as_posix()
        if name not in gone and not (
            os.path.lexists(new / name) and os.path.samestat(path.lstat(), (new / name).lstat())
        ):
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, new / name)


def files_in(folder: Path) -> list[Path]:
    """Everything below a folder that is no folder, by path; links are not followed."""
    found = []
    for root, folders, files in os.walk(folder, onerror=_fail):
        links = [name for name in folders if os.path.islink(os.path.join(root, name))]
        found += [Path(root) / name for name in (*files, *links)]
    return sorted(found)


def _fail(error: OSError) -> None:
    raise error
