"""Who answers at a port: a pseudo terminal whose device speaks at one baud rate only, and a board of QEMU."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from types import SimpleNamespace

import pytest

from mixcomp_edge.board.messages import Hello, SelfTest, Status
from mixcomp_edge.board.qemu import QemuBoard
from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.build.firmware import build_firmware
from mixcomp_edge.codegen.project import export, read_firmware
from mixcomp_edge.doctor import firmware
from mixcomp_edge.doctor.firmware import check_firmware
from mixcomp_edge.targets.boards import boards

termios = pytest.importorskip("termios", reason="needs pseudo terminals")


class Device:
    """Answers in text when the host has set its own rate, and with noise otherwise; `baud` 0 is silent."""

    def __init__(self, baud: int) -> None:
        self.baud = baud
        self.master, self.slave = os.openpty()
        self.path = os.ttyname(self.slave)
        self.stop = False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        heard = b""
        os.set_blocking(self.master, False)
        while not self.stop:
            try:
                part = os.read(self.master, 256)
            except OSError:
                part = b""
            if not part:
                time.sleep(0.005)
                continue
            if self.baud == 0:
                continue
            if termios.tcgetattr(self.master)[5] != getattr(termios, f"B{self.baud}"):
                os.write(self.master, bytes(b ^ 0x9C | 1 for b in part[:40]))
                continue
            heard += part
            answer = b"m-name-dut-[x]\r\nm-ready\r\n" if heard.endswith(b"name%") else b"another program\r\n"
            os.write(self.master, answer)

    def close(self) -> None:
        self.stop = True
        self.thread.join(5)
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def device(request, monkeypatch):
    monkeypatch.setattr(firmware, "PATIENCE_S", 1.0)
    monkeypatch.setattr(firmware, "LISTEN_S", 1.0)
    device = Device(request.param)
    yield device
    device.close()


@pytest.mark.parametrize("device", [9600, 57600, 230400], indirect=True)
def test_the_rate_at_which_it_answers_is_found(device):
    check = check_firmware(device.path, bauds=(19200, device.baud))
    assert not check.ok
    assert check.found == f"answers at {device.baud} baud, not at 115200"
    assert "flash" in check.remedy


@pytest.mark.parametrize("device", [0], indirect=True)
def test_a_silent_port_is_said_to_be_silent(device):
    check = check_firmware(device.path, bauds=(9600,))
    assert not check.ok
    assert "silent" in check.found


@pytest.mark.parametrize("device", [115200], indirect=True)
def test_another_program_at_the_right_rate_is_quoted(device):
    check = check_firmware(device.path, bauds=())
    assert not check.ok
    assert check.found.startswith("says 'another program', but does not know our protocol")


def test_a_port_that_is_not_there_is_an_error_with_the_ports_that_are():
    check = check_firmware("/dev/no-such-port", bauds=(9600,))
    assert not check.ok
    assert "no such port" in check.found


@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="needs qemu-system-arm")
def test_a_stale_firmware_is_told_from_the_folders_own(tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(firmware, "PATIENCE_S", 20.0)
    board = boards()["mps2-an386"]
    export(tiny_bundle, board.target.name, tmp_path / "fw", board=board)
    elf = build_firmware(tmp_path / "fw", board, next(iter(toolchains().values())))
    build_id = read_firmware(tmp_path / "fw")[1].hex()
    with QemuBoard(board, elf) as machine:
        own = check_firmware(machine.url, build_id)
        assert own.ok
        assert "model 'tiny'" in own.found
        assert "for mps2-an386, cortex-m4 at 25 MHz" in own.found
        assert re.search(r"self-test passed, \d+ of 2,048 B of stack used", own.found)
        stale = check_firmware(machine.url, "00" * 8)
        assert not stale.ok
        assert stale.found.startswith("stale: ")
        assert stale.remedy == "mixcomp-edge flash DIR"
        assert check_firmware(machine.url).ok


@pytest.mark.parametrize(
    ("test", "status", "found"),
    [
        (SelfTest(0, 5, 2, 3, 17, 16), Status(2048, 600, 0, 0, 2), r"computes wrongly \(byte 3 is 16, not 17\): model"),
        (SelfTest(3, 5, 0, 0, 0, 0), Status(2048, 600, 0, 0, 2), r"computes wrongly \(status 3\): model"),
        (SelfTest(0, 5, 0, 0, 0, 0), Status(2048, 2048, 0, 0, 2), r"no stack left: model .* 2,048 of 2,048 B of stack"),
        (SelfTest(0, 5, 0, 0, 0, 0), Status(2048, 600, 0, 0, 2), r"model 'tiny' .* passed, 600 of 2,048 B of stack"),
    ],
)
def test_a_firmware_that_is_ill_is_told_from_one_that_is_well(monkeypatch, test, status, found):
    hello = Hello(1, 256, 3, 25_000_000, 100, 10, 5, "ab" * 32, "cd" * 8, "tiny", "mps2-an386", "cortex-m4", "12.2")
    answers = SimpleNamespace(hello=hello, self_test=lambda: test, status=lambda: status, close=lambda: None)
    monkeypatch.setattr(firmware, "Session", lambda port, patience: answers)
    monkeypatch.setattr(firmware, "Port", lambda url, baud: None)
    check = check_firmware("played")
    assert re.match(found, check.found)
    assert check.ok == check.found.startswith("model")
    assert check.ok or "flash it again" in check.remedy
