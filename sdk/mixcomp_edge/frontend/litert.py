"""What LiteRT makes of a .tflite file for one sample: every tensor's shape, and the values of those that depend on
constants and shapes alone. In a process of its own, python -m mixcomp_edge.frontend.litert MODEL OUT.npz INDEX...,
within bounds of time and memory, since such arithmetic may ask for any size."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import ModelFileError

LIMIT_S = 120
MAX_BYTES = 2 << 30  # of its address space


def worked_out(
    path: Path, content: bytes, wanted: Sequence[int]
) -> tuple[list[tuple[int, ...]], dict[int, NDArray[Any]]]:
    """(the shape of each tensor, the wanted ones as real numbers or integers). ModelFileError where LiteRT fails."""
    with TemporaryDirectory() as folder:
        model, out = Path(folder) / "model.tflite", Path(folder) / "out.npz"
        model.write_bytes(content)
        words = [sys.executable, "-m", "mixcomp_edge.frontend.litert", str(model), str(out), *map(str, wanted)]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise ModelFileError(f"{path}: LiteRT has not worked out its shapes within {LIMIT_S} s.") from error
        if done.returncode != 0 or not out.is_file():
            from mixcomp_edge.frontend.places import shown  # brings torch in

            said = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
            raise ModelFileError(f"{path}: LiteRT cannot work out its shapes: {shown(said, 200).rstrip('.')}.")
        with np.load(out) as arrays:
            shapes = [tuple(map(int, arrays[f"shape{i}"])) for i in range(int(arrays["count"]))]
            return shapes, {i: arrays[f"value{i}"] for i in wanted}


def interpreter(content: bytes) -> Any:
    """LiteRT's interpreter of a file, with its tensors allocated and none of them reused."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType  # type: ignore[import-untyped]

    runtime = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
        num_threads=1,
    )
    runtime.allocate_tensors()
    return runtime


def real(array: NDArray[Any], quantization: tuple[float, int]) -> NDArray[Any]:
    """What integers of a scale and zero point stand for."""
    scale, zero = quantization
    return (array.astype(np.float32) - zero) * np.float32(scale) if scale and array.dtype.kind in "iu" else array


def _run(path: Path, out: Path, wanted: list[int]) -> None:
    """In the process of its own."""
    with suppress(ImportError, ValueError):  # not on Windows; or the system allows less already
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    runtime = interpreter(path.read_bytes())
    for entry in runtime.get_input_details():
        runtime.set_tensor(entry["index"], np.zeros(entry["shape"], entry["dtype"]))
    runtime.invoke()
    details = {entry["index"]: entry for entry in runtime.get_tensor_details()}
    count = max(details) + 1
    arrays = {f"shape{i}": np.asarray(details[i]["shape"] if i in details else (), np.int64) for i in range(count)}
    values = {f"value{i}": real(runtime.get_tensor(i), details[i]["quantization"]) for i in wanted}
    np.savez(out, allow_pickle=False, count=np.int64(count), **arrays, **values)


if __name__ == "__main__":
    _run(Path(sys.argv[1]), Path(sys.argv[2]), list(map(int, sys.argv[3:])))
