"""Models that torch.save has written whole: a pickle, which runs whatever it likes while it is read."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from mixcomp_edge.errors import ModelFileError
from mixcomp_edge.frontend.bounds import first_line


def load_pickled(path: Path, *, trust: bool) -> nn.Module:
    """The module in the file; ModelFileError without trust, and for anything else in it."""
    if not trust:
        raise ModelFileError(
            f"{path}: is a pickle, which may run any program while it is read. Pass --trust if it is yours, or give "
            "torch.export's archive (.pt2) or ONNX."
        )
    try:
        value = torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:  # a pickle may raise anything
        raise ModelFileError(f"{path}: cannot be read ({type(error).__name__}: {first_line(error)}).") from error
    if isinstance(value, torch.jit.ScriptModule):
        raise ModelFileError(f"{path}: is TorchScript, which cannot be traced again; export it as .pt2 or ONNX.")
    if not isinstance(value, nn.Module):
        what = "weights without their model" if isinstance(value, dict) else f"a {type(value).__name__}"
        raise ModelFileError(
            f"{path}: holds {what}. Load them into the model in Python, and give torch.export's archive or a task."
        )
    return value.eval()
