"""Programming through a probe, on a recorded fake: no hardware has been on the other end of these tests."""

from __future__ import annotations

import inspect
import itertools
import sys

import pytest

from firmware.ports.test_ports import build
from mixcomp_edge.board import probe as probe_module
from mixcomp_edge.board.flash import Way, flash
from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.build.image import read_image
from mixcomp_edge.errors import BoardError, ToolchainError
from mixcomp_edge.targets.boards import boards
from support.fake_pyocd import Bench, FakeProbe, FlashProgramFailure

BOARD = boards()["nrf52840-dk"]


@pytest.fixture(scope="module")
def elf(tmp_path_factory):
    return build(BOARD, tmp_path_factory.mktemp("elf"), next(iter(toolchains().values())))


@pytest.fixture
def bench(monkeypatch):
    bench = Bench()
    bench.install(monkeypatch)
    return bench


def run(elf, board=BOARD, way=None):
    """(result, progress as told)."""
    told = []
    result = flash(elf, board, way or Way(), lambda *step: told.append(step), told.append)
    return result, told


def test_the_chip_is_programmed_read_back_and_reset_in_this_order(elf, bench):
    result, told = run(elf)
    kinds = [call[0] for call in bench.calls]
    assert [kind for kind, _ in itertools.groupby(kinds)] == ["connect", "open", "program", "read", "reset", "close"]
    assert bench.calls[0] == ("connect", "0669FF12", "nrf52840")
    image = read_image(elf, BOARD)
    for chunk in image.chunks:
        assert bytes(bench.flash[chunk.address + i] for i in range(len(chunk.data))) == chunk.data
    assert result.method == "pyocd"
    assert result.where.startswith("0669FF12")
    assert result.flash_bytes == image.flash_bytes
    assert {what for what, _, _ in told} == {"program", "read back"}
    assert told[-1][1] == told[-1][2] or told[-1][1] == sum(len(chunk.data) for chunk in image.chunks)


def test_a_byte_that_did_not_take_is_named(elf, bench):
    bench.stuck = read_image(elf, BOARD).chunks[0].address + 5
    with pytest.raises(BoardError, match=r"the flash holds 0x.. at 0x00000005 where 0x.. was programmed"):
        run(elf)
    assert ("reset",) not in bench.calls
    assert bench.calls[-1] == ("close",)


@pytest.mark.parametrize(
    ("probes", "wanted", "message"),
    [
        ([], None, r"no debug probe found; seen: none.*doctor"),
        ([FakeProbe("A1"), FakeProbe("A2")], None, r"2 debug probes fit: A1 .*A2 .*--probe"),
        ([FakeProbe("A1"), FakeProbe("A2")], "a", r"2 debug probes fit"),
        ([FakeProbe("A1")], "B", r"no debug probe 'B' found; seen: A1"),
    ],
)
def test_which_probe_is_meant_must_be_clear(elf, bench, probes, wanted, message):
    bench.probes = probes
    with pytest.raises(BoardError, match=message):
        run(elf, way=Way(probe=wanted))


def test_part_of_an_id_chooses_a_probe(elf, bench):
    bench.probes = [FakeProbe("0669FF12"), FakeProbe("0700AA34")]
    run(elf, way=Way(probe="aa3"))
    assert bench.calls[0][1] == "0700AA34"


def test_a_chip_that_pyocd_must_learn_first_is_said_so(elf, bench):
    bench.known_targets = ()
    with pytest.raises(BoardError, match="pyocd pack install nrf52840"):
        run(elf)


@pytest.mark.parametrize("failure", [FlashProgramFailure("page 3"), OSError("USB went away")])
def test_a_failure_closes_the_session_and_says_what_to_do(elf, bench, failure):
    bench.fail = failure
    with pytest.raises(BoardError, match=rf"pyOCD failed: {failure}.*flash again"):
        run(elf)
    assert bench.calls[-1] == ("close",)


def test_ctrl_c_closes_the_session(elf, bench):
    bench.fail = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run(elf)
    assert bench.calls[-1] == ("close",)


def test_a_probe_that_is_too_slow_is_given_up(elf, bench, monkeypatch):
    clock = itertools.count(0, 50)
    monkeypatch.setattr(probe_module.time, "monotonic", lambda: next(clock))
    with pytest.raises(BoardError, match=r"program took more than 20 s"):
        run(elf, way=Way(timeout_s=20))
    assert bench.calls[-1] == ("close",)


def test_without_pyocd_the_remedy_is_named(elf, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyocd", None)
    with pytest.raises(ToolchainError, match=r"mixcomp-edge\[probe\]"):
        run(elf)


def test_the_fake_has_pyocds_own_signatures():
    pytest.importorskip("pyocd", reason="needs pyocd (extra [probe])")
    from pyocd.core.helpers import ConnectHelper
    from pyocd.flash.file_programmer import FileProgrammer

    fake = Bench().modules()
    ours, theirs = fake["pyocd.core.helpers"].ConnectHelper, ConnectHelper
    pairs = [
        (ours.get_all_connected_probes, theirs.get_all_connected_probes),
        (ours.session_with_chosen_probe, theirs.session_with_chosen_probe),
        (fake["pyocd.flash.file_programmer"].FileProgrammer.__init__, FileProgrammer.__init__),
        (fake["pyocd.flash.file_programmer"].FileProgrammer.program, FileProgrammer.program),
    ]
    for mine, real in pairs:
        assert list(inspect.signature(mine).parameters) == list(inspect.signature(real).parameters)
