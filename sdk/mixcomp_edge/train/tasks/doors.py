"""The files that a model may lie in: what opens each, and how what was opened is held against the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor, nn

from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.tasks.source import Shape, Shapes


@dataclass(frozen=True, eq=False)
class Opened:
    """A model file as a module. input_shapes: of each input by name, without the batch. prove(inputs) raises
    ModelFileError where the file's own runtime computes something else. tokens: names of inputs that are integers."""

    module: nn.Module
    input_shapes: dict[str, Shape]
    prove: Callable[[list[Tensor]], object]
    notes: tuple[str, ...] = ()
    tokens: frozenset[str] = frozenset()


def open_model(path: Path, input_shapes: Shapes | None, *, trust: bool) -> Opened:
    """The model of a file that `is_model_file` says yes to. Raises TaskError, ModelFileError, UnsupportedError."""
    kind = ".keras" if path.is_dir() else path.suffix.lower()  # a folder is a SavedModel
    return DOORS[kind](path, input_shapes, trust)


def _onnx(path: Path, shapes: Shapes | None, trust: bool) -> Opened:
    from mixcomp_edge.frontend.onnx import OnnxModule, prove

    module = OnnxModule(path, shapes)
    note = f"{path}: rounds to integers; weights and values are taken as the real numbers that they stand for."
    notes = (note,) if module.is_rounded else ()
    return Opened(module, module.input_shapes, lambda x: prove(module, x), notes, module.tokens)


def _tflite(path: Path, shapes: Shapes | None, trust: bool) -> Opened:
    from mixcomp_edge.frontend.tflite import TfliteModule, prove

    module = TfliteModule(path)
    _check_shapes(path, shapes, module.input_shapes)
    note = f"{path}: holds integers; its weights are taken as the real numbers that they stand for."
    rounded = module.document.is_quantized or module.document.is_hybrid
    return Opened(module, module.input_shapes, lambda x: prove(module, x), (note,) if rounded else (), module.tokens)


def _keras(path: Path, shapes: Shapes | None, trust: bool) -> Opened:
    from mixcomp_edge.frontend.keras import to_tflite
    from mixcomp_edge.frontend.tflite import TfliteModule, prove

    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        to_tflite(path, file, trust=trust)
        module = TfliteModule(file)
    module.path = path
    _check_shapes(path, shapes, module.input_shapes)
    note = f"{path}: was converted by TensorFlow."
    return Opened(module, module.input_shapes, lambda x: prove(module, x), (note,), module.tokens)


def _pt2(path: Path, shapes: Shapes | None, trust: bool) -> Opened:
    from mixcomp_edge.frontend.pt2 import Pt2Module, prove

    module = Pt2Module(path, trust=trust)
    _check_shapes(path, shapes, module.input_shapes)
    return Opened(module, module.input_shapes, lambda x: prove(module, x))


def _pickled(path: Path, shapes: Shapes | None, trust: bool) -> Opened:
    from mixcomp_edge.frontend.pt2 import load_pickled
    from mixcomp_edge.frontend.torch_export.structure import needed_names

    module = load_pickled(path, trust=trust)
    if shapes is None:
        raise TaskError(f"{path}: does not say what it takes. Say it, without the batch: --input-shape 3,96,96.")
    names = needed_names(module)
    given = dict(shapes) if isinstance(shapes, Mapping) else {(names or ["input"])[0]: shapes}
    return Opened(module, given, lambda x: None)


DOORS: dict[str, Callable[[Path, Shapes | None, bool], Opened]] = {
    ".onnx": _onnx, ".tflite": _tflite, ".keras": _keras, ".h5": _keras, ".hdf5": _keras, ".pt2": _pt2,
    ".pt": _pickled, ".pth": _pickled,
}  # fmt: skip


def _check_shapes(path: Path, given: Shapes | None, found: dict[str, Shape]) -> None:
    """TaskError where --input-shape says something else than a file in which shapes are fixed."""
    wanted = given if isinstance(given, Mapping) or given is None else {next(iter(found)): given}
    if wanted is not None and dict(wanted) != found:
        raise TaskError(f"{path}: takes {found}, channels first; drop --input-shape.")
