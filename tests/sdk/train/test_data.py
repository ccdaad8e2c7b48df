"""Data sets are read to the byte, found in the stated order, downloaded whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.tasks import data
from mixcomp_edge.train.tasks.fetch import DataMissing, Source, fetch
from mixcomp_edge.train.tasks.formats import read_cifar_bin, read_idx, read_mosaic, read_npz


@pytest.fixture(autouse=True)
def nothing_on_this_machine(tmp_path, monkeypatch):
    monkeypatch.delenv("MIXCOMP_DATA", raising=False)
    monkeypatch.delenv("MIXCOMP_OFFLINE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def packed(content):
    """gzip without a time: test names hold these bytes, and every process must make the same ones."""
    return gzip.compress(content, mtime=0)


def idx(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def cifar_batch(count, seed):
    """One label byte, then red, green and blue planes, for each image."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 256, (count, 3, 32, 32), np.uint8), rng.integers(0, 10, count).astype(np.uint8)
    return b"".join(bytes([label]) + image.tobytes() for image, label in zip(x, y, strict=True)), x, y


def source(path, members=()):
    return Source(path.as_uri(), hashlib.md5(path.read_bytes()).hexdigest(), members)


# Formats


def test_an_idx_file_gives_back_its_array(tmp_path):
    images = np.arange(5 * 28 * 28).reshape(5, 28, 28) % 251
    path = tmp_path / "images.gz"
    path.write_bytes(packed(idx(images)))
    assert_array_equal(read_idx(path, (5, 28, 28)), images)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (packed(idx(np.zeros((3, 4))))[:-9], "whole gzip"),
        (b"no gzip at all", "whole gzip"),
        (packed(b"\0\0\x0d\2" + bytes(8)), "no IDX header"),
        (packed(b"\0\0"), "no IDX header"),
        (packed(idx(np.zeros((3, 5)))), r"shape \(3, 5\)"),
        (packed(idx(np.zeros((3, 4)))[:-1]), "expected"),
    ],
)
def test_a_damaged_idx_file_is_named(tmp_path, content, message):
    path = tmp_path / "broken-idx2-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(TaskError, match=rf"broken-idx2-ubyte.gz.*{message}.*Delete this file"):
        read_idx(path, (3, 4))


def test_a_cifar_batch_gives_back_its_images_and_labels(tmp_path):
    content, x, y = cifar_batch(7, seed=1)
    path = tmp_path / "batch.bin"
    path.write_bytes(content)
    read_x, read_y = read_cifar_bin(path, 7)
    assert_array_equal(read_x, x)
    assert_array_equal(read_y, y)


def test_a_damaged_cifar_batch_is_named(tmp_path):
    content, _, _ = cifar_batch(3, seed=1)
    path = tmp_path / "batch.bin"
    for broken, message in ((content[:-1], "expected 3 images"), (b"\x0a" + content[1:], "label 10")):
        path.write_bytes(broken)
        with pytest.raises(TaskError, match=rf"batch.bin.*{message}"):
            read_cifar_bin(path, 3)
    with pytest.raises(TaskError, match=r"absent.bin.*cannot be read"):
        read_cifar_bin(tmp_path / "absent.bin", 3)


def test_a_mosaic_is_cut_in_reading_order(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = np.zeros((1600, 3200, 3), np.uint8)
    pixels[32:64, 96:128] = (10, 20, 30)  # row 1, column 3
    path = tmp_path / "train_0.webp"
    image.fromarray(pixels).save(path, lossless=True)
    tiles = read_mosaic(path)
    assert tiles.shape == (5000, 3, 32, 32)
    assert_array_equal(tiles[103, :, 0, 0], (10, 20, 30))
    assert np.count_nonzero(tiles.any(axis=(1, 2, 3))) == 1


def test_a_damaged_mosaic_is_named(tmp_path):
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "train_0.webp"
    image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(path)
    with pytest.raises(TaskError, match=r"train_0.webp: is 32x32 pixels, expected 3200x1600"):
        read_mosaic(path)
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(TaskError, match=r"train_0.webp: not a whole image"):
        read_mosaic(path)


def test_an_npz_file_must_hold_what_is_expected_and_no_pickles(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, x=np.zeros((2, 3), np.uint8))
    assert read_npz(path, {"x": (2, 3)})[0].shape == (2, 3)
    for expected in ({"y": (2, 3)}, {"x": (2, 4)}):
        with pytest.raises(TaskError, match=r"set.npz"):
            read_npz(path, expected)
    np.savez(path, x=np.array([{}], object))
    with pytest.raises(TaskError, match=r"set.npz: not the expected"):
        read_npz(path, {"x": (1,)})


# Search


@pytest.fixture
def small_sets(monkeypatch):
    monkeypatch.setattr(data, "CIFAR_BATCH", 2)
    monkeypatch.setattr(data, "FASHION_COUNTS", {"train": 3, "t10k": 2})


def write_fashion(folder):
    folder.mkdir(parents=True)
    for name, count in (("train", 3), ("t10k", 2)):
        for part, array in (("images-idx3", np.full((count, 28, 28), count)), ("labels-idx1", np.arange(count))):
            (folder / f"{name}-{part}-ubyte.gz").write_bytes(packed(idx(array)))


def write_cifar(folder):
    folder.mkdir(parents=True)
    batches = [cifar_batch(2, seed) for seed in range(6)]
    for name, (content, _, _) in zip(data.CIFAR_BATCHES, batches, strict=True):
        (folder / name).write_bytes(content)
    return batches


def test_the_authors_cifar_files_are_found_in_the_users_folder_and_kept_in_order(tmp_path, monkeypatch, small_sets):
    batches = write_cifar(tmp_path / "mine" / "cifar-10-batches-bin")
    monkeypatch.setenv("MIXCOMP_DATA", str(tmp_path / "mine"))
    train, test = data.cifar10()
    assert_array_equal(train.x, np.concatenate([x for _, x, _ in batches[:5]]))
    assert_array_equal(test.y, batches[5][2])
    assert train.y.dtype == np.int64


@pytest.mark.parametrize("folder", ["mine/fashion-mnist", "mine/FashionMNIST/raw", "cache/mixcomp-edge/fashion-mnist"])
def test_fashion_mnist_is_found_in_each_documented_place(tmp_path, monkeypatch, small_sets, folder):
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("MIXCOMP_DATA", str(tmp_path / "mine"))
    write_fashion(tmp_path / folder)
    train, test = data.fashion_mnist()
    assert train.x.shape == (3, 1, 28, 28)
    assert test.x.max() == 2
    assert_array_equal(train.y, [0, 1, 2])


def test_what_cannot_be_found_is_listed_with_the_first_missing_file_of_each_layout(tmp_path, monkeypatch, small_sets):
    folder = tmp_path / "mine" / "cifar-10-batches-bin"
    write_cifar(folder)
    (folder / "data_batch_3.bin").unlink()
    monkeypatch.setenv("MIXCOMP_DATA", str(tmp_path / "mine"))
    monkeypatch.setenv("MIXCOMP_OFFLINE", "1")
    with pytest.raises(DataMissing, match=r"mine/cifar10/train_0.webp, .*mine/cifar-10-batches-bin/data_batch_3.bin"):
        data.cifar10()


def test_a_data_folder_that_does_not_exist_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("MIXCOMP_DATA", str(tmp_path / "typo"))
    with pytest.raises(TaskError, match=r"MIXCOMP_DATA is .*typo, which is not a folder"):
        data.fashion_mnist()


# Download


def test_fashion_mnist_is_downloaded_once(tmp_path, monkeypatch, small_sets):
    write_fashion(tmp_path / "server")
    sources = tuple(source(path) for path in sorted((tmp_path / "server").iterdir()))
    monkeypatch.setattr(data, "FASHION_SOURCES", sources)
    seen = []
    train, _ = data.fashion_mnist(listener=lambda done, total: seen.append((done, total)))
    assert len(train) == 3
    assert len(seen) == 4
    assert all(done == total for done, total in seen)
    monkeypatch.setenv("MIXCOMP_OFFLINE", "1")
    assert len(data.fashion_mnist()[0]) == 3


def test_cifar10_comes_out_of_its_archive_and_nothing_else_does(tmp_path, monkeypatch, small_sets):
    members, archive = [], tmp_path / "cifar-10-binary.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for seed, name in enumerate(data.CIFAR_BATCHES):
            content = cifar_batch(2, seed)[0]
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
            members.append((info.name, info.size))
        evil = tarfile.TarInfo("../../evil.bin")
        tar.addfile(evil, io.BytesIO())
    monkeypatch.setattr(data, "CIFAR_SOURCE", source(archive, tuple(members)))
    assert len(data.cifar10()[0]) == 10
    found = sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert found == sorted(data.CIFAR_BATCHES)


def interrupt(done, total):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("change", "listener", "error", "message"),
    [
        (lambda s: Source(s.url, "0" * 32), None, TaskError, r"but 0{32} is published"),
        (lambda s: Source(s.url + ".not", s.digest), None, DataMissing, "the download failed"),
        (lambda s: Source("nothing://x/y", s.digest), None, DataMissing, "the download failed"),
        (lambda s: Source(s.url, s.digest, (("a", 1),)), None, TaskError, "not the expected archive"),
        (lambda s: s, interrupt, KeyboardInterrupt, None),
    ],
)
def test_a_download_that_fails_leaves_nothing(tmp_path, change, listener, error, message):
    served = tmp_path / "served"
    served.write_bytes(bytes(1000))
    with pytest.raises(error, match=message):
        fetch((source(served), change(source(served))), tmp_path / "root" / "set", listener)
    assert list((tmp_path / "root").iterdir()) == []


def test_a_member_of_another_size_is_refused(tmp_path):
    archive = tmp_path / "set.tar"
    with tarfile.open(archive, "w") as tar:
        info = tarfile.TarInfo("set/a.bin")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"12345"))
    with pytest.raises(TaskError, match="does not have 4 bytes"):
        fetch((source(archive, (("set/a.bin", 4),)),), tmp_path / "root" / "set")
    assert list((tmp_path / "root").iterdir()) == []


def test_a_zip_archive_is_checked_by_sha256_and_gives_its_members(tmp_path):
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("set/a.txt", b"12345")
        packed.writestr("set/b.txt", b"not wanted")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    fetch((Source(archive.as_uri(), digest, (("set/a.txt", None),)),), tmp_path / "root" / "set")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "root" / "set").iterdir()] == [("a.txt", b"12345")]
    for broken, message in (("0" * 64, "sha256 .* is published"), (digest, "not the expected archive")):
        with pytest.raises(TaskError, match=message):
            fetch((Source(archive.as_uri(), broken, (("set/c.txt", None),)),), tmp_path / "other" / "set")


def test_downloads_can_be_forbidden(tmp_path, monkeypatch):
    monkeypatch.setenv("MIXCOMP_OFFLINE", "1")
    with pytest.raises(DataMissing, match="MIXCOMP_OFFLINE"):
        fetch((Source("file:///x", ""),), tmp_path / "set")
