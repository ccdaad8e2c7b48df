"""Keras files and SavedModels, by TensorFlow's own converter, as .tflite files: TensorFlow runs in a process of its
own, python -m mixcomp_edge.frontend.keras MODEL OUT.tflite, so that its libraries and torch's do not meet."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from mixcomp_edge.errors import ModelFileError

NEEDS = "reading Keras files needs TensorFlow. Run pip install 'mixcomp-edge[tensorflow,tflite]'"
LIMIT_S = 900


def to_tflite(path: Path, out: Path, *, trust: bool) -> None:
    """Writes the model as a .tflite file in float32. ModelFileError with what TensorFlow says."""
    if path.suffix.lower() in (".h5", ".hdf5") and not trust:
        raise ModelFileError(
            f"{path}: is of Keras' old format, which may hold programs. Pass --trust if it is yours, or save it as "
            ".keras."
        )
    words = [sys.executable, "-m", "mixcomp_edge.frontend.keras", str(path), str(out)]
    surroundings = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    try:
        done = subprocess.run(words, capture_output=True, text=True, env=surroundings, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise ModelFileError(f"{path}: TensorFlow has not converted it within {LIMIT_S} s.") from error
    if done.returncode != 0 or not out.is_file():
        from mixcomp_edge.frontend.places import shown  # brings torch in

        said = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise ModelFileError(f"{path}: {shown(said, 300).rstrip('.')}.")


def _converted(tf: Any, path: Path) -> bytes:
    """The model for one sample: with samples in any number the converter leaves arithmetic on shapes in the file, and
    takes dilated convolutions apart."""
    if path.is_dir():
        model = tf.saved_model.load(str(path))
        call = model.signatures["serving_default"]
        specs = call.structured_input_signature[1]
    else:
        model = call = tf.keras.models.load_model(path, compile=False)
        specs = [tf.TensorSpec(each.shape, each.dtype, each.name) for each in model.inputs]
    one = tf.nest.map_structure(lambda each: tf.TensorSpec((1, *each.shape[1:]), each.dtype, each.name), specs)
    traced = tf.function(lambda given: call(**given) if path.is_dir() else call(given if len(given) > 1 else given[0]))
    content: bytes = tf.lite.TFLiteConverter.from_concrete_functions([traced.get_concrete_function(one)]).convert()
    return content


def _convert(path: Path, out: Path) -> None:
    """In the process that has TensorFlow."""
    try:
        tf = import_module("tensorflow")
    except ModuleNotFoundError:
        sys.exit(NEEDS)
    try:
        out.write_bytes(_converted(tf, path))
    except Exception as error:  # TensorFlow raises many kinds
        text = " ".join(str(error).split())
        sys.exit(f"TensorFlow cannot convert it ({type(error).__name__}: {text[:250]})")


if __name__ == "__main__":
    _convert(Path(sys.argv[1]), Path(sys.argv[2]))
