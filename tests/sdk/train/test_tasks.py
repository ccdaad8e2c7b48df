"""Every built-in task is whole and repeatable; a user's own task fails with the file and the reason."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.loop.fit import evaluate
from mixcomp_edge.train.task import Split, Task
from mixcomp_edge.train.tasks import BUILTIN, load_task, synthetic
from mixcomp_edge.train.tasks.images import Augment, Normalize

needs_data = pytest.mark.skipif("MIXCOMP_DATA" not in os.environ, reason="MIXCOMP_DATA is not set: no CIFAR-10")


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine without data, weights and network."""
    monkeypatch.delenv("MIXCOMP_DATA", raising=False)
    monkeypatch.setenv("MIXCOMP_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def same(a, b):
    return all(torch.equal(x, b[key]) for key, x in a.items())


# Built-in


@pytest.mark.parametrize("name", ["digits", "resnet8", "resnet20", "dscnn", "mobilenet", "autoencoder"])
def test_a_task_without_any_data_folder_loads_twice_alike_and_says_what_it_lacks(bare, name):
    before = torch.get_rng_state()
    task, again = load_task(name), load_task(name)
    assert torch.equal(before, torch.get_rng_state())
    assert task.name == name == BUILTIN[name].name
    assert task.calibration.shape[1:] == task.input_shape
    assert task.calibration.dtype == torch.float32
    assert torch.equal(task.calibration, again.calibration)
    assert same(task.model.state_dict(), again.model.state_dict())
    assert torch.isfinite(task.model(task.calibration[:4])).all()
    assert (name == "digits") == (task.train is not None) == (not task.warnings)
    if task.warnings:
        assert "random weights" in task.warnings[0]
        assert "safetensors" in task.warnings[0]


def test_fashion_without_data_says_where_it_looked(bare):
    with pytest.raises(TaskError, match=r"Fashion-MNIST: not on this machine.*fashion-mnist"):
        load_task("fashion")


def test_digits_keeps_validation_and_test_images_out_of_training(bare):
    task = load_task("digits")
    splits = (task.train, task.validation, task.test)
    assert [len(split) for split in splits] == [1295, 143, 359]
    assert len({image.tobytes() for split in splits for image in split.x}) == 1797
    every = np.bincount(np.concatenate([split.y for split in splits]))
    assert_array_equal(np.bincount(task.test.y), np.rint(0.2 * every))
    assert_array_equal(np.bincount(task.validation.y), np.rint(0.1 * (every - np.bincount(task.test.y))))


def test_the_digits_input_is_whole_numbers_of_a_byte(bare):
    x = load_task("digits").calibration
    assert torch.equal(x, x.to(torch.uint8).float())
    assert (x.min(), x.max()) == (0, 255)


def test_weights_of_another_network_are_refused(bare, tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "mixcomp-edge/models/mlperf_tiny/dscnn_kws.safetensors"
    path.parent.mkdir(parents=True)
    save_file({"fc.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(TaskError, match=r"dscnn_kws.safetensors: not the weights of DsCnn"):
        load_task("dscnn")
    path.write_bytes(b"cut")
    with pytest.raises(TaskError, match=r"dscnn_kws.safetensors: not the weights of DsCnn"):
        load_task("dscnn")


@needs_data
@pytest.mark.parametrize(("name", "least"), [("resnet8", 0.85), ("resnet20", 0.90)])
def test_published_weights_reach_their_accuracy_on_cifar10(name, least):
    task = load_task(name)
    assert task.warnings == ()
    assert task.float_recipe is None
    assert [len(split) for split in (task.train, task.validation, task.test)] == [45_000, 5_000, 10_000]
    assert set(np.bincount(task.validation.y)) == {500}
    assert evaluate(task.model, task, Split(task.test.x[:1000], task.test.y[:1000])) > least


# Synthetic inputs


def test_silence_is_the_lower_end_of_the_published_mfcc_range():
    x = synthetic.mfcc(np.random.default_rng(0), 16)
    assert x[0, 0, :, 0] == pytest.approx(synthetic.MFCC_RANGE[0], abs=0.01)
    assert np.abs(x[0, 0, :, 1:]).max() < 1e-3
    assert x.min() >= synthetic.MFCC_RANGE[0]
    assert x.max() <= synthetic.MFCC_RANGE[1]


def test_fields_are_smooth_and_pixels_are_whole():
    rng = np.random.default_rng(0)
    field = synthetic.field(rng, (8, 1, 32, 32))
    white = 2 / np.sqrt(np.pi)  # mean difference of neighbours in white noise of the same spread
    assert np.abs(np.diff(field)).mean() < white / 3
    x = synthetic.pixels(rng, (8, 3, 32, 32))
    assert_array_equal(x, np.rint(x).clip(0, 255))


# Augmentation


def test_augmentation_repeats_with_its_generator_and_leaves_the_global_state_alone():
    x = torch.rand(16, 3, 32, 32)
    before = torch.get_rng_state()
    first, second, other = (Augment(4, flip=True)(x, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert torch.equal(before, torch.get_rng_state())
    assert first.shape == x.shape
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_each_augmented_image_is_one_shifted_and_perhaps_mirrored_window():
    x, black = torch.arange(40 * 2 * 5 * 6.0).view(40, 2, 5, 6), (-3.0, -7.0)
    y = Augment(1, flip=True, black=black)(x, torch.Generator().manual_seed(0))
    seen = set()
    for image, moved in zip(x.numpy(), y.numpy(), strict=True):
        padded = np.stack([np.pad(plane, 1, constant_values=value) for plane, value in zip(image, black, strict=True)])
        windows = {
            (top, left, mirrored): padded[:, top : top + 5, left : left + 6][:, :, :: -1 if mirrored else 1]
            for top in range(3) for left in range(3) for mirrored in (False, True)
        }  # fmt: skip
        matches = [key for key, window in windows.items() if np.array_equal(window, moved)]
        assert len(matches) == 1
        seen.add(matches[0])
    assert {top for top, _, _ in seen} == {left for _, left, _ in seen} == {0, 1, 2}
    assert {mirrored for _, _, mirrored in seen} == {False, True}


def test_black_is_what_a_pixel_of_zero_becomes():
    normalize = Normalize(mean=(0.5, 0.25), std=(0.25, 0.5))
    zero, white = normalize(np.zeros((1, 2, 1, 1), np.uint8)), normalize(np.full((1, 2, 1, 1), 255, np.uint8))
    assert zero.flatten().tolist() == [-2.0, -0.5]
    assert zero.flatten().tolist() == list(normalize.black())
    assert white.flatten().tolist() == [2.0, 1.5]


# load_task


def test_an_unknown_name_lists_the_known_ones_and_the_nearest():
    with pytest.raises(TaskError, match=r"unknown task 'resnet_8'. Did you mean 'resnet8'.*digits, fashion") as caught:
        load_task("resnet_8")
    assert "file.py:function" in str(caught.value)
    with pytest.raises(TaskError, match=r"unknown task 'zzzz'\. Built-in"):
        load_task("zzzz")


GOOD = """
from dataclasses import dataclass
import torch
from helper_beside_the_task import SHAPE
from mixcomp_edge.train.task import Task

@dataclass
class Config:
    name: "str" = "mine"

def make():
    import helper_beside_the_task
    return Task(Config().name, torch.nn.Linear(2, 2), SHAPE, torch.zeros(1, 2))

def number():
    return 3

def fails():
    raise ValueError("no microphone")

def leaves():
    raise SystemExit(3)
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "helper_beside_the_task.py").write_text("SHAPE = (2,)\n")
    path = tmp_path / "own task.py"
    path.write_text(GOOD)
    return path


def test_a_users_file_gives_its_task(own):
    task = load_task(f"{own}:make")
    assert isinstance(task, Task)
    assert task.input_shape == (2,)
    assert replace(task, name="other").name == "other"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("number", r"own task.py: number\(\) returned int, expected"),
        ("fails", r"own task.py, line 19: ValueError: no microphone"),
        ("leaves", r"own task.py, line 22: SystemExit: 3"),
        ("absent", r"own task.py: has no function 'absent'. It defines: Config, make, number, fails, leaves"),
        ("SHAPE", r"own task.py: has no function 'SHAPE'"),
        ("", r"own task.py: has no function ''"),
    ],
)
def test_a_users_function_that_gives_no_task_is_named(own, function, message):
    with pytest.raises(TaskError, match=message):
        load_task(f"{own}:{function}")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import numpyy", "line 1: ModuleNotFoundError: No module named 'numpyy'"),
        ("x = 1\ndef f(:\n", "line 2: SyntaxError"),
        ("1 / 0", "line 1: ZeroDivisionError"),
    ],
)
def test_a_users_file_that_cannot_be_imported_is_named(tmp_path, source, message):
    path = tmp_path / "broken.py"
    path.write_text(source)
    with pytest.raises(TaskError, match=rf"broken.py, {message}"):
        load_task(f"{path}:f")


def test_a_file_that_is_not_there_or_has_no_function_named_is_refused(tmp_path):
    with pytest.raises(TaskError, match=r"there is no file .*absent.py"):
        load_task(f"{tmp_path}/absent.py:f")
    with pytest.raises(TaskError, match=r"absent.py: add the function"):
        load_task(f"{tmp_path}/absent.py")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(TaskError, match=r"notes.txt: ImportError: not a Python source file"):
        load_task(f"{tmp_path}/notes.txt:f")
