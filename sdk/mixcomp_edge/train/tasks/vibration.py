"""The CWRU bearing data, drive-end accelerometer at 12 kHz. In a data folder (see search.py) these layouts count:

sensor/cwru_12k_drive_end.npz   c{class}_load{load}: the recordings, ready made
cwru/{97,105,…}.mat             the authors' files; need SciPy
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.tasks.fetch import Listener, Source
from mixcomp_edge.train.tasks.formats import damaged, read_npz
from mixcomp_edge.train.tasks.search import Layout, find

Signal = NDArray[np.float32]  # (samples,), in g
Recordings = dict[tuple[int, int], Signal]  # by (class, load)

CLASSES = ("normal", "B007", "B014", "B021", "IR007", "IR014", "IR021", "OR007", "OR014", "OR021")
LOADS = (0, 1, 2, 3)  # horse power
FAULT_SAMPLES = 60_000  # the first of each recording
NORMAL_SAMPLES = 243_938
NORMAL_DECIMATION = 4  # the normal recording was taken at 48 kHz
NORMAL_FILE = 97
FIRST_FILE = (118, 185, 222, 105, 169, 209, 130, 197, 234)  # of classes 1..9 at load 0; loads 1..3 follow
# https://engineering.case.edu/bearingdatacenter/12k-drive-end-bearing-fault-data; no hashes are published
URL = "https://engineering.case.edu/sites/default/files"
FILES = {(0, 0): NORMAL_FILE} | {(k + 1, load): first + load for k, first in enumerate(FIRST_FILE) for load in LOADS}


def cwru(listener: Listener | None = None) -> Recordings:
    """The 36 fault recordings and the normal one at load 0, all at 12 kHz."""
    files = tuple(f"{number}.mat" for number in FILES.values())
    ready = Layout("sensor", ("cwru_12k_drive_end.npz",), _ready)
    authors = Layout("cwru", files, _authors)
    recordings = find("CWRU bearings", (ready, authors), authors, tuple(Source(f"{URL}/{f}") for f in files), listener)
    return recordings | {(0, 0): recordings[0, 0][::NORMAL_DECIMATION]}


def _ready(folder: Path) -> Recordings:
    shapes = {f"c{kind}_load{load}": (FAULT_SAMPLES if kind else NORMAL_SAMPLES,) for kind, load in FILES}
    signals = read_npz(folder / "cwru_12k_drive_end.npz", shapes, np.float32)
    return dict(zip(FILES, signals, strict=True))


def _authors(folder: Path) -> Recordings:
    try:
        import scipy.io
    except ImportError as error:
        raise TaskError("bearings: SciPy reads the authors' files: pip install 'mixcomp-edge[data]'.") from error
    recordings: Recordings = {}
    for (kind, load), number in FILES.items():
        path, length = folder / f"{number}.mat", FAULT_SAMPLES if kind else NORMAL_SAMPLES
        try:
            content = scipy.io.loadmat(path)
        except Exception as error:  # SciPy raises many kinds for a damaged file
            raise damaged(path, f"not a whole MATLAB file ({error})") from error
        signal = np.asarray(content.get(f"X{number:03d}_DE_time", ()), np.float32).ravel()
        if len(signal) < length:
            raise damaged(path, f"X{number:03d}_DE_time has {len(signal)} samples, expected {length} or more")
        recordings[kind, load] = signal[:length]
    return recordings
