"""The runner's side of MLPerf Tiny's text commands, against a board that is played here."""

from __future__ import annotations

import pytest

from mixcomp_edge.board.mlperf import Runner, measure
from mixcomp_edge.errors import BoardError


class Board:
    """Says `before` first, then answers each command as the benchmark's firmware does, a few bytes at a time."""

    url = "played"

    def __init__(self, before: bytes, chunk: int) -> None:
        self.waiting, self.chunk = before, chunk

    def write(self, data: bytes) -> None:
        for command in data.decode().split("%")[:-1]:
            known = {"name": "m-name-dut-[played]", "db load 4294967295": "e-[The buffer has 64 bytes]"}
            self.waiting += f"{known.get(command, f'e-[Unknown command: {command}]')}\r\nm-ready\r\n".encode()

    def read(self, timeout: float) -> bytes:
        data, self.waiting = self.waiting[: self.chunk], self.waiting[self.chunk :]
        return data


@pytest.mark.parametrize("chunk", [1, 7, 20, 1000])
@pytest.mark.parametrize(
    "before", [b"", b"m-init-done\r\nm-ready\r\n", b"half\r\nm-ready\r\nm-ready\r\n"], ids=["quiet", "starts", "busy"]
)
def test_an_answer_is_that_of_its_command_whatever_the_board_said_before(before, chunk):
    runner = Runner(Board(before, chunk))
    assert runner.input_bytes() == 64
    assert runner.ask("name", r"m-name-dut-\[(.*)\]") == ["played"]


class Timed(Board):
    """Infers in `us` microseconds by a clock with ticks of `tick`, which gains `step` between the two times."""

    def __init__(self, us: int, tick: int = 1, step: int = 0) -> None:
        super().__init__(b"", 1000)
        self.us, self.tick, self.step, self.now, self.asked = us, tick, step, 0, []

    def write(self, data: bytes) -> None:
        word, *numbers = data.decode().strip("%\0").split(" ")
        if word != "infer":
            fixed = {"name": "m-name-dut-[x]", "profile": "m-model-[kws01]", "timestamp": f"m-lap-us-{self.now}"}
            load = f"m-[Expecting {numbers[-1]} bytes]" if len(numbers) == 2 else "m-load-done"
            said = fixed.get(word, load if word == "db" else f"e-[Unknown command: {word}]")
        else:
            inferences, warmups = map(int, numbers)
            self.asked.append((inferences, warmups))
            self.now += warmups * self.us
            start, self.now = self.now, self.now + inferences * self.us + self.step
            start, end = (time // self.tick * self.tick for time in (start, self.now))
            said = f"m-lap-us-{start}\r\nm-lap-us-{end}\r\nm-infer-done\r\nm-results-[0.500,-1.250]"
        self.waiting += f"{said}\r\nm-ready\r\n".encode()


@pytest.mark.parametrize(
    ("us", "tick", "calls"),
    [(12_000_000, 1, 1), (4_000_000, 1, 2), (50_000, 1, 3), (300, 1, 4), (300, 1_000_000, 4)],
)
def test_a_window_lasts_ten_seconds_or_more(us, tick, calls):
    board = Timed(us, tick)
    performance = measure(Runner(board), [bytes(31)] * 5)
    assert performance.model == "kws01"
    assert all(window.seconds >= 10 for window in performance.windows)
    assert len(board.asked) == 5 * calls
    assert performance.median == pytest.approx(1e6 / us, rel=0.1)
    assert performance.windows[0].results == (0.5, -1.25)


def test_a_clock_that_goes_back_is_an_error():
    board = Timed(1000, step=-5000)
    board.now = 8000
    with pytest.raises(BoardError, match="the board's clock went back from 8000 to 4000 us"):
        measure(Runner(board), [bytes(31)])


@pytest.mark.parametrize("said", ["m-results-[0.5]", "m-lap-us-1\r\nm-lap-us-2\r\nm-results-[one]", "e-[no]"])
def test_an_answer_that_does_not_fit_is_an_error(said):
    board = Board(b"", 1000)
    runner = Runner(board)
    board.write = lambda data: setattr(board, "waiting", f"{said}\r\nm-ready\r\n".encode())
    with pytest.raises(BoardError, match="'infer 1 0' was answered by"):
        runner.infer(1, 0, timeout=1)


def test_a_board_that_says_nothing_is_an_error():
    board = Board(b"", 1)
    board.write = lambda data: None
    with pytest.raises(BoardError, match="no m-ready after"):
        Runner(board, timeout=0.05)
