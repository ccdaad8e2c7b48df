"""Puts the backend tests of the onnx wheel through the door: `python tests/networks/onnx_cases.py`.

    pip install 'mixcomp-edge[onnx]' onnxruntime
    python tests/networks/onnx_cases.py --only conv            # some of them, each with what came of it
    python tests/networks/onnx_cases.py --write                # the table in tests/networks/README.md, minutes

A case is a file of the wheel, or a model that its node tests make, with its inputs. onnxruntime says what is right. The
module that we make of the file must give that within 1e-4 of the largest element (2e-3 where the file is of float16),
and so must the float graph that we make of the module. Cases with operands as inputs are tried a second time with all
but the first as constants, which is how files of networks have them; files of opset 6 are converted, as our error says.
`refused` is an error of ours, which names what it is about; all else is `wrong`."""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import tempfile
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper, version_converter
from onnx.backend.test.loader import load_model_tests

from mixcomp_edge import MixcompError, prepare
from mixcomp_edge.errors import ImportMismatch
from mixcomp_edge.frontend.onnx import OnnxModule

HERE = Path(__file__).parent
TOLERANCE, OF_HALVES = 1e-4, 2e-3  # of the largest element; where onnxruntime computes in float16
OLDEST = 7  # opset that is read
KINDS = ("node", "simple", "pytorch-operator", "pytorch-converted")
RIGHT, REFUSED, WRONG, UNJUDGED = "right", "refused", "wrong", "no judge"


def cases(kind: str) -> Iterator[tuple[str, onnx.ModelProto, list[Any]]]:
    """Name, model and inputs."""
    if kind == "node":
        for case in load_model_tests(kind=kind):
            if case.model is not None and case.data_sets:
                yield case.name, case.model, list(case.data_sets[0][0])
        return
    for case in load_model_tests(kind=kind):
        model = onnx.load(Path(case.model_dir) / "model.onnx")
        files = sorted(
            (Path(case.model_dir) / "test_data_set_0").glob("input_*.pb"), key=lambda f: int(f.stem.split("_")[1])
        )
        yield case.name, model, [numpy_helper.to_array(onnx.load_tensor(str(file))) for file in files]


def with_constants(model: onnx.ModelProto, inputs: list[Any]) -> tuple[onnx.ModelProto, list[Any]]:
    """The same with all inputs but the first as constants."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    known = {tensor.name for tensor in changed.graph.initializer}
    names = [entry.name for entry in changed.graph.input if entry.name not in known]
    for name, array in list(zip(names, inputs, strict=False))[1:]:
        changed.graph.initializer.append(numpy_helper.from_array(array, name))
        changed.graph.input.remove(next(entry for entry in changed.graph.input if entry.name == name))
    return changed, inputs[:1]


def expected(model: onnx.ModelProto, inputs: list[Any]) -> list[Any] | None:
    """What onnxruntime gives, None where it does not run the model."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        names = [entry.name for entry in session.get_inputs()]
        results = session.run(None, dict(zip(names, inputs, strict=True)))
    except Exception:  # whatever it raises
        return None
    return results if all(isinstance(result, np.ndarray) for result in results) else None


def same(found: Any, judge: list[Any]) -> str:
    """Empty, or how they differ."""
    parts = list(found.values()) if isinstance(found, dict) else [found]
    for got, want in zip(parts, judge, strict=True):
        tolerance = OF_HALVES if want.dtype == np.float16 else TOLERANCE
        got, want = got.detach().double().numpy(), np.asarray(want).astype(np.float64)
        if got.shape != want.shape:
            return f"shape {got.shape} for {want.shape}"
        finite = want[np.isfinite(want)]
        reach = tolerance * float(np.abs(finite).max(initial=0.0)) + 1e-6
        if not np.allclose(got, want, rtol=0.0, atol=reach, equal_nan=True):
            return f"differs by {np.nanmax(np.abs(got - want)):.3g}"
    return ""


def outcome(model: onnx.ModelProto, inputs: list[Any], folder: Path) -> tuple[str, str]:
    """What came of a case, and why."""
    if min((entry.version for entry in model.opset_import if not entry.domain), default=99) < OLDEST:
        with contextlib.suppress(Exception):  # as our error for these says; what it cannot convert stays as it is
            model = version_converter.convert_version(model, 13)
    judge = expected(model, inputs)
    if judge is None or not inputs or not all(isinstance(x, np.ndarray) for x in inputs):
        return UNJUDGED, "onnxruntime does not run it on arrays"
    if any(x.dtype == np.float64 and np.abs(x).max(initial=0.0) > np.finfo(np.float32).max for x in inputs):
        return UNJUDGED, "its inputs are beyond float32"
    file = folder / "model.onnx"
    file.write_bytes(model.SerializeToString())
    try:
        module = OnnxModule(file)
        types = (np.int64 if name in module.tokens else np.float32 for name in module.input_names)
        x = [torch.from_numpy(np.array(array, dtype)) for array, dtype in zip(inputs, types, strict=True)]
        with torch.no_grad():
            difference = same(module(*x), judge)
        if difference:
            return WRONG, difference
        graph = prepare(module, tuple(x) if len(x) > 1 else x[0])
        with torch.no_grad(), graph.floating():
            difference = same(graph(*x), judge)
        return (WRONG, f"graph: {difference}") if difference else (RIGHT, "")
    except ImportMismatch as error:
        return WRONG, str(error)
    except MixcompError as error:
        return REFUSED, str(error)
    except Exception as error:  # a fault of ours
        return WRONG, f"{type(error).__name__}: {error}"


def result(model: onnx.ModelProto, inputs: list[Any], folder: Path) -> tuple[str, str]:
    """The better of a case as it is and with constants, unless one is wrong."""
    found = [outcome(model, inputs, folder)]
    if found[0][0] == REFUSED and len(inputs) > 1:
        found.append(outcome(*with_constants(model, inputs), folder))
    order = (WRONG, RIGHT, REFUSED, UNJUDGED)
    return min(found, key=lambda pair: order.index(pair[0]))


def table(counts: dict[str, Counter[str]]) -> str:
    lines = ["| cases of the onnx wheel | right | refused by name | wrong | not judged |",
             "|---|---|---|---|---|"]  # fmt: skip
    for kind, found in counts.items():
        cells = " | ".join(str(found[key]) for key in (RIGHT, REFUSED, WRONG, UNJUDGED))
        lines.append(f"| {kind} | {cells} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--write", action="store_true", help="the table in README.md")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            for name, model, inputs in cases(kind):
                if options.only in name:
                    found, why = result(model, inputs, Path(folder))
                    counts[kind][found] += 1
                    print(f"{kind} {name}: {found}. {' '.join(why.split())[:300]}", flush=True)
    print(table(counts))
    if options.write:
        page = HERE / "README.md"
        before, _, rest = page.read_text().partition("<!-- onnx -->\n")
        _, _, after = rest.partition("<!-- end of onnx -->\n")
        page.write_text(f"{before}<!-- onnx -->\n{table(counts)}\n<!-- end of onnx -->\n{after}")
    return 1 if any(found[WRONG] for found in counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
