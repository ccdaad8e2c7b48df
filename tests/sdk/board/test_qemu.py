"""A machine of QEMU leaves no process behind, whatever ends it."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from firmware.ports.test_ports import build
from mixcomp_edge.board import qemu as qemu_module
from mixcomp_edge.board.qemu import QemuBoard
from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.errors import BoardError, ToolchainError
from mixcomp_edge.targets.boards import boards

needs_qemu = pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="needs qemu-system-arm")
BOARD = boards()["mps2-an386"]


@pytest.fixture
def running(monkeypatch):
    """A function: for each machine that was started, whether it still runs."""
    machines, real = [], subprocess.Popen

    def popen(words, **options):
        process = real(words, **options)
        machines.extend([process] if "-M" in words else [])
        return process

    monkeypatch.setattr(qemu_module.subprocess, "Popen", popen)
    return lambda: [machine.poll() is None for machine in machines]


@needs_qemu
def test_what_qemu_says_when_it_cannot_start_is_passed_on(tmp_path, running):
    with pytest.raises(BoardError, match=r"QEMU's mps2-an386 does not run: .*no\.elf"):
        QemuBoard(BOARD, tmp_path / "no.elf")
    assert running() == [False]


@needs_qemu
def test_ctrl_c_while_it_starts_ends_it(tmp_path, running, monkeypatch):
    def interrupted(self, command):
        raise KeyboardInterrupt

    monkeypatch.setattr(QemuBoard, "_tell", interrupted)
    with pytest.raises(KeyboardInterrupt):
        QemuBoard(BOARD, build(BOARD, tmp_path, next(iter(toolchains().values()))))
    assert running() == [False]


def test_a_board_that_qemu_does_not_play_and_a_machine_without_qemu_are_said(tmp_path, monkeypatch):
    with pytest.raises(BoardError, match=r"QEMU has no machine for pico\. Connect the board"):
        QemuBoard(boards()["pico"], tmp_path / "x.elf")
    monkeypatch.setattr(qemu_module.shutil, "which", lambda name: None)
    with pytest.raises(ToolchainError, match="qemu-system-arm is missing"):
        QemuBoard(BOARD, tmp_path / "x.elf")
