"""A task of files: data in every form that people have, a model in ONNX, and what is wrong with either, told in one
sentence."""

from __future__ import annotations

import wave

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper, save

from mixcomp_edge.cli.model_file import make_source
from mixcomp_edge.errors import MixcompError, TaskError
from mixcomp_edge.train.metrics import ACCURACY
from mixcomp_edge.train.tasks import load_task
from mixcomp_edge.train.tasks.files import AGREEMENT, Source
from mixcomp_edge.train.tasks.samples import read_samples
from sdk.cli.test_verbs import command, one_object, refusal

RNG = np.random.default_rng(1)
SHAPE = (3, 8, 6)


def floats(*shape):
    return RNG.normal(size=shape).astype(np.float32)


WEIGHTS = {"conv.weight": floats(5, 3, 3, 3), "conv.bias": floats(5), "fc.weight": floats(4, 5), "fc.bias": floats(4)}


@pytest.fixture
def model(tmp_path):
    """A small classifier as an ONNX file."""
    nodes = [
        helper.make_node("Conv", ["x", "conv.weight", "conv.bias"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["d"]),
        helper.make_node("Gemm", ["d", "fc.weight", "fc.bias"], ["y"], transB=1),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", ("n", *SHAPE)), ("y", None))
    ]
    constants = [numpy_helper.from_array(array, name) for name, array in WEIGHTS.items()]
    file = tmp_path / "Small net-1.onnx"
    save(helper.make_model(helper.make_graph(nodes, "g", [ends[0]], [ends[1]], constants), ir_version=8,
                           opset_imports=[helper.make_opsetid("", 17)]), file)  # fmt: skip
    return file


def torch_model():
    """The same in torch."""
    net = nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4)
    )
    tensors = {k: torch.from_numpy(v) for k, v in WEIGHTS.items()}
    net.load_state_dict({f"{0 if k.startswith('conv') else 4}.{k.split('.')[1]}": v for k, v in tensors.items()})
    return net.eval()


def pixels(n, *shape):
    return RNG.integers(0, 256, (n, *shape), np.uint8)


def test_samples_with_labels_become_three_splits(model, tmp_path):
    np.savez(tmp_path / "d.npz", x=pixels(100, *SHAPE), y=np.arange(100) % 4)
    task = load_task(str(model), Source(data=tmp_path / "d.npz"))
    assert (task.name, task.input_shape, task.objective.metric) == ("small_net_1", SHAPE, ACCURACY)
    assert [len(split) for split in (task.train, task.validation, task.test)] == [72, 8, 20]
    assert len({sample.tobytes() for split in task.splits.values() for sample in split.x}) == 100


def test_splits_that_the_file_names_are_kept(model, tmp_path):
    sizes = {"train": 40, "validation": 8, "test": 12}
    arrays = {f"x_{split}": pixels(n, *SHAPE) for split, n in sizes.items()}
    labels = {f"y_{split}": np.arange(n) % 4 for split, n in sizes.items()}
    np.savez(tmp_path / "d.npz", **arrays, **labels)
    task = load_task(str(model), Source(data=tmp_path / "d.npz"))
    for split in sizes:
        np.testing.assert_array_equal(task.splits[split].x, arrays[f"x_{split}"])


def test_without_labels_the_float_model_teaches(model, tmp_path):
    x = pixels(64, *SHAPE)
    np.save(tmp_path / "d.npy", x)
    task = load_task(str(model), Source(data=tmp_path / "d.npy"))
    assert task.objective.metric is AGREEMENT
    assert task.recipe.distill == 1.0
    with torch.no_grad():
        expected = torch_model()(torch.from_numpy(task.train.x.astype(np.float32))).numpy()
    np.testing.assert_allclose(task.train.y, expected, rtol=1e-4, atol=1e-2)
    assert any("no labels" in warning for warning in task.warnings)


def test_scale_mean_and_deviation_become_part_of_the_model(model, tmp_path):
    x = pixels(50, *SHAPE)
    np.save(tmp_path / "d.npy", x)
    source = Source(data=tmp_path / "d.npy", scale=1 / 255, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
    task = load_task(str(model), source)
    mean, std = (torch.tensor(values).reshape(-1, 1, 1) for values in (source.mean, source.std))
    raw = torch.from_numpy(x[:4].astype(np.float32))
    with torch.no_grad():
        assert torch.allclose(task.model(raw), torch_model()((raw / 255 - mean) / std), atol=1e-5)
    assert float(task.calibration.max()) > 200


@pytest.mark.parametrize("stored", [(*SHAPE[1:], 3), SHAPE, (3 * 8 * 6,)])
def test_samples_are_brought_into_the_models_order(model, tmp_path, stored):
    x = pixels(30, *stored)
    np.save(tmp_path / "d.npy", x)
    task = load_task(str(model), Source(data=tmp_path / "d.npy"))
    expected = np.moveaxis(x, -1, 1) if stored[-1] == 3 else x.reshape(30, *SHAPE)
    kept = {sample.tobytes() for split in task.splits.values() for sample in split.x}
    assert kept == {np.ascontiguousarray(sample).tobytes() for sample in expected}


def test_a_folder_of_pictures_is_read_class_by_class(model, tmp_path):
    image = pytest.importorskip("PIL.Image")
    for label, name in enumerate(("ash", "birch", "elm", "oak")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(6):
            size = (20 + i, 30)
            image.fromarray(np.full((*size[::-1], 3), 40 * label + i, np.uint8)).save(
                tmp_path / "photos" / name / f"{i}.png"
            )
    task = load_task(str(model), Source(data=tmp_path / "photos"))
    for split in task.splits.values():
        assert split.x.shape[1:] == SHAPE
        assert np.array_equal(split.x[:, 0, 0, 0] // 40, split.y)


def test_a_csv_names_its_classes(tmp_path):
    (tmp_path / "d.csv").write_text("a,label,b\n1,cat,2\n3,dog,4\n5,cat,6.5\n")
    samples = read_samples(tmp_path / "d.csv", {"x": (2,)})
    assert samples.classes == ("cat", "dog")
    assert samples.x[""].tolist() == [[1, 2], [3, 4], [5, 6.5]]
    assert samples.y[""].tolist() == [0, 1, 0]


def test_the_command_refuses_with_exit_code_2_and_writes_nothing(model, tmp_path):
    out = tmp_path / "out.mce"
    assert "d.npz" in refusal(command("quantize", model, "--data", tmp_path / "d.npz", "-o", out))
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean": "1,2"}, "3 channels"),
        ({"std": "0"}, "divides by zero"),
        ({"mean": "a"}, "--mean is 'a'"),
        ({"layout": "hwc"}, "layout is 'hwc'"),
        ({"input_shape": "0,8,6"}, "--input-shape is '0,8,6'"),
        ({"input_shape": "4,8,6"}, "does not work"),
        ({"metric": "accuracy"}, "go with labels"),
        ({"scale": float("nan")}, "finite numbers"),
    ],
)
def test_options_that_do_not_fit_are_told(model, tmp_path, options, message):
    np.save(tmp_path / "d.npy", pixels(20, *SHAPE))
    with pytest.raises(MixcompError, match=message):
        load_task(str(model), make_source(tmp_path / "d.npy", **options))


def test_options_of_a_model_file_are_refused_for_other_tasks(tmp_path):
    with pytest.raises(TaskError, match="go with a model file"):
        load_task("digits", Source(scale=2.0))


def test_an_onnx_file_and_its_data_become_a_bundle_without_a_line_of_python(model, tmp_path):
    np.savez(tmp_path / "d.npz", x=np.moveaxis(pixels(60, *SHAPE), 1, -1))
    out = tmp_path / "m.mce"
    options = ["--data", tmp_path / "d.npz", "--scale", "0.0039", "--epochs", "1", "--json"]
    record = one_object(command("quantize", model, *options, "-o", out))
    assert record["task"] == "small_net_1"
    assert record["metric"]["name"] == "same class as the float model"
    assert out.exists()


def test_check_needs_no_data(model):
    assert one_object(command("check", model, "--json"))["layers"] == ["conv", "fc"]


def sounds(folder, rate=8000, lengths=(40, 48, 60), width=2):
    """Recordings of constant values, 1/8 a class; what they hold as floats."""
    for label, name in enumerate(("no", "yes")):
        (folder / name).mkdir(parents=True)
        for i, length in enumerate(lengths):
            with wave.open(str(folder / name / f"{i}.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(width)
                file.setframerate(rate)
                level = (label + 1) * 2 ** (8 * width - 4)
                value = level.to_bytes(width, "little") if width > 1 else bytes([128 + level])
                file.writeframes(value * length)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_recordings_are_cut_or_padded_to_what_the_model_takes(tmp_path, width):
    sounds(tmp_path / "s", width=width)
    samples = read_samples(tmp_path / "s", {"x": (1, 48)})
    x = samples.x[""]
    assert x.shape == (6, 1, 48)
    assert samples.classes == ("no", "yes")
    for sample, label, length in zip(x[:, 0], samples.y[""], (40, 48, 60) * 2, strict=True):
        assert np.all(sample[: min(length, 48)] == (label + 1) / 8)
        assert np.all(sample[length:] == 0)
    assert any("padded" in note for note in samples.notes)


def test_wide_and_float_recordings_say_what_they_hold(tmp_path):
    """Judge: SciPy."""
    wavfile = pytest.importorskip("scipy.io.wavfile")
    from mixcomp_edge.train.tasks.wav import read_wav

    for kind, peak in (("<i2", 2**15), ("<i4", 2**31), ("<f4", 1), ("<f8", 1), ("u1", 128)):
        values = (RNG.uniform(-0.9, 0.9, (50, 2)) * peak + (128 if kind == "u1" else 0)).astype(kind)
        wavfile.write(tmp_path / "a.wav", 11025, values)
        rate, found = read_wav(tmp_path / "a.wav")
        assert rate == 11025
        expected = (values.astype(np.float64) - (128 if kind == "u1" else 0)) / peak
        np.testing.assert_allclose(found.T, expected, atol=1e-6)


def two_headed(path):
    """y = a + w b, z = -a, of inputs of other shapes."""
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ("n", *shape))
             for name, shape in (("the.a", (4,)), ("b", (3,)), ("y", (4,)), ("z", (4,)))]  # fmt: skip
    nodes = [helper.make_node("MatMul", ["b", "w"], ["c"]), helper.make_node("Add", ["the.a", "c"], ["y"]),
             helper.make_node("MatMul", ["the.a", "v"], ["z"])]  # fmt: skip
    constants = [numpy_helper.from_array(floats(3, 4), "w"), numpy_helper.from_array(floats(4, 4), "v")]
    graph = helper.make_graph(nodes, "g", infos[:2], infos[2:], constants)
    save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def test_several_inputs_and_outputs_go_by_the_files_names(tmp_path):
    path, arrays = two_headed(tmp_path / "m.onnx"), {"the.a": floats(80, 4), "b": floats(80, 3)}
    np.savez(tmp_path / "d.npz", **arrays)
    task = load_task(str(path), Source(data=tmp_path / "d.npz"))
    assert task.input_shape == ((4,), (3,))
    assert set(task.train.y) == {"y", "z"}
    np.savez(tmp_path / "l.npz", **arrays, y=floats(80, 4), z=floats(80, 4))
    task = load_task(str(path), Source(data=tmp_path / "l.npz"))
    assert [len(split) for split in (task.train, task.validation, task.test)] == [58, 6, 16]
    assert sorted(task.objective.kinds) == ["y", "z"]
    np.savez(tmp_path / "half.npz", b=arrays["b"])
    with pytest.raises(TaskError, match=r"lacks the array 'the\.a'"):
        load_task(str(path), Source(data=tmp_path / "half.npz"))


def test_a_project_file_says_model_and_data_and_the_command_line_overrules_it(model, tmp_path):
    np.savez(tmp_path / "d.npz", x=pixels(50, *SHAPE), y=np.arange(50) % 4)
    file = tmp_path / "mixcomp.toml"
    file.write_text(f'model = "{model.name}"\ndata = "d.npz"\nscale = 0.5\nmean = [0.1, 0.2, 0.3]\nmetric = "f1"\n')
    task = load_task(str(file))
    assert (task.name, task.objective.name, len(task.test)) == ("small_net_1", "mean F1 of the classes", 10)
    assert task.model.gain.flatten().tolist() == [0.5]
    assert load_task(str(file), Source(scale=2.0, metric="top1")).model.gain.flatten().tolist() == [2.0]
    assert load_task(str(file), Source(no_data=True, metric="top1")).train is None


def test_without_data_it_must_be_said(model, tmp_path):
    with pytest.raises(TaskError, match="--no-data"):
        load_task(str(model))
    assert load_task(str(model), Source(no_data=True)).train is None
    assert load_task(str(model), needs_data=False).train is None


def test_labels_lie_in_a_column_or_a_file_that_is_named(model, tmp_path):
    (tmp_path / "d.csv").write_text("a,kind,label\n1,x,2\n3,y,4\n")
    samples = read_samples(tmp_path / "d.csv", {"x": (2,)}, labels="Kind")
    assert samples.x[""].tolist() == [[1, 2], [3, 4]]
    assert samples.y[""].tolist() == [0, 1]
    np.save(tmp_path / "x.npy", pixels(20, *SHAPE))
    np.save(tmp_path / "y.npy", np.arange(20) % 4)
    found = read_samples(tmp_path / "x.npy", {"x": SHAPE}, labels=str(tmp_path / "y.npy"))
    assert found.y[""].tolist() == [i % 4 for i in range(20)]
    with pytest.raises(TaskError, match="no column 'b'"):
        read_samples(tmp_path / "d.csv", {"x": (2,)}, labels="b")
