"""Programming through a debug probe (CMSIS-DAP, ST-LINK, J-Link) by pyOCD, and reading back what was programmed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixcomp_edge.build.image import Image
from mixcomp_edge.errors import BoardError, ToolchainError
from mixcomp_edge.targets.boards import Board

Progress = Callable[[str, int, int], None]  # what, done, of: bytes
SWD_HZ = 4_000_000  # every probe and every chip of ours can
READ_BYTES = 4096


@dataclass(frozen=True)
class Probe:
    """A probe on this machine; `id` is what --probe takes, whole or in part."""

    id: str
    description: str


def probes() -> list[Probe]:
    """The probes that pyOCD sees."""
    with _pyocd() as (connect, _):
        found = connect.get_all_connected_probes(blocking=False, print_wait_message=False)
        return [Probe(probe.unique_id, probe.description) for probe in found]


def choose(found: list[Probe], wanted: str | None) -> Probe:
    """The only probe, or the only one whose id contains `wanted`."""
    fitting = [probe for probe in found if wanted is None or wanted.lower() in probe.id.lower()]
    if len(fitting) == 1:
        return fitting[0]
    seen = "; ".join(f"{probe.id} ({probe.description})" for probe in found) or "none"
    if not fitting:
        which = f"no debug probe '{wanted}'" if wanted else "no debug probe"
        raise BoardError(
            f"{which} found; seen: {seen}. Plug in the board's USB; `mixcomp-edge doctor` says what blocks it."
        )
    raise BoardError(f"{len(fitting)} debug probes fit: {seen}. Choose one with --probe ID.")


def program(elf: Path, image: Image, board: Board, *, probe: str | None, timeout_s: float, progress: Progress) -> Probe:
    """Erases what the image needs, programs it, reads it back and resets the board.

    timeout_s bounds the whole; what the user breaks off in the middle leaves a board that must be flashed again."""
    chosen = choose(probes(), probe)
    deadline = time.monotonic() + timeout_s

    def tell(what: str, done: int, of: int) -> None:
        if time.monotonic() > deadline:
            raise BoardError(
                f"{board.name}: {what} took more than {timeout_s:g} s. Plug the board in again, then flash again; "
                "--timeout gives it longer."
            )
        progress(what, done, of)

    size = image.flash_bytes
    options = {"target_override": board.pyocd, "frequency": SWD_HZ, "no_config": True, "chip_erase": "sector"}
    with _pyocd(board) as (connect, programmer):
        session = connect.session_with_chosen_probe(blocking=False, unique_id=chosen.id, options=options)
        if session is None:
            raise BoardError(f"the debug probe {chosen.id} went away. Plug it in again.")
        with session:
            loader = programmer(session, progress=lambda part: tell("program", int(part * size), size))
            loader.program(str(elf), file_format="elf")
            _compare(session.target, image, board, tell)
            session.target.reset()
    return chosen


def _compare(target: Any, image: Image, board: Board, progress: Progress) -> None:
    done = 0
    for chunk in image.chunks:
        for offset in range(0, len(chunk.data), READ_BYTES):
            expected = chunk.data[offset : offset + READ_BYTES]
            got = bytes(target.read_memory_block8(chunk.address + offset, len(expected)))
            if got != expected:
                at = next(i for i, (a, b) in enumerate(zip(expected, got, strict=True)) if a != b)
                raise BoardError(
                    f"{board.name}: the flash holds 0x{got[at]:02x} at 0x{chunk.address + offset + at:08x} where 0x"
                    f"{expected[at]:02x} was programmed. Flash again; if it stays, the flash or the supply is at fault."
                )
            done += len(expected)
            progress("read back", done, image.flash_bytes)


@contextmanager
def _pyocd(board: Board | None = None) -> Iterator[tuple[Any, Any]]:
    """(ConnectHelper, FileProgrammer) of pyOCD; its errors become ours."""
    try:
        from pyocd.core import exceptions
        from pyocd.core.helpers import ConnectHelper
        from pyocd.flash.file_programmer import FileProgrammer
    except ModuleNotFoundError as error:
        raise ToolchainError("a debug probe needs pyOCD: pip install 'mixcomp-edge[probe]'") from error
    try:
        yield ConnectHelper, FileProgrammer
    except exceptions.TargetSupportError as error:
        assert board is not None
        raise BoardError(
            f"pyOCD does not know the chip {board.pyocd} yet. Run `pyocd pack install {board.pyocd}` once."
        ) from error
    except (exceptions.Error, OSError) as error:
        where = board.name if board else "debug probe"
        what = str(error) or type(error).__name__
        raise BoardError(
            f"{where}: pyOCD failed: {what}. Plug the board in again, then flash again; `mixcomp-edge doctor` says "
            "whether this user may open the probe."
        ) from error
