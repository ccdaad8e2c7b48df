"""What answers at a serial port: our firmware, well or ill, a stale one, one at another baud rate, or nobody."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterable

from mixcomp_edge.board.port import Port, PortLost
from mixcomp_edge.board.session import Session
from mixcomp_edge.doctor.check import Check
from mixcomp_edge.errors import BoardError
from mixcomp_edge.targets.boards import BAUD, BAUDS

NEEDED_FOR = "verify --on serial:PORT"
PATIENCE_S = 1.5
LISTEN_S = 0.4
OTHER_BAUDS = (*BAUDS, 1_000_000)
SENSE = re.compile(rb"m-(ready|name-dut-\[)")  # what `name%` brings. SPEC.md 8.2


def check_firmware(
    url: str, build_id: str | None = None, bauds: Iterable[int] = OTHER_BAUDS, *, baud: int = BAUD
) -> Check:
    """Asks the firmware at a port who it is, and lets it compute its golden vector. build_id: hex, of the export that
    should run there, at `baud`; `bauds`: other speeds that are tried when nobody answers."""
    name = f"firmware at {url}"
    try:
        with contextlib.closing(Session(Port(url, baud), patience=PATIENCE_S)) as session:
            hello, test, status = session.hello, session.self_test(), session.status()
    except BoardError as error:
        others = () if url.startswith("socket:") else (rate for rate in bauds if rate != baud)  # a socket has none
        real = next((rate for rate in others if answers_at(url, rate)), None)
        if real is None:
            remedy = "flash a firmware of `export --board`; press reset; see that the port is the board's"
            return Check(name, False, str(error).removeprefix(f"{url}: "), NEEDED_FOR, remedy)
        remedy = "flash it again; in a port of your own, clock_hz of board.toml or the UART's clock is not the real one"
        return Check(name, False, f"answers at {real} baud, not at {baud}", NEEDED_FOR, remedy)
    found = (
        f"model '{hello.model}' (sha256 {hello.sha256[:12]}) for {hello.board}, {hello.core} at "
        f"{hello.clock_hz / 1e6:g} MHz, {hello.compiler}, build {hello.build_id}"
    )
    if build_id not in (None, hello.build_id):
        remedy = "mixcomp-edge flash DIR"
        return Check(name, False, f"stale: {found}; the folder is build {build_id}", NEEDED_FOR, remedy)
    if test.status != 0 or test.wrong > 0:
        told = f"byte {test.first} is {test.got}, not {test.expected}" if test.wrong else f"status {test.status}"
        remedy = "flash it again; `verify` finds the layer"
        return Check(name, False, f"computes wrongly ({told}): {found}", NEEDED_FOR, remedy)
    found += f"; self-test passed, {status.stack_used_bytes:,} of {status.stack_bytes:,} B of stack used"
    if status.stack_used_bytes >= status.stack_bytes:
        remedy = "mce__stack_bytes in the link.ld of the folder's board/, then flash it again"
        return Check(name, False, f"no stack left: {found}", NEEDED_FOR, remedy)
    return Check(name, True, found, NEEDED_FOR, "")


def answers_at(url: str, baud: int) -> bool:
    """Whether a text command brings sense at that rate."""
    try:
        with contextlib.closing(Port(url, baud)) as port:
            port.write(b"\0%name%")  # the zero ends a frame that noise may have opened, the first % a half command
            heard, until = b"", time.monotonic() + LISTEN_S
            while SENSE.search(heard) is None and (left := until - time.monotonic()) > 0:
                heard = heard[-64:] + port.read(left)
            return SENSE.search(heard) is not None
    except (BoardError, PortLost):
        return False
