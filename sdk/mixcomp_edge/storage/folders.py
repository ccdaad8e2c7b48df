"""A folder of files of ours, whole or not at all, in which the user may keep files too.

Ours is what the caller's record of digests says is ours; all else in the folder is the user's and stays, in the same
place. Where a new file of ours must lie on one of the user's, the folder is refused unless forced."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

from mixcomp_edge.errors import StorageError
from mixcomp_edge.storage.exchange import exchange
from mixcomp_edge.storage.leftovers import FRESH, OLD, clear, end, files_in, write_journal
from mixcomp_edge.storage.parts import NEW, fill, new_part, probe, sync_names, there, told

LARGEST = 256 << 20  # of a file that could be ours; a larger one is not read
SHOWN = 10  # names in a message


def check_folder(folder: Path, ours: Mapping[str, str], *, force: bool = False) -> None:
    """Raises the StorageError that `write_folder` would end with, before the work is done.

    ours: relative path -> SHA-256 of the files that an earlier run wrote there. What was changed since is refused
    unless `force`, and so is a folder that holds files but none of ours."""
    real = _place(folder, ours, force=force)
    with told(folder):
        probe(next(path for path in real.parents if there(path)))


def check_room(folder: Path) -> None:
    """StorageError where `make_folder` would end with one, or where no file could be made in the folder."""
    with told(folder):
        if there(folder) and not folder.is_dir():
            raise StorageError(f"{folder}: is a file, not ours. Name a folder.")
        probe(next(path for path in (folder, *Path(os.path.abspath(folder)).parents) if there(path)))


def make_folder(folder: Path) -> None:
    """Makes a folder for single files, where there is none yet."""
    check_room(folder)
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)


def _place(folder: Path, ours: Mapping[str, str], *, force: bool) -> Path:
    """What `folder` names, its links followed, if it may be written."""
    with told(folder):
        real = Path(os.path.realpath(folder))
        if real.is_symlink():
            raise StorageError(f"{folder}: is a link that leads to itself.")
        exists = there(real)
        if exists and not real.is_dir():
            raise StorageError(f"{folder}: is a file, not ours. Name a folder.")
        if real in (Path.cwd(), *Path.cwd().parents):
            raise StorageError(f"{folder}: is the folder that you are in, which cannot be replaced. Name another one.")
        if exists and not os.access(real, os.W_OK | os.X_OK):
            raise StorageError(f"{folder}: is write-protected. Name another folder, or lift the protection.")
        if os.path.ismount(real):
            raise StorageError(f"{folder}: is a mount point, which cannot be replaced. Name a folder inside it.")
        found = _found(real) if exists else []
        if found and not force and not any(name in ours for name in found):
            raise StorageError(
                f"{folder} holds files that are not ours. Name another folder, or pass --force to write among them."
            )
        changed = _changed(real, [name for name in found if name in ours], ours)
        if changed and not force:
            raise StorageError(
                f"{folder}: changed since we wrote it: {_some(changed)}. Keep what you need elsewhere, or pass --force "
                "to have it replaced."
            )
    return real


def write_folder(
    folder: Path, files: Mapping[str, bytes], ours: Mapping[str, str], *, force: bool = False
) -> tuple[str, ...]:
    """Writes the files (relative path -> content) and removes those of `ours` that are no longer among them.

    Returns the files that `force` took: changed since we wrote them, or not ours at all. StorageError where the folder
    cannot be written or is refused; it is then as it was."""
    real = _place(folder, ours, force=force)
    with told(folder):
        real.parent.mkdir(parents=True, exist_ok=True)
        clear(real.parent)
        found = _found(real) if real.exists() else []
        gone = [name for name in found if name in files or name in ours]
        taken = [name for name in _changed(real, gone, ours) if _digest(real / name) != _sha256(files.get(name))]
        if not force and (alien := [name for name in taken if name not in ours]):
            raise StorageError(
                f"{folder}: not ours, and in the way: {_some(alien)}. Move it, or pass --force to lose it."
            )
        kept = [name for name in found if name not in gone]
        _refuse_folders_in_the_way(folder, real, files, kept)
        part, handle = new_part(real.parent, directory=True)
        try:
            _fill(part / FRESH, files, real, kept)
            _replace(part, real, gone)
        finally:
            end(part)
            if handle >= 0:
                os.close(handle)
    return tuple(taken)


def _found(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files_in(folder)]


def _changed(folder: Path, names: list[str], ours: Mapping[str, str]) -> list[str]:
    """Of the files, those whose content is not the one that we wrote."""
    return [name for name in names if _digest(folder / name) != ours.get(name)]


def _digest(path: Path) -> str | None:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256(content: bytes | None) -> str:
    return "" if content is None else hashlib.sha256(content).hexdigest()


def _refuse_folders_in_the_way(folder: Path, real: Path, files: Mapping[str, bytes], kept: list[str]) -> None:
    for name in files:
        if (real / name).is_dir() and not (real / name).is_symlink():
            raise StorageError(f"{folder}: {name} is a folder, and a file of ours goes there. Move it.")
        for above in Path(name).parents:
            if above.as_posix() in kept:
                raise StorageError(f"{folder}: {above} is not a folder, and files of ours go into it. Move it.")


def _fill(fresh: Path, files: Mapping[str, bytes], real: Path, kept: list[str]) -> None:
    """The new folder: our files, and links to the user's. What has not changed is linked too and keeps its date."""
    fresh.mkdir()
    for name in kept:
        (fresh / name).parent.mkdir(parents=True, exist_ok=True)
        _link(real / name, fresh / name)
    for name, content in files.items():
        (fresh / name).parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(real / name) and _digest(real / name) == _sha256(content):
            _link(real / name, fresh / name)
            continue
        handle = os.open(fresh / name, NEW, 0o666)
        try:
            fill(handle, content, like=real / name)
        finally:
            os.close(handle)
    for root, folders, inside in os.walk(real, topdown=False):
        place = fresh / Path(root).relative_to(real)
        if not (folders or inside):  # an empty folder of the user's
            place.mkdir(parents=True, exist_ok=True)
        if place.is_dir():
            shutil.copystat(root, place)
    for root, _, _ in os.walk(fresh):
        sync_names(Path(root))


def _link(source: Path, place: Path) -> None:
    try:
        os.link(source, place, follow_symlinks=False)
    except (OSError, NotImplementedError):  # a file system without links, or a file of somebody else's
        shutil.copy2(source, place, follow_symlinks=False)


def _replace(part: Path, real: Path, gone: list[str]) -> None:
    """The fresh folder takes the place of the old one."""
    fresh, old = part / FRESH, part / OLD
    if not there(real):
        os.rename(fresh, real)
    else:
        write_journal(part, real, gone)
        sync_names(part)
        if not exchange(fresh, real):
            os.rename(real, old)
            os.rename(fresh, real)
    sync_names(real.parent)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
