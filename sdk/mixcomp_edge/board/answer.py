"""Whether the firmware that was just programmed is the one that answers."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from mixcomp_edge.board.messages import Hello
from mixcomp_edge.board.port import Port
from mixcomp_edge.board.qemu import QemuBoard
from mixcomp_edge.board.session import Session
from mixcomp_edge.errors import BoardError
from mixcomp_edge.targets.boards import BAUD, Board

ANSWER_S = 10.0  # from the reset to the first answer


def await_answer(url: str, build_id: bytes, *, baud: int = BAUD, limit_s: float = ANSWER_S) -> Hello:
    """The hello of the firmware at a port, once it is the one with this build id; another or none is an error.

    The port may be gone for a while after a reset, and what was programmed before may answer until then."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            hello = ask(url, patience=2.0, baud=baud)
            if hello.build_id == build_id.hex():
                return hello
            problem = BoardError(
                f"{url}: answers as another firmware: model '{hello.model}' for {hello.board}, build {hello.build_id}, "
                f"not {build_id.hex()}. Is this the port of the board that was programmed?"
            )
        except BoardError as error:
            problem = error
        if time.monotonic() > deadline:
            raise problem
        time.sleep(0.2)


def ask(url: str, *, patience: float, baud: int = BAUD) -> Hello:
    """The hello of the firmware at a port, which is closed again."""
    with contextlib.closing(Session(Port(url, baud), patience=patience)) as session:
        return session.hello


def start(elf: Path, board: Board, build_id: bytes, port: int, *, terminal: bool = False) -> QemuBoard:
    """The board, played by QEMU, once its firmware has answered. The caller ends it."""
    machine = QemuBoard(board, elf, port, terminal=terminal)
    try:
        await_answer(machine.url, build_id)
    except BaseException:
        machine.close()
        raise
    return machine
