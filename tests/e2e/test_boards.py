"""From a bundle to a verified firmware: exported, built, started in QEMU, every layer compared over the UART."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest

from mixcomp_edge import QuantPlan, convert, export, load_task, prepare, save_bundle
from mixcomp_edge.board.exchange import LIMIT
from mixcomp_edge.board.qemu import QemuBoard
from mixcomp_edge.board.wire import wire_cost
from mixcomp_edge.build.cross import toolchain, toolchains
from mixcomp_edge.build.firmware import build_firmware
from mixcomp_edge.build.image import read_image
from mixcomp_edge.cli import main
from mixcomp_edge.codegen.firmware import memory
from mixcomp_edge.codegen.project import read_firmware
from mixcomp_edge.errors import BoardError, ExportError
from mixcomp_edge.plan.layout import lay_out
from mixcomp_edge.targets.boards import board, boards
from mixcomp_edge.train.networks import ResNet8
from mixcomp_edge.transports.board import BoardTransport
from mixcomp_edge.verification import verify

QEMU_BOARDS = [
    pytest.param(name, marks=pytest.mark.skipif(shutil.which(of.target.qemu) is None, reason=f"needs {of.target.qemu}"))
    for name, of in boards().items()
    if of.qemu
]
needs_qemu = pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="needs qemu-system-arm")


def calibrated(name: str):
    """The network of a task, calibrated, not trained: what it says of its input is no matter here."""
    task = load_task(name)
    model = ResNet8() if name == "resnet8" else task.model
    return convert(prepare(model, task.calibration[:32], QuantPlan(), name))


@pytest.fixture(scope="module")
def digits():
    return calibrated("digits")


@pytest.fixture(scope="module")
def networks(digits, tmp_path_factory):
    """name -> bundle file"""
    folder = tmp_path_factory.mktemp("networks")
    for bundle in (digits, calibrated("resnet8"), calibrated("dscnn")):
        save_bundle(bundle, folder / f"{bundle.graph.name}.mce")
    return {path.stem: path for path in folder.iterdir()}


@pytest.fixture
def command(capsys, monkeypatch):
    """Runs the command, in this process: (exit code, the object on stdout)."""
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)  # pytest keeps its own

    def run(*words: object):
        monkeypatch.setattr(sys, "argv", ["mixcomp-edge", *map(str, words), "--json"])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, json.loads(capsys.readouterr().out)

    return run


def change_a_weight(project: Path, layer: str) -> None:
    path = next((project / "src").glob("*_weights.h"))
    text = path.read_text()
    code = re.compile(r"0x[0-9a-f]{2}").search(text, text.index(f"{layer}_codes["))
    path.write_text(f"{text[: code.start()]}0x{int(code[0], 16) ^ 0x77:02x}{text[code.end() :]}")


@pytest.mark.parametrize("name", QEMU_BOARDS)
@pytest.mark.parametrize(
    ("network", "count"),
    [("digits", 20), *(pytest.param(name, 2, marks=pytest.mark.long) for name in ("resnet8", "dscnn"))],
)
def test_a_board_computes_what_python_computed(networks, command, network, count, name, tmp_path):
    code, exported = command("export", networks[network], "--board", name, "-o", tmp_path / "fw")
    if (network, name) == ("resnet8", "microbit"):
        assert code == 2
        assert re.search(r"needs [\d,]+ B of RAM on microbit, which has 16,384 B: [\d,]+ B too", exported["error"])
        assert not (tmp_path / "fw").exists()
        return
    assert (code, exported["target"]) == (0, board(name).target.name)
    code, flashed = command("flash", tmp_path / "fw")
    assert (code, flashed["board"], flashed["method"]) == (0, name, "qemu")
    code, verdict = command("verify", tmp_path / "fw", "--on", f"qemu:{name}", "--count", count)
    assert (code, verdict["transport"], verdict["target"]) == (0, f"qemu:{name}", board(name).target.name)
    assert (verdict["inputs"], verdict["mismatches"], verdict["first_mismatch"]) == (count, 0, None)
    assert verdict["elements"] > 1000 * count


@needs_qemu
def test_a_changed_weight_is_found_by_layer_and_element(digits, tmp_path):
    export(digits, "", tmp_path / "fw", board=board("mps2-an386"))
    layers = [step.node.name for step in lay_out(digits.graph, board("mps2-an386").target).steps]
    planted = layers[2]
    change_a_weight(tmp_path / "fw", planted.replace(".", "_"))
    found = verify(tmp_path / "fw", on="qemu:mps2-an386", count=3, edited=True)
    judge = verify(tmp_path / "fw", on="host", count=3, edited=True)
    assert found.first_mismatch.layer == planted
    assert found.first_mismatch.expected != found.first_mismatch.got
    assert (found.mismatches, found.first_mismatch) == (judge.mismatches, judge.first_mismatch)


@needs_qemu
def test_the_firmware_of_another_model_or_export_is_refused_by_name(digits, tiny_bundle, tmp_path):
    for bundle in (digits, tiny_bundle):
        export(bundle, "", tmp_path / bundle.graph.name, board=board("mps2-an386"))
    the_board, build_id = read_firmware(tmp_path / "digits")
    layout = lay_out(digits.graph, the_board.target)
    elf = build_firmware(tmp_path / "tiny", the_board, toolchain())
    with QemuBoard(the_board, elf) as machine:
        with pytest.raises(BoardError, match=r"mps2-an386 runs the model 'tiny' \(sha256 \w+\), not 'digits'"):
            BoardTransport("serial", machine.url, layout, digits.sha256, build_id)
        with pytest.raises(BoardError, match="stale firmware: mps2-an386 runs another export of 'tiny'"):
            BoardTransport(
                "serial", machine.url, lay_out(tiny_bundle.graph, the_board.target), tiny_bundle.sha256, bytes(8)
            )


@needs_qemu
def test_over_a_bad_line_and_through_resets_results_are_right_or_an_error_in_time(digits, tmp_path):
    from e2e.faulted_transfers import faulted_transfers

    export(digits, "", tmp_path / "fw", board=board("mps2-an386"))
    result = faulted_transfers(tmp_path / "fw", 12, rate=0.15, resets=0.03)
    assert result["right"] + result.get("error", 0) == 12  # none is wrong
    assert result["right"] >= 10  # a busy machine may take too long for one
    assert result["longest_s"] < 2 * LIMIT
    assert sum(result["faults"].values()) > 0  # how many depends on how the bytes come together


@pytest.mark.parametrize("chain", toolchains().values(), ids=lambda chain: chain.name)
@pytest.mark.parametrize("name", ["microbit", "netduinoplus2"])
def test_what_export_predicts_of_ram_is_what_is_linked(digits, name, chain, tmp_path):
    layout = export(digits, "", tmp_path / "fw", board=board(name))
    predicted = memory(layout, board(name), None).total_bytes
    linked = read_image(build_firmware(tmp_path / "fw", board(name), chain), board(name)).ram_bytes
    assert linked <= predicted <= linked + 96


def test_resnet8_sends_more_than_four_fifths_payload():
    cost = wire_cost(input_bytes=3072, output_bytes=10, layers=12)
    assert cost.share > 0.8


@needs_qemu
def test_the_time_on_the_wire_is_told_before_it_starts(digits, tmp_path):
    export(digits, "", tmp_path / "fw", board=board("mps2-an386"))
    said: list[str] = []
    verify(tmp_path / "fw", on="qemu:mps2-an386", count=2, notice=said.append, progress=lambda *_: said.append("input"))
    cost = wire_cost(input_bytes=64, output_bytes=10, layers=5)
    assert said[0].startswith(f"2 inputs: {2 * cost.total:,} B on the wire")
    assert f"{cost.seconds(2):.1f} s at 115200 baud" in said[0]
    assert said[1:] == ["input", "input"]


def test_a_folder_for_another_board_or_for_none_is_refused(digits, tmp_path):
    export(digits, "", tmp_path / "fw", board=board("microbit"))
    with pytest.raises(ExportError, match="exported for the board microbit, not for mps2-an386"):
        verify(tmp_path / "fw", on="qemu:mps2-an386")
    export(digits, "cortex-m4", tmp_path / "plain")
    with pytest.raises(ExportError, match="exported without a board"):
        verify(tmp_path / "plain", on="qemu:mps2-an386")
