"""Seeded inputs for networks whose data set is not at hand: smooth random fields in the range of the real input. They
make steps and zero points plausible; nothing about accuracy follows from them.

The ranges are those that MLPerf Tiny v1 calibrated its int8 TFLite files to (mlcommons/tiny @1afd2c9, tensor 0,
QuantizationParameters.min and .max)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]

MFCC_RANGE = (-123.57, 25.53)  # kws_ref_model_int8.tflite: scale 0.58470, zero point 83
LOG_MEL_RANGE = (-84.80, 14.91)  # dB. ad01_int8.tflite: scale 0.39102, zero point 89
MEL_BANDS = 40  # under the MFCC
SILENCE = float(np.log(1e-6))  # floor of a log-mel band in the reference's features


def field(rng: np.random.Generator, shape: tuple[int, ...]) -> Field:
    """(N, C, H, W): per sample about normal; octaves of 2, 4, 8, ... cells a side, each weaker, between bilinearly."""
    count, channels, height, width = shape
    total = np.zeros(shape)
    cells = 1
    while cells < min(height, width):
        cells *= 2
        coarse = rng.standard_normal((count, channels, cells + 1, cells + 1))
        rows, columns = _between(height, cells), _between(width, cells)
        total += np.einsum("hy,ncyx,wx->nchw", rows, coarse, columns, optimize=True) / np.sqrt(cells)
    result: Field = (total / total.std()).astype(np.float32)
    return result


def _between(size: int, cells: int) -> NDArray[np.float64]:
    """(size, cells + 1): linear interpolation from cells + 1 points to size points."""
    at = np.linspace(0, cells, size)[:, None]
    return np.asarray(np.maximum(1 - np.abs(at - np.arange(cells + 1)), 0.0))


def pixels(rng: np.random.Generator, shape: tuple[int, ...]) -> Field:
    """(N, C, H, W) whole numbers 0..255; a good part of the pixels is at either end, as in photographs."""
    brightness = field(rng, (shape[0], 1, *shape[2:])) + 0.5 * field(rng, shape)
    return _clip(np.rint(128 + 72 * brightness), (0, 255))


def mfcc(rng: np.random.Generator, count: int, frames: int = 49, coefficients: int = 10) -> Field:
    """(N, 1, frames, coefficients): DCT-II, times sqrt(2 / 40), of smooth log-mel bands between silence and loud.

    Coefficient 0 of silence is 40 ln(1e-6) sqrt(2 / 40) = -123.57, the lower end of MFCC_RANGE."""
    loudness = rng.uniform(-8, 0, (count, 1, 1, 1))
    mel = np.maximum(SILENCE, loudness + 3 * field(rng, (count, 1, frames, MEL_BANDS)))
    mel[0] = SILENCE
    band, order = np.arange(MEL_BANDS)[:, None], np.arange(coefficients)[None]
    dct = np.cos(np.pi / MEL_BANDS * (band + 0.5) * order) * np.sqrt(2 / MEL_BANDS)  # (bands, coefficients)
    return _clip(mel @ dct, MFCC_RANGE)


def log_mel(rng: np.random.Generator, count: int, frames: int = 5, bands: int = 128) -> Field:
    """(N, frames * bands) dB, frame after frame: a spectrum that falls with the band, and ripple on it."""
    slope = np.linspace(-10, -50, bands)
    spectrum = slope + rng.uniform(-8, 8, (count, 1, 1, 1)) + 6 * field(rng, (count, 1, frames, bands))
    return _clip(spectrum.reshape(count, frames * bands), LOG_MEL_RANGE)


def _clip(x: NDArray[np.floating], limits: tuple[float, float]) -> Field:
    return np.asarray(np.clip(x, *limits), np.float32)
