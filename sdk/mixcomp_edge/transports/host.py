"""The generated C as a shared library in this process."""

from __future__ import annotations

import ctypes
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.build.host import build_host_library
from mixcomp_edge.errors import ExportError
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.plan.layout import Layout
from mixcomp_edge.transports import Progress

_HOOK = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)


class HostLibrary:
    """Compiles the project in `project` and calls it. `close` removes the library."""

    name = "host"

    def __init__(self, project: Path, layout: Layout, flags: tuple[str, ...] = ("-O2",)) -> None:
        self.layout = layout
        graph = layout.graph
        self.output = graph[graph.output]
        self.folder = Path(tempfile.mkdtemp(prefix="mixcomp-host-"))
        try:
            library = ctypes.CDLL(str(build_host_library(project, self.folder, flags)))
            self._run = library[f"mce_{graph.name}_run"]
            self._run.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
            self._trace = ctypes.c_void_p.in_dll(library, "mce_trace")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def trace(self, x: bytes, expected: Sequence[bytes] = ()) -> list[bytes]:
        sizes = [step.node.nbytes for step in self.layout.steps]
        outputs: list[bytes] = []
        hook = _HOOK(lambda index, address: outputs.append(ctypes.string_at(address, sizes[index])))
        self._trace.value = ctypes.cast(hook, ctypes.c_void_p).value
        try:
            self.infer_batch(np.frombuffer(x, np.uint8)[None])
        finally:
            self._trace.value = None
        return outputs

    def infer_batch(self, x: NDArray[np.uint8], progress: Progress | None = None) -> NDArray[np.uint8]:
        """On all processors: the C keeps no state, and each thread has an arena of its own."""
        assert isinstance(self.output, QNode)
        y = np.zeros((len(x), self.output.nbytes), np.uint8)
        workers = max(1, min(len(x), cpu_count() or 1))

        def work(chosen: NDArray[np.intp]) -> int:
            arena = np.zeros(self.layout.arena.total_bytes, np.uint8)
            for i in chosen:
                self._call(arena, x[i], y[i])
            return len(chosen)

        done = 0
        with ThreadPoolExecutor(workers) as pool:
            for count in pool.map(work, np.array_split(np.arange(len(x)), min(len(x), workers * 32))):
                done += count
                if progress is not None:
                    progress(done, len(x))
        return y

    def _call(self, arena: NDArray[np.uint8], x: NDArray[np.uint8], y: NDArray[np.uint8]) -> None:
        status = self._run(arena.ctypes.data, x.ctypes.data, y.ctypes.data)
        if status != 0:
            raise ExportError(f"mce_{self.layout.graph.name}_run returned status {status}.")
