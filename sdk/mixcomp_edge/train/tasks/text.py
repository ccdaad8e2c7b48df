"""CLINC150 and SST-2: sentences with a class. In a data folder (see search.py) these layouts count:

text/clinc150_{train,val,test}.tsv.gz    one `label<TAB>sentence` a line
clinc150/data_full.json                  the authors' file
text/sst2_{train,dev}.tsv.gz             one `label<TAB>sentence` a line
SST-2/{train,dev}.tsv                    GLUE's files
"""

from __future__ import annotations

import csv
import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.documents import read_json
from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.tasks.fetch import Listener, Source
from mixcomp_edge.train.tasks.formats import damaged
from mixcomp_edge.train.tasks.search import Layout, find

Sentences = tuple[list[str], NDArray[np.int64]]  # texts, class of each

CLINC_COUNTS = {"train": 15_000, "val": 3_000, "test": 4_500}  # without the out-of-scope queries
CLINC_CLASSES = 150
CLINC_SOURCE = Source(
    "https://raw.githubusercontent.com/clinc/oos-eval/master/data/data_full.json",
    "36923c3705a59e08fe9c3883d8bc2dd966ef93e22cb78ac41171782a698d56e0",
)
SST2_COUNTS = {"train": 67_349, "dev": 872}
SST2_SOURCE = Source(  # MD5: torchtext.datasets.SST2
    "https://dl.fbaipublicfiles.com/glue/data/SST-2.zip",
    "9f81648d4199384278b86e315dac217c",
    tuple((f"SST-2/{part}.tsv", None) for part in SST2_COUNTS),
)


def clinc150(listener: Listener | None = None) -> tuple[Sentences, Sentences, Sentences]:
    """The authors' train, validation and test sets; classes 0..149 are the intents in alphabetical order."""
    ready = Layout("text", tuple(f"clinc150_{part}.tsv.gz" for part in CLINC_COUNTS), _clinc_ready)
    authors = Layout("clinc150", ("data_full.json",), _clinc_authors)
    train, validation, test = find("CLINC150", (ready, authors), authors, (CLINC_SOURCE,), listener)
    return train, validation, test


def sst2(listener: Listener | None = None) -> tuple[Sentences, Sentences]:
    """GLUE's train and dev sets; 0 is negative. The labels of GLUE's test set are not in it."""
    ready = Layout("text", tuple(f"sst2_{part}.tsv.gz" for part in SST2_COUNTS), _sst2_ready)
    glue = Layout("SST-2", tuple(f"{part}.tsv" for part in SST2_COUNTS), _sst2_glue)
    train, dev = find("SST-2", (ready, glue), glue, (SST2_SOURCE,), listener)
    return train, dev


def _clinc_ready(folder: Path) -> list[Sentences]:
    paths = {part: folder / f"clinc150_{part}.tsv.gz" for part in CLINC_COUNTS}
    return _numbered({path: _read_tsv(path) for path in paths.values()}, CLINC_COUNTS, CLINC_CLASSES)


def _clinc_authors(folder: Path) -> list[Sentences]:
    path = folder / "data_full.json"
    try:
        content = read_json(path, TaskError, most=64 << 20)
        rows = {part: [(str(label), str(text)) for text, label in content[part]] for part in CLINC_COUNTS}
    except (TaskError, ValueError, KeyError, TypeError) as error:
        raise damaged(path, f"not CLINC150's data_full.json ({error})") from error
    return _numbered({path / part: lines for part, lines in rows.items()}, CLINC_COUNTS, CLINC_CLASSES)


def _sst2_ready(folder: Path) -> list[Sentences]:
    return _numbered(
        {path: _read_tsv(path) for path in (folder / f"sst2_{p}.tsv.gz" for p in SST2_COUNTS)}, SST2_COUNTS, 2
    )


def _sst2_glue(folder: Path) -> list[Sentences]:
    rows = {}
    for path in (folder / f"{part}.tsv" for part in SST2_COUNTS):
        try:
            with path.open(encoding="utf-8", newline="") as file:
                lines = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
            rows[path] = [(label, text.strip()) for text, label in lines[1:]]  # below "sentence<TAB>label"
        except (OSError, ValueError) as error:
            raise damaged(path, f"not GLUE's file ({error})") from error
    return _numbered(rows, SST2_COUNTS, 2)


def _read_tsv(path: Path) -> list[tuple[str, str]]:
    """(label, text) of each line."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            pairs = [line.rstrip("\n").split("\t") for line in file]
        return [(label, text) for label, text in pairs]
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise damaged(path, f"not lines of label, tab, text ({error})") from error


def _numbered(rows: dict[Path, list[tuple[str, str]]], counts: dict[str, int], classes: int) -> list[Sentences]:
    """Labels become their places in the sorted list of the first part's labels."""
    names = {label: index for index, label in enumerate(sorted({label for label, _ in next(iter(rows.values()))}))}
    result = []
    for (path, lines), count in zip(rows.items(), counts.values(), strict=True):
        if len(lines) != count or len(names) != classes or not {label for label, _ in lines} <= set(names):
            raise damaged(path, f"has {len(lines)} sentences of {len(names)} classes, expected {count} of {classes}")
        result.append(([text for _, text in lines], np.array([names[label] for label, _ in lines], np.int64)))
    return result
