"""A TCP proxy between host and board that does to the bytes what a bad cable does."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

from support.faulty_wire import Faults


class SerialProxy:
    """Listens on `url`; a connection is passed on to the board at `port`. `on_reset` presses the board's button."""

    def __init__(self, port: int, faults: Faults, on_reset: Callable[[], None]) -> None:
        self.target, self.faults, self.on_reset = port, faults, on_reset
        self.enabled = False
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                host, _ = self._server.accept()
                board = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            for end in (host, board):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pump, args=(host, board, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(board, host, False), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, to_board: bool) -> None:
        with contextlib.suppress(OSError):
            while source.recv(1, socket.MSG_PEEK):
                time.sleep(0.003)  # a UART's bytes come one by one; a fault is to hit a message
                data, delay = source.recv(4096), 0.0
                if self.enabled:
                    with self._lock:
                        if to_board and self.faults.reset_now():
                            self.on_reset()
                        data, delay = self.faults.damage(data)
                time.sleep(delay)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
