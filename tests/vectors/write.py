"""Writes the shared vector tables, from plain integers: python tests/vectors/write.py

Python reads them in tests/sdk/, C in tests/firmware/. Each case is one line."""

import json
from pathlib import Path

LIMITS = {"u4": (0, 15), "s4": (-8, 7), "u8": (0, 255), "s8": (-128, 127)}


def packed(elements: list[int], type_: str) -> str:
    if type_ in ("u8", "s8"):
        return "".join(f"{v % 256:02x}" for v in elements)
    filled = [v % 16 for v in elements] + [0] * (len(elements) % 2)
    return "".join(f"{high:x}{low:x}" for low, high in zip(filled[::2], filled[1::2], strict=True))


def packing() -> list[dict]:
    cases = []
    for type_, (low, high) in LIMITS.items():
        every = list(range(low, high + 1))
        rows = {
            "one": [high], "the lowest alone": [low], "low then high": [low, high], "high then low": [high, low],
            "three": [low, high, low], "every value": every, "every value but one": every[1:],
            "nine zeros": [0] * 9, "every second value, odd": every[: len(every) - 1 : 2][:7],
        }  # fmt: skip
        cases += [
            {"what": f"{type_} {what}", "type": type_, "elements": values, "bytes": packed(values, type_)}
            for what, values in rows.items()
        ]
    return cases


def q32() -> list[dict]:
    top, bottom = 2**31 - 1, -(2**31)
    triples = [
        (0, 0, 0), (0, top, 30), (1, top, 0), (-1, top, 0), (1, 2**30, 0), (-1, 2**30, 0), (1, 2**30, 1),
        (-1, 2**30, 1), (1, 2**30 + 1, 1), (-1, 2**30 + 1, 1), (-1, 2**30 - 1, 1), (3, 2**30, 1), (-3, 2**30, 1),
        (5, 2**30, 1), (-5, 2**30, 1), (top, top, 0), (bottom, top, 0), (top, 1, 0), (bottom, 1, 0), (top, 2, 0),
        (bottom, 2, 0), (bottom + 1, 1, 0), (bottom, 0, 0), (top, 0, 0), (1, top, 30), (-1, top, 30), (-2, top, 30),
        (-2, 2**30, 30), (1, 1, 30), (-1, 1, 30), (-2, 1, 30), (1, 2, 30), (-1, 2, 30), (-1, 3, 30),
        (2**30 - 1, top, 1), (-(2**30), top, 1), (2**30 - 1, 2**30, 1), (-(2**30), 2**30, 1), (32767, 0x55555555, 16),
        (-32768, 0x55555555, 16), (123456, 1518500250, 14), (-123456, 1518500250, 14), (127, 2**30, 24),
        (-128, 2**30, 24), (7, 0x2AAAAAAB, 28), (-8, 0x2AAAAAAB, 28), (999, 0x7FFFFFFE, 20), (-999, 0x7FFFFFFE, 20),
    ]  # fmt: skip
    for n in (1, 7, 15, 23, 29):  # exact halves, odd and even, of both signs
        triples += [(k * 2**n, 2 ** (31 - n), 0) for k in (1, -1, 3, -3)]
    return [{"acc": acc, "m": m, "s": s, "y": (acc * 2**s * m + 2**31) // 2**32} for acc, m, s in triples]


def crc32(data: bytes) -> int:
    """Bit by bit, from the polynomial."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def frame(kind: int, sequence: int, payload: bytes) -> bytes:
    """F0 F1, the body in blocks that end at a zero or after 254 bytes, each behind its length plus one, then 00."""
    body = bytes([kind, sequence % 256, sequence // 256]) + payload
    body += crc32(body).to_bytes(4, "little")
    blocks = [bytearray()]
    for byte in body:
        if byte:
            blocks[-1].append(byte)
        if not byte or (len(blocks[-1]) == 254):
            blocks.append(bytearray())
    if len(blocks) > 1 and len(blocks[-2]) == 254 and not blocks[-1]:
        blocks.pop()  # nothing follows a full block
    return b"\xf0\xf1" + b"".join(bytes([len(block) + 1]) + block for block in blocks) + b"\0"


def frames() -> list[dict]:
    ramp, zeros = bytes(range(256)), bytes(260)
    messages = {
        "hello": (1, 0, b""), "the highest sequence": (1, 0xFFFF, b""), "type zero": (0, 0x0102, b""),
        "one byte": (2, 1, b"\x80"), "one zero": (2, 2, b"\0"), "text inside": (3, 3, b"infer 1 0%name%"),
        "all bytes": (2, 4, ramp), "260 zeros": (2, 5, zeros), "260 of 255": (2, 6, b"\xff" * 260),
        "a run of 254": (0xFF, 0xFFFF, b"\xaa" * 251 + b"\0"),
        "a run of 253": (0xFF, 0xFFFF, b"\xaa" * 250 + b"\0"),
        "255 and a zero": (0xFF, 0xFFFF, b"\xaa" * 252 + b"\0" + b"\x55" * 7),
        "an opening inside": (2, 7, b"\xf0\xf1" * 9),
    }  # fmt: skip
    cases = []
    for what, (kind, sequence, payload) in messages.items():
        wire = frame(kind, sequence, payload)
        cases.append({"what": what, "kind": kind, "sequence": sequence, "payload": payload.hex(), "wire": wire.hex()})
    return cases


def streams() -> list[dict]:
    """Bytes and the events that come of them: ["text", t], ["frame", kind, sequence, payload], ["bad"]."""
    hello, reply = frame(1, 7, b""), frame(0x81, 7, b"abc")
    good, answer = ["frame", 1, 7, ""], ["frame", 0x81, 7, "616263"]
    flipped = bytes([*hello[:5], hello[5] ^ 0x10, *hello[6:]])
    return [
        {"what": "a command", "bytes": b"name%".hex(), "events": [["text", "name"]]},
        {"what": "line ends fall away", "bytes": b"\r\nname\r\n%\n".hex(), "events": [["text", "name"]]},
        {"what": "two commands", "bytes": b"db 00%infer 1 0%".hex(),
         "events": [["text", "db 00"], ["text", "infer 1 0"]]},
        {"what": "an empty command", "bytes": b"%".hex(), "events": [["text", ""]]},
        {"what": "80 of 90 characters", "bytes": (b"x" * 90 + b"%").hex(), "events": [["text", "x" * 80]]},
        {"what": "a frame", "bytes": hello.hex(), "events": [good]},
        {"what": "two frames", "bytes": (hello + reply).hex(), "events": [good, answer]},
        {"what": "text, frame, text", "bytes": (b"a%" + hello + b"b%").hex(),
         "events": [["text", "a"], good, ["text", "b"]]},
        {"what": "half a command before a frame is dropped", "bytes": (b"inf" + hello + b"er%").hex(),
         "events": [good, ["text", "er"]]},
        {"what": "a zero in front", "bytes": (b"\0" + hello).hex(), "events": [good]},
        {"what": "a bit flipped", "bytes": (flipped + hello).hex(), "events": [["bad"], good]},
        {"what": "first opening byte lost", "bytes": (hello[1:] + hello).hex(), "events": [["bad"], good]},
        {"what": "second opening byte lost", "bytes": (hello[:1] + hello[2:] + hello).hex(), "events": [["bad"], good]},
        {"what": "an opening byte doubled", "bytes": (hello[:1] + hello + hello).hex(), "events": [["bad"], good]},
        {"what": "first opening byte below 80", "bytes": (b"\x70" + hello[1:] + hello).hex(),
         "events": [["bad"], good]},
        {"what": "a byte lost", "bytes": (hello[:6] + hello[7:] + hello).hex(), "events": [["bad"], good]},
        {"what": "a byte doubled", "bytes": (hello[:6] + hello[5:6] + hello[6:] + hello).hex(),
         "events": [["bad"], good]},
        {"what": "the end lost", "bytes": (hello[:-1] + hello + hello).hex(), "events": [["bad"], good]},
        {"what": "cut by a zero", "bytes": (hello[:6] + b"\0" + hello).hex(), "events": [["bad"], good]},
        {"what": "nothing but an opening", "bytes": (b"\xf0\xf1\0" + hello).hex(), "events": [["bad"], good]},
        {"what": "too short", "bytes": (b"\xf0\xf1\x04abc\0" + hello).hex(), "events": [["bad"], good]},
        {"what": "too long", "bytes": (frame(2, 1, bytes(261)) + hello).hex(), "events": [["bad"], good]},
        {"what": "much too long", "bytes": (b"\xf0\xf1" + b"\x09percent%" * 200 + b"\0" + hello).hex(),
         "events": [["bad"], good]},
        {"what": "nothing in a broken frame is text", "bytes": (b"\x80infer 1 0%name%\0name%").hex(),
         "events": [["bad"], ["text", "name"]]},
    ]  # fmt: skip


def write(name: str, about: str, cases: list[dict]) -> None:
    lines = ",\n".join("  " + json.dumps(case) for case in cases)
    text = f'{{\n "about": {json.dumps(about)},\n "cases": [\n{lines}\n ]\n}}\n'
    Path(__file__).with_name(name).write_text(text)


if __name__ == "__main__":
    write("packing.json", "SPEC.md 1: the bytes (hex, in memory order) of a tensor's elements.", packing())
    write("frames.json", "SPEC.md 8.1: messages and their bytes on the wire (hex).", frames())
    write("streams.json", "SPEC.md 8.1: bytes (hex) that reach a board, and what it makes of them.", streams())
    write("q32.json", "SPEC.md 3: y = ((acc << s) * m + 2**31) >> 32.", q32())
