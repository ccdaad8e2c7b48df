"""The generated C as a program of this machine, in processes of its own: what it does wrong, a crash, an endless loop,
memory without end, happens to them and is named."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import Queue
from threading import Timer

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.build.host import HostModel, build_host_program
from mixcomp_edge.errors import ExportError
from mixcomp_edge.ir import ends
from mixcomp_edge.plan.layout import Layout
from mixcomp_edge.transports import Progress

MEMORY_KIB = 1 << 20  # of addresses, for the model's program
START_S = 5.0  # for an inference, on a machine that does much else
SECONDS_A_MAC = 1e-6  # a thousand times what a PC takes
DONE = -1  # stands before status and output, where a layer's index would


class HostProcess:
    """One running program. Reads no more of its answer than the model's layers are long."""

    def __init__(self, program: Path, model: HostModel) -> None:
        self.model = model
        command = [str(program)]
        if os.name == "posix":  # no memory without end, no files, no core dump
            limits = f"ulimit -v {MEMORY_KIB}; ulimit -f 0; ulimit -c 0; exec {shutil.which('env') or 'env'} -i"
            command = ["/bin/sh", "-c", f'{limits} "$0"', *command]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=program.parent
        )

    def close(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def run(self, inputs: Sequence[bytes], *, trace: bool, seconds: float) -> list[list[bytes]]:
        """For each input the outputs of its layers, where they are traced, and then the model's.

        ExportError when the program ends, answers otherwise, or takes longer than `seconds`."""
        timer = Timer(seconds, self._process.kill)
        timer.start()
        try:
            return [self._run(x, trace=trace) for x in inputs]
        except (EOFError, BrokenPipeError) as error:
            late = not timer.is_alive()
            raise ExportError(f"the model's C {self._end(seconds if late else None)}.") from error
        finally:
            timer.cancel()

    def _run(self, x: bytes, *, trace: bool) -> list[bytes]:
        assert self._process.stdin is not None
        self._process.stdin.write((b"t" if trace else b"r") + x)
        self._process.stdin.flush()
        outputs: list[bytes] = []
        while (index := self._number()) != DONE:
            if index != len(outputs) or index >= len(self.model.layer_bytes):
                raise ExportError(f"the model's C ran layer {index} where layer {len(outputs)} was due.")
            outputs.append(self._read(self.model.layer_bytes[index]))
        if (status := self._number()) != 0:
            raise ExportError(f"mce_{self.model.name}_run returned status {status}.")
        return [*outputs, self._read(sum(self.model.output_bytes))]

    def _number(self) -> int:
        (value,) = struct.unpack("=i", self._read(4))
        return int(value)

    def _read(self, size: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def _end(self, seconds: float | None) -> str:
        """How the program has ended."""
        self._process.kill()  # does nothing to one that is gone
        code = self._process.wait()
        if seconds is not None:
            return f"did not end within {seconds:.0f} s"
        if code < 0:
            return f"crashed ({signal.Signals(-code).name})"
        return f"ended by itself with code {code}"


class HostProgram:
    """Compiles the project in `project` and runs it. `close` ends the processes and removes the program."""

    name = "host"

    def __init__(self, project: Path, layout: Layout, flags: tuple[str, ...] = ("-O2",)) -> None:
        self.layout = layout
        graph = layout.graph
        inputs, outputs = (tuple(end.node.nbytes for end in side) for side in (ends.inputs(graph), ends.outputs(graph)))
        layers = tuple(step.node.nbytes for step in layout.steps)
        self.model = HostModel(graph.name, layout.arena.total_bytes, inputs, outputs, layers)
        self.seconds = START_S + sum(step.node.macs for step in layout.steps) * SECONDS_A_MAC
        self.folder = Path(tempfile.mkdtemp(prefix="mixcomp-host-"))
        self._opened = ExitStack()
        self._opened.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._processes: list[HostProcess] = []
        try:
            self.program = build_host_program(project, self.model, self.folder, flags)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._opened.close()

    def trace(self, x: bytes, expected: Sequence[bytes] = ()) -> list[bytes]:
        (outputs,) = self._process(0).run([x], trace=True, seconds=self.seconds)
        return outputs[:-1]

    def infer_batch(self, x: NDArray[np.uint8], progress: Progress | None = None) -> NDArray[np.uint8]:
        """On all processors, a process each."""
        y = np.zeros((len(x), sum(self.model.output_bytes)), np.uint8)
        workers = max(1, min(len(x), os.cpu_count() or 1))
        free = Queue[HostProcess]()
        for i in range(workers):
            free.put(self._process(i))

        def work(chosen: NDArray[np.intp]) -> int:
            process = free.get()
            try:
                inputs = [x[i].tobytes() for i in chosen]
                outputs = process.run(inputs, trace=False, seconds=self.seconds * len(inputs))
                y[chosen] = [np.frombuffer(output, np.uint8) for (output,) in outputs]
            finally:
                free.put(process)
            return len(chosen)

        done = 0
        with ThreadPoolExecutor(workers) as pool:
            for count in pool.map(work, np.array_split(np.arange(len(x)), min(len(x), workers * 32))):
                done += count
                if progress is not None:
                    progress(done, len(x))
        return y

    def _process(self, number: int) -> HostProcess:
        while len(self._processes) <= number:
            process = HostProcess(self.program, self.model)
            self._opened.callback(process.close)
            self._processes.append(process)
        return self._processes[number]
