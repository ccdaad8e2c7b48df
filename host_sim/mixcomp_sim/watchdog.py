"""Stops an emulation that runs too long. Unicorn's own timeout starts and joins a thread on every call (1.15 ms);
here one sleeping thread serves all calls and a call costs two dictionary operations."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PERIOD_S = 0.02


class Deadline:
    """One guarded call; expired turns true when it was stopped."""

    def __init__(self, at: float, stop: Callable[[], None]) -> None:
        self.at = at
        self.stop = stop
        self.expired = False


_lock = threading.Lock()
_busy = threading.Event()
_deadlines: set[Deadline] = set()
_thread: threading.Thread | None = None


@contextmanager
def guard(timeout_s: float, stop: Callable[[], None]) -> Iterator[Deadline]:
    """Call stop from another thread, every 20 ms, once this process has computed for timeout_s and until the block is
    left. Time of the clock on the wall would cut a call short on a busy machine."""
    global _thread
    deadline = Deadline(time.process_time() + timeout_s, stop)
    with _lock:
        _deadlines.add(deadline)
        _busy.set()
        if _thread is None or not _thread.is_alive():  # also after a fork
            _thread = threading.Thread(target=_watch, name="mixcomp-watchdog", daemon=True)
            _thread.start()
    try:
        yield deadline
    finally:
        with _lock:  # under the lock: no stop can arrive after this and hit a later call
            _deadlines.discard(deadline)


def _watch() -> None:
    while True:
        _busy.wait()
        time.sleep(_PERIOD_S)
        with _lock:
            now = time.process_time()
            for deadline in _deadlines:
                if now > deadline.at:
                    deadline.expired = True
                    deadline.stop()
            if not _deadlines:
                _busy.clear()
