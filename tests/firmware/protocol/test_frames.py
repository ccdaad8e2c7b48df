"""Bytes on the wire, in C and in Python: the shared vectors, and any bytes at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixcomp_edge.board.frames import BODY_BYTES, Damaged, Decoder, Frame, cobs_decode, cobs_encode

VECTORS = Path(__file__).parents[2] / "vectors"
payloads = st.one_of(
    st.binary(max_size=260),
    st.lists(st.sampled_from([0, 1, 0xF0, 0xF1, 0xFF]), min_size=240, max_size=260).map(bytes),
)
pieces = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b"name%", b"\0", b"\xf0", b"\xf0\xf1", b"\xf0\xf1\x01\0", b"db 00ff%"]),
    st.builds(lambda payload: Frame(2, 9, payload).encode(), payloads),
    st.builds(lambda p, at, bit: flip(Frame(3, 9, p).encode(), at, bit), payloads, st.integers(0), st.integers(0, 7)),
)  # fmt: skip


def cases(name: str) -> list[dict]:
    return json.loads((VECTORS / f"{name}.json").read_text())["cases"]


def flip(data: bytes, at: int, bit: int) -> bytes:
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def python_events(data: bytes) -> list[list]:
    events: list[list] = []
    for event in Decoder().feed(data):
        if isinstance(event, str):
            events.append(["text", event])
        elif isinstance(event, Damaged):
            events.append(["bad"])
        else:
            events.append(["frame", event.kind, event.sequence, event.payload.hex()])
    return events


@pytest.mark.parametrize("case", cases("frames"), ids=lambda case: case["what"])
def test_a_message_has_the_bytes_of_the_table(device, case):
    payload = bytes.fromhex(case["payload"])
    assert Frame(case["kind"], case["sequence"], payload).encode().hex() == case["wire"]
    body = bytes([case["kind"], *case["sequence"].to_bytes(2, "little")]) + payload
    assert device.encode(body).hex() == case["wire"]


@pytest.mark.parametrize("case", cases("streams"), ids=lambda case: case["what"])
def test_bytes_become_the_events_of_the_table(device, case):
    data = bytes.fromhex(case["bytes"])
    assert python_events(data) == case["events"]
    assert device.events(data) == case["events"]


@given(data=st.binary(max_size=1100))
def test_cobs_has_no_zero_and_an_inverse(data):
    coded = cobs_encode(data)
    assert 0 not in coded
    assert len(coded) <= len(data) + len(data) // 254 + 1
    assert cobs_decode(coded) == data


@settings(max_examples=40)
@given(kind=st.integers(0, 255), sequence=st.integers(0, 0xFFFF), payload=payloads)
def test_a_frame_survives_the_wire_both_ways(library, kind, sequence, payload):
    frame = Frame(kind, sequence, payload)
    expected = [["frame", kind, sequence, payload.hex()]]
    assert python_events(frame.encode()) == expected
    assert library.events(frame.encode()) == expected
    assert library.encode(bytes([kind, *sequence.to_bytes(2, "little")]) + payload) == frame.encode()


@settings(max_examples=60)
@given(stream=st.lists(pieces, max_size=6).map(b"".join))
def test_python_and_c_see_the_same_events_in_any_bytes(library, stream):
    assert python_events(stream) == library.events(stream)


@settings(max_examples=60)
@given(payload=payloads, at=st.integers(0), bit=st.integers(0, 7))
def test_no_flipped_bit_makes_a_frame(payload, at, bit):
    sent = Frame(2, 5, payload)
    damaged = flip(sent.encode(), at, bit)
    assert not any(isinstance(event, Frame) and event != sent for event in Decoder().feed(damaged))


@settings(max_examples=40)
@given(noise=st.binary(max_size=600), payload=payloads)
def test_a_frame_behind_a_zero_is_heard_whatever_came_before(library, noise, payload):
    frame = Frame(2, 77, payload)
    last = ["frame", 2, 77, payload.hex()]
    assert python_events(noise + b"\0" + frame.encode())[-1] == last
    assert library.events(noise + b"\0" + frame.encode())[-1] == last


def test_both_sides_hold_as_many_bytes(device):
    longest = bytes(BODY_BYTES - 4)
    assert device.events(device.encode(longest))[0][0] == "frame"
    assert python_events(Frame(0, 0, bytes(len(longest) - 2)).encode()) == [["bad"]]
