"""An exported folder onto its board: built, checked against the board's memory, programmed the board's way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mixcomp_edge.board import drive as drives
from mixcomp_edge.board.answer import await_answer, start
from mixcomp_edge.board.probe import Progress, program
from mixcomp_edge.board.qemu import QemuBoard
from mixcomp_edge.board.uf2 import encode_uf2
from mixcomp_edge.build.image import Image, read_image
from mixcomp_edge.errors import BoardError
from mixcomp_edge.targets.boards import Board

TIMEOUT_S = 120.0
WAIT_S = 30.0  # for a person to press a button


@dataclass(frozen=True)
class Flashed:
    """What was programmed, how (`qemu`, `pyocd`, `uf2`) and where: a probe, a drive, an emulator."""

    board: str
    method: str
    where: str
    flash_bytes: int
    ram_bytes: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Way:
    """How to reach the board: `probe` is part of a probe's id, `drive` a mounted UF2 drive; None is looked for. `port`
    is where the firmware must answer: a serial port, or a TCP port for QEMU; `terminal`: QEMU's pseudo terminal."""

    probe: str | None = None
    drive: Path | None = None
    port: str | None = None
    terminal: bool = False
    wait_s: float = WAIT_S
    timeout_s: float = TIMEOUT_S


def install(
    elf: Path, board: Board, build_id: bytes, way: Way, progress: Progress, say: Callable[[str], None]
) -> tuple[Flashed, QemuBoard | None]:
    """Programs a board, real or QEMU's, and hears the firmware's answer where it can. The machine, if any, runs on."""
    if board.flash != "qemu":
        if way.terminal:
            raise BoardError(f"--pty is for boards that QEMU plays; {board.name} has a serial port of its own: --port.")
        result = flash(elf, board, way, progress, say)
        if way.port is not None:
            await_answer(way.port, build_id, baud=board.baud)
        return result, None
    if way.probe is not None or way.drive is not None:
        raise BoardError(f"QEMU plays {board.name}: it has neither a probe nor a drive. Drop --probe and --drive.")
    if way.port is not None and not (way.port.isdecimal() and 0 < int(way.port) < 65536):
        raise BoardError(f"--port {way.port}: for a board of QEMU it is a TCP port of this machine, 1 to 65535.")
    if way.terminal and way.port is not None:
        raise BoardError("--pty and --port are two places for one UART. Give one of them.")
    image = read_image(elf, board)
    machine = start(elf, board, build_id, int(way.port or 0), terminal=way.terminal)
    return Flashed(board.name, "qemu", machine.url, image.flash_bytes, image.ram_bytes), machine


def flash(elf: Path, board: Board, way: Way, progress: Progress, say: Callable[[str], None]) -> Flashed:
    """Programs a real board. say: what a person has to do now."""
    image = read_image(elf, board)
    if board.flash == "uf2" and way.probe is None:
        return _copy(elf, image, board, way, progress, say)
    if way.drive is not None:
        raise BoardError(f"{board.name} is programmed through a debug probe; --drive is for boards with a UF2 drive.")
    if not board.pyocd:
        raise BoardError(f"{board.name} is not programmed through a debug probe, but by {board.flash}.")
    probe = program(elf, image, board, probe=way.probe, timeout_s=way.timeout_s, progress=progress)
    return Flashed(board.name, "pyocd", f"{probe.id} ({probe.description})", image.flash_bytes, image.ram_bytes)


def _copy(elf: Path, image: Image, board: Board, way: Way, progress: Progress, say: Callable[[str], None]) -> Flashed:
    data = encode_uf2(image.chunks, board.uf2_family)
    _write(elf.with_suffix(".uf2"), data)
    if way.drive is not None:
        found = drives.drives([way.drive])
        if not found:
            raise BoardError(f"{way.drive} is no UF2 drive (no INFO_UF2.TXT). Plug {board.name} in with BOOTSEL held.")
        place = found[0]
    else:
        if not drives.drives():
            say(f"Hold BOOTSEL and plug {board.name} in: its drive {board.uf2_drive} is awaited for {way.wait_s:g} s.")
        place = drives.wait_for_drive(board, way.wait_s)
    drives.copy_to_drive(data, place, board, timeout_s=way.timeout_s, progress=progress)
    return Flashed(board.name, "uf2", str(place.folder), image.flash_bytes, image.ram_bytes)


def _write(path: Path, data: bytes) -> None:
    """For those who copy by hand: the file, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise BoardError(f"{path}: cannot write it ({error.strerror}).") from error
    finally:
        part.unlink(missing_ok=True)
