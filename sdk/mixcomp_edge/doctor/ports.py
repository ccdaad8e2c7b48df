"""Serial ports: which there are, whose they are, and whether this user may open them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from mixcomp_edge.board.port import SerialPort
from mixcomp_edge.doctor.check import Check
from mixcomp_edge.targets.boards import Board

NEEDED_FOR = "verify --on serial:PORT"


def likely_boards(port: SerialPort, known: Iterable[Board]) -> list[str]:
    """Names of the boards whose serial port says this vid:pid; several share one kind of probe."""
    return [board.name for board in known if port.usb and port.usb in board.usb]


def check_ports(
    ports: list[SerialPort], known: Iterable[Board], may_open: Callable[[str], bool] | None = None
) -> list[Check]:
    """A check a port, one for all of which the system says nothing (/dev/ttyS0 and such), and one that says that there
    is no other."""
    boards = list(known)
    checks = [_check(port, boards, may_open or _may_open) for port in ports if port.known]
    if unknown := [port.device for port in ports if not port.known]:
        names = ", ".join(unknown) if len(unknown) < 4 else f"{unknown[0]} to {unknown[-1]}, {len(unknown)} ports"
        found = f"{names}: the system does not say what hangs there; a board on USB is listed by its own name"
        checks.append(Check("built-in serial ports", True, found, NEEDED_FOR, "", optional=True))
    if not any(port.known for port in ports):
        found = "none by USB; if a board is plugged in: a cable that only charges shows none"
        remedy = "plug a board in by a USB cable for data"
        checks.insert(0, Check("serial ports", True, found, NEEDED_FOR, remedy, optional=True))
    return checks


def _check(port: SerialPort, known: list[Board], may_open: Callable[[str], bool]) -> Check:
    names = likely_boards(port, known)
    found = " ".join(filter(None, [port.description, port.usb, f"({' or '.join(names)})" if names else ""]))
    allowed = may_open(port.device)
    if not allowed:
        found += ": no permission to open it"
    return Check(port.device, allowed, found, NEEDED_FOR, group_remedy(Path(port.device)))


def group_remedy(device: Path) -> str:
    """How to be allowed to open a device file."""
    try:
        group = device.group()
    except (OSError, KeyError, NotImplementedError):
        group = "dialout"
    if group == "root":
        return f"sudo chmod a+rw {device} (until it is unplugged), or a udev rule"
    return f"sudo usermod -aG {group} $USER, then log in again"


def _may_open(device: str) -> bool:
    return not device.startswith("/") or os.access(device, os.R_OK | os.W_OK)
