"""One QEMU: started halted, driven over its debug stub on a pair of pipes, ended with the object that holds it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import weakref
from collections.abc import Sequence
from pathlib import Path

from .boards import Board
from .errors import EmulatorError
from .gdb import GdbClient, GdbError


class QemuProcess:
    """name: of QEMU's program. folder: where its plugin and its log write. plugin: what -plugin takes, or empty.
    options: more of QEMU's."""

    def __init__(self, name: str, board: Board, folder: Path, plugin: str, options: Sequence[str] = ()) -> None:
        self.board = board
        self._log = folder / "log"
        program = shutil.which(name)
        if program is None:
            raise EmulatorError(
                f"QEMU's {board.machine} is needed, but there is no {name}. Install {name} 7 or newer.",
                kind="engine",
            )
        command = [program, "-machine", board.machine, *board.options, "-S", "-gdb", "stdio"]
        command += ["-display", "none", "-monitor", "none", *(options or ("-serial", "none"))]
        if plugin:
            command += ["-plugin", plugin]
        with self._log.open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=folder)
        self.pid, self._process = process.pid, process
        self.end = weakref.finalize(self, _kill, process)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            self.gdb = GdbClient(process.stdout, process.stdin)
        except GdbError as error:
            raise self.ended("start", error) from error

    def cpu_seconds(self) -> float:
        """Processor time that it has used; where the system does not tell, time itself."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime: proc(5)
        except (OSError, ValueError, IndexError):
            return time.monotonic()

    def wait(self) -> None:
        """Until it has ended itself."""
        self._process.wait(timeout=60)

    def ended(self, function: str, error: Exception) -> EmulatorError:
        """Ends it; the error to raise holds QEMU's last words."""
        self.end()
        words = self._log.read_text(errors="replace").strip()
        return EmulatorError(f"{function}: QEMU ({self.board.machine}): {error}. {words[-1000:]}", kind="engine")


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
