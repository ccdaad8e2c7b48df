"""Serial ports: which there are, whose they are, and whether this user may open them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from mixcomp_edge.doctor.check import Check
from mixcomp_edge.targets.boards import Board

NEEDED_FOR = "verify --on serial:PORT"


@dataclass(frozen=True)
class SerialPort:
    """A port of this machine; `usb` is "vid:pid" in hex, or empty."""

    device: str
    description: str
    usb: str = ""


def serial_ports() -> list[SerialPort]:
    """The ports that pyserial lists. Those without a device behind them (/dev/ttyS0 and such) are left out."""
    from serial.tools import list_ports

    return [
        SerialPort(info.device, info.description or "", f"{info.vid:04x}:{info.pid:04x}" if info.vid else "")
        for info in sorted(list_ports.comports())
        if info.hwid != "n/a"
    ]


def likely_boards(port: SerialPort, known: Iterable[Board]) -> list[str]:
    """Names of the boards whose serial port says this vid:pid; several share one kind of probe."""
    return [board.name for board in known if port.usb and port.usb in board.usb]


def check_ports(
    ports: list[SerialPort], known: Iterable[Board], may_open: Callable[[str], bool] | None = None
) -> list[Check]:
    """A check a port, and one that says that there is none."""
    if not ports:
        found = "none; if a board is plugged in: a cable that only charges shows none"
        return [
            Check("serial ports", True, found, NEEDED_FOR, "plug a board in by a USB cable for data", optional=True)
        ]
    boards = list(known)
    return [_check(port, boards, may_open or _may_open) for port in ports]


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
