"""The doctor's words on ports and probes, from fakes: no device is needed and none is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from serial.tools.list_ports_common import ListPortInfo

from mixcomp_edge.board import port as port_module
from mixcomp_edge.board.drive import Drive
from mixcomp_edge.board.port import Port, SerialPort, serial_ports
from mixcomp_edge.board.probe import Probe
from mixcomp_edge.doctor.ports import check_ports, group_remedy
from mixcomp_edge.doctor.probes import check_drives, check_probes, check_usb, usb_devices
from mixcomp_edge.errors import BoardError, ToolchainError
from mixcomp_edge.targets.boards import boards

ST_LINK = SerialPort("/dev/ttyACM0", "STM32 STLink", "0483:374b")


def test_a_port_is_named_with_the_boards_that_it_may_be():
    (check,) = check_ports([ST_LINK], boards().values(), lambda device: True)
    assert check.ok
    assert check.found == "STM32 STLink 0483:374b (nucleo-f446re or nucleo-h743zi or nucleo-l4r5zi)"


def test_a_port_of_somebody_else_is_listed_too():
    (check,) = check_ports([SerialPort("/dev/ttyUSB0", "FT232R", "0403:6001")], boards().values(), lambda device: True)
    assert check.ok
    assert check.found == "FT232R 0403:6001"


def test_a_port_without_permission_is_ill_and_the_group_is_named(tmp_path):
    device = tmp_path / "ttyACM0"
    device.touch()
    (check,) = check_ports([SerialPort(str(device), "x")], [], lambda device: False)
    assert not check.ok
    assert not check.optional
    assert "no permission" in check.found
    assert check.remedy == group_remedy(device)


def test_the_group_of_the_remedy_is_the_devices_own(monkeypatch):
    monkeypatch.setattr(Path, "group", lambda self: "uucp")
    assert group_remedy(Path("/dev/ttyACM0")) == "sudo usermod -aG uucp $USER, then log in again"


def test_a_device_that_is_gone_gets_the_usual_group():
    assert "usermod -aG dialout" in group_remedy(Path("/dev/no-such-port"))


def test_no_port_makes_nobody_ill():
    (check,) = check_ports([], boards().values())
    assert check.ok
    assert "charges" in check.found


def test_a_machines_own_ports_are_listed_by_doctor_as_by_verify(monkeypatch):
    """Linux lists /dev/ttyS0 and such, of which it knows nothing, whether something hangs there or not."""
    own = [ListPortInfo(f"/dev/ttyS{number}") for number in range(2)]
    board = ListPortInfo("/dev/ttyACM0")
    board.vid, board.pid, board.hwid, board.description = 0x0483, 0x374B, "USB VID:PID=0483:374B", "STM32 STLink"
    monkeypatch.setattr(port_module.list_ports, "comports", lambda: own)
    first, second = check_ports(serial_ports(), boards().values(), lambda device: False)
    assert (first.ok, second.ok, second.optional) == (True, True, True)
    assert first.found.startswith("none by USB")
    assert second.found.startswith("/dev/ttyS0, /dev/ttyS1: the system does not say what hangs there")
    with pytest.raises(BoardError, match=r"no such port\. Ports of this machine: /dev/ttyS0, /dev/ttyS1\."):
        Port("/dev/no-such-port")
    monkeypatch.setattr(port_module.list_ports, "comports", lambda: [*own, board])
    assert [check.name for check in check_ports(serial_ports(), boards().values())] == [
        "/dev/ttyACM0", "built-in serial ports",
    ]  # fmt: skip
    with pytest.raises(BoardError, match="Ports of this machine: /dev/ttyACM0, /dev/ttyS0, /dev/ttyS1"):
        Port("/dev/no-such-port")


def test_many_ports_of_the_machine_take_one_line():
    own = [SerialPort(f"/dev/ttyS{number}", "", known=False) for number in range(32)]
    _, check = check_ports(own, [])
    assert check.found.startswith("/dev/ttyS0 to /dev/ttyS31, 32 ports")


@pytest.fixture
def bus(tmp_path):
    """A bus with a hub, a keyboard, an ST-LINK and a storage device of ST."""
    for name, files in {
        "usb1": {"idVendor": "1d6b", "idProduct": "0002", "busnum": "1", "devnum": "1"},
        "1-1": {"idVendor": "046d", "idProduct": "c31c", "busnum": "1", "devnum": "2", "product": "Keyboard"},
        "1-2": {"idVendor": "0483", "idProduct": "374b", "busnum": "1", "devnum": "7", "product": "STM32 STLink"},
        "1-3": {"idVendor": "0483", "idProduct": "5720", "busnum": "1", "devnum": "8", "product": "Storage"},
        "1-2:1.0": {},
    }.items():
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_text(text + "\n")
    return usb_devices(tmp_path)


def test_a_probe_on_the_bus_without_permission_gets_a_udev_rule(bus):
    asked = []
    (check,) = check_usb(bus, lambda node: asked.append(node) or False)
    assert asked == [Path("/dev/bus/usb/001/007")]
    assert not check.ok
    assert "no permission to open /dev/bus/usb/001/007" in check.found
    assert 'ATTR{idVendor}=="0483"' in check.remedy
    assert "udevadm" in check.remedy


def test_a_probe_that_may_be_opened_is_well(bus):
    (check,) = check_usb(bus, lambda node: True)
    assert check.ok
    assert check.found == "STM32 STLink 0483:374b"


def test_a_machine_without_sysfs_has_no_usb_checks(tmp_path):
    assert check_usb(usb_devices(tmp_path / "none")) == []


@pytest.mark.parametrize(
    ("probes", "on_usb", "ok", "optional", "found"),
    [
        ([Probe("0669FF12", "STLink")], True, True, True, "0669FF12 (STLink)"),
        ([], False, True, True, "none"),
        ([], True, False, False, "none"),  # it hangs on the bus, and pyOCD does not see it
    ],
)
def test_what_pyocd_sees_is_held_against_the_bus(probes, on_usb, ok, optional, found):
    (check,) = check_probes(lambda: probes, on_usb)
    assert (check.ok, check.optional, check.found) == (ok, optional, found)


def test_without_pyocd_the_extra_is_named():
    def find():
        raise ToolchainError("a debug probe needs pyOCD: pip install 'mixcomp-edge[probe]'")

    (check,) = check_probes(find, on_usb=False)
    assert (check.ok, check.optional) == (False, True)
    assert "[probe]" in check.remedy


def test_drives_are_named():
    (check,) = check_drives([Drive(Path("/media/RPI-RP2"), "RPI-RP2")])
    assert check.ok
    assert (check.name, check.found) == ("UF2 drive RPI-RP2", "/media/RPI-RP2")
