"""All that hangs on this machine and could be a board."""

from __future__ import annotations

from mixcomp_edge.doctor.check import Check, package


def hardware() -> list[Check]:
    """Ports, probes and drives of this machine. Nothing is opened that a look would disturb."""
    if not package("pyserial", "", "").ok:
        return [package("pyserial", "verify --on serial:PORT", "pip install pyserial")]
    from mixcomp_edge.board.drive import drives
    from mixcomp_edge.board.probe import probes
    from mixcomp_edge.doctor.ports import check_ports, serial_ports
    from mixcomp_edge.doctor.probes import check_drives, check_probes, check_usb, usb_devices
    from mixcomp_edge.targets.boards import boards

    on_usb = check_usb(usb_devices())
    return [
        *check_ports(serial_ports(), boards().values()),
        *on_usb,
        *check_probes(probes, bool(on_usb)),
        *check_drives(drives()),
    ]
