"""A board that QEMU plays: its UART behind a TCP port of this machine, which pyserial opens as socket://, or a pseudo
terminal, for programs that know only devices."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from mixcomp_edge.errors import BoardError, ToolchainError
from mixcomp_edge.targets.boards import Board

START_SECONDS = 10.0


class QemuBoard:
    """A running machine. `url` is its UART, at TCP port `port` (0: any that is free) or, for `terminal`, a device;
    `reset` presses its button; `close` ends it."""

    def __init__(self, board: Board, elf: Path, port: int = 0, *, terminal: bool = False) -> None:
        name = board.target.qemu
        program = shutil.which(name)
        if not board.qemu:
            raise BoardError(f"QEMU has no machine for {board.name}. Connect the board and use --on serial:PORT.")
        if program is None:
            package = "qemu-system-arm" if name == "qemu-system-arm" else "qemu-system-misc"
            raise ToolchainError(f"{name} is missing. Install QEMU (Debian: apt install {package}).")
        self.board = board
        self._monitor, monitor = socket.socketpair()
        with _server(port) as uart, monitor:
            self.port = uart.getsockname()[1]
            self.url = f"socket://127.0.0.1:{self.port}"
            chardevs = [
                "pty,id=uart" if terminal else f"socket,id=uart,fd={uart.fileno()},server=on,wait=off,nodelay=on",
                f"socket,id=monitor,fd={monitor.fileno()}",
            ]
            words = [program, "-M", board.qemu, *board.qemu_options, "-kernel", str(elf), "-display", "none"]
            words += [word for chardev in chardevs for word in ("-chardev", chardev)]
            words += ["-serial", "chardev:uart", "-mon", "chardev=monitor,mode=readline"]
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                pass_fds=(uart.fileno(), monitor.fileno()),
            )  # fmt: skip
        try:
            self._tell("")  # the first prompt comes before the machine is made; only a running one answers
            self._tell("info status")
            if terminal:
                self.url = self._terminal()
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def reset(self) -> None:
        """As the board's reset button."""
        self._tell("system_reset")

    def wait(self) -> None:
        """Until the machine ends."""
        self._process.wait()

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._monitor.close()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def __enter__(self) -> QemuBoard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _terminal(self) -> str:
        """The device's name, as QEMU lists it."""
        said = self._tell("info chardev")
        found = re.search(r"^uart: filename=pty:(\S+)", said, re.MULTILINE)
        if found is None:
            raise BoardError(f"QEMU has no pseudo terminal for {self.board.name}'s UART. Use --port TCP.")
        return found[1]

    def _tell(self, command: str) -> str:
        """What QEMU's monitor answers to a command; it says '(qemu) ' when it is up and when a command is done."""
        self._monitor.settimeout(START_SECONDS)
        heard, until = b"", time.monotonic() + START_SECONDS
        with contextlib.suppress(OSError):
            self._monitor.sendall(f"{command}\n".encode() if command else b"")
            while not heard.endswith(b"(qemu) ") and time.monotonic() < until:
                part = self._monitor.recv(4096)
                if not part:
                    break
                heard += part
        if heard.endswith(b"(qemu) "):
            return heard.decode("utf-8", "replace")
        self._process.kill()
        _, said = self._process.communicate()
        raise BoardError(f"QEMU's {self.board.qemu} does not run: {said.strip()[-500:] or 'no reason given'}.")


def _server(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise BoardError(
            f"TCP port {port} of this machine cannot be had ({error.strerror}). Choose another."
        ) from error
