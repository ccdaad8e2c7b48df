"""An export's firmware has a folder of its own, is built when something has changed, and takes nobody's place."""

from __future__ import annotations

import pytest

from mixcomp_edge import export
from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.build.firmware import build_firmware
from mixcomp_edge.errors import StorageError
from mixcomp_edge.targets.boards import board

BOARD = board("mps2-an386")


@pytest.fixture
def chain():
    if not toolchains():
        pytest.skip("no cross compiler")
    return next(iter(toolchains().values()))


@pytest.fixture
def folder(tiny_bundle, tmp_path):
    """An export with a build folder in which CMake has made its own firmware.elf."""
    export(tiny_bundle, BOARD.target.name, tmp_path / "fw", board=BOARD)
    (tmp_path / "fw" / "build").mkdir()
    (tmp_path / "fw" / "build" / "firmware.elf").write_text("CMake's")
    return tmp_path / "fw"


def test_what_cmake_has_built_stays_and_is_not_taken_for_ours(folder, tiny_bundle, chain):
    elf = build_firmware(folder, BOARD, chain)
    assert elf == folder / "firmware" / "firmware.elf"
    export(tiny_bundle, BOARD.target.name, folder, board=BOARD)
    assert (folder / "build" / "firmware.elf").read_text() == "CMake's"
    assert sorted(path.name for path in (folder / "firmware").iterdir()) == [
        "firmware.elf",
        "firmware.json",
        "firmware.map",
    ]


def test_it_is_built_again_only_when_a_source_has_changed(folder, chain):
    build_firmware(folder, BOARD, chain)
    record = folder / "firmware" / "firmware.json"
    first = record.stat(), record.read_bytes()
    build_firmware(folder, BOARD, chain)
    assert (record.stat(), record.read_bytes()) == first
    source = folder / "board" / "main.c"
    source.write_text(source.read_text() + "\n/* edited */\n")
    build_firmware(folder, BOARD, chain)
    assert record.read_bytes() != first[1]


def test_one_that_was_changed_since_is_refused_and_left_alone(folder, chain):
    elf = build_firmware(folder, BOARD, chain)
    elf.write_bytes(b"patched")
    with pytest.raises(StorageError, match=r"changed since we wrote it: firmware\.elf"):
        build_firmware(folder, BOARD, chain)
    assert elf.read_bytes() == b"patched"
    elf.unlink()
    assert build_firmware(folder, BOARD, chain).stat().st_size > 1000


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"{}", b'{"of": 1, "elf": 2, "map": 3, "seal": ""}'])
def test_a_damaged_record_makes_nothing_ours(content, folder, chain):
    build_firmware(folder, BOARD, chain)
    (folder / "firmware" / "firmware.json").write_bytes(content)
    with pytest.raises(StorageError, match="not ours"):
        build_firmware(folder, BOARD, chain)
