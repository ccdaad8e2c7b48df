"""Kernels built for a 32-bit machine that this one can run, in a process of its own: an image as `alone.image_source`
makes it, with a loop that obeys commands on its standard input. It takes the place of an emulated core."""

from __future__ import annotations

import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

LOOP = """
#include <stdio.h>
int main(void)
{
    const uint32_t start = (uint32_t)(uintptr_t)mce_memory;
    uint32_t command[3]; /* 0 write, 1 read, 2 call; address; bytes */
    fwrite(&start, 4, 1, stdout);
    fflush(stdout);
    while (fread(command, 4, 3, stdin) == 3) {
        void *const at = (void *)(uintptr_t)command[1];
        if (command[0] == 0 && fread(at, 1, command[2], stdin) != command[2]) {
            return 1;
        } else if (command[0] == 1) {
            fwrite(at, 1, command[2], stdout);
            fflush(stdout);
        } else if (command[0] == 2) {
            mce_call(at);
        }
    }
    return 0;
}
"""


@dataclass(frozen=True)
class Place:
    address: int


class Process:
    """What `alone.Call.on_core` asks of a core."""

    def __init__(self, program: Path) -> None:
        self.running = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        (self.start,) = struct.unpack("<I", self._answer(4))

    def symbol(self, name: str) -> Place:
        assert name == "mce_memory"
        return Place(self.start)

    def write(self, address: int, data: bytes) -> None:
        self._tell(0, address, len(data), data)

    def read(self, address: int, nbytes: int) -> bytes:
        self._tell(1, address, nbytes)
        return self._answer(nbytes)

    def call(self, name: str, argument: int) -> None:
        assert name == "mce_call"
        self._tell(2, argument, 0)

    def close(self) -> None:
        assert self.running.stdin is not None
        self.running.stdin.close()
        self.running.wait(timeout=10)

    def _tell(self, command: int, address: int, nbytes: int, data: bytes = b"") -> None:
        assert self.running.stdin is not None
        self.running.stdin.write(struct.pack("<3I", command, address, nbytes) + data)
        if command == 1:
            self.running.stdin.flush()

    def _answer(self, nbytes: int) -> bytes:
        assert self.running.stdout is not None
        data = self.running.stdout.read(nbytes)
        assert len(data) == nbytes, f"the process ended with status {self.running.wait()}"
        return data
