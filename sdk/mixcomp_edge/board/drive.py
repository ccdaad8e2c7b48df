"""Boards whose boot ROM shows a USB drive: a UF2 file copied there is programmed, and the drive goes away."""

from __future__ import annotations

import os
import string
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mixcomp_edge.board.probe import Progress
from mixcomp_edge.errors import BoardError
from mixcomp_edge.targets.boards import Board

FILE_NAME = "mixcomp.uf2"
COPY_BYTES = 16 << 10
POLL_S = 0.25


@dataclass(frozen=True)
class Drive:
    """A mounted UF2 drive; `kind` is its Board-ID."""

    folder: Path
    kind: str


def drives(folders: list[Path] | None = None) -> list[Drive]:
    """The UF2 drives among the mounted folders (of this machine, unless given)."""
    found = []
    for folder in mounted() if folders is None else folders:
        try:
            lines = (folder / "INFO_UF2.TXT").read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            continue
        kinds = [line.partition(":")[2].strip() for line in lines if line.startswith("Board-ID:")]
        found += [Drive(folder, kind) for kind in kinds[:1]]
    return found


def mounted() -> list[Path]:
    """Where a drive may lie on this machine."""
    if sys.platform == "win32":
        return [Path(f"{letter}:/") for letter in string.ascii_uppercase]
    if sys.platform == "darwin":
        return sorted(Path("/Volumes").glob("*"))
    try:
        lines = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    points = [line.split()[1] for line in lines if line.startswith("/dev/")]
    return [Path(point.replace(r"\040", " ")) for point in points]


def wait_for_drive(board: Board, wait_s: float, look: Callable[[], list[Drive]] = drives) -> Drive:
    """The board's drive, once it is there."""
    kind = board.uf2_drive
    deadline = time.monotonic() + wait_s
    while True:
        seen = look()
        fitting = [drive for drive in seen if drive.kind == kind]
        if len(fitting) == 1:
            return fitting[0]
        if len(fitting) > 1:
            places = ", ".join(str(drive.folder) for drive in fitting)
            raise BoardError(f"{len(fitting)} boards show a drive {kind}: {places}. Choose one with --drive.")
        if time.monotonic() >= deadline:
            others = "".join(f"; {drive.folder} is {drive.kind}, another chip" for drive in seen)
            raise BoardError(
                f"no drive {kind} came within {wait_s:g} s{others}. Hold BOOTSEL while you plug {board.name} in, "
                "mount the drive if your system does not, or name it with --drive."
            )
        time.sleep(POLL_S)


def copy_to_drive(data: bytes, drive: Drive, board: Board, *, timeout_s: float, progress: Progress) -> None:
    """Writes the file piece by piece, each out of the operating system's hands before the next.

    The board restarts when the last block has come, so that an error behind it is the drive going away as it should. A
    copy that is broken off is harmless: the ROM starts a program only when every block of it has come."""
    if drive.kind != board.uf2_drive:
        raise BoardError(f"{drive.folder} is a drive of {drive.kind}; {board.name} shows {board.uf2_drive}.")
    deadline = time.monotonic() + timeout_s
    path, done = drive.folder / FILE_NAME, 0
    try:
        with path.open("wb", buffering=0) as file:
            for piece in _pieces(data):
                file.write(piece)
                done += len(piece)
                os.fsync(file.fileno())
                progress("copy", done, len(data))
                if time.monotonic() > deadline and done < len(data):
                    raise BoardError(
                        f"{drive.folder}: only {done:,} of {len(data):,} B went through in {timeout_s:g} s. Plug "
                        f"{board.name} in again with BOOTSEL held, then flash again; --timeout gives it longer."
                    )
    except OSError as error:
        if done < len(data):
            raise BoardError(
                f"{drive.folder}: the copy broke off after {done:,} of {len(data):,} B ({error.strerror}). Plug "
                f"{board.name} in again with BOOTSEL held, then flash again."
            ) from error
        progress("copy", done, len(data))


def _pieces(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), COPY_BYTES):
        yield data[at : at + COPY_BYTES]
