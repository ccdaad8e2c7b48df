"""Import is proven, not believed: the user's model and what was made of it run on the same samples and are compared.

`calls.py` holds each call of the traced program against its node alone, in float64, where a fault is larger than any
rounding; `whole.py` holds the user's module, as it is, against the graph that is trained, from end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from mixcomp_edge.frontend.torch_export import Imported
from mixcomp_edge.train.proof.calls import check_calls
from mixcomp_edge.train.proof.whole import check_whole
from mixcomp_edge.train.samples import Samples, count, take

if TYPE_CHECKING:
    from mixcomp_edge.train.quantized_model import QuantizedModel

SAMPLES = 16  # of the calibration data, spread over it


@torch.no_grad()
def prove(model: nn.Module, imported: Imported, quantized: QuantizedModel, calibration: Samples) -> None:
    """ImportMismatch, with the first call or layer that differs, unless the graph computes what the model does.

    The model stays as it is, and so do torch's random numbers."""
    x = _spread(calibration)
    check_calls(imported, x)
    check_whole(model, imported, quantized, x)


def _spread(calibration: Samples) -> Samples:
    last = count(calibration) - 1
    return take(calibration, torch.linspace(0, last, min(SAMPLES, last + 1)).long())
