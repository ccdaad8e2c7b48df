"""Sounds and vibrations: read from the authors' files, computed as stated, split so that nothing crosses."""

from __future__ import annotations

import os
import wave

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.tasks import bearings, load_task, speech, vibration

needs_data = pytest.mark.skipif("MIXCOMP_DATA" not in os.environ, reason="MIXCOMP_DATA is not set: no recordings")


# Log-mel pictures


def sine(hertz, samples, amplitude=1.0):
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(samples) / speech.RATE_HZ)


def centre_hz(band):
    """Peak of a mel band: 42 points equally spaced in 1127 ln(1 + f / 700) from 60 to 3800 Hz, the ends left out."""
    low, high = (1127 * np.log(1 + hertz / 700) for hertz in (60, 3800))
    return 700 * (np.exp((low + (high - low) * (band + 1) / 41) / 1127) - 1)


@pytest.mark.parametrize("band", [12, 25, 36])
def test_a_full_scale_sine_at_the_centre_of_a_band_reads_about_zero_decibel_there_and_less_elsewhere(band):
    picture = speech.log_mel(sine(centre_hz(band), 2000)).astype(int)
    assert_array_equal(picture[:14].argmax(1), band)
    assert np.abs(picture[:14, band] - 180).max() <= 6  # 2 * (0 dB + 90), three decibels for the position between bins
    quieter = speech.log_mel(sine(centre_hz(band), 2000, 0.1)).astype(int)
    assert np.abs(picture[:14, band] - quieter[:14, band] - 40).max() <= 1


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (255, 0), (256, 1), (383, 1), (384, 2), (20_000, 64)])
def test_only_whole_windows_count_and_the_rest_of_the_picture_is_zero(samples, frames):
    picture = speech.log_mel(sine(1000, samples))
    assert picture.shape == (64, 40)
    assert_array_equal(picture.any(1), np.arange(64) < frames)


def test_the_power_of_one_window_equals_a_sum_over_its_samples():
    samples = np.random.default_rng(0).normal(0, 0.1, 256)
    n = np.arange(256)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / 256)
    spectrum = [abs(np.sum(samples * hann * np.exp(-2j * np.pi * k * n / 256))) ** 2 for k in range(129)]
    power = speech.mel_filters() @ spectrum / (hann.sum() / 2) ** 2
    assert_allclose(speech.log_mel(samples)[0], 2 * (10 * np.log10(power) + 90), atol=0.51)


def write_wav(path, samples, rate=8000):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.asarray(samples, "<i2").tobytes())


def test_the_authors_recordings_are_read_and_split_by_take(tmp_path, monkeypatch):
    files = tuple(f"{digit}_theo_{take}.wav" for digit in (3, 7) for take in range(12))
    for index, name in enumerate(files):
        write_wav(tmp_path / name, np.rint(30_000 * sine(200 + 100 * index, 3000)))
    monkeypatch.setattr(speech, "FILES", files)
    train, validation, test = speech._recordings(tmp_path)
    assert [list(split.y) for split in (test, validation, train)] == [[3] * 5 + [7] * 5] * 2 + [[3] * 2 + [7] * 2]
    assert_array_equal(train.x[0, 0], speech.log_mel(np.rint(30_000 * sine(1200, 3000)) / 32768))


@pytest.mark.parametrize(("content", "message"), [(b"RIFF", "not a whole WAV"), (None, "at 44100 Hz")])
def test_a_recording_of_another_kind_is_named(tmp_path, content, message):
    path = tmp_path / "0_theo_0.wav"
    write_wav(path, np.zeros(100), 44_100) if content is None else path.write_bytes(content)
    with pytest.raises(TaskError, match=rf"0_theo_0.wav.*{message}"):
        speech.read_wav(path)


@needs_data
def test_spoken_digits_are_split_by_take_with_every_speaker_and_digit_everywhere():
    task = load_task("spoken_digits")
    assert [len(split) for split in (task.train, task.validation, task.test)] == [2400, 300, 300]
    for split in (task.train, task.validation, task.test):
        assert len(set(np.bincount(split.y))) == 1
    held = {x.tobytes() for split in (task.validation, task.test) for x in split.x}
    assert not any(x.tobytes() in held for x in task.train.x)


# Bearings


@pytest.fixture
def numbered():
    """Recordings in which each sample's value says where it was: 100,000 * recording + place."""
    lengths = {key: 20_000 if key[0] else 30_000 for key in vibration.FILES}
    return {key: np.float32(100_000 * index) + np.arange(lengths[key], dtype=np.float32)
            for index, key in enumerate(vibration.FILES)}  # fmt: skip


@pytest.mark.parametrize("kinds", [range(1, 10), range(10)])
def test_no_window_crosses_a_split_or_a_recording_and_the_last_load_is_for_testing_alone(numbered, kinds):
    train, validation, test = bearings.splits(numbered, kinds)
    samples = []
    for split in (train, validation, test):
        assert split.x.shape[1:] == (1, 1, 1024)
        assert (np.diff(split.x[:, 0, 0]) == 1).all()
        samples.append(set(np.unique(split.x).astype(int)))
    assert not samples[0] & samples[1]
    assert not samples[0] & samples[2]
    assert not samples[1] & samples[2]
    loads = [{list(vibration.FILES)[value // 100_000][1] for value in part} for part in samples]
    assert loads[:2] == [{0, 1, 2}] * 2
    assert loads[2] == ({3} if kinds[0] else {0, 3})
    for split in (train, validation, test):
        recordings = split.x[:, 0, 0, 0].astype(int) // 100_000
        assert_array_equal([list(vibration.FILES)[index][0] for index in recordings], np.array(kinds)[split.y])


def test_the_normal_recording_is_split_in_time(numbered):
    train, validation, test = bearings.splits(numbered, range(10))
    last = [split.x[split.y == 0].max() for split in (train, validation, test)]
    first = [split.x[split.y == 0].min() for split in (train, validation, test)]
    assert first == [0, 16_800, 21_000]  # 0.8 * 0.7 and 0.7 of 30,000
    assert last[0] < 16_800
    assert last[1] < 21_000


def test_each_window_is_standardized_alone():
    x = np.random.default_rng(0).normal(3, 5, (4, 1, 1, 1024)).astype(np.float32)
    x[3] = 2.0  # silence
    y = bearings.standardize(x).numpy()
    assert_allclose(y.mean(-1), 0, atol=1e-5)
    assert_allclose(y[:3].std(-1), 1, rtol=1e-3)
    assert_array_equal(y[3], 0)


def test_the_authors_matlab_files_are_read(tmp_path, monkeypatch):
    scipy_io = pytest.importorskip("scipy.io")
    monkeypatch.setattr(vibration, "FAULT_SAMPLES", 5)
    monkeypatch.setattr(vibration, "NORMAL_SAMPLES", 9)
    monkeypatch.setenv("MIXCOMP_DATA", str(tmp_path))
    folder = tmp_path / "cwru"
    folder.mkdir()
    for number in vibration.FILES.values():
        content = {f"X{number:03d}_DE_time": number + np.arange(12.0)[:, None], f"X{number:03d}_FE_time": np.zeros(12)}
        scipy_io.savemat(folder / f"{number}.mat", content)
    recordings = vibration.cwru()
    assert len(recordings) == 37
    assert_array_equal(recordings[0, 0], [97, 101, 105])
    assert_array_equal(recordings[4, 2], 107 + np.arange(5.0))  # IR007 under load 2 is 107.mat
    scipy_io.savemat(folder / "107.mat", {"X107_DE_time": np.zeros(3)})
    with pytest.raises(TaskError, match=r"107.mat: X107_DE_time has 3 samples, expected 5"):
        vibration.cwru()
    (folder / "107.mat").write_bytes(b"cut")
    with pytest.raises(TaskError, match=r"107.mat: not a whole MATLAB file"):
        vibration.cwru()


@needs_data
def test_bearings_test_on_every_window_of_the_last_load():
    nine, ten = load_task("bearings"), load_task("bearings10")
    assert_array_equal(np.bincount(nine.test.y), [58] * 9)
    assert_array_equal(np.bincount(ten.test.y), [17] + [58] * 9)
    assert_array_equal(nine.test.x, ten.test.x[ten.test.y > 0])
