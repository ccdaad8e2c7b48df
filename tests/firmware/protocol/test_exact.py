"""The exact commands: the session of mixcomp_edge.board against firmware/protocol, over a sound and over a bad wire."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from firmware.protocol.host_device import INPUTS, HostDevice
from firmware.protocol.test_text import load, sums
from mixcomp_edge.board.exchange import LIMIT, Refused
from mixcomp_edge.board.frames import Damaged, Decoder, Frame
from mixcomp_edge.board.messages import BUSY, Command, Region
from mixcomp_edge.board.mlperf import Runner
from mixcomp_edge.board.port import PortLost
from mixcomp_edge.board.session import Session
from mixcomp_edge.board.wire import wire_cost
from mixcomp_edge.errors import BoardError
from support.faulty_wire import Faults


class Line:
    """A port with a HostDevice at its end and a clock of its own, which moves while nobody says anything."""

    url, baud = "line", 115_200

    def __init__(self, device: HostDevice, faults: Faults | None = None) -> None:
        self.device, self.faults = device, faults or Faults(0, 0.0)
        self.now = 0.0
        self.sent = self.received = self.reopened = 0
        self._arriving: list[tuple[float, bytes]] = []  # (when, bytes), in order

    def clock(self) -> float:
        return self.now

    def write(self, data: bytes) -> None:
        self.sent += len(data)
        if self.faults.reset_now():
            self.device.reset()
            self._say(self.device.boot())
        arrived, late = self.faults.damage(data)
        self._say(self.device.feed(arrived), late)

    def read(self, timeout: float) -> bytes:
        when, data = self._arriving[0] if self._arriving else (self.now + timeout + 1, b"")
        if when > self.now + timeout:
            self.now += timeout
            return b""
        self._arriving.pop(0)
        self.now = max(self.now, when)
        self.received += len(data)
        return data

    def reopen(self) -> None:
        self.reopened += 1
        self._arriving.clear()

    def close(self) -> None:
        pass

    def _say(self, data: bytes, late: float = 0.0) -> None:
        arrived, later = self.faults.damage(data)
        if arrived:
            before = self._arriving[-1][0] if self._arriving else 0.0
            self._arriving.append((max(before, self.now + 0.001 + late + later), arrived))


def open_session(device: HostDevice, faults: Faults | None = None) -> Session:
    line = Line(device, faults)
    return Session(line, clock=line.clock)


def inputs(seed: int) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, INPUTS, dtype=np.uint8).tobytes()


def expected(x: bytes) -> list[bytes]:
    """The outputs of device.c's three layers."""
    raw = np.frombuffer(x, np.uint8)
    return [x, (raw + np.uint8(1)).tobytes(), bytes(sums(raw).astype(np.uint8))]


def ask(device: HostDevice, command: int, payload: bytes, sequence: int = 5) -> Frame:
    said = Decoder().feed(device.feed(Frame(command, sequence, payload).encode()))
    (event,) = (event for event in said if event.kind != BUSY)
    assert event.sequence == sequence
    return event


def test_hello_says_who_answers(device):
    hello = open_session(device).hello
    assert (hello.model, hello.board, hello.core, hello.layers) == ("sums", "test", "host", 3)
    assert (hello.clock_hz, hello.input_bytes, hello.output_bytes) == (1_000_000, INPUTS, 4)
    assert hello.sha256 == "010203" + "00" * 29
    assert hello.build_id == "0908070000000000"


def test_a_run_gives_output_checksums_and_cycles(device):
    session = open_session(device)
    for seed in range(3):
        x = inputs(seed)
        run = session.run(x)
        layers = expected(x)
        assert run.output == layers[-1]
        assert [record.crc for record in run.records] == [zlib.crc32(layer) for layer in layers]
        assert run.cycles == sum(record.cycles for record in run.records)


def test_a_run_costs_on_the_wire_what_was_predicted(device):
    device.reset(tick=1)  # no time for signs of life
    session = open_session(device)
    before = session.port.sent + session.port.received
    session.run(inputs(4))
    spent = session.port.sent + session.port.received - before
    frames = 2 * 5  # two writes, run, two reads, each with its answer; each may save a byte of COBS
    predicted = wire_cost(INPUTS, 4, 3)
    assert predicted.total - frames <= spent <= predicted.total
    assert predicted.payload == INPUTS + 4


@pytest.mark.parametrize("wanted", [[0], [1], [2], [0, 1, 2], [0, 2]])
def test_a_run_stands_still_behind_the_layers_that_are_asked_for(device, wanted):
    session = open_session(device)
    x = inputs(9)
    layers = expected(x)
    assert session.layers(x, [(i, len(layers[i])) for i in wanted]) == [layers[i] for i in wanted]
    assert session.run(x).output == layers[-1]


def test_a_board_that_stands_still_answers_other_commands_too(device):
    x = inputs(1)
    for offset in (0, 256):
        ask(device, Command.WRITE, struct.pack("<I", offset) + x[offset : offset + 256])
    stop = Frame(Command.RUN, 6, struct.pack("<IH", zlib.crc32(x), 1)).encode()
    said = Decoder().feed(device.feed(stop + Frame(Command.HELLO, 7).encode()))
    first, second = (event for event in said if event.kind != BUSY)
    assert (first.kind, first.payload[0]) == (Command.RUN | 0x80, 2)
    assert (second.kind, second.sequence) == (Command.HELLO | 0x80, 7)


def test_a_text_command_ends_a_stop_and_is_done(device):
    x = bytes(INPUTS)
    stop = Frame(Command.RUN, 6, struct.pack("<IH", zlib.crc32(x), 0)).encode()
    said = device.feed(stop + b"name%")
    assert said.endswith(b"m-name-dut-[mixcomp-edge]\r\nm-ready\r\n")


def test_the_answer_to_a_run_can_be_had_twice_but_it_runs_once(device):
    x = bytes(INPUTS)
    request = struct.pack("<IH", zlib.crc32(x), 0xFFFF)
    first = ask(device, Command.RUN, request)
    assert ask(device, Command.RUN, request) == first
    assert ask(device, Command.RUN, request, sequence=6).payload == b"\x04"  # the input is used up


@pytest.mark.parametrize(
    ("command", "payload", "reason"),
    [
        (0, b"", 1),
        (8, b"", 1),
        (0x7F, b"\0" * 200, 1),
        (Command.HELLO, b"x", 2),
        (Command.WRITE, b"\0\0\0", 2),
        (Command.WRITE, struct.pack("<I", INPUTS) + b"x", 3),
        (Command.WRITE, struct.pack("<I", 0xFFFFFFFF) + b"xx", 3),
        (Command.WRITE, struct.pack("<I", INPUTS - 1) + b"xx", 3),
        (Command.RUN, b"\0" * 5, 2),
        (Command.RUN, struct.pack("<IH", 1, 0), 4),
        (Command.STEP, b"\0\0", 5),
        (Command.READ, struct.pack("<BIH", Region.LAYER, 0, 1), 5),
        (Command.READ, struct.pack("<BIH", 3, 0, 1), 3),
        (Command.READ, struct.pack("<BIH", Region.OUTPUT, 0, 5), 3),
        (Command.READ, struct.pack("<BIH", Region.OUTPUT, 0xFFFFFFFF, 2), 3),
        (Command.READ, struct.pack("<BIH", Region.RECORDS, 23, 2), 3),
        (Command.READ, struct.pack("<BIH", Region.OUTPUT, 0, 257), 3),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_reason(device, command, payload, reason):
    assert ask(device, command, payload) == Frame(0xFF, 5, bytes([reason]))


def test_the_self_test_finds_a_board_that_computes_wrongly(device):
    session = open_session(device)
    good = session.self_test()
    assert (good.status, good.compared, good.wrong) == (0, 4, 0)


def test_status_counts_damaged_frames(device):
    session = open_session(device)
    device.feed(b"\xf0\xf1broken\0\x80\0")
    assert session.status().bad_frames == 2


@pytest.mark.parametrize(
    ("command", "payload"),
    [
        (Command.WRITE, struct.pack("<I", 0) + b"x"),
        (Command.RUN, struct.pack("<IH", zlib.crc32(bytes(INPUTS)), 0xFFFF)),
        (Command.SELF_TEST, b""),
    ],
)
def test_the_runners_input_and_the_exact_one_do_not_mix(device, command, payload):
    device.reset(2)
    load(device, bytes(INPUTS))
    assert ask(device, command, payload).kind == command | 0x80
    assert device.command("infer 1 0") == [f"e-[Load {INPUTS} bytes first]"]


@pytest.mark.parametrize(
    ("seed", "rate", "resets", "least"),
    [(1, 0.05, 0.0, 300), (2, 0.15, 0.01, 300), (3, 0.3, 0.02, 290), (4, 0.6, 0.05, 200)],
)
def test_over_a_bad_wire_a_result_is_right_or_an_error_in_time(device, seed, rate, resets, least):
    faults = Faults(seed, rate, resets)
    session = open_session(device)
    line = session.port
    line.faults = faults
    outcomes = {"right": 0, "error": 0}
    for number in range(300):
        x, began = inputs(number), line.now
        layers = expected(x)
        try:
            run = session.run(x)
        except BoardError:
            outcomes["error"] += 1
        else:
            outcomes["right"] += 1
            assert run.output == layers[-1]
            assert [record.crc for record in run.records] == [zlib.crc32(layer) for layer in layers]
        assert line.now - began <= 2 * LIMIT  # the time in which a run tells that it is alive is not counted
    assert sum(faults.counts.values()) > 300 * rate
    assert outcomes["right"] >= least


def test_layers_are_fetched_over_a_bad_wire_too(device):
    session = open_session(device)
    session.port.faults = Faults(7, 0.15, 0.01)
    for number in range(60):
        x = inputs(number)
        layers = expected(x)
        assert session.layers(x, [(0, INPUTS), (2, 4)]) == [layers[0], layers[2]]


def test_a_dead_board_is_an_error_in_time(device):
    session = open_session(device)
    session.port.device = type("Dead", (), {"feed": lambda self, data: b"", "reset": lambda self: None})()
    with pytest.raises(BoardError, match="gave up after"):
        session.run(bytes(INPUTS))
    assert session.port.now <= LIMIT + 5
    assert session.port.reopened > 1


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (b"", "silent for 5 s. Is the board powered"),
        (b"\x9e\x66\x06\x9e", "none of them makes sense. Is its UART at 115200 baud"),
        (b"e-[Unknown command: ]\r\nm-ready\r\n", "says 'm-ready', but does not know our protocol"),
        (b"e-[Fault]\r\n", "the firmware faulted"),
    ],
)
def test_who_does_not_answer_is_described(device, says, message):
    line = Line(device)
    line.device = type("Other", (), {"feed": lambda self, data: says})()
    with pytest.raises(BoardError, match=message.replace("[", r"\[")):
        Session(line, clock=line.clock)


class Unplugged(Line):
    """A line whose port goes away in the middle of `cut`'s messages; it takes `absent` attempts to open it again."""

    def __init__(self, device: HostDevice, cut: int, absent: int) -> None:
        super().__init__(device)
        self.cut, self.absent = cut, absent

    def write(self, data: bytes) -> None:
        self.cut -= 1
        if self.cut == 0:
            super().write(data[: len(data) // 2])
            raise PortLost("device disconnected")
        super().write(data)

    def reopen(self) -> None:
        self.now += 1.0
        if self.absent > 0:
            self.absent -= 1
            raise BoardError("no such port")
        super().reopen()


@pytest.mark.parametrize("cut", [2, 3, 4, 5, 6])
def test_a_port_that_comes_back_is_opened_again_and_the_input_sent_again(device, cut):
    line = Unplugged(device, cut, absent=2)
    session = Session(line, clock=line.clock)
    assert session.run(inputs(5)).output == expected(inputs(5))[-1]
    assert (line.absent, line.reopened) == (0, 1)


def test_a_port_that_stays_away_is_an_error(device):
    line = Unplugged(device, cut=3, absent=1000)
    session = Session(line, clock=line.clock)
    with pytest.raises(BoardError, match="no such port"):
        session.run(bytes(INPUTS))
    assert line.now <= LIMIT


def test_a_session_that_is_closed_in_the_middle_of_a_frame_leaves_the_line_to_others(device):
    session = open_session(device)
    session.port.write(Frame(Command.WRITE, 1, bytes(200)).encode()[:50])
    session.close()
    assert device.command("name") == ["m-name-dut-[mixcomp-edge]"]


def test_the_runner_is_heard_behind_a_frame_that_was_left_open(device):
    device.feed(Frame(Command.WRITE, 1, bytes(200)).encode()[:50])
    assert Runner(Line(device)).ask("name", r"m-name-dut-\[(.*)\]") == ["mixcomp-edge"]


def test_another_firmware_after_a_reset_is_noticed(device):
    session = open_session(device)
    session.hello = type(session.hello)(**{**vars(session.hello), "model": "another"})
    session.port.faults = Faults(1, 1.0)
    session.port.faults.damage = lambda data: (b"", 0.0) if session.port.now < 8 else (data, 0.0)
    with pytest.raises(BoardError, match="another firmware answers than before"):
        session.run(bytes(INPUTS))


def test_a_refusal_carries_its_reason(device):
    with pytest.raises(Refused, match="outside the memory"):
        open_session(device).request(Command.READ, struct.pack("<BIH", 9, 0, 1))
    assert list(Decoder().feed(b"\x80\0")) == [Damaged.FRAME]
