"""TensorFlow Lite to a torch module, as `frontend.onnx` does it for ONNX."""

from __future__ import annotations

from mixcomp_edge.frontend.tflite import layout, pointwise, recurrent, windows
from mixcomp_edge.frontend.tflite.module import TfliteModule
from mixcomp_edge.frontend.tflite.proof import prove

__all__ = ["TfliteModule", "prove"]
FAMILIES = (windows, pointwise, layout, recurrent)  # importing them registers their handlers
