"""Sound files that end before their header says are read, with a word about it."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.places import ASSETS
from core.sound import cut_off
from core.sound.speech import Speech
from core.wire import notices
from tests.media_files import write_media


def voice(seconds: float = 3.0) -> tuple[np.ndarray, int]:
    samples, rate = soundfile.read(ASSETS / "self_test.flac", dtype="float32")
    return np.resize(samples, round(seconds * rate)), rate


def is_cut_off(path: Path) -> bool:
    with path.open("rb") as stream:
        return cut_off.is_cut_off(stream)


def cut(path: Path, share: float) -> Path:
    """A copy of the file without its end."""
    content = path.read_bytes()
    copy = path.with_name(f"cut {path.name}")
    copy.write_bytes(content[: round(share * len(content))])
    return copy


@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "AIFF", "CAF"])
def test_whole_and_truncated_files(tmp_path: Path, kind: str) -> None:
    samples, rate = voice()
    path = tmp_path / f"a.{kind.lower()}"
    for subtype in ("PCM_16", "PCM_24"):
        soundfile.write(path, samples[:-1], rate, format=kind, subtype=subtype)
        assert not is_cut_off(path)
        assert is_cut_off(cut(path, 0.6))


def test_movies(tmp_path: Path) -> None:
    samples, rate = voice()
    for name, options in (("a.mp4", {}), ("b.mp4", {"movflags": "faststart"}), ("c.avi", {})):
        write_media(tmp_path / name, samples, rate, "pcm_s16le" if name == "c.avi" else "aac", options=options)
        assert not is_cut_off(tmp_path / name)
        assert is_cut_off(cut(tmp_path / name, 0.6))


def test_the_user_is_told_once_and_all_of_it_is_spoken(tmp_path: Path) -> None:
    samples, rate = voice()
    soundfile.write(tmp_path / "a.wav", samples, rate)
    whole = Speech(tmp_path / "a.wav", 0.0, None)
    part = Speech(cut(tmp_path / "a.wav", 0.6), 0.0, None)
    assert whole.notice is None and part.notice == notices.CUT_OFF
    assert len(part) == round(0.6 * len(whole))
    assert Speech(part.path, 0.0, 1.0).notice is None  # what was asked for is there


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_streamed_wav_files(tmp_path: Path, length: int) -> None:
    """Programs that write into a pipe can't go back to fill in the length."""
    samples, rate = voice()
    soundfile.write(tmp_path / "a.wav", samples, rate)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    place = content.index(b"data") + 4
    content[4:8] = content[place : place + 4] = struct.pack("<I", length)
    (tmp_path / "a.wav").write_bytes(content)
    speech = Speech(tmp_path / "a.wav", 0.0, None)
    assert speech.notice == notices.CUT_OFF and speech.seconds == 3.0


@pytest.mark.parametrize(
    "content", [b"RIFF", b"RIFF\0\0\0\0WAVE", b"FORM" + bytes(30), b"caff" + bytes(9), b"OggS" * 9]
)
def test_other_content_is_left_to_the_decoders(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert not is_cut_off(tmp_path / "a")
