"""What a user says of a model file and its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mixcomp_edge.errors import TaskError

LAYOUTS = ("auto", "nchw", "nhwc")
Shape = tuple[int, ...]
Shapes = Shape | Mapping[str, Shape]  # of the only input, or of each by name


@dataclass(frozen=True)
class Source:
    """scale, mean and std, each one number or one a channel, become part of the model: it takes (raw * scale - mean) /
    std. layout: of the stored samples. labels: a CSV's column, or the .npy beside an .npy. trust: run what a pickle
    holds. Raises TaskError."""

    data: Path | None = None
    no_data: bool = False
    input_shape: Shapes | None = None
    scale: float | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    layout: str = "auto"
    labels: str | None = None
    loss: str | None = None
    metric: str | None = None
    trust: bool = False

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise TaskError(f"layout is {self.layout!r}, expected {', '.join(LAYOUTS)}.")
        if self.std is not None and min(map(abs, self.std)) == 0.0:
            raise TaskError("std is 0; a deviation of 0 divides by zero.")
        if self.data is not None and self.no_data:
            raise TaskError(f"data {self.data} and no data at once; drop one.")

    @property
    def given(self) -> bool:
        return self != NOTHING

    @property
    def normalizes(self) -> bool:
        return (self.scale, self.mean, self.std) != (None, None, None)


NOTHING = Source()
