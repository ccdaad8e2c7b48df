"""The runner's side of MLPerf Tiny's text commands, against a board that is played here."""

from __future__ import annotations

import pytest

from mixcomp_edge.board.mlperf import Runner
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


def test_a_board_that_says_nothing_is_an_error():
    board = Board(b"", 1)
    board.write = lambda data: None
    with pytest.raises(BoardError, match="no m-ready after"):
        Runner(board, timeout=0.05)
