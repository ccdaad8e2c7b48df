"""Every board's port: builds without a warning by both compilers; where QEMU plays the board, it talks."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from mixcomp_edge import resources
from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.build.firmware import link_firmware, sources_in
from mixcomp_edge.errors import BoardError
from mixcomp_edge.targets.boards import boards
from mixcomp_sim import foreign_instructions
from mixcomp_sim.cores import find_core

ECHO = Path(__file__).with_name("echo.c")
UNITS = {"": 1, "K": 1024, "M": 1024 * 1024}


def build(board, folder: Path, chain, source: Path = ECHO) -> Path:
    """The app of one file as firmware, from a folder that looks as `export --board` makes it."""
    for name, path in board.files().items():
        shutil.copy(path, folder / name)
    (folder / "mce_board.h").write_text(board.header())
    include = [folder, resources.firmware() / "include"]
    return link_firmware([*sources_in(folder), source], include, board, folder, chain)


@pytest.mark.parametrize("chain", ["gcc", "zig"])
@pytest.mark.parametrize("board", boards().values(), ids=lambda board: board.name)
def test_a_port_builds_without_a_warning_and_within_its_cores_instructions(board, chain, tmp_path):
    found = toolchains(board.target.triple)
    if chain not in found:
        pytest.skip(f"{chain} for {board.target.name} is not installed")
    elf = build(board, tmp_path, found[chain])
    assert foreign_instructions(elf, find_core(board.target.core).architecture) == []


@pytest.mark.parametrize("board", boards().values(), ids=lambda board: board.name)
def test_board_toml_and_linker_script_agree(board):
    text = (board.folder / "link.ld").read_text()
    sizes = {
        m[1]: int(m[2], 0) * UNITS[m[3]] for m in re.finditer(r"(\w+) \(\w+\)\s*:.*LENGTH = (\w+?)([KM]?)$", text, re.M)
    }
    assert (sizes["FLASH"], sizes["RAM"]) == (board.flash_bytes, board.ram_bytes)


@pytest.mark.parametrize("chain", toolchains().values(), ids=lambda chain: chain.name)
def test_what_does_not_fit_is_said_in_bytes(chain, tmp_path):
    source = tmp_path / "app" / "large.c"
    source.parent.mkdir()
    much = "static char much[1 << 22];\nchar *mce_much(void);\nchar *mce_much(void) { return much; }\n"
    use = "mce_port_init(); mce_port_received((uint8_t)*mce_much());"
    source.write_text(much + ECHO.read_text().replace("mce_port_init();", use))
    with pytest.raises(BoardError, match=r"too large for mps2-an386: RAM has 4,194,304 B, .*\(2,\d{3} B too many\)"):
        build(boards()["mps2-an386"], tmp_path, chain, source)


qemu_boards = pytest.mark.parametrize(
    "board",
    [
        pytest.param(b, marks=pytest.mark.skipif(shutil.which(b.target.qemu) is None, reason=f"needs {b.target.qemu}"))
        for b in boards().values()
        if b.qemu
    ],
    ids=lambda board: board.name,
)


@contextmanager
def started(board, elf: Path):
    """QEMU with the board's UART on its standard input and output; a silent board ends the reads after 60 s."""
    words = [
        board.target.qemu,
        "-M",
        board.qemu,
        *board.qemu_options,
        "-kernel",
        str(elf),
        "-display",
        "none",
        "-monitor",
        "none",
    ]
    with subprocess.Popen([*words, "-serial", "stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as qemu:
        limit = threading.Timer(60, qemu.kill)
        limit.start()
        try:
            yield qemu
        finally:
            limit.cancel()
            qemu.kill()


@qemu_boards
def test_a_port_talks_in_qemu(board, tmp_path):
    elf = build(board, tmp_path, next(iter(toolchains(board.target.triple).values())))
    hello = f"{board.name} {board.target.name}\r\n".encode()
    with started(board, elf) as qemu:
        assert qemu.stdout.read(len(hello)) == hello
        burst = bytes(b for b in range(256) if b != ord("?"))
        qemu.stdin.write(burst)
        qemu.stdin.flush()
        assert qemu.stdout.read(len(burst)) == burst
        qemu.stdin.write(b"?")
        qemu.stdin.flush()
        assert qemu.stdout.read(5) == b"10 ms"


@qemu_boards
def test_a_stack_that_leaves_the_ram_is_a_fault_that_is_told(board, tmp_path):
    elf = build(board, tmp_path, list(toolchains(board.target.triple).values())[-1], Path(__file__).with_name("deep.c"))
    with started(board, elf) as qemu:
        told = b"\r\ne-[Fault]\r\n"
        assert qemu.stdout.read(len(told)) == told
