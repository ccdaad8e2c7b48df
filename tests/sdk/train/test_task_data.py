"""Data of any real type and memory order is taken and means the same numbers; what cannot be meant is told by its
field's name when the task is made."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import nn

from mixcomp_edge import Recipe, Split, Task, convert, fit, prepare
from mixcomp_edge.errors import GraphError, TaskError

N, SHAPE = 12, (2, 6, 5)
WHOLE = np.random.default_rng(0).integers(0, 2, (N, *SHAPE))  # a type's values 0 and 1 are the same in all


def model(outputs: int = 3, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, outputs)).eval()


def task(**changes) -> Task:
    entries = {"name": "t", "model": model(), "input_shape": SHAPE, "calibration": WHOLE.astype(np.float32)}
    return Task(**entries | changes)


def strided(x: np.ndarray) -> np.ndarray:
    """The same numbers, every second element of a larger array, backwards in memory."""
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x[::-1]
    return wide[::-1, ..., ::2]


def frozen(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flags.writeable = False
    return x


FLOATS = ["f2", "f4", "f8", ">f2", ">f4", ">f8", "longdouble"]
WHOLES = ["?", "i1", "u1", "i2", ">i2", "u2", ">u2", "i4", "u4", "i8", ">i8", "u8"]
TORCH = [torch.float16, torch.bfloat16, torch.float64, torch.uint8, torch.int8, torch.int16, torch.int64, torch.bool]
WAYS = {
    **{f"numpy {kind}": (lambda x, kind=kind: x.astype(kind)) for kind in FLOATS + WHOLES},
    **{str(kind): (lambda x, kind=kind: torch.from_numpy(x).to(kind)) for kind in TORCH},
    "Fortran order": lambda x: np.asfortranarray(x.astype("f8")),
    "negative strides": lambda x: strided(x.astype("f8")),
    "not writable": lambda x: frozen(x.astype("f4")),
    "not writable, big-endian": lambda x: frozen(x.astype(">f8")),
    "a broadcast view": lambda x: np.broadcast_to(x.astype("f4")[:, None], (N, 1, *SHAPE))[:, 0],
    "nested lists": lambda x: x.astype(float).tolist(),
    "a list of arrays": lambda x: list(x.astype("f4")),
    "a list of tensors": lambda x: [torch.from_numpy(sample).double() for sample in x],
    "a tensor with gradient": lambda x: torch.from_numpy(x).float().requires_grad_(),
    "a tensor in channels-last order": lambda x: torch.from_numpy(x).float().to(memory_format=torch.channels_last),
    "a transposed tensor": lambda x: torch.from_numpy(np.ascontiguousarray(x.T)).double().permute(3, 2, 1, 0),
    "a sparse tensor": lambda x: torch.from_numpy(x).float().to_sparse(),
    "a masked array without masked values": lambda x: np.ma.masked_array(x.astype("f4")),
}


@pytest.fixture(scope="module")
def reference() -> bytes:
    return convert(prepare(model(), torch.from_numpy(WHOLE).float(), name="t")).to_bytes()


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_data_of_any_real_type_and_memory_order_means_the_same_numbers(way, reference):
    data, y = way(WHOLE), np.arange(N) % 3
    made = task(calibration=data, train=Split(data, y), test=Split(data, y))
    assert (made.calibration.dtype, made.calibration.is_contiguous()) == (torch.float32, True)
    assert_array_equal(made.calibration.numpy(), WHOLE)
    assert_array_equal(made.inputs(made.test, [3, 1]).numpy(), WHOLE[[3, 1]])
    assert convert(prepare(model(), data, name="t")).to_bytes() == reference
    with torch.no_grad():
        fit(copy_of := copy.deepcopy(made.model), made, Recipe(epochs=0))
    assert copy_of(made.inputs(made.train)).shape == (N, 3)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_to_input_may_take_and_give_any_of_these(way):
    data = way(WHOLE)
    seen = []

    def to_input(raw):
        seen.append(raw)
        return torch.from_numpy(raw) if raw.dtype != np.longdouble else raw

    made = task(train=Split(data, np.arange(N) % 3), to_input=to_input)
    assert_array_equal(made.inputs(made.train, slice(2, 5)).numpy(), WHOLE[2:5])
    assert all(raw.flags.c_contiguous and raw.flags.writeable and raw.dtype.isnative for raw in seen)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_a_model_of_another_float_type_is_taken_as_float32(kind, reference):
    other = model().to(kind)
    made = task(model=other)
    assert {p.dtype for p in made.model.parameters()} == {torch.float32}
    assert {p.dtype for p in other.parameters()} == {kind}
    converted = convert(prepare(other, WHOLE, name="t")).to_bytes()
    assert converted == convert(prepare(other.float(), WHOLE, name="t")).to_bytes()
    assert (converted == reference) == (kind is torch.float64)


# What is refused

NAN = WHOLE.astype("f8")
NAN[3, 0, 2, 1] = np.nan
INF = WHOLE.astype("f2")
INF[7, 1, 0, 0] = -np.inf
Y = np.arange(N) % 3
REFUSED = {
    "complex calibration": ({"calibration": WHOLE.astype(complex)}, "t: calibration holds complex numbers"),
    "complex tensor": ({"calibration": torch.zeros(N, *SHAPE, dtype=torch.complex64)}, "calibration holds complex"),
    "strings": ({"calibration": WHOLE.astype(str)}, "calibration holds text"),
    "objects": ({"calibration": WHOLE.astype(object)}, "calibration holds Python objects of type int"),
    "dates": ({"calibration": WHOLE.astype("M8[s]")}, "calibration holds dates"),
    "ragged": ({"calibration": [[1.0], [1.0, 2.0]]}, "calibration is no array of numbers of one shape"),
    "masked": ({"calibration": np.ma.masked_equal(WHOLE, 0)}, "calibration is a masked array"),
    "a name": ({"calibration": "x_train.npy"}, "calibration is a str"),
    "none": ({"calibration": None}, "calibration holds Python objects of type NoneType"),
    "a split": ({"calibration": Split(WHOLE, Y)}, "calibration is a Split"),
    "NaN": ({"calibration": NAN}, "calibration is not finite: sample 3 at [0, 2, 1] is NaN"),
    "-Inf": ({"calibration": INF}, "calibration is not finite: sample 7 at [1, 0, 0] is -Inf"),
    "beyond float32": ({"calibration": WHOLE * 1e39 + 1e39}, "sample 0 at [0, 0, 0] is"),
    "empty": ({"calibration": WHOLE[:0]}, "calibration is empty"),
    "another shape": (
        {"calibration": WHOLE[:, :, 1:]},
        "calibration has the shape (12, 2, 5, 5), expected (N, 2, 6, 5)",
    ),
    "no batch": ({"calibration": WHOLE[0]}, "The batch is missing; a single sample is x[None]"),
    "channels last": ({"calibration": np.moveaxis(WHOLE, 1, -1)}, "Channels come first, as in torch"),
    "no channel": (
        {"input_shape": (1, 6, 5), "calibration": WHOLE[:, 0], "model": nn.Flatten()},
        "The channel is missing: x[:, None]",
    ),
    "a number": ({"calibration": 3.0}, "calibration has the shape (0,)"),
    "input_shape": ({"input_shape": (2, 6, 0)}, "input_shape is (2, 6, 0), expected whole numbers above 0"),
    "input_shape of floats": ({"input_shape": (2.0, 6, 5)}, "input_shape is (2.0, 6, 5)"),
    "NaN in train": ({"train": Split(NAN, Y)}, "train: x is not finite: sample 3 at [0, 2, 1] is NaN"),
    "NaN in validation": ({"validation": Split(NAN, Y)}, "validation: x is not finite: sample 3"),
    "Inf in test": ({"test": Split(INF, Y)}, "test: x is not finite: sample 7 at [1, 0, 0] is -Inf"),
    "shape of train": ({"train": Split(WHOLE[:, :1], Y)}, "train: x has the shape (2, 1, 6, 5), expected (N, 2, 6, 5)"),
    "too few labels": ({"test": Split(WHOLE, Y[:-1])}, "test: x has 12 samples, but y has 11 targets"),
    "empty test": ({"test": Split(WHOLE[:0], Y[:0])}, "test is empty"),
    "label too large": ({"train": Split(WHOLE, Y + 1)}, "train: the label of sample 2 is 3, but the model gives 3"),
    "label negative": ({"validation": Split(WHOLE, Y - 1)}, "validation: the label of sample 0 is -1"),
    "float labels": ({"train": Split(WHOLE, Y.astype(float))}, "train: y holds float64 in shape (N,)"),
    "float labels for cross entropy": (
        {"test": Split(WHOLE, Y * 1.0), "loss": nn.CrossEntropyLoss()},
        "Classes are integers: y.astype(int)",
    ),
    "targets of another width": ({"train": Split(WHOLE, np.zeros((N, 4)))}, "train: y has the shape (N, 4)"),
    "NaN targets": ({"train": Split(WHOLE, np.full((N, 3), np.nan))}, "train: y is not finite: sample 0 at [0] is NaN"),
    "to_input's shape": (
        {"train": Split(WHOLE, Y), "to_input": lambda raw: raw[:, 0]},
        "train: to_input of x has the shape (2, 6, 5), expected (N, 2, 6, 5)",
    ),
    "to_input's NaN": (
        {"test": Split(NAN, Y), "to_input": lambda raw: torch.from_numpy(raw)},
        "test: to_input of x is not finite: sample 3 at [0, 2, 1] is NaN",
    ),
    "to_input raises": (
        {"test": Split(WHOLE, Y), "to_input": lambda raw: raw.no_such_thing()},
        "test: to_input of x: AttributeError",
    ),
    "to_input gives text": (
        {"test": Split(WHOLE, Y), "to_input": lambda raw: raw.astype(str)},
        "to_input of x holds text",
    ),
    "to_input loses samples": ({"test": Split(WHOLE, Y), "to_input": lambda raw: raw[:1]}, "gives 1 samples for 2"),
    "to_input is no function": ({"to_input": 255}, "to_input is a int, expected a function"),
    "raw calibration": (
        {"calibration": WHOLE, "train": Split(WHOLE, Y), "to_input": lambda raw: raw / 255},
        "calibration holds raw int64 samples, which to_input would change",
    ),
    "a model class": ({"model": nn.Identity}, "model is a type, expected a torch.nn.Module. Make one: Identity()"),
    "no model": ({"model": "resnet.pt"}, "model is a str, expected a torch.nn.Module"),
    "a split that is none": ({"train": [WHOLE, Y]}, "train is a list, expected a Split(x, y)"),
    "loss raises": ({"train": Split(WHOLE, Y), "loss": lambda o, t: o @ t}, "loss: RuntimeError"),
    "loss of each sample": (
        {"train": Split(WHOLE, Y), "loss": nn.CrossEntropyLoss(reduction="none")},
        "loss gives a tensor of shape (2,), expected one number",
    ),
    "unknown loss": ({"loss": "hinge"}, "loss is 'hinge'; known names are cross_entropy"),
    "loss class": ({"loss": nn.MSELoss}, "such as torch.nn.MSELoss()"),
    "unknown metric": ({"metric": "bleu"}, "metric is 'bleu'; known names are top1, accuracy"),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_meant_is_told_by_its_field_when_the_task_is_made(changes, message):
    with pytest.raises(TaskError, match=re.escape(message)):
        task(**changes)


def lazy() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(3))


def sparse() -> nn.Module:
    made = model()
    made[3].weight = nn.Parameter(made[3].weight.detach().to_sparse())
    return made


def without_a_record() -> nn.Module:
    with torch.inference_mode():
        return model()


def exported() -> nn.Module:
    return torch.export.export(model(), (torch.zeros(2, *SHAPE),)).module()


@pytest.mark.parametrize(
    ("make", "message"),
    [(lazy, "weight has no shape yet"), (sparse, "weight is sparse"),
     (without_a_record, "made in torch.inference_mode"), (exported, "what torch.export made")],
)  # fmt: skip
def test_a_model_whose_weights_are_not_there_to_learn_is_told_what_to_do(make, message):
    with pytest.raises(TaskError, match=message):
        prepare(make(), WHOLE)


def test_a_model_spread_over_devices_is_the_model_itself():
    torch.manual_seed(0)
    inner = model()
    found, want = (convert(prepare(one, WHOLE)).to_bytes() for one in (nn.DataParallel(inner), inner))
    assert found == want


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_named_by_layer(value):
    broken = model()
    with torch.no_grad():
        broken[3].bias[2] = value
    for make in (lambda: task(model=broken), lambda: prepare(broken, WHOLE)):
        with pytest.raises(
            TaskError, match=rf"the bias of layer '3' is not finite: {'NaN' if value != value else 'Inf'} at \[2\]"
        ):
            make()
    normed = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4))
    normed[1].running_var[1] = np.nan
    with pytest.raises(TaskError, match=r"the running_var of layer '1' is not finite: NaN at \[1\]"):
        task(model=normed)


def test_a_buffer_may_be_infinite():
    masked = model()
    masked.register_buffer("mask", torch.full((3,), -np.inf))
    assert task(model=masked).model is masked


def test_to_input_may_repair_what_is_stored_as_nan():
    made = task(test=Split(NAN, Y), to_input=lambda raw: torch.from_numpy(np.nan_to_num(raw)))
    assert_array_equal(made.inputs(made.test), np.nan_to_num(NAN))


def test_a_nan_that_to_input_makes_is_named_by_split_and_sample_before_the_training():
    def log(raw):
        return torch.from_numpy(np.log(raw, where=np.arange(len(raw))[:, None, None, None] != 9, out=raw * np.nan))

    from mixcomp_edge import quantize

    x = WHOLE + 1.0
    made = task(train=Split(x, Y), to_input=log, recipe=Recipe(epochs=1))
    with pytest.raises(TaskError, match=r"train: to_input of x is not finite: sample 9 at \[0, 0, 0\] is NaN"):
        quantize(made, listener=lambda step: pytest.fail("it trained"))


NAMES = {
    "MyNet-v2": "mynet_v2", "2layers": "net_2layers", "ResNet18 (int8)": "resnet18_int8", "a__b": "a_b", "_x_": "x",
    "": "net", "über": "ber", "x" * 60: "x" * 48, "net.v1": "net_v1",
}  # fmt: skip


@pytest.mark.parametrize(("name", "instead"), NAMES.items())
def test_a_name_that_c_cannot_have_comes_with_one_that_it_can(name, instead):
    with pytest.raises(TaskError, match=rf"name: the model name .*Use '{instead}'"):
        task(name=name)
    with pytest.raises(GraphError, match=rf"Use '{instead}'"):
        prepare(model(), WHOLE, name=name)
    assert task(name=instead).name == instead


@pytest.mark.parametrize("name", ["int", "main", "run", "mce", "arena", "input", "digits2"])
def test_a_word_of_c_is_a_name_like_any_other(name, tmp_path):
    from mixcomp_edge import export, verify

    export(convert(prepare(model(), WHOLE, name=name)), "cortex-m4", tmp_path / name)
    assert verify(tmp_path / name, count=3).mismatches == 0
