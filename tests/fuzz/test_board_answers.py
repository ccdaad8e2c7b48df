"""Answers of boards, changed at random: bits, bytes, frames with a right checksum, lines, numbers, floods.

Whatever comes, the host ends with a result of the right form or one BoardError, in time, and writes nowhere else."""

from __future__ import annotations

import random
import struct
import time

import pytest

from firmware.protocol.host_device import INPUTS, HostDevice
from firmware.protocol.test_exact import Line
from mixcomp_edge.board.exchange import LIMIT
from mixcomp_edge.board.frames import Decoder, Frame
from mixcomp_edge.board.mlperf import Runner, evaluate, measure, write_results
from mixcomp_edge.board.mlperf.benchmarks import BENCHMARKS
from mixcomp_edge.board.mlperf.dataset import Sample
from mixcomp_edge.board.session import Session
from mixcomp_edge.errors import BoardError
from support.text_board import Board

MANY = pytest.mark.long
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
REAL_SECONDS = 20.0  # of one case, on a busy machine


def changed_bytes(data: bytes, rng: random.Random) -> bytes:
    """One or a few changes where they fall."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(out) + 1)
        kind = rng.randrange(6)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[at:at] = rng.randbytes(rng.choice((1, 3, 300)))
        elif kind == 2:
            del out[at : at + rng.choice((1, 4, 1000))]
        elif kind == 3:
            out[at:at] = bytes(out[at : at + 40]) * rng.choice((1, 50, 500))
        elif kind == 4:
            out[at:at] = rng.choice((b"\0", b"\xf0\xf1", b"\xff" * 70_000, b"e-[Fault]\n", b"m-ready\r\n" * 9))
        elif kind == 5:
            out[at:] = b""
    return bytes(out)


def changed_frame(frame: Frame, rng: random.Random) -> list[Frame]:
    """A frame that no firmware would send, checksum and all."""
    payload = bytearray(frame.payload)
    kind, sequence, times = frame.kind, frame.sequence, 1
    choice = rng.randrange(6)
    if choice == 0 and payload:
        size = rng.choice((1, 2, 4, 8))
        at = rng.randrange(max(1, len(payload) - size + 1))
        payload[at : at + size] = struct.pack("<Q", rng.choice(EXTREMES))[:size]
    elif choice == 1:
        payload = payload[: rng.randrange(len(payload) + 1)]
    elif choice == 2:
        payload += rng.randbytes(rng.randrange(1, 200))
    elif choice == 3:
        kind = rng.choice((0, 0x81, 0x83, 0x85, 0xFE, 0xFF, rng.randrange(256)))
    elif choice == 4:
        sequence = rng.choice((0, 0xFFFF, sequence ^ 1))
    else:
        times = rng.choice((2, 30, 400))
    return [Frame(kind, sequence, bytes(payload[:260]))] * times


def is_one_sentence(error: BoardError) -> None:
    assert str(error).isprintable()
    assert len(str(error)) < 600


class MutantLine(Line):
    """A sound board behind someone who changes an answer now and then, or from then on all of them."""

    def __init__(self, device: HostDevice, seed: int) -> None:
        super().__init__(device)
        self.random = random.Random(seed)
        self.share = self.random.choice((0.02, 0.1, 0.5, 1.0))
        self.answers = 0
        self.first = self.random.choice((0, 1, 2, 4, 6))  # answers that are left alone

    def _say(self, data: bytes, late: float = 0.0) -> None:
        self.answers += 1
        if data and self.answers > self.first and self.random.random() < self.share:
            data = self._changed(data)
        super()._say(data, late)

    def _changed(self, data: bytes) -> bytes:
        if self.random.random() < 0.4:
            return changed_bytes(data, self.random)
        parts = []
        for event in Decoder(b"\n", 200).feed(data):
            if isinstance(event, Frame):
                parts += [frame.encode() for frame in changed_frame(event, self.random)]
        return b"".join(parts)


def exact_talk(device: HostDevice, seed: int) -> bool:
    """Whether the talk came to its end."""
    device.reset(tick=random.Random(seed).choice((1, 400_000)))
    line, began = MutantLine(device, seed), time.monotonic()
    try:
        session = Session(line, clock=line.clock)
        assert line.now <= LIMIT
        operations = (
            lambda: session.run(bytes(INPUTS)), lambda: session.layers(bytes(INPUTS), [(0, INPUTS), (2, 4)]),
            session.status, session.self_test,
        )  # fmt: skip
        for operation in operations:
            before = line.now
            operation()
            assert line.now - before <= 2 * LIMIT + 20
    except BoardError as error:
        is_one_sentence(error)
        return False
    finally:
        assert time.monotonic() - began < REAL_SECONDS
    return True


class MutantBoard(Board):
    """Answers text commands well, but for a change now and then."""

    def __init__(self, model: str, seed: int) -> None:
        super().__init__(model)
        self.random = random.Random(seed)
        self.share = self.random.choice((0.01, 0.1, 1.0))
        self.left_alone = self.random.choice((0, 1, 2, 5, 9))

    def write(self, data: bytes) -> None:
        before = len(self.waiting)
        super().write(data)
        self.left_alone -= 1
        if self.left_alone < 0 and self.random.random() < self.share:
            self.waiting = self.waiting[:before] + self._changed(self.waiting[before:])

    def infer(self, inferences: int, warmups: int) -> list[str]:
        start, self.now = self.now, self.now + inferences * 0.3
        laps = (f"m-lap-us-{round(moment * 1e6)}" for moment in (start, self.now))
        return [*laps, "m-infer-done", super().infer(inferences, warmups)[-1]]

    def _changed(self, data: bytes) -> bytes:
        rng, lines = self.random, data.split(b"\r\n")
        at = rng.randrange(len(lines))
        choice = rng.randrange(7)
        if choice == 0:
            return changed_bytes(data, rng)
        if choice == 1:
            del lines[at]
        elif choice == 2:
            lines[at:at] = [lines[at]] * rng.choice((1, 20, 3000))
        elif choice == 3:
            rng.shuffle(lines)
        elif choice == 4:
            number = rng.choice((b"9" * 5000, b"-1", b"nan", b"1e999", b"4294967296", b"1000000000000", b"0"))
            lines[at] = lines[at].replace(rng.choice((b"1", b"0.250", b"17", b"490", b"2")), number)
        elif choice == 5:
            word = rng.choice((b"../../../../x", b"/etc/passwd", b"kws01\0", b"\x1b[2J", b"a" * 5000, b"ad01", b""))
            lines[at] = lines[at].replace(self.model.encode(), word).replace(b"played", word)
        else:
            lines[at] = rng.randbytes(rng.choice((1, 60, 9000)))
        return b"\r\n".join(lines)


def text_talk(seed: int, folder) -> bool:
    """Whether there were results."""
    model = ("kws01", "ad01")[seed % 2]
    board, began = MutantBoard(model, seed), time.monotonic()
    benchmark = BENCHMARKS[model]
    try:
        runner = Runner(board, clock=board.clock)
        device = runner.identify()
        if seed % 4 < 2:
            data = [bytes(device.benchmark.input_bytes)]
            found = measure(runner, device, data, window_seconds=1)
        else:
            found = evaluate(runner, device, [Sample(folder / model, 1, benchmark.input_bytes)])
        assert sum(map(len, runner.log)) < 1 << 22
        place = write_results(found, runner.log, folder / "out", "mine", force=True)
        assert place.is_relative_to(folder / "out" / "results" / "mine")
    except BoardError as error:
        is_one_sentence(error)
        return False
    finally:
        assert time.monotonic() - began < REAL_SECONDS
    return True


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> HostDevice:
    return HostDevice(tmp_path_factory.mktemp("device"))


@pytest.mark.parametrize(("first", "count"), [(0, 150), pytest.param(1000, 5000, marks=MANY)])
def test_changed_frames_end_in_a_result_or_an_error(library, first, count):
    whole = sum(exact_talk(library, seed) for seed in range(first, first + count))
    assert count // 20 < whole < count * 19 // 20  # the changes matter, and do not hit everything


@pytest.mark.parametrize(("first", "count"), [(0, 150), pytest.param(1000, 5000, marks=MANY)])
def test_changed_lines_end_in_a_result_or_an_error_and_write_nowhere_else(tmp_path, first, count):
    for model, benchmark in BENCHMARKS.items():
        (tmp_path / model).write_bytes(bytes(benchmark.input_bytes))
    whole = sum(text_talk(seed, tmp_path) for seed in range(first, first + count))
    assert count // 20 < whole < count * 19 // 20
    assert {path.name for path in tmp_path.iterdir()} == {*BENCHMARKS, "out"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"results", "systems"}
    assert {path.name for path in (tmp_path / "out" / "results" / "mine").iterdir()} <= {"kws", "ad"}
