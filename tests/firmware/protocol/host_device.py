"""firmware/protocol compiled for this machine, with device.c's model of sums behind it."""

from __future__ import annotations

import ctypes
from pathlib import Path

from firmware.build import FIRMWARE, compile_c, host_compiler

HERE = Path(__file__).parent
EVENTS = ("none", "text", "frame", "bad")
INPUTS = 300


class HostDevice:
    """One board. `kind`: 0 the runner sends bytes, 1 it sends floats, 2 its input lies in the arena."""

    def __init__(self, folder: Path) -> None:
        library = folder / "libdevice.so"
        sources = [*sorted((FIRMWARE / "protocol").glob("*.c")), HERE / "device.c"]
        flags = ["-std=c99", "-O1", "-fPIC", "-shared", f"-I{HERE}", f"-I{FIRMWARE / 'protocol'}"]
        compile_c(host_compiler(), flags, sources, library)
        self.c = ctypes.CDLL(str(library))
        self.c.test_said.restype = ctypes.POINTER(ctypes.c_uint8)
        self.c.test_milli.restype = ctypes.c_char_p
        self.c.test_milli.argtypes = [ctypes.c_float, ctypes.c_char_p]
        self.c.test_classes.argtypes = [ctypes.c_void_p, ctypes.c_int]
        self.c.test_input_code.argtypes = [ctypes.c_float, ctypes.c_float, ctypes.c_int]
        self.reset()

    def reset(self, kind: int = 0, tick: int = 400_000) -> None:
        """`tick`: microseconds that pass from one look at the clock to the next."""
        self.c.test_tick(tick)
        self.c.test_reset(kind)

    def classify(self, exponentials: list[int], signed: bool) -> None:
        """From here on results are probabilities, by the table [256] of SPEC.md 4.11."""
        self._table = (ctypes.c_uint16 * 256)(*exponentials)
        self.c.test_classes(ctypes.addressof(self._table), signed)

    def boot(self) -> bytes:
        """What it says after reset."""
        count = self.c.test_boot()
        return ctypes.string_at(self.c.test_said(), count)

    def feed(self, data: bytes) -> bytes:
        """What the board says to these bytes."""
        count = self.c.test_feed(data, len(data))
        return ctypes.string_at(self.c.test_said(), count)

    def command(self, text: str) -> list[str]:
        """The lines of the answer; each ends in CR LF and the last one is m-ready."""
        said = self.feed(f"{text}%".encode()).decode("ascii")
        assert said.endswith("\r\n")
        *lines, last = said.removesuffix("\r\n").split("\r\n")
        assert last == "m-ready"
        return lines

    def encode(self, body: bytes) -> bytes:
        count = self.c.test_send(body, len(body))
        return ctypes.string_at(self.c.test_said(), count)

    def events(self, data: bytes) -> list[list]:
        """What the parser makes of the bytes, as tests/vectors/streams.json writes it."""
        link = ctypes.create_string_buffer(self.c.test_link_bytes())
        content, length = ctypes.POINTER(ctypes.c_uint8)(), ctypes.c_uint32()
        events: list[list] = []
        for byte in data:
            kind = EVENTS[self.c.test_take(link, byte, ctypes.byref(content), ctypes.byref(length))]
            body = ctypes.string_at(content, length.value)
            if kind == "text":
                events.append(["text", body.decode("ascii", "backslashreplace")])
            elif kind == "frame":
                events.append(["frame", body[0], int.from_bytes(body[1:3], "little"), body[3:].hex()])
            elif kind == "bad":
                events.append(["bad"])
        return events
