"""UF2 drives are folders: found by INFO_UF2.TXT, written piece by piece, and allowed to go away at the end."""

from __future__ import annotations

import errno
import os

import pytest

from firmware.ports.test_ports import build
from mixcomp_edge.board import drive as drive_module
from mixcomp_edge.board.drive import FILE_NAME, Drive, copy_to_drive, drives, wait_for_drive
from mixcomp_edge.board.flash import Way, flash
from mixcomp_edge.board.uf2 import encode_uf2
from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.build.image import read_image
from mixcomp_edge.errors import BoardError
from mixcomp_edge.targets.boards import boards

PICO, PICO2 = boards()["pico"], boards()["pico2"]
DATA = bytes(range(256)) * 200  # four pieces


def make_drive(folder, kind="RPI-RP2"):
    folder.mkdir()
    (folder / "INFO_UF2.TXT").write_text(f"UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: {kind}\r\n")
    return Drive(folder, kind)


def copy(drive, board=PICO, data=DATA, timeout_s=10.0):
    told = []
    copy_to_drive(data, drive, board, timeout_s=timeout_s, progress=lambda *step: told.append(step))
    return told


def test_drives_are_told_apart(tmp_path):
    one, two = make_drive(tmp_path / "a"), make_drive(tmp_path / "b", "RP2350")
    (tmp_path / "stick").mkdir()
    assert drives([tmp_path / "a", tmp_path / "stick", tmp_path / "b", tmp_path / "gone"]) == [one, two]


def test_the_file_arrives_whole_and_with_progress(tmp_path):
    told = copy(make_drive(tmp_path / "a"))
    assert (tmp_path / "a" / FILE_NAME).read_bytes() == DATA
    assert [done for _, done, _ in told] == [16384, 32768, 49152, 51200]


def test_a_drive_that_goes_away_with_the_last_block_is_success(tmp_path, monkeypatch):
    calls = []

    def fsync(handle):
        calls.append(handle)
        if len(calls) == 4:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(drive_module.os, "fsync", fsync)
    assert copy(make_drive(tmp_path / "a"))[-1] == ("copy", len(DATA), len(DATA))


def test_a_drive_that_goes_away_earlier_is_an_error_in_bytes(tmp_path, monkeypatch):
    def fsync(handle):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(drive_module.os, "fsync", fsync)
    with pytest.raises(BoardError, match=r"broke off after 16,384 of 51,200 B \(Input/output error\)"):
        copy(make_drive(tmp_path / "a"))


def test_a_full_drive_is_an_error(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    drive = make_drive(tmp_path / "a")
    (drive.folder / FILE_NAME).symlink_to("/dev/full")
    with pytest.raises(BoardError, match=r"broke off after 0 of 51,200 B \(No space left"):
        copy(drive)


def test_a_slow_drive_is_given_up(tmp_path):
    with pytest.raises(BoardError, match=r"only 16,384 of 51,200 B went through in 0 s"):
        copy(make_drive(tmp_path / "a"), timeout_s=0)


def test_another_chips_drive_is_refused(tmp_path):
    with pytest.raises(BoardError, match="is a drive of RP2350; pico shows RPI-RP2"):
        copy(make_drive(tmp_path / "a", "RP2350"))
    assert not (tmp_path / "a" / FILE_NAME).exists()


def test_a_drive_is_awaited(tmp_path, monkeypatch):
    monkeypatch.setattr(drive_module, "POLL_S", 0)
    right, wrong = Drive(tmp_path / "a", "RPI-RP2"), Drive(tmp_path / "b", "RP2350")
    looks = iter([[], [wrong], [wrong, right]])
    assert wait_for_drive(PICO, 10, lambda: next(looks)) == right


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ([], r"no drive RPI-RP2 came within 0 s\. Hold BOOTSEL"),
        (["RP2350"], r"no drive RPI-RP2 came within 0 s; 0 is RP2350, another chip"),
        (["RPI-RP2", "RPI-RP2"], r"2 boards show a drive RPI-RP2: 0, 1\. Choose one with --drive"),
    ],
)
def test_no_drive_or_two_is_an_error_with_a_remedy(kinds, message):
    seen = [Drive(type(PICO.folder)(str(i)), kind) for i, kind in enumerate(kinds)]
    with pytest.raises(BoardError, match=message):
        wait_for_drive(PICO, 0, lambda: seen)


def test_flash_copies_the_firmware_as_uf2(tmp_path):
    elf = build(PICO, tmp_path, next(iter(toolchains().values())))
    drive = make_drive(tmp_path / "drive")
    result = flash(elf, PICO, Way(drive=drive.folder), lambda *_: None, pytest.fail)
    expected = encode_uf2(read_image(elf, PICO).chunks, 0xE48BFF56)
    assert (drive.folder / FILE_NAME).read_bytes() == expected == elf.with_suffix(".uf2").read_bytes()
    assert (result.method, result.where) == ("uf2", str(drive.folder))


def test_flash_refuses_a_folder_that_is_no_drive(tmp_path):
    elf = build(PICO2, tmp_path, next(iter(toolchains().values())))
    (tmp_path / "stick").mkdir()
    with pytest.raises(BoardError, match="is no UF2 drive"):
        flash(elf, PICO2, Way(drive=tmp_path / "stick"), lambda *_: None, lambda _: None)
