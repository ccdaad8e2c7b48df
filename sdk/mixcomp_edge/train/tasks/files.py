"""A task of files alone: a model in ONNX or TensorFlow Lite, and samples with or without labels. Without labels the
float model teaches: the integers learn to give what it gives, and are judged by how often both agree."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.objective import SHARE, Metric
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.task import Split, Task
from mixcomp_edge.train.tasks.holdout import hold_out
from mixcomp_edge.train.tasks.images import SAMPLE, sample
from mixcomp_edge.train.tasks.samples import Samples, channels_first, read_samples

TEST_SHARE = 0.2  # of each class, where the file has no test samples
STEPS, BATCH = 1500, 32  # of teaching without labels
NOISE = 64  # samples, where there is no data
TAUGHT = Recipe(batch_size=BATCH, lr=3e-3, distill=1.0)


@dataclass(frozen=True)
class Source:
    """What the command line says of a model file's data. scale, mean and std, each one number or one a channel, become
    part of the model: it takes (raw * scale - mean) / std. layout: of the stored samples, "nchw", "nhwc" or "auto"."""

    data: Path | None = None
    input_shape: tuple[int, ...] | None = None
    scale: float | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    layout: str = "auto"
    loss: str | None = None
    metric: str | None = None

    @property
    def given(self) -> bool:
        return self != Source()


class Normalized(nn.Module):
    """(raw * scale - mean) / std before the model."""

    gain: Tensor
    offset: Tensor

    def __init__(self, model: nn.Module, source: Source, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.model = model
        one = (1,) * (len(shape) - 1)
        gain = (source.scale if source.scale is not None else 1.0) / np.array(source.std or (1.0,), np.float64)
        offset = -np.array(source.mean or (0.0,), np.float64) / np.array(source.std or (1.0,), np.float64)
        for name, values in (("gain", gain), ("offset", offset)):
            if values.size not in (1, shape[0]) or not np.isfinite(values).all():
                raise TaskError(
                    f"--scale, --mean and --std: finite numbers, one, or one for each of {shape[0]} channels."
                )
            self.register_buffer(name, torch.from_numpy(values).float().reshape(-1, *one))

    def forward(self, x: Tensor) -> Any:
        return self.model(self.normalize(x))

    def normalize(self, x: Tensor) -> Tensor:
        return x * self.gain + self.offset


def task_of(path: Path, source: Source) -> Task:
    """The task of a model file. Raises TaskError, ModelFileError, UnsupportedError."""
    module, prove, notes = DOORS[path.suffix.lower()](path, source.input_shape)
    if len(module.input_shapes) > 1:
        raise TaskError(
            f"{path}: has {len(module.input_shapes)} inputs ({', '.join(module.input_shapes)}); --data gives one. "
            "Write a task in Python: see README, Your own model."
        )
    [shape] = module.input_shapes.values()
    plain = (source.scale, source.mean, source.std) == (None, None, None)
    model = module if plain else Normalized(module, source, shape).eval()
    fields = _data(path, model, shape, source)
    fields["warnings"] = (*notes, *fields.get("warnings", ()))
    task = Task(model=model, input_shape=shape, name=_name(path), **fields)
    prove(module, [model.normalize(task.calibration) if isinstance(model, Normalized) else task.calibration])
    return task


Door = tuple[
    Any, Callable[[Any, list[Tensor]], str], tuple[str, ...]
]  # the module, its proof, what the user should know


def _onnx(path: Path, input_shape: tuple[int, ...] | None) -> Door:
    from mixcomp_edge.frontend.onnx import OnnxModule, prove

    return OnnxModule(path, input_shape), prove, ()


def _tflite(path: Path, input_shape: tuple[int, ...] | None) -> Door:
    from mixcomp_edge.frontend.tflite import TfliteModule, prove

    module = TfliteModule(path)
    if input_shape is not None and [input_shape] != list(module.input_shapes.values()):
        raise TaskError(f"{path}: takes {module.input_shapes}, channels first; drop --input-shape.")
    network = module.document
    note = f"{path}: holds integers; its weights are taken as the real numbers that they stand for."
    return module, prove, (note,) if network.is_quantized or network.is_hybrid else ()


DOORS: dict[str, Callable[[Path, tuple[int, ...] | None], Door]] = {".onnx": _onnx, ".tflite": _tflite}


def _name(path: Path) -> str:
    """A name that C can have, of the file's."""
    name = re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_")[:40]
    return name if re.match(r"[a-z]", name) else f"model_{name}".rstrip("_")


def _data(path: Path, model: nn.Module, shape: tuple[int, ...], source: Source) -> dict[str, Any]:
    """The task's fields that come of the data."""
    if source.data is None:
        noise = torch.randn(NOISE, *shape, generator=torch.Generator().manual_seed(0))
        text = f"{path}: without --data it is calibrated on noise; bits, counts and memory are right, accuracy is not."
        return {"calibration": noise, "warnings": (text,)}
    size = (shape[1], shape[2]) if len(shape) == 3 else None
    samples = _ordered(read_samples(source.data, size), shape, source)
    if any(y is not None for y in samples.y.values()):
        return _labelled(samples, source)
    return _taught(samples, model, source)


def _ordered(samples: Samples, shape: tuple[int, ...], source: Source) -> Samples:
    """Channels first, as the model takes them."""
    x = {split: channels_first(x, shape, source.data, source.layout) for split, x in samples.x.items()}
    return replace(samples, x=x)


def _labelled(samples: Samples, source: Source) -> dict[str, Any]:
    splits = {split: Split(x, y) for split, x in samples.x.items() if (y := samples.y[split]) is not None}
    if "" in splits:
        splits["train"], splits["test"] = hold_out(splits.pop(""), TEST_SHARE)
    if "train" not in splits:
        raise TaskError(f"{source.data}: has labels for {', '.join(splits)}, but none to train with (y_train, or y).")
    if "validation" not in splits:
        splits["train"], splits["validation"] = hold_out(splits["train"])
    return {
        **splits,
        "calibration": torch.from_numpy(sample(splits["train"]).astype(np.float32)),
        "loss": source.loss,
        "metric": source.metric,
    }


def _taught(samples: Samples, model: nn.Module, source: Source) -> dict[str, Any]:
    """The float model's outputs are the targets."""
    if source.loss or source.metric:
        raise TaskError(f"{source.data}: has no labels; --loss and --metric go with labels.")
    x = samples.x.get("train", samples.x.get(""))
    if x is None:
        raise TaskError(f"{source.data}: holds no x and no x_train.")
    train, test = hold_out(Split(x, _outputs(model, x)), 0.1)
    epochs = max(1, round(STEPS * BATCH / len(train)))
    return {
        "train": train,
        "test": test,
        "calibration": torch.from_numpy(sample(train, SAMPLE).astype(np.float32)),
        "recipe": TAUGHT.with_(epochs=epochs),
        "loss": "mse",
        "metric": AGREEMENT if train.y.ndim == 2 and train.y.shape[1] > 1 else DISTANCE,
        "warnings": (f"{source.data}: has no labels; the figures say how far the integers follow the float model.",),
    }


@torch.no_grad()
def _outputs(model: nn.Module, x: NDArray[Any]) -> NDArray[np.float32]:
    parts = [model(torch.from_numpy(part.astype(np.float32))) for part in np.array_split(x, -(-len(x) // 64))]
    if not isinstance(parts[0], Tensor):
        raise TaskError("a model with several outputs learns from data with labels; write a task in Python.")
    return torch.cat(parts).numpy()


AGREEMENT = Metric(
    "same class as the float model", lambda output, target: float(np.mean(output.argmax(1) == target.argmax(1))), SHARE
)
DISTANCE = Metric(
    "distance from the float model", lambda a, b: float(np.sqrt(np.mean((a.reshape(b.shape) - b) ** 2))), higher=False
)
