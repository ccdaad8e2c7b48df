"""`flash` on a board of QEMU: the firmware must answer with the build id of the folder, and nothing is left running."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mixcomp_edge.board.answer import await_answer
from mixcomp_edge.board.flash import Way, install
from mixcomp_edge.board.mlperf import Runner
from mixcomp_edge.board.port import Port
from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.build.firmware import build_firmware
from mixcomp_edge.codegen.project import export, read_firmware
from mixcomp_edge.errors import BoardError
from mixcomp_edge.targets.boards import boards
from mixcomp_edge.verification import verify

pytestmark = pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="needs qemu-system-arm")
BOARD = boards()["mps2-an386"]


@pytest.fixture(scope="module")
def folder(tiny_bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("firmware") / "fw"
    export(tiny_bundle, BOARD.target.name, folder, board=BOARD)
    build_firmware(folder, BOARD, next(iter(toolchains().values())))
    return folder


def start(folder, **way):
    _, build_id = read_firmware(folder)
    return install(folder / "firmware" / "firmware.elf", BOARD, build_id, Way(**way), lambda *_: None, pytest.fail)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_board_of_qemu_answers_and_runs_on(folder):
    result, machine = start(folder)
    with machine:
        assert await_answer(machine.url, read_firmware(folder)[1]).board == "mps2-an386"
        assert (result.method, result.where) == ("qemu", machine.url)
    assert not Path(f"/proc/{machine.pid}").exists()


def test_another_firmware_is_named_as_such(folder):
    _, machine = start(folder)
    with (
        machine,
        pytest.raises(BoardError, match=r"another firmware: model 'tiny' for mps2-an386, build \w{16}, not 00"),
    ):
        await_answer(machine.url, bytes(8), limit_s=0.5)


def test_a_silent_port_is_an_error_within_its_time():
    with socket.create_server(("127.0.0.1", 0)) as server:
        begin = time.monotonic()
        with pytest.raises(BoardError, match="silent"):
            await_answer(f"socket://127.0.0.1:{server.getsockname()[1]}", bytes(8), limit_s=0.5)
        assert time.monotonic() - begin < 15


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ({"probe": "A1"}, "neither a probe nor a drive"),
        ({"drive": Path("/media/x")}, "neither a probe nor a drive"),
        ({"port": "/dev/ttyACM0"}, "it is a TCP port of this machine"),
        ({"port": "70000"}, "it is a TCP port of this machine"),
        ({"port": "5555", "terminal": True}, "--pty and --port are two places for one UART"),
    ],
)
def test_what_means_nothing_to_qemu_is_refused(folder, way, message):
    with pytest.raises(BoardError, match=message):
        start(folder, **way)


def test_a_taken_tcp_port_is_named(folder):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(BoardError, match=f"TCP port {port} of this machine cannot be had"):
            start(folder, port=str(port))


def command(*words) -> list[str]:
    return [sys.executable, "-c", "from mixcomp_edge.cli import main; main()", *map(str, words)]


def test_without_a_place_to_keep_it_says_what_it_did_and_what_is_next(folder):
    done = subprocess.run(command("flash", folder), capture_output=True, text=True, timeout=300, check=True)
    said = " ".join(done.stdout.split())
    assert "socket://" not in said  # QEMU has ended, its port with it
    assert "the firmware answered with this export's build id, and QEMU was ended" in said
    assert f"next: mixcomp-edge verify {folder} --on qemu:mps2-an386" in said


def test_a_pseudo_terminal_is_kept_for_programs_that_know_only_devices(folder):
    process = interruptible("flash", folder, "--pty", "--json")
    try:
        value = json.loads(process.stdout.readline())
        assert value["runs_on"]
        assert value["where"].startswith("/dev/")
        port = Port(value["where"])
        assert Runner(port, timeout=30).ask("name", r"m-name-dut-\[(.*)\]") == ["mixcomp-edge"]
        port.close()
        assert verify(folder, on=f"serial:{value['where']}", count=1).mismatches == 0
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.communicate()


def test_the_command_prints_one_object(folder):
    done = subprocess.run(command("flash", folder, "--json"), capture_output=True, text=True, timeout=300, check=True)
    value = json.loads(done.stdout)
    assert (value["board"], value["method"], value["runs_on"]) == ("mps2-an386", "qemu", False)
    assert value["where"] == "qemu-system-arm -M mps2-an386"
    assert value["build_id"] == read_firmware(folder)[1].hex()


def test_the_wrong_board_is_refused(folder):
    done = subprocess.run(
        command("flash", folder, "--board", "pico"), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 2
    assert "was exported for mps2-an386, not for pico" in done.stderr


def interruptible(*words) -> subprocess.Popen:
    """The command, in a process that takes Ctrl-C even where the tests run as a background job."""
    return subprocess.Popen(
        command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def test_ctrl_c_leaves_the_port_to_others(folder):
    _, machine = start(folder)
    with machine:
        process = interruptible("verify", folder, "--on", f"serial:{machine.url}", "--count", 100_000)
        try:
            assert "100000 inputs" in process.stderr.readline()  # what it will cost: the port is open
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
        finally:
            process.kill()
            process.communicate()
        port = Port(machine.url)
        assert Runner(port, timeout=30).ask("name", r"m-name-dut-\[(.*)\]") == ["mixcomp-edge"]
        port.close()
        assert verify(folder, on=f"serial:{machine.url}", count=2).mismatches == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_machine(folder, number, code):
    port = free_port()
    process = interruptible("flash", folder, "--port", port)
    try:
        assert f"127.0.0.1:{port}" in process.stdout.readline()
        assert await_answer(f"socket://127.0.0.1:{port}", read_firmware(folder)[1]).model == "tiny"
        process.send_signal(number)
        assert process.wait(60) == code
    finally:
        process.kill()
        process.communicate()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_folder_without_a_board_is_refused(tiny_bundle, tmp_path):
    export(tiny_bundle, "cortex-m4", tmp_path / "c")
    done = subprocess.run(command("flash", tmp_path / "c"), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2
    assert "exported without a board" in done.stderr
