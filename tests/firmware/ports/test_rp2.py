"""What the boot ROMs of RP2040 and RP2350 look for in flash is there, and a Pico, played by rp2040js, talks."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from firmware.ports.test_ports import build
from mixcomp_edge.board.uf2 import encode_uf2
from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.build.firmware import build_firmware
from mixcomp_edge.build.image import read_image
from mixcomp_edge.codegen.project import export
from mixcomp_edge.targets.boards import boards
from mixcomp_edge.verification import verify

PLAYER = Path(__file__).with_name("rp2040.cjs")
CHAINS = pytest.mark.parametrize("chain", toolchains().values(), ids=lambda chain: chain.name)


def has_rp2040js() -> bool:
    return shutil.which("node") is not None and subprocess.run(
        ["node", "-e", "require('rp2040js')"], capture_output=True, check=False).returncode == 0  # fmt: skip


def flash(board, folder, chain) -> bytes:
    """The first bytes of flash, up to where the program's constants end."""
    chunk = read_image(build(board, folder, chain), board).chunks
    whole = bytearray()
    for part in chunk:
        whole.extend(b"\xff" * (part.address - board.flash_origin - len(whole)) + part.data)
    return bytes(whole)


def crc32_rp2040(data: bytes) -> int:
    """RP2040 datasheet 2.8.1.3.1: polynomial 0x04C11DB7, most significant bit first, from all ones, not inverted."""
    crc = 0xFFFFFFFF
    for bit in (byte >> shift & 1 for byte in data for shift in range(7, -1, -1)):
        crc = (crc << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if crc >> 31 != bit else 0)
    return crc


@CHAINS
def test_the_second_stage_of_the_rp2040s_boot_has_its_crc(chain, tmp_path):
    stage = flash(boards()["pico"], tmp_path, chain)[:256]
    (recorded,) = struct.unpack("<I", stage[252:])
    assert recorded == crc32_rp2040(stage[:252]), f"boot2.S: the CRC is 0x{crc32_rp2040(stage[:252]):08X}"


@CHAINS
def test_the_second_stage_starts_what_lies_behind_it(chain, tmp_path):
    board = boards()["pico"]
    stack, reset = struct.unpack("<II", flash(board, tmp_path, chain)[256:264])
    assert 0x20000000 < stack <= 0x20000000 + board.ram_bytes
    assert reset & 1
    assert 0x10000100 < reset < 0x10000000 + board.flash_bytes


@CHAINS
def test_the_rp2350s_rom_finds_an_image_definition(chain, tmp_path):
    words = struct.unpack("<1024I", flash(boards()["pico2"], tmp_path, chain)[:4096].ljust(4096, b"\xff"))
    at = words.index(0xFFFFDED3)
    items, position = {}, at + 1
    while words[position] & 0x7F != 0x7F:  # RP2350 datasheet 5.9.1: type in bits 0-6, size in words in bits 8-15
        size = words[position] >> 8 & 0xFF
        items[words[position] & 0xFF] = words[position : position + size]
        position += size
    assert words[position] >> 8 & 0xFFFF == position - at - 1  # the last item counts the words of the others
    assert words[position + 1] == 0  # no further block
    assert words[position + 2] == 0xAB123579
    kind = items[0x42][0] >> 16  # 5.9.3.1: bits 0-3 executable 1, 4-5 secure 2, 8-10 Arm 0, 12-14 RP2350 1
    assert (kind & 0xF, kind >> 4 & 3, kind >> 8 & 7, kind >> 12 & 7) == (1, 2, 0, 1)
    vectors = items[0x03][1]
    assert vectors % 256 == 0  # 16 + 34 entries of 4 bytes
    stack, reset = words[(vectors - 0x10000000) // 4 :][:2]
    assert 0x20000000 < stack <= 0x20082000
    assert reset & 1
    assert vectors < reset < 0x10400000


@pytest.mark.skipif(not has_rp2040js(), reason="needs node and rp2040js (npm install rp2040js, NODE_PATH)")
@CHAINS
def test_a_pico_talks_in_rp2040js(chain, tmp_path):
    board = boards()["pico"]
    image = read_image(build(board, tmp_path, chain), board)
    (tmp_path / "echo.uf2").write_bytes(encode_uf2(image.chunks, board.uf2_family))
    burst = bytes(b for b in range(256) if b != ord("?"))
    done = subprocess.run(["node", str(PLAYER), str(tmp_path / "echo.uf2")], input=burst + b"?", capture_output=True,
                          timeout=300, check=True, env=os.environ)  # fmt: skip
    assert done.stdout == b"pico cortex-m0plus\r\n" + burst + b"10 ms"
    clocks = json.loads(done.stderr.splitlines()[-1])
    assert clocks["clk_sys"] == board.clock_hz
    assert abs(clocks["baud"] / 115200 - 1) < 0.01


@pytest.mark.skipif(not has_rp2040js(), reason="needs node and rp2040js (npm install rp2040js, NODE_PATH)")
def test_a_pico_in_rp2040js_computes_what_python_computed(tiny_bundle, tmp_path):
    board, folder = boards()["pico"], tmp_path / "fw"
    export(tiny_bundle, board.target.name, folder, board=board)
    image = read_image(build_firmware(folder, board, next(iter(toolchains().values()))), board)
    (tmp_path / "fw.uf2").write_bytes(encode_uf2(image.chunks, board.uf2_family))
    words = ["node", str(PLAYER), str(tmp_path / "fw.uf2"), "tcp"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as node:
        try:
            port = int(node.stdout.readline())
            verdict = verify(folder, on=f"serial:socket://127.0.0.1:{port}", count=5)
            assert (verdict.inputs, verdict.mismatches) == (5, 0)
        finally:
            node.kill()
