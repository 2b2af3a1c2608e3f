"""Reading, resampling and loudness: exact timing, and a clear error for every bad input."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadInputError
from core.sound.audio import load_audio, read_mono, resample_blocks

RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 44101, 48000, 88200, 96000)


def _tone(rate: int, seconds: float, frequency: float = 440.0, level: float = 0.2) -> np.ndarray:
    return level * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)


@pytest.mark.parametrize("rate", RATES)
def test_every_rate_gives_the_same_tone(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, _tone(rate, 1.0), rate, subtype="FLOAT")
    samples, seconds = read_mono(path)
    assert load_audio(path).frames == 25 and seconds == 1.0 and len(samples) == 16000
    expected = 0.2 * np.sin(2 * np.pi * 440.0 * np.arange(16000) / 16000)
    middle = slice(400, -400)  # without the ends, where the filter rings
    assert np.abs(samples[middle] - expected[middle]).max() < 2e-3


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_every_format_is_aligned(tmp_path: Path, suffix: str) -> None:
    rate = 44100
    rng = np.random.default_rng(1)
    envelope = np.repeat(rng.random(40) > 0.5, rate // 20)  # bursts of 50 ms, 2 s in total
    noise = scipy.signal.sosfilt(
        scipy.signal.butter(4, 4000, fs=rate, output="sos"), rng.standard_normal(len(envelope))
    )
    path = tmp_path / f"bursts.{suffix}"
    soundfile.write(path, 0.1 * noise * envelope, rate)
    soundfile.write(tmp_path / "reference.wav", 0.1 * noise * envelope, rate)
    (samples, seconds), (reference, _) = read_mono(path), read_mono(tmp_path / "reference.wav")
    assert abs(seconds - 2.0) < 0.03  # MP3 may pad its last packet
    count = min(len(samples), len(reference))
    correlation = scipy.signal.correlate(samples[:count], reference[:count], "full", "fft")
    assert abs(int(correlation.argmax()) - (count - 1)) <= 1


def test_clicks_stay_where_they_are_for_an_hour() -> None:
    rate, seconds = 11025, 3600
    ticks = np.arange(0, seconds, 37) + 0.5
    positions = np.round(ticks * rate).astype(int)

    def blocks(size: int = 500_001) -> Iterator[np.ndarray]:
        for first in range(0, rate * seconds, size):
            block = np.zeros(min(size, rate * seconds - first), np.float32)
            block[positions[(positions >= first) & (positions < first + len(block))] - first] = 1.0
            yield block

    done, worst, found = 0, 0.0, 0
    for out in resample_blocks(blocks(), rate):
        for index in np.flatnonzero(out > 0.8 * 16000 / rate * 0.5):
            nearest = float(np.abs(positions / rate * 16000 - (done + index)).min())
            worst = max(worst, nearest)
            found += 1
        done += len(out)
    assert done == 16000 * seconds
    assert found >= len(ticks) and worst <= 1.0


@settings(max_examples=25, deadline=None)
@given(
    rate=st.sampled_from((8000, 11025, 44100, 44101, 48000, 96000)),
    count=st.integers(1, 60_000),
    cuts=st.lists(st.integers(0, 60_000), max_size=4),
)
def test_the_result_does_not_depend_on_the_blocks(rate: int, count: int, cuts: list[int]) -> None:
    signal = np.random.default_rng(count).standard_normal(count).astype(np.float32)
    whole = np.concatenate([np.zeros(0, np.float32), *resample_blocks([signal], rate)])
    parts = np.split(signal, sorted(min(cut, count) for cut in cuts))
    pieces = np.concatenate([np.zeros(0, np.float32), *resample_blocks(parts, rate)])
    assert len(whole) == round(count * 16000 / rate)
    np.testing.assert_allclose(pieces, whole, atol=1e-5)


def test_resampling_equals_an_ideal_band_limit() -> None:
    rate = 44100
    signal = scipy.signal.lfilter([1.0], [1.0, -0.95], np.random.default_rng(0).standard_normal(10 * rate))
    blocks = np.array_split(signal.astype(np.float32), 37)
    ours = np.concatenate(list(resample_blocks(blocks, rate)))
    spectrum = np.fft.rfft(signal)  # reference: an ideal band limit by discrete Fourier transform
    reference = np.fft.irfft(spectrum[: len(ours) // 2 + 1], len(ours)) * len(ours) / len(signal)
    low = scipy.signal.butter(8, 6000, fs=16000, output="sos")  # compare below the edges of both filters
    difference = scipy.signal.sosfiltfilt(low, ours - reference)[2000:-2000]
    assert np.abs(difference).max() < 0.01 * np.abs(reference).max()


def test_trim_is_exact(tmp_path: Path) -> None:
    rate = 16000
    path = tmp_path / "ramp.wav"
    ramp = np.random.default_rng(3).uniform(-0.5, 0.5, 5 * rate).astype(np.float32)
    soundfile.write(path, ramp, rate, subtype="FLOAT")
    samples, seconds = read_mono(path, start=1.25, duration=2.0)
    assert np.array_equal(samples, ramp[20000:52000])
    assert seconds == 2.0 and load_audio(path, start=1.25, duration=2.0).frames == 50
    assert load_audio(path, start=4.0, duration=9.0).seconds == 1.0


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3"])
def test_trim_of_compressed_files_matches_the_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"noise.{suffix}"
    soundfile.write(path, 0.1 * np.random.default_rng(5).standard_normal(3 * 32000), 32000)
    whole, _ = read_mono(path)
    part, _ = read_mono(path, start=1.0, duration=1.5)
    middle = whole[16000:40000][500:-500]
    assert np.corrcoef(middle, part[500:-500])[0, 1] > 0.9999


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_channels_are_mixed(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "many.wav"
    soundfile.write(path, np.repeat(_tone(48000, 0.5)[:, None], channels, 1), 48000)
    assert load_audio(path).frames == 12
    assert abs(np.std(read_mono(path)[0]) - 0.2 / math.sqrt(2)) < 2e-3


def test_channels_that_cancel_each_other_are_not_silence(tmp_path: Path) -> None:
    path = tmp_path / "inverted.wav"
    for level in (1e-3, 0.2):
        tone = _tone(16000, 1.0, level=level)
        soundfile.write(path, np.stack([tone, -tone], 1), 16000, subtype="FLOAT")
        assert np.std(read_mono(path)[0]) == pytest.approx(level / math.sqrt(2), rel=0.01)
    assert not load_audio(path).is_silent


def test_silence_is_read_and_marked_as_silent(tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(16000), 16000)
    audio = load_audio(path)
    assert audio.is_silent and audio.frames == 25 and not audio.samples.any()
    soundfile.write(path, _tone(16000, 1.0), 16000)
    assert not load_audio(path).is_silent


def test_file_names_in_any_script(tmp_path: Path) -> None:
    path = tmp_path / "mein Gespräch 我的 録音.wav"
    soundfile.write(path, _tone(16000, 1.0), 16000)
    assert load_audio(path).frames == 25


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("missing", "audio_missing"),
        ("empty_file", "audio_empty_file"),
        ("text", "audio_unreadable"),
        ("folder", "audio_unreadable"),
        ("no_samples", "audio_no_samples"),
        ("short", "audio_too_short"),
        ("nan", "audio_not_finite"),
        ("infinite", "audio_not_finite"),
    ],
)
def test_bad_input_has_its_own_clear_error(tmp_path: Path, name: str, code: str) -> None:
    path = tmp_path / f"{name}.wav"
    contents = {
        "no_samples": np.zeros(0),
        "short": _tone(16000, 0.05),
        "nan": np.append(_tone(16000, 1.0), np.nan),
        "infinite": np.append(_tone(16000, 1.0), -np.inf),
    }
    if name in contents:
        soundfile.write(path, contents[name], 16000, subtype="FLOAT")
    elif name == "empty_file":
        path.touch()
    elif name == "text":
        path.write_text("This is a letter, not a sound.\n" * 100)
    elif name == "folder":
        path.mkdir()
    with pytest.raises(BadInputError) as caught:
        load_audio(path)
    assert caught.value.code == code and caught.value.exit_code == 2
    assert caught.value.message.endswith(".") and "\n" not in str(caught.value) and caught.value.hint


@pytest.mark.parametrize(
    ("start", "duration", "code"),
    [
        (9.0, None, "audio_start_past_end"),
        (-1.0, None, "audio_bad_trim"),
        (0.0, float("nan"), "audio_bad_trim"),
        (0.0, 0.0, "audio_too_short"),
        (0.97, None, "audio_too_short"),
    ],
)
def test_bad_trims(tmp_path: Path, start: float, duration: float | None, code: str) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, _tone(16000, 1.0), 16000)
    with pytest.raises(BadInputError) as caught:
        load_audio(path, start=start, duration=duration)
    assert caught.value.code == code
