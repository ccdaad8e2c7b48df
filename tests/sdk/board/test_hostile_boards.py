"""Boards that say too much, too long or what cannot be: each talk ends in time, in little memory, with one sentence."""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import pytest

from mixcomp_edge.board.answer import await_answer
from mixcomp_edge.board.port import Port
from mixcomp_edge.board.session import Session
from mixcomp_edge.codegen.project import export, read_firmware, read_project
from mixcomp_edge.doctor.firmware import answers_at, check_firmware
from mixcomp_edge.errors import BoardError
from mixcomp_edge.targets.boards import board
from mixcomp_edge.verification import verify
from support import hostile_board as hostile
from support.hostile_board import HostileBoard

pytest.importorskip("resource", reason="needs a system that tells its memory")
SECONDS = 10
BYTES = 1 << 20


@pytest.fixture(scope="module")
def folder(tiny_bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("firmware") / "fw"
    export(tiny_bundle, "", folder, board=board("mps2-an386"))
    return folder


@pytest.fixture(scope="module")
def truth(folder):
    """What the folder's own firmware says of itself."""
    bundle, layout = read_project(folder)
    source, sink = layout.graph.nodes[0], layout.graph[layout.graph.output]
    return {
        "layers": len(layout.steps), "arena": layout.arena.total_bytes, "inputs": source.nbytes,
        "outputs": sink.nbytes, "sha256": bundle.sha256, "build_id": read_firmware(folder)[1],
    }  # fmt: skip


def fails_in_time(talk, message: str) -> None:
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BoardError, match=message) as error:
        talk()
    assert time.monotonic() - began < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 64 * BYTES
    assert len(str(error.value)) < 500
    assert str(error.value).isprintable()


FLOODS = {
    "garbage": (hostile.garbage, "64 KiB came in place of an answer"),
    "text": (hostile.text, "64 KiB came in place of an answer: says 'm-lap-us-1'"),
    "a line without an end": (hostile.endless_line, "64 KiB came in place of an answer"),
    "frames of others": (hostile.foreign_frames, "64 KiB came in place of an answer"),
}


@pytest.mark.parametrize(("flood", "message"), FLOODS.values(), ids=FLOODS)
def test_a_flood_from_the_first_byte_on_is_hung_up(flood, message):
    with HostileBoard(opening=flood) as played:
        fails_in_time(lambda: Session(Port(played.url)), message)


@pytest.mark.parametrize(("flood", "message"), FLOODS.values(), ids=FLOODS)
def test_a_flood_in_place_of_an_answer_is_hung_up(folder, truth, flood, message):
    with HostileBoard(hostile.after_hello(hostile.hello(**truth), flood)) as played:
        fails_in_time(lambda: verify(folder, on=f"serial:{played.url}", count=1), message)


@pytest.mark.parametrize("signs", [hostile.always_busy, hostile.busy_in_turn])
def test_one_that_is_busy_for_ever_is_hung_up_at_its_hello_and_at_a_run(folder, truth, signs):
    with HostileBoard(signs) as played:
        fails_in_time(lambda: Session(Port(played.url)), "keeps saying that it is busy, and does not get on")
    with HostileBoard(hostile.after_hello(hostile.hello(**truth), signs)) as played:
        fails_in_time(lambda: verify(folder, on=f"serial:{played.url}", count=1), "keeps saying that it is busy")


def seven_bytes(request):
    yield hostile.reply(request, b"x" * 7)


@pytest.mark.parametrize("then", [hostile.refuse, hostile.empty, seven_bytes])
def test_one_that_never_gives_a_result_is_given_up_after_many_attempts(folder, truth, then):
    with HostileBoard(hostile.after_hello(hostile.hello(**truth), then)) as played:
        fails_in_time(lambda: verify(folder, on=f"serial:{played.url}", count=1), "gave up after 200 attempts")


def test_one_that_hangs_up_each_time_is_given_up(folder, truth):
    def leave(request):
        raise OSError

    with HostileBoard(hostile.after_hello(hostile.hello(**truth), leave)) as played:
        fails_in_time(lambda: verify(folder, on=f"serial:{played.url}", count=1), "gave up after 10 attempts")


@pytest.mark.parametrize(
    ("lie", "message"),
    [
        ({"outputs": 0xFFFFFFFF}, r"says that it has 4,294,967,295 B of output, but 'tiny' has 5\. Flash it again"),
        ({"inputs": 0xFFFFFFFF}, r"says that it has 4,294,967,295 B of input"),
        ({"inputs": 0}, r"says that it has 0 B of input"),
        ({"arena": 0}, r"says that it has 0 B of arena"),
        ({"layers": 0xFFFF}, r"says that it has 65,535 layers, but 'tiny' has 3"),
        ({"sha256": "00" * 32, "model": b"\x1b[2J\0\xff"}, r"runs the model '\?\[2J\?\?'"),
    ],
)
def test_what_a_hello_claims_is_held_against_the_layout(folder, truth, lie, message):
    with HostileBoard(hostile.after_hello(hostile.hello(**(truth | lie)), hostile.empty)) as played:
        fails_in_time(lambda: verify(folder, on=f"serial:{played.url}", count=1), message)


@pytest.mark.parametrize("payload", [b"", b"\1", bytes(63), b"\1\0\0\1" + bytes(60) + b"\xff", b"\2" + bytes(80)])
def test_a_hello_that_is_none_is_an_error(payload):
    with HostileBoard(lambda request: iter([hostile.reply(request, payload)])) as played:
        fails_in_time(lambda: Session(Port(played.url)), "the firmware")


def test_floods_do_not_hold_up_flash_and_doctor():
    with HostileBoard(opening=hostile.garbage) as played:
        fails_in_time(lambda: await_answer(played.url, bytes(8), limit_s=1), "64 KiB came in place of an answer")
        began = time.monotonic()
        check = check_firmware(played.url)
        assert not check.ok
        assert not answers_at(played.url, 9600)
        assert time.monotonic() - began < SECONDS


def test_the_command_ends_with_one_sentence_and_2(folder):
    with HostileBoard(opening=hostile.garbage) as played:
        words = [sys.executable, "-m", "mixcomp_edge", "verify", str(folder), "--on", f"serial:{played.url}"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "64 KiB came in place of an answer" in " ".join(done.stderr.split())
