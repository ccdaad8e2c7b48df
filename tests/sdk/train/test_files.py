"""A task of files: data in every form that people have, a model in ONNX, and what is wrong with either, told in one
sentence."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper, save

from mixcomp_edge.cli.model_file import make_source
from mixcomp_edge.errors import MixcompError, TaskError
from mixcomp_edge.train.objective import ACCURACY
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
    samples = read_samples(tmp_path / "d.csv")
    assert samples.classes == ("cat", "dog")
    assert samples.x[""].tolist() == [[1, 2], [3, 4], [5, 6.5]]
    assert samples.y[""].tolist() == [0, 1, 0]


def bomb():
    """An .npz that says of itself that it unpacks to 4 GiB."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(1000))
    raw = bytearray(data.getvalue())
    at = raw.rindex(b"PK\x01\x02")
    raw[at + 24 : at + 28] = (0xFFFFFFF0).to_bytes(4, "little")
    return bytes(raw)


def npz(**arrays):
    data = io.BytesIO()
    np.savez(data, **arrays)
    return data.getvalue()


def npy(array, **options):
    data = io.BytesIO()
    np.save(data, array, **options)
    return data.getvalue()


BROKEN = {
    "missing.npz": None,
    "empty.npz": b"",
    "text.npz": b"hello",
    "bomb.npz": bomb(),
    "cut.npz": npz(x=pixels(20, *SHAPE))[:-40],
    "other.npz": npz(images=pixels(4, *SHAPE)),
    "objects.npz": npz(x=np.array([{}, {}], dtype=object)),
    "text_in_it.npz": npz(x=np.array(["a", "b"])),
    "ragged.npz": npz(x=pixels(4, *SHAPE), y=np.arange(3)),
    "only_test.npz": npz(x_test=pixels(4, *SHAPE), y_test=np.arange(4)),
    "shape.npz": npz(x=pixels(4, 3, 9, 9)),
    "none.npz": npz(x=pixels(0, *SHAPE)),
    "pickle.npy": npy(np.array([{}, {}], dtype=object), allow_pickle=True),
    "cut.npy": npy(pixels(20, *SHAPE))[:200],
    "giant.npy": npy(pixels(1, 4))[:128].replace(b"(1, 4)", b"(1<<9,)") + bytes(8),
    "complex.npy": npy(np.zeros((4, *SHAPE), complex)),
    "rows.csv": b"a,b\n1,2\n3\n",
    "words.csv": b"a,b\n1,x\n",
    "header.csv": b"a,b\n",
    "bytes.csv": b"\xff\xfe\x00\x01\n\x00",
    "data.parquet": b"PAR1",
}


@pytest.mark.parametrize("name", BROKEN)
def test_data_that_cannot_be_read_is_told_in_one_sentence(model, tmp_path, name):
    if BROKEN[name] is not None:
        (tmp_path / name).write_bytes(BROKEN[name])
    with pytest.raises(TaskError) as caught:
        load_task(str(model), Source(data=tmp_path / name))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_refuses_with_exit_code_2_and_writes_nothing(model, tmp_path):
    out = tmp_path / "out.mce"
    assert "d.npz" in refusal(command("quantize", model, "--data", tmp_path / "d.npz", "-o", out))
    assert not out.exists()


def folders(tmp_path):
    (tmp_path / "bare").mkdir()
    (tmp_path / "hollow" / "cat").mkdir(parents=True)
    (tmp_path / "torn" / "cat").mkdir(parents=True)
    (tmp_path / "torn" / "cat" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    return ["bare", "hollow", "torn"]


def test_folders_without_pictures_are_told(model, tmp_path):
    for name in folders(tmp_path):
        with pytest.raises(TaskError, match=name):
            load_task(str(model), Source(data=tmp_path / name))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean": "1,2"}, "3 channels"),
        ({"std": "0"}, "divides by zero"),
        ({"mean": "a"}, "--mean is 'a'"),
        ({"layout": "hwc"}, "--layout is 'hwc'"),
        ({"input_shape": "0,8,6"}, "--input-shape is '0,8,6'"),
        ({"input_shape": "4,8,6"}, "does not work"),
        ({"metric": "accuracy"}, "go with labels"),
        ({"scale": float("nan")}, "finite numbers"),
    ],
)
def test_options_that_do_not_fit_are_told(model, tmp_path, options, message):
    np.save(tmp_path / "d.npy", pixels(20, *SHAPE))
    plain = {"data": tmp_path / "d.npy", "input_shape": None, "scale": None, "mean": None, "std": None}
    with pytest.raises(MixcompError, match=message):
        load_task(str(model), make_source(**{**plain, **options}))


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
