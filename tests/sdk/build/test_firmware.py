"""An export's firmware has a folder of its own, is built when something has changed, and takes nobody's place."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from mixcomp_edge import export
from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.build.firmware import build_firmware
from mixcomp_edge.build.flash_files import encode_bin, encode_hex
from mixcomp_edge.build.image import Chunk, Image, read_image
from mixcomp_edge.codegen.firmware import parts
from mixcomp_edge.errors import StorageError
from mixcomp_edge.storage import sealed, unsealed
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
        "firmware.bin",
        "firmware.elf",
        "firmware.hex",
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


def test_hex_and_bin_hold_what_the_elf_puts_into_flash(folder, chain):
    elf = build_firmware(folder, BOARD, chain)
    flash = {}
    for address, data in records(elf.with_suffix(".hex").read_text()):
        for offset, byte in enumerate(data, address):
            assert offset not in flash
            flash[offset] = byte
    chunks = read_image(elf, BOARD).chunks
    assert flash == {c.address + i: byte for c in chunks for i, byte in enumerate(c.data)}
    content = elf.with_suffix(".bin").read_bytes()
    assert content == bytes(flash.get(BOARD.flash_origin + i, 0xFF) for i in range(len(content)))
    assert len(content) == read_image(elf, BOARD).flash_bytes


def test_hex_tells_of_addresses_beyond_64_kib_and_bin_fills_gaps():
    image = Image((Chunk(0x0800FFF8, bytes(range(24))), Chunk(0x08020000, b"\x01")), 0)
    assert list(records(encode_hex(image).decode())) == [
        (0x0800FFF8, bytes(range(8))),
        (0x08010000, bytes(range(8, 24))),
        (0x08020000, b"\x01"),
    ]
    assert encode_bin(image) == bytes(range(24)) + b"\xff" * (0x20000 - 0xFFF8 - 24) + b"\x01"


def records(text: str) -> Iterator[tuple[int, bytes]]:
    """(address, data) of Intel HEX, read by its specification: all bytes of a record sum to 0."""
    upper, lines = 0, text.splitlines()
    assert lines[-1] == ":00000001FF"
    for line in lines[:-1]:
        assert line[0] == ":"
        record = bytes.fromhex(line[1:])
        assert sum(record) % 256 == 0
        assert record[0] == len(record) - 5 <= 16
        if record[3] == 4:
            upper = int.from_bytes(record[4:6], "big") << 16
        else:
            assert record[3] == 0
            yield upper + int.from_bytes(record[1:3], "big"), record[4:-1]


def test_what_a_firmware_takes_is_told_by_parts_that_add_up(folder, tiny_bundle, chain):
    sizes = read_image(build_firmware(folder, BOARD, chain), BOARD).sizes()
    told = parts(export(tiny_bundle, BOARD.target.name, folder, board=BOARD), BOARD, None, **sizes)
    flash, ram = told["flash_parts"], told["ram_parts"]
    assert (sum(flash.values()), sum(ram.values())) == (sizes["flash_bytes"], sizes["ram_bytes"])
    macros = dict(re.findall(r"#define MCE_TINY_(\w+_BYTES) (\d+)", (folder / "include" / "mce_tiny.h").read_text()))
    assert ram["arena"] == int(macros["ARENA_BYTES"])
    assert flash["golden vector"] == int(macros["INPUT_BYTES"]) + int(macros["OUTPUT_BYTES"])
    assert 256 <= ram["UART and records of app and port"] <= 1024
    assert flash["code and tables of model, app and port"] > 4096


def test_a_firmware_of_before_there_were_hex_and_bin_is_replaced(folder, chain):
    build_firmware(folder, BOARD, chain)
    place = folder / "firmware"
    stamp = unsealed((place / "firmware.json").read_bytes())
    for kind in ("hex", "bin"):
        (place / f"firmware.{kind}").unlink()
        del stamp[kind]
    (place / "firmware.json").write_bytes(sealed(stamp))
    build_firmware(folder, BOARD, chain)
    assert (place / "firmware.hex").is_file()
