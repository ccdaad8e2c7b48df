"""Keras files and SavedModels, by TensorFlow's own converter, as .tflite files: TensorFlow runs in a process of its
own, python -m mixcomp_edge.frontend.keras MODEL OUT.tflite, so that its libraries and torch's do not meet."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

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


def _convert(path: Path, out: Path) -> None:
    """In the process that has TensorFlow."""
    try:
        tf = import_module("tensorflow")
    except ModuleNotFoundError:
        sys.exit(NEEDS)
    try:
        if path.is_dir():
            converter = tf.lite.TFLiteConverter.from_saved_model(str(path))
        else:
            converter = tf.lite.TFLiteConverter.from_keras_model(tf.keras.models.load_model(path, compile=False))
        out.write_bytes(converter.convert())
    except Exception as error:  # TensorFlow raises many kinds
        text = " ".join(str(error).split())
        sys.exit(f"TensorFlow cannot convert it ({type(error).__name__}: {text[:250]})")


if __name__ == "__main__":
    _convert(Path(sys.argv[1]), Path(sys.argv[2]))
