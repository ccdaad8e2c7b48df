"""Serial ports as the operating system has them: pseudo terminals that are shared, go away, or never were."""

from __future__ import annotations

import os

import pytest

from mixcomp_edge.board.port import Port, PortLost
from mixcomp_edge.errors import BoardError

pytest.importorskip("termios", reason="needs pseudo terminals")


@pytest.fixture
def terminal():
    """(the device's end, the path of the host's end)"""
    master, slave = os.openpty()
    path = os.ttyname(slave)
    os.close(slave)
    yield master, path
    os.close(master)


def talk(port: Port) -> None:
    port.write(b"x")
    port.read(0.05)


def test_bytes_go_both_ways_and_are_counted(terminal):
    master, path = terminal
    port = Port(path)
    port.write(b"\x00\x03\x04\r\n\xff")  # nothing that a terminal would act on is changed
    assert os.read(master, 100) == b"\x00\x03\x04\r\n\xff"
    os.write(master, b"\r\n\x11\x13\x7f")
    heard = b""
    while len(heard) < 5:
        heard += port.read(10)
    assert heard == b"\r\n\x11\x13\x7f"
    assert (port.sent, port.received) == (6, 5)
    port.close()


def test_a_port_has_one_owner(terminal):
    _, path = terminal
    port = Port(path)
    with pytest.raises(BoardError, match=f"{path}: another program has it open. Close that one"):
        Port(path)
    port.close()
    Port(path).close()


def test_a_port_that_goes_away_is_lost_and_named_when_it_does_not_come_back(terminal):
    master, path = terminal
    port = Port(path)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, master)  # the device is unplugged
    os.close(null)
    with pytest.raises(PortLost):
        talk(port)
    with pytest.raises(BoardError, match=r"no such port\. Ports of this machine: "):
        port.reopen()


@pytest.mark.parametrize("url", ["/dev/no-such-port", "socket://127.0.0.1:1", "nonsense://x"])
def test_what_is_no_port_is_an_error(url):
    with pytest.raises(BoardError, match=f"{url}: "):
        Port(url)
