"""The Free Spoken Digit Dataset as log-mel pictures. In a data folder (see search.py) these layouts count:

audio/fsdd_logmel.npz              x, y, speaker, index of all 3,000 recordings, ready made
fsdd/{digit}_{speaker}_{n}.wav     the authors' recordings, of which the pictures are computed here
"""

from __future__ import annotations

import wave
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.train.task import Split
from mixcomp_edge.train.tasks.fetch import Listener, Source
from mixcomp_edge.train.tasks.formats import Pixels, check_labels, damaged, read_npz
from mixcomp_edge.train.tasks.search import Layout, find

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
TAKES = 50  # recordings of each digit by each speaker
COUNT = 10 * len(SPEAKERS) * TAKES
FILES = tuple(f"{digit}_{speaker}_{take}.wav" for digit, speaker, take in product(range(10), SPEAKERS, range(TAKES)))
RELEASE = "free-spoken-digit-dataset-1.0.10"
SOURCE = Source(  # GitHub's archive of the tag v1.0.10, commit d6938f9
    "https://codeload.github.com/Jakobovski/free-spoken-digit-dataset/zip/refs/tags/v1.0.10",
    "c680098f5d2355ba7cc4bd8b0ca9e0a24c00ebe3b4c552208889a4d28d4fbc2b",
    tuple((f"{RELEASE}/recordings/{name}", None) for name in FILES),
)
TEST_TAKES = 5  # takes 0..4 are the repository's own test set
VALIDATION_TAKES = 5  # the next five

RATE_HZ, WINDOW, HOP, FRAMES, BANDS = 8000, 256, 128, 64, 40
LOW_HZ, HIGH_HZ = 60.0, 3800.0
FLOOR_DB = -90.0


def spoken_digits(listener: Listener | None = None) -> tuple[Split, Split, Split]:
    """(train 2,400, validation 300, test 300): x (N, 1, 64, 40) uint8, time by mel band; y the digit.

    Every speaker says every digit in all three; validation and test differ from training in the take only."""
    ready = Layout("audio", ("fsdd_logmel.npz",), _ready)
    recordings = Layout("fsdd", FILES, _recordings)
    return find("spoken digits", (ready, recordings), recordings, (SOURCE,), listener)


def _split(x: Pixels, y: Pixels, take: Pixels) -> tuple[Split, Split, Split]:
    everything = Split(x[:, None], y.astype(np.int64))
    test = take < TEST_TAKES
    validation = ~test & (take < TEST_TAKES + VALIDATION_TAKES)
    return everything.part(~test & ~validation), everything.part(validation), everything.part(test)


def _ready(folder: Path) -> tuple[Split, Split, Split]:
    path = folder / "fsdd_logmel.npz"
    x, y, take = read_npz(path, {"x": (COUNT, FRAMES, BANDS), "y": (COUNT,), "index": (COUNT,)})
    return _split(x, check_labels(path, y), take)


def _recordings(folder: Path) -> tuple[Split, Split, Split]:
    x = np.stack([log_mel(read_wav(folder / name)) for name in FILES])
    digit, _, take = zip(*(Path(name).stem.split("_") for name in FILES), strict=True)
    return _split(x, np.array(digit, np.uint8), np.array(take, np.uint8))


def read_wav(path: Path) -> NDArray[np.float64]:
    """(samples,) in -1..1 of a 16-bit mono recording at 8 kHz."""
    try:
        with wave.open(str(path)) as file:
            kind = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            content = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise damaged(path, f"not a whole WAV file ({error})") from error
    if kind != (1, 2, RATE_HZ):
        raise damaged(path, f"has {kind[0]} channels of {8 * kind[1]} bits at {kind[2]} Hz, expected 1, 16, {RATE_HZ}")
    return np.frombuffer(content, "<i2") / 32768.0


def log_mel(samples: NDArray[np.float64]) -> Pixels:
    """(64, 40) uint8, 2 * (dB + 90): log power in 40 mel bands of Hann windows of 256 samples, every 128 samples.

    0 dB is the power of a full-scale sine in its band. Longer recordings are cut, shorter ones end in zeros."""
    count = min(FRAMES, max(0, (len(samples) - WINDOW) // HOP + 1))
    starts = HOP * np.arange(count)[:, None]
    window = np.hanning(WINDOW + 1)[:-1]
    spectrum = np.fft.rfft(samples[starts + np.arange(WINDOW)] * window)
    power = np.abs(spectrum) ** 2 / (window.sum() / 2) ** 2
    decibel = 10.0 * np.log10(np.maximum(power @ mel_filters().T, 1e-9))
    picture = np.zeros((FRAMES, BANDS), np.uint8)
    picture[:count] = np.clip(np.rint(2.0 * (decibel - FLOOR_DB)), 0, 255)
    return picture


def mel_filters() -> NDArray[np.float64]:
    """(40, 129) triangles of height 1 with corners equally spaced in mel, 2595 log10(1 + f / 700)."""
    low, high = (2595.0 * np.log10(1.0 + hertz / 700.0) for hertz in (LOW_HZ, HIGH_HZ))
    corners = 700.0 * (10.0 ** (np.linspace(low, high, BANDS + 2) / 2595.0) - 1.0)
    bins = np.arange(WINDOW // 2 + 1) * (RATE_HZ / WINDOW)
    left, peak, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    return np.asarray(np.maximum(0.0, np.minimum((bins - left) / (peak - left), (right - bins) / (right - peak))))
