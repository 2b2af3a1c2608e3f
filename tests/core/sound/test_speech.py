"""The spoken part of a sound file: its features, and its copy as a WAV file."""

from __future__ import annotations

import errno
import os
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import BadInputError, SoliloquyError
from core.places import ROOT
from core.sound.audio import load_audio
from core.sound.mel import log_mel
from core.sound.speech import Speech, write_spoken_part
from core.sound.whisper.front_end import whisper_mel
from core.wire import notices


def noise(seconds: float, rate: int, channels: int) -> np.ndarray:
    """(N, channels) int16."""
    shape = (round(seconds * rate), channels)
    return np.random.default_rng(0).integers(-9000, 9000, shape).astype(np.int16)


def test_features_are_those_of_the_chosen_part(tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    soundfile.write(path, noise(3.0, 16000, 1), 16000)
    speech = Speech(path, 0.5, 2.0)
    audio = load_audio(path, 0.5, 2.0)
    assert len(speech) == 50 and speech.seconds == 2.0 and not speech.is_silent
    assert np.array_equal(speech.mel, log_mel(audio.samples, 50))
    assert np.array_equal(speech.whisper_mel, whisper_mel(audio.samples, 50))
    assert speech.mel.shape == speech.whisper_mel.shape == (200, 80)
    soundfile.write(path, np.zeros(16000), 16000)
    assert Speech(path, 0.0, None).is_silent


def test_a_notice_says_when_nothing_is_heard_or_the_speech_is_quiet(tmp_path: Path) -> None:
    voice, rate = soundfile.read(ROOT / "tools" / "assets" / "demo_speech.flac", frames=3 * 16000)
    sounds = {
        None: voice,
        notices.SILENT: np.zeros(16000),
        notices.NO_SPEECH: 0.3 * np.sin(2 * np.pi * 440.0 * np.arange(32000) / 16000),
        notices.QUIET_SPEECH: 0.002 * voice / np.abs(voice).max(),
    }
    for told, sound in sounds.items():
        soundfile.write(tmp_path / "a.wav", sound, rate, subtype="PCM_24")
        speech = Speech(tmp_path / "a.wav", 0.0, None)
        assert speech.notice == told and speech.presence.shape == (len(speech),)
        assert speech.presence.max() == (1.0 if told in (None, notices.QUIET_SPEECH) else 0.0)


@pytest.mark.parametrize(("rate", "channels"), [(16000, 1), (44100, 2), (48000, 6)])
def test_the_copy_has_the_samples_rate_and_channels_of_the_source(tmp_path: Path, rate: int, channels: int) -> None:
    sound = noise(3.0, rate, channels)
    soundfile.write(tmp_path / "source.wav", sound, rate)
    write_spoken_part(tmp_path / "source.wav", 0.7, 1.9, tmp_path / "copy.wav")
    copied, copied_rate = soundfile.read(tmp_path / "copy.wav", dtype="int16", always_2d=True)
    first = round(0.7 * rate)
    assert copied_rate == rate
    assert np.array_equal(copied, sound[first : first + round(1.9 * rate)])


def test_sources_that_cannot_seek_are_read_from_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = noise(3.0, 16000, 2)
    soundfile.write(tmp_path / "source.wav", sound, 16000)
    monkeypatch.setattr(soundfile.SoundFile, "seekable", lambda self: False)
    write_spoken_part(tmp_path / "source.wav", 2.5, 0.3, tmp_path / "copy.wav")
    copied, _ = soundfile.read(tmp_path / "copy.wav", dtype="int16")
    assert np.array_equal(copied, sound[40000:44800])


def test_the_copy_ends_with_the_source(tmp_path: Path) -> None:
    sound = noise(1.0, 16000, 1)
    soundfile.write(tmp_path / "source.wav", sound, 16000)
    write_spoken_part(tmp_path / "source.wav", 0.5, 9.0, tmp_path / "copy.wav")
    copied, _ = soundfile.read(tmp_path / "copy.wav", dtype="int16", always_2d=True)
    assert np.array_equal(copied, sound[8000:])


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [(errno.ENOSPC, SoliloquyError, "disk_full"), (errno.EACCES, BadInputError, "output_unwritable")],
)
def test_a_copy_that_cannot_be_written_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[SoliloquyError], code: str
) -> None:
    def refuse(self: wave.Wave_write, data: bytes) -> None:
        raise OSError(number, os.strerror(number))

    soundfile.write(tmp_path / "source.wav", noise(1.0, 16000, 1), 16000)
    (tmp_path / "copy.wav").write_bytes(b"old")
    monkeypatch.setattr(wave.Wave_write, "writeframes", refuse)
    with pytest.raises(kind) as caught:
        write_spoken_part(tmp_path / "source.wav", 0.0, 1.0, tmp_path / "copy.wav")
    assert caught.value.code == code
    assert (tmp_path / "copy.wav").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.wav", "source.wav"]
