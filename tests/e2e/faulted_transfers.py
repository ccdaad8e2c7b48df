"""Runs a firmware in QEMU over a bad line: python tests/e2e/faulted_transfers.py FW_DIR [--transfers 1000]

FW_DIR is a folder of `mixcomp-edge export --board B`. Each transfer is one input, sent, run and read back while bits
flip and bytes get lost, doubled, late or replaced, and the board resets. Ends with 1 when a result is wrong or takes
longer than its time-out."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # tests/, when it runs by itself

from mixcomp_edge.board.exchange import LIMIT
from mixcomp_edge.board.port import Port
from mixcomp_edge.board.qemu import QemuBoard
from mixcomp_edge.board.session import Session
from mixcomp_edge.build.cross import toolchain
from mixcomp_edge.build.firmware import build_firmware
from mixcomp_edge.codegen.project import read_firmware, read_project
from mixcomp_edge.errors import BoardError
from mixcomp_edge.ir import interp
from mixcomp_edge.numerics.packing import pack_elements
from mixcomp_edge.verification import make_inputs
from support.faulty_wire import Faults
from support.serial_proxy import SerialProxy


def faulted_transfers(project: Path, transfers: int, rate: float, resets: float, seed: int = 1) -> dict:
    """Counts of outcomes and faults, and the longest transfer in seconds."""
    bundle, _ = read_project(project)
    board, _ = read_firmware(project)
    (inputs,) = make_inputs(bundle.graph, 8, seed)
    expected = [pack_elements(y, 8) for y in interp.run(bundle.graph, inputs)]
    sent = [pack_elements(x, 8) for x in inputs]
    faults, outcomes, longest = Faults(seed, rate, resets), Counter(), 0.0
    with QemuBoard(board, build_firmware(project, board, toolchain())) as machine:
        proxy = SerialProxy(machine.port, faults, machine.reset)
        session = Session(Port(proxy.url))
        proxy.enabled = True
        for number in range(transfers):
            began = time.monotonic()
            try:
                output = session.run(sent[number % len(sent)]).output
                outcomes["right" if output == expected[number % len(sent)] else "WRONG"] += 1
            except BoardError:
                outcomes["error"] += 1
            longest = max(longest, time.monotonic() - began)
            if number % 50 == 49:
                print(f"{number + 1}: {dict(outcomes)} {dict(faults.counts)} {longest:.1f} s", file=sys.stderr)
        session.close()
        proxy.close()
    counters = {name: getattr(session.exchange, name) for name in ("resent", "damaged", "resets")}
    return {
        **outcomes,
        "transfers": transfers,
        "faults": dict(faults.counts),
        "longest_s": round(longest, 1),
        **counters,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--transfers", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=0.2)
    parser.add_argument("--resets", type=float, default=0.01)
    words = parser.parse_args()
    result = faulted_transfers(words.project, words.transfers, words.rate, words.resets)
    print(json.dumps(result))
    sys.exit(1 if result.get("WRONG") or result["longest_s"] > 2 * LIMIT else 0)
