"""TASK on the command line: a built-in name, path/to/file.py:function where the function returns a Task, a model file
with its data beside it (`files.py`), or a mixcomp.toml that says both."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar, cast

from mixcomp_edge.errors import MixcompError, TaskError
from mixcomp_edge.train.tasks.source import NOTHING, Source

if TYPE_CHECKING:
    from mixcomp_edge.train.task import Task

MODEL_FILES = (".onnx", ".tflite", ".keras", ".h5", ".hdf5", ".pt2", ".pt", ".pth")
SAVED_MODEL = "saved_model.pb"  # in a folder that TensorFlow has written
PROJECT = ".toml"  # a model file and its data: project.py
T = TypeVar("T")


@dataclass(frozen=True)
class Builtin:
    """Calling it loads the task. Torch and data come in then, not when the names are listed."""

    name: str
    description: str
    module: str  # in this package; holds a function of the task's name

    def __call__(self) -> Task:
        module = importlib.import_module(f"{__name__}.{self.module}")
        return cast("Task", getattr(module, self.name)())


BUILTIN: dict[str, Builtin] = {
    task.name: task
    for task in (
        Builtin("digits", "8x8 digits from scikit-learn, CNN of 14 k parameters, trains in seconds", "digits"),
        Builtin("fashion", "Fashion-MNIST 28x28, CNN of 61 k parameters, trains in minutes", "fashion"),
        Builtin("resnet8", "CIFAR-10 with MLPerf Tiny's ResNet-8, 78 k parameters", "cifar"),
        Builtin("resnet20", "CIFAR-10 with ResNet-20, 270 k parameters", "cifar"),
        Builtin("spoken_digits", "Spoken digits, log-mel 64x40, DS-CNN of 24 k parameters, trains in minutes", "audio"),
        Builtin("bearings", "CWRU bearings, nine faults, 1-D CNN of 22 k parameters, trains in a minute", "bearings"),
        Builtin("bearings10", "CWRU bearings with the normal class beside the nine faults", "bearings"),
        Builtin("spoken_digits_gru", "Spoken digits, GRU of 21 k parameters", "audio"),
        Builtin("spoken_digits_stream", "Spoken digits frame by frame, GRU of 21 k parameters", "audio"),
        Builtin("clinc150", "Intents of short queries, transformer of 262 k parameters, trains in minutes", "language"),
        Builtin("sst2", "Sentiment of sentences, transformer of 581 k parameters, trains in minutes", "language"),
        Builtin("dscnn", "MLPerf Tiny keyword spotting, DS-CNN, 24 k parameters; synthetic inputs", "mlperf"),
        Builtin("mobilenet", "MLPerf Tiny visual wake words, MobileNet, 216 k parameters; synthetic inputs", "mlperf"),
        Builtin("autoencoder", "MLPerf Tiny anomaly detection, dense, 268 k parameters; synthetic inputs", "mlperf"),
        Builtin("mobilenet_v3", "MobileNetV3-Small x 0.35, 96x96; random weights, for speed and memory", "unlearned"),
        Builtin("efficientnet", "EfficientNet-Lite style, squeeze-excite, 96x96; random weights", "unlearned"),
        Builtin("tcn", "Causal dilated 1-D convolutions, 40 features x 100 steps; random weights", "unlearned"),
        Builtin("resnet1d", "Residual 1-D network, 512 samples; random weights", "unlearned"),
        Builtin("unet", "Segmentation, U-Net, 64x64; random weights", "unlearned"),
        Builtin("tiny_yolo", "Detection, two maps of boxes, 96x96; random weights", "unlearned"),
    )
}  # fmt: skip


def load_task(spec: str, source: Source = NOTHING, *, needs_data: bool = True) -> Task:
    """The task of a built-in name, of path/to/file.py:function, or of a model file and its data, which may be missing
    where nothing needs it. TaskError says what is wrong and in which file."""
    place = check_spec(spec)
    if isinstance(place, Path):
        from mixcomp_edge.train.tasks.files import task_of
        from mixcomp_edge.train.tasks.project import read_project

        if place.suffix.lower() == PROJECT:
            model, source = read_project(place, source)
            place = check_spec(str(model))
            if not isinstance(place, Path) or place.suffix.lower() == PROJECT:
                raise TaskError(f"{spec}: its model, {model}, is no model file ({', '.join(MODEL_FILES)}).")
        if needs_data and source.data is None and not source.no_data:
            raise TaskError(
                f"{spec}: give its data: --data PATH, with labels or without; or --no-data, to calibrate on noise."
            )
        return task_of(place, source)
    if source.given:
        raise TaskError(f"{spec}: --data and what belongs to it go with a model file ({', '.join(MODEL_FILES)}).")
    return BUILTIN[spec]() if place is None else _from_file(*place)


def check_spec(spec: str) -> tuple[Path, str] | Path | None:
    """File and function that a task is named by, a model file, None for a built-in one; TaskError where there is
    none."""
    if spec in BUILTIN:
        return None
    if (Path(spec) / SAVED_MODEL).is_file():
        return Path(spec).resolve()
    if spec.lower().endswith((*MODEL_FILES, PROJECT)):
        file = Path(spec).expanduser()
        if not file.is_file():
            raise TaskError(f"{spec}: there is no file {file} (looked in {Path.cwd()}).")
        return file.resolve()
    path, colon, function = spec.rpartition(":")
    if colon and path and os.sep not in function:
        file = Path(path).expanduser()
        if not file.is_file():
            raise TaskError(f"{spec}: there is no file {file} (looked in {Path.cwd()}).")
        return file.resolve(), function
    if spec.endswith(".py"):
        raise TaskError(f"{spec}: add the function that returns the Task, as in {spec}:make_task.")
    near = difflib.get_close_matches(spec.lower(), BUILTIN, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    raise TaskError(
        f"unknown task '{spec}'.{hint} Built-in tasks: {', '.join(BUILTIN)}. For your own: path/to/file.py:function, "
        f"or a model file ({', '.join(MODEL_FILES)}), or a mixcomp.toml that names one and its data."
    )


def _from_file(path: Path, function: str) -> Task:
    from mixcomp_edge.train.task import Task

    module = _run(path, lambda: _import(path))
    make = getattr(module, function, None)
    if not callable(make):
        names = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
        raise TaskError(f"{path}: has no function '{function}'. It defines: {', '.join(names) or 'nothing'}.")
    _check_call(path, function, make)
    task = _run(path, cast("Callable[[], object]", make))
    if not isinstance(task, Task):
        forgot = " Does it end without a return?" if task is None else ""
        raise TaskError(f"{path}: {function}() returned {type(task).__name__}, expected a mixcomp_edge.Task.{forgot}")
    return task


def _check_call(path: Path, function: str, make: Callable[..., object]) -> None:
    """TaskError where the function cannot be called without arguments."""
    try:
        inspect.signature(make).bind()
    except TypeError as error:
        raise TaskError(f"{path}: {function}() is called without arguments: {error}. Give them defaults.") from error
    except ValueError:  # of what has no signature, the call will tell
        return


def _import(path: Path) -> ModuleType:
    name = f"mixcomp_task_{path.stem}_{sha256(str(path).encode()).hexdigest()[:8]}"
    loader_spec = importlib.util.spec_from_file_location(name, path)
    if loader_spec is None or loader_spec.loader is None:
        raise ImportError("not a Python source file; its name must end with .py")
    module = importlib.util.module_from_spec(loader_spec)
    sys.modules[name] = module  # dataclasses look their own module up
    try:
        loader_spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _run(path: Path, call: Callable[[], T]) -> T:
    """Runs the user's code, its own folder first on the import path, as `python file.py` would have it."""
    sys.path.insert(0, str(path.parent))
    try:
        return call()
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = lines[-1] if lines else getattr(error, "lineno", None)
        where = f"{path}, line {line}" if line else str(path)
        kind = "" if isinstance(error, MixcompError) else f"{type(error).__name__}: "
        raise TaskError(f"{where}: {kind}{error}") from error
    finally:
        sys.path.remove(str(path.parent))
