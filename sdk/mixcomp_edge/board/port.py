"""A serial port, or what stands for one, by pyserial URL: /dev/ttyACM0, COM3, socket://host:port, rfc2217://, loop://"""

from __future__ import annotations

import errno
from dataclasses import dataclass

import serial
from serial.tools import list_ports

from mixcomp_edge.errors import BoardError
from mixcomp_edge.targets.boards import BAUD

BITS_PER_BYTE = 10  # 8N1
READ_BYTES = 4096  # at a time, so that who never stops is heard in pieces
WRITE_SECONDS = 5.0


@dataclass(frozen=True)
class SerialPort:
    """A port of this machine; `usb` is "vid:pid" in hex, or empty; `known`: the system says what hangs there."""

    device: str
    description: str
    usb: str = ""
    known: bool = True


def serial_ports() -> list[SerialPort]:
    """The ports that pyserial lists, those first of which the system knows what they are."""
    found = [
        SerialPort(
            info.device,
            "" if info.description == "n/a" else info.description or "",
            f"{info.vid:04x}:{info.pid:04x}" if info.vid else "",
            info.hwid != "n/a",
        )
        for info in sorted(list_ports.comports())
    ]
    return sorted(found, key=lambda port: not port.known)


class PortLost(Exception):
    """The port failed while it was open; opening it again may help."""


class Port:
    """Bytes out and in. `sent` and `received` count them. Nobody else may have the port meanwhile: two readers would
    each get half of what comes."""

    def __init__(self, url: str, baud: int = BAUD) -> None:
        self.url, self.baud = url, baud
        self.sent = self.received = 0
        self._serial = self._open()

    def write(self, data: bytes) -> None:
        try:
            self._serial.write(data)
        except (serial.SerialException, OSError) as error:
            raise PortLost(str(error)) from error
        self.sent += len(data)

    def read(self, timeout: float) -> bytes:
        """What has come, at least a byte unless `timeout` seconds pass, at most READ_BYTES and one."""
        try:
            self._serial.timeout = max(timeout, 0.0)
            data: bytes = self._serial.read(1)
            if data:
                self._serial.timeout = 0
                data += self._serial.read(READ_BYTES)
        except (serial.SerialException, OSError) as error:
            raise PortLost(str(error)) from error
        self.received += len(data)
        return data

    def reopen(self) -> None:
        """Closes and opens it again, as after a reset of a board with USB of its own."""
        self.close()
        self._serial = self._open()

    def close(self) -> None:
        self._serial.close()

    def _open(self) -> serial.SerialBase:
        try:
            return serial.serial_for_url(
                self.url, baudrate=self.baud, timeout=0.1, write_timeout=WRITE_SECONDS, exclusive=True
            )
        except (serial.SerialException, OSError, ValueError) as error:
            raise BoardError(f"{self.url}: {_reason(self.url, error)}") from error


def _reason(url: str, error: Exception) -> str:
    code = getattr(error, "errno", None)
    text = str(error)
    if code == errno.EACCES or "Permission denied" in text:
        return (
            "no permission to open it. Join the group that owns it (`sudo usermod -aG dialout $USER`) and log in again."
        )
    if code in (errno.EBUSY, errno.EAGAIN) or "busy" in text:
        return "another program has it open. Close that one."
    if code == errno.ENOENT or "No such file" in text or "could not open port" in text:
        found = ", ".join(port.device for port in serial_ports()) or "none"
        return f"no such port. Ports of this machine: {found}."
    return f"cannot be opened ({text})."
