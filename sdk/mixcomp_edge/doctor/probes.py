"""Debug probes and UF2 drives: what is plugged in, and whether this user may talk to it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mixcomp_edge.board.drive import Drive
from mixcomp_edge.board.probe import Probe
from mixcomp_edge.doctor.check import Check

NEEDED_FOR = "flash"
MAKERS = {"0483": "ST-LINK", "1366": "J-Link", "0d28": "DAPLink", "2e8a": "Raspberry Pi Debug Probe"}  # USB vendors
ST_PRODUCTS = {"3744", "3748", "374a", "374b", "374d", "374e", "374f", "3752", "3753", "3754"}  # of ST, its probes
RULES = Path("/etc/udev/rules.d/60-mixcomp-probes.rules")


@dataclass(frozen=True)
class UsbDevice:
    """A device on the bus and the file that opens it."""

    vendor: str
    product: str
    name: str
    node: Path


def usb_devices(folder: Path = Path("/sys/bus/usb/devices")) -> list[UsbDevice]:
    """What Linux has on its USB; nothing elsewhere, where no file stands for a device."""

    def text(path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""

    found = []
    for device in sorted(folder.glob("*")) if folder.is_dir() else []:
        vendor, bus, number = (text(device / name) for name in ("idVendor", "busnum", "devnum"))
        if vendor and bus.isdigit() and number.isdigit():
            node = Path(f"/dev/bus/usb/{int(bus):03d}/{int(number):03d}")
            found.append(UsbDevice(vendor, text(device / "idProduct"), text(device / "product"), node))
    return found


def is_probe(device: UsbDevice) -> bool:
    """Whether the device is a debug probe of a kind that our boards have."""
    if device.vendor == "0483":
        return device.product in ST_PRODUCTS
    if device.vendor == "2e8a":
        return device.product in ("0004", "000c")  # Picoprobe, Debug Probe
    return device.vendor in MAKERS


def check_usb(devices: list[UsbDevice], may_open: Callable[[Path], bool] | None = None) -> list[Check]:
    """A check a probe on the bus: found by its USB id, whether pyOCD is there or not."""
    allowed = may_open or (lambda node: os.access(node, os.R_OK | os.W_OK))
    return [_check(device, allowed(device.node)) for device in devices if is_probe(device)]


def _check(device: UsbDevice, allowed: bool) -> Check:
    rule = f'SUBSYSTEM=="usb", ATTR{{idVendor}}=="{device.vendor}", MODE="0660", TAG+="uaccess"'
    remedy = (
        f"echo '{rule}' | sudo tee -a {RULES} && sudo udevadm control --reload && sudo udevadm trigger, "
        "then plug it in again"
    )
    found = f"{device.name or MAKERS[device.vendor]} {device.vendor}:{device.product}"
    found += "" if allowed else f": no permission to open {device.node}"
    return Check(f"probe {MAKERS[device.vendor]}", allowed, found, NEEDED_FOR, remedy)


def check_probes(find: Callable[[], list[Probe]], on_usb: bool) -> list[Check]:
    """What pyOCD sees; `on_usb`: whether a probe hangs on the bus."""
    try:
        found = find()
    except Exception as error:  # no pyOCD, no libusb, no access: all of it is what the user wants to read
        return [Check("probes of pyOCD", False, str(error).splitlines()[0], NEEDED_FOR,
                      "pip install 'mixcomp-edge[probe]'", optional=True)]  # fmt: skip
    text = ", ".join(f"{probe.id} ({probe.description})" for probe in found) or "none"
    lost = on_usb and not found
    remedy = "close other debuggers, plug the probe in again; the lines about permissions come first"
    return [Check("probes of pyOCD", not lost, text, NEEDED_FOR, remedy, optional=not lost)]


def check_drives(found: list[Drive]) -> list[Check]:
    """A check a UF2 drive, to say that it is there."""
    return [Check(f"UF2 drive {drive.kind}", True, str(drive.folder), NEEDED_FOR, "") for drive in found]
