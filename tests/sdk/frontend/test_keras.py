"""Keras models come in by TensorFlow's converter. Judge: Keras. TensorFlow is large; only who has it runs this."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
import torch

from mixcomp_edge.errors import ModelFileError
from mixcomp_edge.frontend.keras import to_tflite
from mixcomp_edge.train.quantized_model import prepare
from mixcomp_edge.train.tasks import load_task
from mixcomp_edge.train.tasks.source import Source

HAS_TENSORFLOW = importlib.util.find_spec("tensorflow") is not None
MAKE = """
import sys, numpy as np, tensorflow as tf
k = tf.keras
x = i = k.Input((12, 10, 3))
x = k.layers.Conv2D(8, 3, padding="same", use_bias=False)(x)
x = y = k.layers.ReLU()(k.layers.BatchNormalization()(x))
x = k.layers.DepthwiseConv2D(3, padding="same")(x)
x = k.layers.Add()([k.layers.BatchNormalization()(x), y])
x = k.layers.GlobalAveragePooling2D()(x)
model = k.Model(i, k.layers.Softmax()(k.layers.Dense(5)(x)))
rng = np.random.default_rng(0)
model.set_weights([rng.uniform(0.5, 1.5, w.shape) if "variance" in v.path else rng.normal(0, 0.4, w.shape)
                   for v, w in zip(model.weights, model.get_weights())])
model.save(sys.argv[1] + "/model.keras")
model.export(sys.argv[1] + "/saved")
data = rng.normal(size=(60, 12, 10, 3)).astype(np.float32)
np.savez(sys.argv[1] + "/d.npz", x=data)
np.save(sys.argv[1] + "/y.npy", model.predict(data, verbose=0))
"""


@pytest.mark.parametrize("name", ["model.keras", pytest.param("saved", marks=pytest.mark.long)])
@pytest.mark.skipif(not HAS_TENSORFLOW, reason="needs tensorflow: pip install 'mixcomp-edge[tensorflow]'")
def test_a_keras_model_computes_what_keras_computes(name, tmp_path):
    pytest.importorskip("ai_edge_litert")
    subprocess.run([sys.executable, "-c", MAKE, tmp_path], check=True, capture_output=True)
    expected = np.load(tmp_path / "y.npy")
    x = torch.from_numpy(np.moveaxis(np.load(tmp_path / "d.npz")["x"], -1, 1).copy())
    task = load_task(str(tmp_path / name), Source(data=tmp_path / "d.npz"))
    assert task.input_shape == (3, 12, 10)
    with torch.no_grad():
        np.testing.assert_allclose(task.model(x).numpy(), expected, atol=1e-5)
    assert len(prepare(task.model, task.calibration, name="net").macs) == 3


@pytest.mark.skipif(HAS_TENSORFLOW, reason="TensorFlow is there")
def test_without_tensorflow_it_is_said_what_is_missing(tmp_path):
    (tmp_path / "m.keras").write_bytes(b"PK")
    with pytest.raises(ModelFileError, match=r"needs TensorFlow. Run pip install 'mixcomp-edge\[tensorflow,tflite\]'"):
        to_tflite(tmp_path / "m.keras", tmp_path / "m.tflite", trust=False)


def test_keras_old_format_is_taken_on_trust_alone(tmp_path):
    with pytest.raises(ModelFileError, match="may hold programs"):
        to_tflite(tmp_path / "m.h5", tmp_path / "m.tflite", trust=False)
