"""MLPerf Tiny's performance or accuracy mode on a board, and the results as a submission wants them.

python -m mixcomp_edge.board.mlperf /dev/ttyACM0 -o submission [--inputs DIR]
python -m mixcomp_edge.board.mlperf /dev/ttyACM0 -o submission --mode accuracy --inputs datasets/ic01"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from pathlib import Path

from mixcomp_edge.board.mlperf.accuracy import Accuracy, evaluate
from mixcomp_edge.board.mlperf.dataset import LABELS, read_dataset
from mixcomp_edge.board.mlperf.performance import WINDOW_SECONDS, Performance, measure, random_inputs, read_inputs
from mixcomp_edge.board.mlperf.runner import Runner
from mixcomp_edge.board.mlperf.tree import check_results, results_folder, write_results
from mixcomp_edge.board.port import Port
from mixcomp_edge.errors import MixcompError
from mixcomp_edge.targets.boards import BAUD

ERROR = 2
INTERRUPTED = 130
STEPS = 50  # samples between two lines of progress


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m mixcomp_edge.board.mlperf", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("port", help="serial port or pyserial URL")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--mode", choices=("performance", "accuracy"), default="performance")
    parser.add_argument(
        "--inputs", type=Path, metavar="DIR",
        help=f"the benchmark's data: .bin files, for accuracy {LABELS} too; default for performance: noise",
    )  # fmt: skip
    parser.add_argument("--limit", type=int, metavar="N", help="the first N samples only; default: all")
    parser.add_argument(
        "--window", type=float, default=WINDOW_SECONDS, metavar="SECONDS", help="default: the rule's 10"
    )
    parser.add_argument("--baud", type=int, default=BAUD, help=f"of the firmware's UART; default: {BAUD}")
    parser.add_argument("--system", default="mixcomp-edge", help="name of the system in the tree")
    parser.add_argument("--force", action="store_true", help="write over results that were changed, or are not ours")
    words = parser.parse_args()
    if not 0 < words.window < 1e6:
        parser.error(f"--window {words.window:g}: must be above 0 seconds.")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,99}", words.system):
        parser.error(f"--system {words.system!r}: must be letters, digits, '.', '_', '-' and spaces.")
    if words.limit is not None and words.limit < 1:
        parser.error(f"--limit {words.limit}: must be above 0.")
    if words.baud < 1:
        parser.error(f"--baud {words.baud}: must be above 0.")
    if words.mode == "accuracy" and words.inputs is None:
        parser.error(f"--mode accuracy needs --inputs DIR, the folder with {LABELS}.")
    try:
        with contextlib.closing(Port(words.port, words.baud)) as port:
            run(port, words)
    except (MixcompError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(ERROR)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


def run(port: Port, words: argparse.Namespace) -> None:
    """The whole of it, at an open port."""
    runner = Runner(port)
    device = runner.identify()
    check_results(results_folder(words.output, words.system, device.benchmark, words.mode), force=words.force)
    found: Performance | Accuracy
    if words.mode == "accuracy":
        samples = read_dataset(words.inputs, device.benchmark, words.limit)
        found = evaluate(runner, device, samples, progress)
    else:
        read = words.inputs and read_inputs(words.inputs, device.benchmark)
        found = measure(runner, device, read or random_inputs(device.benchmark), words.window, progress)
    place = write_results(found, runner.log, words.output, words.system, force=words.force)
    print(f"{device.benchmark.model}: {found}; {place}")


def progress(done: int, of: int) -> None:
    if of <= STEPS or done % STEPS == 0 or done == of:
        print(f"{done} of {of}", file=sys.stderr)


if __name__ == "__main__":
    main()
