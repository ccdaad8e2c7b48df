"""CIFAR-10 and Fashion-MNIST. In a data folder (see search.py) these layouts count:

cifar10/train_{0..9}.webp, test_{0,1}.webp, labels.npz      mosaics of 5,000 images, lossless; need Pillow
cifar-10-batches-bin/data_batch_{1..5}.bin, test_batch.bin  the authors' binary version
fashion_mnist/fashion_mnist.npz                             x_train, y_train, x_test, y_test
fashion-mnist/{train,t10k}-*-ubyte.gz                       the authors' files; or FashionMNIST/raw, as torchvision
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mixcomp_edge.train.task import Split
from mixcomp_edge.train.tasks.fetch import Listener, Source
from mixcomp_edge.train.tasks.formats import (
    RECORD_BYTES,
    Pixels,
    check_labels,
    read_cifar_bin,
    read_idx,
    read_mosaic,
    read_npz,
)
from mixcomp_edge.train.tasks.search import Layout, find

CIFAR_BATCH = 10_000  # images in one .bin file
CIFAR_BATCHES = (*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin")
CIFAR_SOURCE = Source(  # https://www.cs.toronto.edu/~kriz/cifar.html
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "c32a1d4ab5d03f1284b67883e8d87530",
    tuple((f"cifar-10-batches-bin/{name}", CIFAR_BATCH * RECORD_BYTES) for name in CIFAR_BATCHES),
)
FASHION_COUNTS = {"train": 60_000, "t10k": 10_000}
FASHION_URL = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion"
FASHION_SOURCES = (  # hashes: README of github.com/zalandoresearch/fashion-mnist
    Source(f"{FASHION_URL}/train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
    Source(f"{FASHION_URL}/train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
    Source(f"{FASHION_URL}/t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
    Source(f"{FASHION_URL}/t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
)

Splits = tuple[Split, Split]  # train, test


def cifar10(listener: Listener | None = None) -> Splits:
    """50,000 and 10,000 images (N, 3, 32, 32) uint8, RGB, in the authors' order."""
    mosaics = (*(f"train_{k}.webp" for k in range(10)), "test_0.webp", "test_1.webp", "labels.npz")
    batches = Layout("cifar-10-batches-bin", CIFAR_BATCHES, _cifar_batches)
    return find("CIFAR-10", (Layout("cifar10", mosaics, _cifar_mosaics), batches), batches, (CIFAR_SOURCE,), listener)


def fashion_mnist(listener: Listener | None = None) -> Splits:
    """60,000 and 10,000 images (N, 1, 28, 28) uint8 in the authors' order."""
    files = tuple(source.name for source in FASHION_SOURCES)
    official = Layout("fashion-mnist", files, _fashion_idx)
    torchvision = Layout("FashionMNIST/raw", files, _fashion_idx)
    npz = Layout("fashion_mnist", ("fashion_mnist.npz",), _fashion_npz)
    return find("Fashion-MNIST", (npz, official, torchvision), official, FASHION_SOURCES, listener)


def _split(x: Pixels, y: Pixels) -> Split:
    return Split(x, y.astype(np.int64))


def _cifar_mosaics(folder: Path) -> Splits:
    labels = folder / "labels.npz"
    y_train, y_test = (check_labels(labels, y) for y in read_npz(labels, {"train": (50_000,), "test": (10_000,)}))
    train = np.concatenate([read_mosaic(folder / f"train_{k}.webp") for k in range(10)])
    test = np.concatenate([read_mosaic(folder / f"test_{k}.webp") for k in range(2)])
    return _split(train, y_train), _split(test, y_test)


def _cifar_batches(folder: Path) -> Splits:
    parts = [read_cifar_bin(folder / name, CIFAR_BATCH) for name in CIFAR_BATCHES]
    x, y = (np.concatenate(arrays) for arrays in zip(*parts[:-1], strict=True))
    return _split(x, y), _split(*parts[-1])


def _fashion_npz(folder: Path) -> Splits:
    path = folder / "fashion_mnist.npz"
    train, test = FASHION_COUNTS["train"], FASHION_COUNTS["t10k"]
    shapes = {"x_train": (train, 28, 28), "y_train": (train,), "x_test": (test, 28, 28), "y_test": (test,)}
    x_train, y_train, x_test, y_test = read_npz(path, shapes)
    splits = (_split(x_train[:, None], y_train), _split(x_test[:, None], y_test))
    check_labels(path, np.concatenate([y_train, y_test]))
    return splits


def _fashion_idx(folder: Path) -> Splits:
    def part(name: str) -> Split:
        count, labels = FASHION_COUNTS[name], folder / f"{name}-labels-idx1-ubyte.gz"
        x = read_idx(folder / f"{name}-images-idx3-ubyte.gz", (count, 28, 28))
        return _split(x[:, None], check_labels(labels, read_idx(labels, (count,))))

    return part("train"), part("t10k")
