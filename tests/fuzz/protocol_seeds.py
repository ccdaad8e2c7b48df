"""Inputs to start the fuzzer of the board's parser from: python tests/fuzz/protocol_seeds.py FOLDER

Every stream of tests/vectors/streams.json, MLPerf Tiny's commands, and one message of each exact command."""

import json
import sys
from pathlib import Path

VECTORS = Path(__file__).parents[1] / "vectors" / "streams.json"
TEXTS = [
    "name%profile%timestamp%help%results%", "db load 24%" + f"db {'7f' * 24}%" + "infer 2 1%results%db print%",
    "db load 96%" + f"db {'3f800000' * 8}%" * 3 + "infer 1 0%", "db%db load%db load 0%db 123%db xy%infer 0%infer%?%",
]  # fmt: skip


def message(kind: int, payload: bytes, sequence: int = 0) -> bytes:
    """As device.c reads it."""
    more = max(len(payload) - 255, 0)
    return bytes([sequence << 7 | (4 if more else 0), kind, len(payload) - more, more]) + payload


def seeds() -> list[bytes]:
    streams = [bytes.fromhex(case["bytes"]) for case in json.loads(VECTORS.read_text())["cases"]]
    write = message(2, bytes(4) + bytes(range(16))) + message(2, b"\x10\0\0\0" + bytes(8)) + message(2, bytes(260))
    run, stopped = message(3, b"....\xff\xff"), message(3, b"....\1\0")
    read = [message(5, bytes([region]) + b"\0\0\0\0\4\0") for region in range(4)]
    exact = [
        message(1, b"") + message(6, b"") + message(7, b""),
        run + read[0] + read[1] + run,
        write + stopped + read[2] + message(4, b"\2\0", 1) + read[2] + message(4, b"\xff\xff"),
        stopped + message(1, b"") + read[2] + read[3],
    ]
    return [bytes([kind]) + stream for kind in range(3) for stream in [*streams, *map(str.encode, TEXTS)]] + [
        b"\x80" + stream for stream in exact
    ]


if __name__ == "__main__":
    for number, seed in enumerate(seeds()):
        (Path(sys.argv[1]) / f"seed-{number}").write_bytes(seed)
