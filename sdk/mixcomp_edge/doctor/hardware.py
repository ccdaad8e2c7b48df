"""All that hangs on this machine and could be a board."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mixcomp_edge.doctor.check import Check, package

if TYPE_CHECKING:
    from mixcomp_edge.targets.boards import Board


def firmware(port: str | None, board: Board | None, build_id: str | None) -> list[Check]:
    """Who answers at `port`, or, without one, at each port that may be the board's. Without either no port is opened:
    to open one resets some boards."""
    from mixcomp_edge.targets.boards import BAUD

    baud = board.baud if board else BAUD
    from mixcomp_edge.board.port import serial_ports
    from mixcomp_edge.doctor.firmware import check_firmware
    from mixcomp_edge.doctor.ports import likely_boards
    from mixcomp_edge.targets.boards import boards

    if port is not None:
        return [check_firmware(port, build_id, baud=baud)]
    fitting = [
        found.device for found in serial_ports() if board and board.name in likely_boards(found, boards().values())
    ]
    return [check_firmware(device, build_id, baud=baud) for device in fitting]


def hardware() -> list[Check]:
    """Ports, probes and drives of this machine; no port is opened."""
    if not package("pyserial", "", "").ok:
        return [package("pyserial", "verify --on serial:PORT", "pip install pyserial")]
    from mixcomp_edge.board.drive import drives
    from mixcomp_edge.board.port import serial_ports
    from mixcomp_edge.board.probe import probes
    from mixcomp_edge.doctor.ports import check_ports
    from mixcomp_edge.doctor.probes import check_drives, check_probes, check_usb, usb_devices
    from mixcomp_edge.targets.boards import boards

    on_usb = check_usb(usb_devices())
    return [
        *check_ports(serial_ports(), boards().values()),
        *on_usb,
        *check_probes(probes, bool(on_usb)),
        *check_drives(drives()),
    ]
