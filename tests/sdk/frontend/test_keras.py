"""Keras models come in by TensorFlow's converter. Judge: Keras. TensorFlow is large; only who has it runs this."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
import torch

from mixcomp_edge import LayerPlan, QuantPlan, convert
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


MAKE_MANY = """
import sys, numpy as np, tensorflow as tf
k, L, folder = tf.keras, tf.keras.layers, sys.argv[1] + "/"
k.utils.set_random_seed(0)

def vision():
    i = k.Input((16, 16, 4))
    a = L.PReLU()(L.GroupNormalization(2)(L.Conv2D(8, 3, padding="same")(i)))
    b = L.Conv2D(16, 3, padding="same", dilation_rate=2, activation="silu")(L.MaxPooling2D()(a))
    s = L.Dense(16, activation="hard_sigmoid")(L.Dense(4, activation="selu")(L.GlobalAveragePooling2D()(b)))
    b = L.Multiply()([b, L.Reshape((1, 1, 16))(s)])
    x = L.Concatenate()([L.Conv2DTranspose(4, 3, strides=2, padding="same")(b), L.UpSampling2D()(b), a])
    x = L.Cropping2D(2)(x[:, ::-1])
    return i, L.Dense(5, activation="softmax")(L.Flatten()(x))

def words():
    i = k.Input((12,), dtype="int32")
    x = L.Embedding(50, 8)(i)
    x = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(2, 4)(x, x)]))
    x = L.Dense(8)(L.Dense(16, activation="gelu")(x))
    return i, L.Dense(3)(L.GlobalMaxPooling1D()(x))

def frames():
    i = k.Input((5, 8, 8, 2))
    x = L.TimeDistributed(L.Flatten())(L.TimeDistributed(L.Conv2D(4, 3))(i))
    x = L.Conv1D(12, 2, dilation_rate=2, padding="causal")(x)
    x = L.Permute((2, 1))(L.SimpleRNN(8, return_sequences=True, unroll=True)(x))
    return i, L.Dense(3)(L.Flatten()(L.Multiply()([x, L.RepeatVector(8)(L.Lambda(lambda x: x[:, 0])(x))])))

def ends():
    a, b = k.Input((8,), name="a"), k.Input((8,), name="b")
    x, y = L.Dense(4)(a), L.Dense(4)(b)
    return [a, b], L.Dense(1)(L.Concatenate()([L.Dot(1, normalize=True)([x, y]), L.Average()([x, y])]))

rng = np.random.default_rng(0)
for make in (vision, words, frames, ends):
    model, name = k.Model(*make()), folder + make.__name__
    arrays = {
        each.name: rng.integers(0, 50, (40, *each.shape[1:])).astype(np.int32)
        if each.dtype == "int32" else rng.normal(size=(40, *each.shape[1:])).astype(np.float32)
        for each in model.inputs
    }
    np.savez(name + "_x.npz", **(arrays if len(arrays) > 1 else {"x": list(arrays.values())[0]}))
    np.save(name + "_y.npy", model.predict(list(arrays.values()), verbose=0))
    if make is not frames:  # a Lambda is a program, which is not loaded
        model.save(name + ".keras")
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    open(name + ".tflite", "wb").write(converter.convert())
    if make is vision:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        open(name + ".halves.tflite", "wb").write(converter.convert())
"""
MANY = [
    "vision.keras", "vision.tflite", "vision.halves.tflite", "words.keras", "words.tflite", "frames.tflite",
    "ends.keras", "ends.tflite",
]  # fmt: skip


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A folder of networks by Keras, and by its converter for samples in any number."""
    pytest.importorskip("ai_edge_litert")
    folder = tmp_path_factory.mktemp("keras")
    done = subprocess.run([sys.executable, "-c", MAKE_MANY, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("file", MANY)
@pytest.mark.skipif(not HAS_TENSORFLOW, reason="needs tensorflow: pip install 'mixcomp-edge[tensorflow]'")
def test_networks_of_many_layers_compute_what_keras_computes(file, networks):
    name = file.partition(".")[0]
    expected = np.load(networks / f"{name}_y.npy")
    task = load_task(str(networks / file), Source(data=networks / f"{name}_x.npz"))
    arrays = np.load(networks / f"{name}_x.npz")
    given = {"x": next(iter(task.model.input_shapes))} if len(arrays) == 1 else {}
    x = {given.get(k, k): torch.from_numpy(np.moveaxis(v, -1, 1) if v.ndim == 4 else v) for k, v in arrays.items()}
    with torch.no_grad():
        y = task.model(*(x[k].long() if x[k].dtype == torch.int32 else x[k] for k in task.model.input_names)).numpy()
    np.testing.assert_allclose(y, expected, atol=(1e-2 if "halves" in file else 1e-4) * np.abs(expected).max())
    convert(prepare(task.model, task.calibration, QuantPlan(LayerPlan(act_bits=8)), "net"))


@pytest.mark.skipif(HAS_TENSORFLOW, reason="TensorFlow is there")
def test_without_tensorflow_it_is_said_what_is_missing(tmp_path):
    (tmp_path / "m.keras").write_bytes(b"PK")
    with pytest.raises(ModelFileError, match=r"needs TensorFlow. Run pip install 'mixcomp-edge\[tensorflow,tflite\]'"):
        to_tflite(tmp_path / "m.keras", tmp_path / "m.tflite", trust=False)


def test_keras_old_format_is_taken_on_trust_alone(tmp_path):
    with pytest.raises(ModelFileError, match="may hold programs"):
        to_tflite(tmp_path / "m.h5", tmp_path / "m.tflite", trust=False)
