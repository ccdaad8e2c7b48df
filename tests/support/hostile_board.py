"""A board on a TCP port that knows the protocol and does not keep to it."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from itertools import repeat
from types import TracebackType

from mixcomp_edge.board.frames import Decoder, Frame
from mixcomp_edge.board.messages import BUSY, ERROR, Command

Answers = Callable[[Frame], Iterator[bytes]]


def hello(
    layers: int, arena: int, inputs: int, outputs: int, sha256: str, build_id: bytes, *, model: bytes = b"tiny"
) -> bytes:
    """The payload of a hello. SPEC.md 8.3"""
    names = b"".join(bytes([len(name)]) + name for name in (model, b"mps2-an386", b"cortex-m4", b"12.2"))
    head = struct.pack("<BBHHH4I", 1, 0, 256, layers, 0, 25_000_000, arena, inputs, outputs)
    return head + bytes.fromhex(sha256) + build_id + names


class HostileBoard:
    """`opening` is said to everyone who connects, for as long as they stay; `answers` to each frame that comes."""

    def __init__(self, answers: Answers | None = None, opening: Callable[[], Iterator[bytes]] | None = None) -> None:
        self.answers, self.opening = answers, opening
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> HostileBoard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                host, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(host,), daemon=True).start()

    def _serve(self, host: socket.socket) -> None:
        with contextlib.suppress(OSError), host:
            for part in self.opening() if self.opening else ():
                host.sendall(part)
            decoder = Decoder()
            while self.answers and (data := host.recv(4096)):
                for event in decoder.feed(data):
                    for part in self.answers(event) if isinstance(event, Frame) else ():
                        host.sendall(part)


def reply(request: Frame, payload: bytes) -> bytes:
    return Frame(request.kind | 0x80, request.sequence, payload).encode()


def busy(request: Frame, layer: int) -> bytes:
    return Frame(BUSY, request.sequence, struct.pack("<H", layer)).encode()


def after_hello(payload: bytes, then: Answers) -> Answers:
    """Says hello as a good board would, writes too, and then does something else."""

    def answers(request: Frame) -> Iterator[bytes]:
        if request.kind == Command.HELLO:
            yield reply(request, payload)
        elif request.kind == Command.WRITE:
            yield reply(request, b"")
        else:
            yield from then(request)

    return answers


def always_busy(request: Frame) -> Iterator[bytes]:
    return repeat(busy(request, 0))


def busy_in_turn(request: Frame) -> Iterator[bytes]:
    """Layer after layer, more of them than there are."""
    return (busy(request, layer % 0x10000) for layer in iter(iter(range(1 << 30)).__next__, None))


def garbage(request: Frame | None = None) -> Iterator[bytes]:
    return repeat(bytes(range(1, 256)) * 16)


def text(request: Frame | None = None) -> Iterator[bytes]:
    return repeat(b"m-lap-us-1\r\n" * 300)


def endless_line(request: Frame | None = None) -> Iterator[bytes]:
    return repeat(b"m" * 4096)


def foreign_frames(request: Frame | None = None) -> Iterator[bytes]:
    sequence = request.sequence if request else 0
    return repeat(Frame(0x81, sequence ^ 0x5555, bytes(100)).encode() * 10)


def refuse(request: Frame) -> Iterator[bytes]:
    yield Frame(ERROR, request.sequence, b"\x04").encode()


def empty(request: Frame) -> Iterator[bytes]:
    yield reply(request, b"")
