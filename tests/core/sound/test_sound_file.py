"""Damaged and odd sound files: one sentence each, in bounded time and memory."""

from __future__ import annotations

import io
import math
import os
import struct
import sys
import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import BadInputError
from core.sound import audio, sound_file
from core.sound.audio import _LARGEST_FACTOR, _ratio, load_audio, read_mono, resample_blocks
from core.sound.sound_file import FORMATS, MAX_RATE, MIN_RATE, _SteadyStream, open_sound
from core.sound.speech import write_spoken_part


def voice(rate: int, seconds: float = 1.0) -> np.ndarray:
    return 0.2 * np.sin(2 * np.pi * 220 * np.arange(round(rate * seconds)) / rate)


def wav(rate: int, count: int = 8000, channels: int = 1, samples: bytes | None = None) -> bytes:
    """A WAV file of 16 bits whose header says this rate."""
    data = bytes(2 * channels * count) if samples is None else samples
    head = struct.pack("<HHIIHH", 1, channels, rate, (rate * 2 * channels) & 0xFFFFFFFF, 2 * channels, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def refused(path: Path, start: float = 0.0, duration: float | None = None) -> str:
    with pytest.raises(BadInputError) as caught:
        load_audio(path, start, duration)
    assert caught.value.message.endswith(".") and caught.value.hint.endswith(".") and "\n" not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("rate", [0, 1, 100, MIN_RATE - 1, MAX_RATE + 1, 999_983, 1_999_993, 4_999_999, 2**31 - 1])
def test_rates_that_only_a_damaged_header_has(tmp_path: Path, rate: int) -> None:
    (tmp_path / "a.wav").write_bytes(wav(rate))
    assert refused(tmp_path / "a.wav") == "audio_unreadable"


@pytest.mark.parametrize("rate", [199_999, 499_979, 767_999])
def test_odd_rates_cost_no_more_than_others(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", voice(rate, 0.52), rate)
    tracemalloc.start()
    found, _ = read_mono(tmp_path / "a.wav")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 250e6  # 500 MB to 4 GB with the exact ratio
    assert len(found) == 8320
    expected = 0.2 * np.sin(2 * np.pi * 220 * np.arange(8320) / 16000)
    assert np.abs(found - expected)[400:-400].max() < 0.006


def test_ratios_are_exact_for_the_rates_that_recorders_have() -> None:
    usual = (64_000, 88_200, 96_000, 128_000, 176_400, 192_000, 352_800, 384_000, 705_600, 768_000)
    for rate in (*range(MIN_RATE, 50_001, 77), 44_101, 50_000, *usual):
        assert Fraction(*_ratio(rate)) == Fraction(16_000, rate), rate
    for rate in (*range(50_001, MAX_RATE, 3001), 159_999, 207_998, 304_003):
        up, down = _ratio(rate)
        assert max(up, down) <= _LARGEST_FACTOR
        assert abs(up / down / (16_000 / rate) - 1) < 1e-5


@pytest.mark.parametrize("name", ["noise.raw", "noise.RAW", "noise.vox", "noise.gsm", "noise.snd", "noise.au", "noise"])
def test_samples_without_a_header_are_refused(tmp_path: Path, name: str) -> None:
    generator = np.random.default_rng(3)
    (tmp_path / name).write_bytes(b"\1" + generator.integers(0, 120, 4000, np.uint8).tobytes())
    assert refused(tmp_path / name) == "audio_unreadable"


@pytest.mark.parametrize("name", ["a.raw", "a.vox", "a.txt", "a"])
def test_the_content_counts_and_not_the_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(wav(16_000, samples=(voice(16_000) * 32767).astype("<i2").tobytes()))
    assert load_audio(tmp_path / name).frames == 25


def test_an_mp3_with_other_data_before_its_first_frame(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.mp3", voice(44_100), 44_100)
    whole = load_audio(tmp_path / "a.mp3")
    (tmp_path / "b.mp3").write_bytes(b"\0\1garbage" * 9 + (tmp_path / "a.mp3").read_bytes())
    assert np.array_equal(load_audio(tmp_path / "b.mp3").samples, whole.samples)


def test_telephone_recordings_that_cannot_seek(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", voice(8000), 8000, subtype="GSM610")
    whole, part = load_audio(tmp_path / "a.wav"), load_audio(tmp_path / "a.wav", 0.4, 0.2)
    assert whole.frames == 26  # the last packet is filled up
    assert part.frames == 5 and np.corrcoef(part.samples[200:-200], whole.samples[6600:9400])[0, 1] > 0.999


def test_formats_of_instruments_and_of_laboratories_are_refused(tmp_path: Path) -> None:
    for kind in ("MAT5", "XI", "HTK", "SDS"):
        subtype = "DPCM_16" if kind == "XI" else None
        soundfile.write(tmp_path / f"a.{kind}", voice(16_000), 16_000, format=kind, subtype=subtype)
        assert refused(tmp_path / f"a.{kind}") == "audio_unreadable"
    assert set(FORMATS) <= set(soundfile.available_formats())


@pytest.mark.parametrize("start", [1e9, 1e18, 1e308, sys.float_info.max])
def test_times_past_any_end(tmp_path: Path, start: float) -> None:
    soundfile.write(tmp_path / "a.wav", voice(44_100), 44_100)
    assert refused(tmp_path / "a.wav", start) == "audio_start_past_end"
    assert load_audio(tmp_path / "a.wav", 0.0, start).frames == 25
    for impossible in (math.nan, math.inf, -1.0):
        assert refused(tmp_path / "a.wav", impossible) == "audio_bad_trim"
        assert refused(tmp_path / "a.wav", 0.0, impossible) == "audio_bad_trim"


@pytest.mark.parametrize("kind", ["WAV", "OGG"])
def test_sounds_that_are_too_long_are_not_collected(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "a", voice(16_000, 4.0), 16_000, format=kind)
    monkeypatch.setattr(audio, "_READ_BLOCK", 1000)
    monkeypatch.setattr(audio, "MAX_SECONDS", 2.0)
    assert refused(tmp_path / "a") == "audio_too_long"
    assert load_audio(tmp_path / "a", 1.0, 1.5).seconds == 1.5
    monkeypatch.setattr(audio, "MAX_SKIPPED_SECONDS", 1.0)
    if kind == "WAV":
        assert load_audio(tmp_path / "a", 3.0).seconds == 1.0
    else:
        assert refused(tmp_path / "a", 3.0) == "audio_too_long"


def test_a_thousand_channels_take_no_more_memory_than_a_few(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(16_000, count=20_000, channels=1000))
    tracemalloc.start()
    assert load_audio(tmp_path / "a.wav").is_silent
    assert tracemalloc.get_traced_memory()[1] < 60e6
    tracemalloc.stop()


def test_samples_are_not_held_twice() -> None:
    """The joined samples of a sound need one copy, while it is read too."""
    generator = np.random.default_rng(0)
    content = io.BytesIO()
    soundfile.write(content, generator.normal(0, 0.1, 16_000 * 300), 16_000, format="WAV")

    def peak(path: Path) -> int:
        tracemalloc.start()
        load_audio(path)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    path = Path(os.devnull).parent / "shm" / f"soliloquy-{os.getpid()}.wav"
    if not path.parent.is_dir():
        pytest.skip("needs a folder in memory")
    try:
        path.write_bytes(content.getvalue())
        assert peak(path) < 1.6 * 4 * 16_000 * 300
    finally:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("error", [TypeError, OverflowError, AssertionError, RuntimeError, UnicodeError])
def test_whatever_the_decoder_raises_is_a_sentence(
    tmp_path: Path, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(tmp_path / "a.nist", voice(16_000), 16_000, format="NIST")  # no other decoder reads it

    def broken(*_: object) -> None:
        raise error("oh")

    monkeypatch.setattr(soundfile, "SoundFile", broken)
    assert refused(tmp_path / "a.nist") == "audio_unreadable"


def test_the_decoders_errors_while_a_file_is_open(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(16_000))
    with pytest.raises(BadInputError, match="can't be read as audio"), open_sound(tmp_path / "a.wav") as file:
        file.seek(10**9)
    with pytest.raises(ZeroDivisionError), open_sound(tmp_path / "a.wav"):
        raise ZeroDivisionError  # errors of others pass


def test_a_disk_that_fails_while_a_sound_is_read_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """An error in one of libsndfile's callbacks would be a traceback on stderr."""
    (tmp_path / "a.wav").write_bytes(wav(16_000))
    with (tmp_path / "a.wav").open("rb") as file:
        stream = _SteadyStream(file)
        assert stream.seek(2) == 2
        assert stream.seek(-9, io.SEEK_CUR) == 2 and stream.seek(-1) == 2 and stream.tell() == 2

    class Failing(io.BytesIO):
        def readinto(self, buffer: object) -> int:
            raise OSError(5, "Input/output error")

    assert _SteadyStream(Failing(b"abc")).readinto(bytearray(2)) == 0
    monkeypatch.setattr(sound_file, "open_input", lambda *_: Failing(wav(16_000)))
    assert refused(tmp_path / "a.wav") == "audio_unreadable"
    assert capfd.readouterr().err == ""


def test_the_spoken_part_comes_through_the_same_gate(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", voice(16_000), 16_000)
    (tmp_path / "a.raw").write_bytes((tmp_path / "a.wav").read_bytes())
    write_spoken_part(tmp_path / "a.raw", 0.25, 0.5, tmp_path / "part.wav")
    assert soundfile.info(tmp_path / "part.wav").frames == 8000
    with pytest.raises(BadInputError):
        write_spoken_part(tmp_path, 0.0, 1.0, tmp_path / "other.wav")
    assert not (tmp_path / "other.wav").exists()


def test_blocks_of_an_odd_rate_join_without_a_seam() -> None:
    rate = 199_999
    signal = np.random.default_rng(1).normal(0, 0.1, rate).astype(np.float32)

    def blocks(size: int) -> Iterator[np.ndarray]:
        for first in range(0, len(signal), size):
            yield signal[first : first + size]

    whole = np.concatenate(list(resample_blocks(blocks(len(signal)), rate)))
    parts = np.concatenate(list(resample_blocks(blocks(7_001), rate)))
    assert len(whole) == 16_000
    np.testing.assert_allclose(parts, whole, atol=1e-6)
