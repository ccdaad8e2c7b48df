"""A board that answers MLPerf Tiny's text commands, played in this process."""

from __future__ import annotations

from mixcomp_edge.board.mlperf.benchmarks import BENCHMARKS


class Board:
    """Says `before` first, then answers each command, a few bytes at a time. Its clock is the runner's, too."""

    url, baud = "played", 115_200

    def __init__(self, model: str = "kws01", before: bytes = b"", chunk: int = 1000) -> None:
        self.model, self.waiting, self.chunk, self.now = model, before, chunk, 0.0
        self.size = BENCHMARKS[model].input_bytes
        self.loaded = b""

    def clock(self) -> float:
        return self.now

    def write(self, data: bytes) -> None:
        for command in data.decode().lstrip("\0").split("%")[:-1]:
            lines = [*self.answer(command), "m-ready"]
            self.waiting += "".join(f"{line}\r\n" for line in lines).encode("latin-1")

    def read(self, timeout: float) -> bytes:
        data, self.waiting = self.waiting[: self.chunk], self.waiting[self.chunk :]
        self.now += 0.0 if data else timeout
        return data

    def answer(self, command: str) -> list[str]:
        word, *rest = command.split(" ")
        if word == "db" and rest[0] == "load":
            self.loaded = b""
            fits = int(rest[1]) == self.size
            return [f"m-[Expecting {rest[1]} bytes]" if fits else f"e-[An input has {self.size} bytes, not {rest[1]}]"]
        if word == "db":
            self.loaded += bytes.fromhex(rest[0])
            return ["m-load-done"] if len(self.loaded) == self.size else []
        if word == "infer":
            return self.infer(*map(int, rest))
        known = {
            "name": ["m-name-dut-[played]"], "profile": ["m-profile-[x]", f"m-model-[{self.model}]"],
            "timestamp": ["m-lap-us-17"],
        }  # fmt: skip
        return known.get(word, [f"e-[Unknown command: {word}]"])

    def infer(self, inferences: int, warmups: int) -> list[str]:
        results = ",".join(f"{value:.3f}" for value in self.results())
        return ["m-lap-us-1", "m-lap-us-2", "m-infer-done", f"m-results-[{results}]"]

    def results(self) -> list[float]:
        return [0.25] * BENCHMARKS[self.model].results
