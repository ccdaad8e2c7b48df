"""ONNX to a torch module, and from there to the float graph by `frontend.torch_export`. The file's operators are calls
of torch; what has no counterpart is refused by name, all of it at once. `proof` holds the module against the file."""

from __future__ import annotations

from mixcomp_edge.frontend.onnx import layers, layout, pointwise, recurrent, windows
from mixcomp_edge.frontend.onnx.module import OnnxModule
from mixcomp_edge.frontend.onnx.proof import prove

__all__ = ["OnnxModule", "prove"]
FAMILIES = (layers, layout, pointwise, recurrent, windows)  # importing them registers their handlers
