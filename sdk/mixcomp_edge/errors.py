"""Every error that a user can cause. The command prints the message and exits with 2; none is a bug of ours."""

from __future__ import annotations

from dataclasses import dataclass


class MixcompError(Exception):
    """Says what is wrong, where, and what to do next."""


@dataclass(frozen=True)
class Missing:
    """What a model asks for that has no counterpart in C."""

    what: str
    operator: str  # of ATen, as in silu
    modules: tuple[str, ...]  # paths; empty for the top one
    count: int  # of calls
    remedy: str


class ModelFileError(MixcompError):
    """A model file that cannot be read, or is no sound file of its kind."""


class UnsupportedError(MixcompError):
    """The model holds an operator or a setting that cannot be lowered; `missing` lists them where several can be."""

    def __init__(self, message: str, missing: tuple[Missing, ...] = ()) -> None:
        super().__init__(message)
        self.missing = missing


class ImportMismatch(MixcompError):
    """The imported model does not compute what the user's model computes."""


class GraphError(MixcompError):
    """A graph breaks a rule of the IR."""


class PlanError(MixcompError):
    """The plan (formats and bits per layer) cannot be read or does not fit the model."""


class RecipeError(MixcompError):
    """The training recipe cannot be read or holds a value out of range."""


class LoweringError(MixcompError):
    """A layer cannot be expressed in integers, for instance because its accumulator may overflow."""


class BundleError(MixcompError):
    """A .mce file is damaged, hostile, or of another version."""


class TaskError(MixcompError):
    """The task is unknown, or its data cannot be found or read."""


class TargetError(MixcompError):
    """The target is unknown."""


class ToolchainError(MixcompError):
    """A compiler is missing or refused its input."""


class ExportError(MixcompError):
    """The project folder cannot be written, or does not hold what it should."""


class StreamError(MixcompError):
    """A model cannot run frame by frame: it reads later frames, or all of them."""


class StorageError(MixcompError):
    """A file or folder cannot be written, or holds what is the user's own."""


class BoardError(MixcompError):
    """A board does not answer, answers wrongly, runs another firmware, or is too small."""


class BenchError(MixcompError):
    """A benchmark was asked for that cannot be run."""


class MissingTorchError(MixcompError):
    """What was asked for imports or trains a model, and PyTorch is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "this imports or trains a model, and PyTorch is not installed. Run pip install 'mixcomp-edge[torch]'; "
            "export, verify, simulate, flash and doctor work without it."
        )


class MissingSimulatorError(MixcompError):
    """What was asked for runs on an emulated core, and a package of the simulator is not installed."""

    PACKAGES = ("unicorn", "capstone", "elftools")

    def __init__(self, package: str | None) -> None:
        super().__init__(f"emulator: the package {package} is missing. Run pip install 'mixcomp-edge[sim]'.")
