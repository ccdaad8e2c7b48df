"""MLPerf Tiny's runner, as a board sees it: text commands over the UART, performance and accuracy, the results tree.

What a board says is believed only where it can be: its model is one of the four benchmarks or none, sizes are the
benchmark's, numbers have few digits, answers few bytes, and its clock is held against this machine's."""

from mixcomp_edge.board.mlperf.accuracy import Accuracy, evaluate
from mixcomp_edge.board.mlperf.performance import Performance, measure, random_inputs
from mixcomp_edge.board.mlperf.runner import Device, Runner
from mixcomp_edge.board.mlperf.tree import write_results

__all__ = ["Accuracy", "Device", "Performance", "Runner", "evaluate", "measure", "random_inputs", "write_results"]
