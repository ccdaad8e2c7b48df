"""Sentences come from the authors' files or ready made, and become tokens of the training set's words."""

from __future__ import annotations

import gzip
import json
import os

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.networks import TextEncoder
from mixcomp_edge.train.tasks import load_task, text
from mixcomp_edge.train.tasks.tokens import vocabulary

needs_data = pytest.mark.skipif("MIXCOMP_DATA" not in os.environ, reason="MIXCOMP_DATA is not set: no sentences")

CLINC = {
    "train": [("what's up", "greet"), ("bye now", "leave"), ("hi", "greet")],
    "val": [("see you", "leave")],
    "test": [("hello", "greet"), ("so long", "leave")],
}
SST2 = {"train": [('good "fun', "1"), ("dull", "0"), ("a joy", "1")], "dev": [("no", "0")]}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty data folder, and data sets of a few sentences."""
    monkeypatch.setenv("MIXCOMP_DATA", str(tmp_path))
    monkeypatch.setattr(text, "CLINC_COUNTS", {part: len(rows) for part, rows in CLINC.items()})
    monkeypatch.setattr(text, "CLINC_CLASSES", 2)
    monkeypatch.setattr(text, "SST2_COUNTS", {part: len(rows) for part, rows in SST2.items()})
    return tmp_path


def write_lines(path, rows):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress("".join(f"{label}\t{line}\n" for line, label in rows).encode(), mtime=0))


def write_ready(folder):
    for part, rows in CLINC.items():
        write_lines(folder / "text" / f"clinc150_{part}.tsv.gz", rows)
    for part, rows in SST2.items():
        write_lines(folder / "text" / f"sst2_{part}.tsv.gz", rows)


def write_authors(folder):
    (folder / "clinc150").mkdir()
    (folder / "clinc150" / "data_full.json").write_text(json.dumps({**CLINC, "oos_train": [["?", "oos"]]}))
    (folder / "SST-2").mkdir()
    for part, rows in SST2.items():
        lines = "".join(f"{line} \t{label}\n" for line, label in rows)  # GLUE leaves a space behind each sentence
        (folder / "SST-2" / f"{part}.tsv").write_text("sentence\tlabel\n" + lines)


@pytest.mark.parametrize("write", [write_ready, write_authors])
def test_both_layouts_give_the_same_sentences(folder, write):
    write(folder)
    train, validation, test = text.clinc150()
    assert train[0] == ["what's up", "bye now", "hi"]
    assert [list(y) for _, y in (train, validation, test)] == [[0, 1, 0], [1], [0, 1]]
    train, dev = text.sst2()
    assert train[0] == ['good "fun', "dull", "a joy"]
    assert [list(train[1]), list(dev[1])] == [[1, 0, 1], [0]]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("clinc150_val.tsv.gz", b"no gzip", "not lines of label, tab, text"),
        ("clinc150_val.tsv.gz", gzip.compress(b"leave see you\n", mtime=0), "not lines of label, tab, text"),
        ("clinc150_test.tsv.gz", gzip.compress(b"greet\thello\n", mtime=0), "has 1 sentences of 2 classes, expected 2"),
        ("clinc150_val.tsv.gz", gzip.compress(b"other\thello\n", mtime=0), "has 1 sentences"),
    ],
)
def test_a_damaged_file_of_sentences_is_named(folder, file, content, message):
    write_ready(folder)
    (folder / "text" / file).write_bytes(content)
    with pytest.raises(TaskError, match=rf"{file}: .*{message}"):
        text.clinc150()


def test_a_damaged_file_of_the_authors_is_named(folder):
    write_authors(folder)
    (folder / "clinc150" / "data_full.json").write_text('{"train": []}')
    with pytest.raises(TaskError, match=r"data_full.json: not CLINC150's"):
        text.clinc150()
    (folder / "SST-2" / "dev.tsv").write_text("sentence\tlabel\nno tab\n")
    with pytest.raises(TaskError, match=r"dev.tsv: not GLUE's file"):
        text.sst2()


def test_a_vocabulary_holds_the_frequent_words_and_a_sentence_is_cut_or_filled_up():
    words = vocabulary(["b a b", "A, c's b"], least=2, most=8)
    assert words.words == ("b", "a")
    assert vocabulary(["b a b", "A, c's b"], least=1, most=3).words == ("b", "a", ",")
    assert_array_equal(words.encode(["B c's, a", "", "a a b b a"], 4), [[2, 1, 1, 3], [0, 0, 0, 0], [3, 3, 2, 2]])
    assert len(words) == 4


@needs_data
@pytest.mark.parametrize(
    ("name", "sizes", "classes"), [("clinc150", [15_000, 3_000, 4_500], 150), ("sst2", [65_329, 2_020, 872], 2)]
)
def test_the_words_of_a_task_are_those_of_its_training_set(name, sizes, classes):
    task = load_task(name)
    splits = (task.train, task.validation, task.test)
    assert [len(split) for split in splits] == sizes
    assert all(set(split.y) == set(range(classes)) for split in splits)
    words = task.model.embedding.num_embeddings
    assert set(np.unique(task.train.x)) >= set(range(2, words))  # sst2's words come from validation phrases too
    assert max(split.x.max() for split in splits) < words


def test_what_fills_a_sentence_up_does_not_count():
    model = TextEncoder(9, 6, 3).eval()
    tokens = torch.tensor([[4, 5, 0, 0, 0, 0]])
    with torch.no_grad():
        before = model(tokens)
        model.position[2:, 0] += 3.0
        assert torch.allclose(model(tokens), before, atol=1e-6)
        model.position[1, 0] += 3.0
        assert not torch.allclose(model(tokens), before, atol=1e-3)
