"""The ports of real boards start and talk on models of their chips, and break none of the manuals' rules on the way.

No board has run them: what a model and a port both misread stays unseen. What this does see is a wrong bit, a missing
clock, a wait that never ends, too few wait states, a baud rate that is off, a pin that was forgotten."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firmware.ports.chips.nrf52840 import Nrf52840
from firmware.ports.chips.rp2 import Rp2040, Rp2350
from firmware.ports.chips.stm32f4 import Stm32f405, Stm32f446
from firmware.ports.chips.stm32h743 import Stm32h743
from firmware.ports.chips.stm32l4r5 import Stm32l4r5
from firmware.ports.machine import Machine, MachinePort
from firmware.ports.test_ports import build
from mixcomp_edge.board.session import Session
from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.build.firmware import build_firmware
from mixcomp_edge.build.image import read_image
from mixcomp_edge.codegen.project import export
from mixcomp_edge.codegen.render import golden_vector
from mixcomp_edge.targets.boards import BAUDS, boards

FEW = (9600, 921_600)
CHIPS = {
    "netduinoplus2": lambda: Stm32f405(external=True),
    "nrf52840-dk": Nrf52840,
    "nucleo-f446re": lambda: Stm32f446(external=True),
    "nucleo-f446re without the ST-LINK's clock": lambda: Stm32f446(external=False),
    "nucleo-l4r5zi": Stm32l4r5,
    "nucleo-h743zi": lambda: Stm32h743(external=True, revision=0x1003),
    "nucleo-h743zi without the ST-LINK's clock": lambda: Stm32h743(external=False, revision=0x2003),
    "pico": Rp2040,
    "pico2": Rp2350,
}


def machine(name: str, elf, chip) -> Machine:
    board = boards()[name.partition(" ")[0]]
    chunks = [(chunk.address, chunk.data) for chunk in read_image(elf, board).chunks]
    ram = int(re.search(r"RAM \(rw\)\s*: ORIGIN = (\w+)", (board.folder / "link.ld").read_text())[1], 0)
    vectors = board.flash_origin + (0x100 if board.uf2_family else 0)
    return Machine(
        chip, board.target.core, chunks, (board.flash_origin, board.flash_bytes), (ram, board.ram_bytes), vectors
    )


@pytest.mark.parametrize("chain", toolchains().values(), ids=lambda chain: chain.name)
@pytest.mark.parametrize("name", CHIPS)
def test_a_port_starts_and_talks_by_the_manual(name, chain, tmp_path):
    board, chip = boards()[name.partition(" ")[0]], CHIPS[name]()
    player = machine(name, build(board, tmp_path, chain), chip)
    hello = f"{board.name} {board.target.name}\r\n".encode()
    assert player.run(lambda: bytes(chip.sent) == hello), (bytes(chip.sent), chip.broken)
    assert chip.core_hz == board.clock_hz
    assert abs(chip.baud / 115200 - 1) < 0.01
    assert chip.value["SYST_CSR"] == 7

    burst = bytes(b for b in range(256) if b != ord("?"))
    for at in range(0, len(burst), 6):  # what the smallest FIFO holds
        chip.waiting.extend(burst[at : at + 6])
        assert player.run(lambda at=at: len(chip.sent) == len(hello) + min(at + 6, len(burst)))
    assert bytes(chip.sent[len(hello) :]) == burst
    chip.waiting.append(ord("?"))
    assert player.run(lambda: chip.sent.endswith(b"10 ms")), bytes(chip.sent[-20:])
    assert chip.broken == []


@pytest.mark.parametrize("baud", [pytest.param(baud, marks=() if baud in FEW else pytest.mark.long) for baud in BAUDS])
@pytest.mark.parametrize("name", [name for name in CHIPS if " " not in name])
def test_a_port_talks_at_the_speed_that_an_export_asks_for(name, baud, tmp_path):
    board, chip = boards()[name].configured(baud), CHIPS[name]()
    player = machine(name, build(board, tmp_path, next(iter(toolchains().values()))), chip)
    assert player.run(lambda: chip.sent.endswith(b"\r\n")), (bytes(chip.sent), chip.broken)
    assert abs(chip.baud / baud - 1) < 0.022  # a receiver of 8N1 bears 4 %, of which the other side may take its half
    assert chip.broken == []


def test_energy_mode_marks_every_time_on_the_pin_for_a_millisecond(tiny_bundle, tmp_path):
    board, chip = boards()["nucleo-l4r5zi"].configured(energy=True), Stm32l4r5()
    assert board.baud == 9600
    export(tiny_bundle, board.target.name, tmp_path / "fw", board=board)
    elf = build_firmware(tmp_path / "fw", board, next(iter(toolchains().values())))
    player = machine(board.name, elf, chip)
    assert player.run(lambda: chip.sent.endswith(b"m-ready\r\n")), bytes(chip.sent)
    assert bytes(chip.sent) == b"m-timestamp-mode-energy\r\nm-init-done\r\nm-ready\r\n"
    port = MachinePort(player)
    x, _ = golden_vector(tiny_bundle.graph)
    for words in (f"db load {len(x)}%", *(f"db {x[at : at + 26].hex()}%" for at in range(0, len(x), 26)), "infer 3 1%"):
        chip.sent.clear()
        for at in range(0, len(words), port.FIFO):
            chip.waiting.extend(words[at : at + port.FIFO].encode())
            assert player.run(lambda: not chip.waiting)
        assert player.run(lambda: chip.sent.endswith(b"m-ready\r\n")), bytes(chip.sent)
    assert b"m-lap-us" not in chip.sent
    assert b"m-results-[" in chip.sent
    levels = [high for high, _ in chip.pin13]
    assert levels == [True] + 3 * [False, True]  # the reset, and both ends of the inferences
    for (_, fell), (_, rose) in zip(chip.pin13[1::2], chip.pin13[2::2], strict=True):
        assert 1e-3 <= (rose - fell) / board.clock_hz < 1.2e-3
    assert chip.broken == []


def test_performance_mode_leaves_the_pin_alone(tiny_bundle, tmp_path):
    chip = Stm32l4r5()
    player = machine(
        "nucleo-l4r5zi", build(boards()["nucleo-l4r5zi"], tmp_path, next(iter(toolchains().values()))), chip
    )
    assert player.run(lambda: chip.sent.endswith(b"\r\n"))
    assert chip.value["PF_MODER"] == 0xFFFFFFFF


def test_time_never_goes_back_while_the_counters_exception_is_late(tmp_path):
    """The machine serves exceptions between pieces only: up to thousands of instructions after the counter's wrap."""
    board, chip = boards()["nrf52840-dk"], Nrf52840()
    elf = build(board, tmp_path, next(iter(toolchains().values())), Path(__file__).with_name("clock.c"))
    player = machine("nrf52840-dk", elf, chip)
    assert player.run(lambda: chip.sent.endswith(b"e")), bytes(chip.sent)
    assert b"b" not in chip.sent
    assert chip.sent.count(b"w") >= 2  # 10,000 looks of at least 4,096 cycles


@pytest.mark.parametrize("name", [name for name in CHIPS if " " not in name])
def test_a_whole_firmware_computes_what_python_computed(name, tiny_bundle, tmp_path):
    board, chip = boards()[name], CHIPS[name]()
    export(tiny_bundle, board.target.name, tmp_path / "fw", board=board)
    elf = build_firmware(tmp_path / "fw", board, next(iter(toolchains().values())))
    player = machine(name, elf, chip)
    assert player.run(lambda: chip.sent.endswith(b"m-init-done\r\nm-ready\r\n")), bytes(chip.sent)
    session = Session(MachinePort(player), patience=60)
    assert (session.hello.board, session.hello.core) == (board.name, board.target.name)
    assert session.hello.clock_hz == board.clock_hz
    x, y = golden_vector(tiny_bundle.graph)
    run = session.run(x)
    assert run.output == y
    assert len(run.records) == 3
    assert session.self_test().wrong == 0
    status = session.status()
    assert 0 < status.stack_used_bytes < status.stack_bytes
    assert (status.lost_bytes, status.bad_frames) == (0, 0)
    assert chip.broken == []


def test_every_board_that_nothing_else_has_run_is_here():
    unproved = {board.name for board in boards().values() if board.proved == "nowhere"}
    assert unproved <= {name.partition(" ")[0] for name in CHIPS}
