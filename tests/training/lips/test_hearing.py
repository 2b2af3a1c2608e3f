"""What Whisper's encoder hears of each recording: its four versions, their speeds and times, kept on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from core.places import ROOT
from core.sound.audio import load_audio
from core.sound.whisper.encoder import WhisperConfig, WhisperEncoder
from core.sound.whisper.front_end import whisper_mel
from training.lips import hearing
from training.lips.hearing import VERSIONS, Hearing, Version, statistics
from training.speech.places import SPEED

FRAMES = 150


class Ear(torch.nn.Module):
    """Hears the spectrogram itself, every second row; counts how often."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        self.asked += 1
        return rows[:, ::2]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six seconds of speech with a pause in the middle, and a voice for the babble."""
    monkeypatch.setattr(hearing, "CACHE", tmp_path / "cache")
    speech, _ = soundfile.read(ROOT / "tools" / "assets" / "demo_speech.flac", frames=640 * FRAMES)
    speech[40_000:60_000] = 0.0
    soundfile.write(tmp_path / "words.wav", speech, 16_000)
    (tmp_path / "speech").mkdir()
    soundfile.write(tmp_path / "speech" / "voice.flac", speech[::-1], 16_000)
    return tmp_path


def loudness(version: Version) -> np.ndarray:
    """Loudness of each output of the encoder."""
    return version.heard.astype(np.float32).mean(1)


def test_the_four_versions(data: Path) -> None:
    """As it is; faster or slower; elsewhere; both."""
    plain, fast, away, both = Hearing(data, encoder=Ear()).versions(data / "words.wav", "made", FRAMES)
    assert VERSIONS == 4 and plain.speed == away.speed == 1.0 and plain.frames == away.frames == FRAMES
    for version in (fast, both):
        assert SPEED[0] <= version.speed <= SPEED[1] and version.speed != 1.0
        assert version.frames == round(FRAMES / version.speed)
    assert fast.speed != both.speed
    assert all(len(v.heard) == 2 * v.frames and v.heard.dtype == np.float16 for v in (plain, fast, away, both))
    expected = whisper_mel(load_audio(data / "words.wav").samples, FRAMES)[::2]
    np.testing.assert_allclose(plain.heard.astype(np.float32), expected, atol=0.01)
    assert np.abs(away.heard.astype(np.float32) - expected).mean() > 0.02


def test_speed_and_times_agree(data: Path) -> None:
    """What is heard at time t of a version is heard at t · speed in the recording."""
    versions = Hearing(data, encoder=Ear()).versions(data / "words.wav", "made", FRAMES)
    plain, places = loudness(versions[0]), (np.arange(2 * FRAMES) + 0.5)
    for version in (versions[1], versions[3]):
        found = loudness(version)

        def likeness(speed: float, found: np.ndarray = found) -> float:
            own = np.interp((np.arange(len(found)) + 0.5) * speed, places, plain)
            return float(np.corrcoef(own, found)[0, 1])

        right = likeness(version.speed)
        assert right > (0.97 if version is versions[1] else 0.5)
        assert right > likeness(1.0) + 0.1 and right > likeness(2.0 - version.speed) + 0.1


def test_each_recording_has_its_own_versions_whoever_asks(data: Path) -> None:
    (data / "other.wav").write_bytes((data / "words.wav").read_bytes())
    ear = Hearing(data, encoder=Ear())
    first, other = (ear.versions(data / f"{name}.wav", "made", FRAMES) for name in ("words", "other"))
    assert first[1].speed != other[1].speed and np.array_equal(first[0].heard, other[0].heard)
    for path in (data / "cache").rglob("*.npy"):
        path.unlink()
    again = Hearing(data, encoder=Ear()).versions(data / "words.wav", "made", FRAMES)
    assert all(np.array_equal(a.heard, b.heard) and a.speed == b.speed for a, b in zip(first, again, strict=True))


def test_what_was_heard_is_kept(data: Path) -> None:
    ear = Ear()
    first = Hearing(data, encoder=ear).versions(data / "words.wav", "made", FRAMES)
    assert ear.asked == 4
    assert sorted(p.name for p in (data / "cache" / "made").iterdir()) == [f"words.{v}.npy" for v in range(4)]
    again = Hearing(data, encoder=ear).versions(data / "words.wav", "made", FRAMES)
    assert ear.asked == 4
    assert all(np.array_equal(a.heard, b.heard) and a.speed == b.speed for a, b in zip(first, again, strict=True))
    assert len(Hearing(data, count=1, encoder=ear).versions(data / "words.wav", "made", FRAMES)) == 1


def test_the_encoder_s_outputs_are_heard_in_windows(data: Path) -> None:
    torch.manual_seed(0)
    encoder = WhisperEncoder(WhisperConfig.tiny()).eval()
    mel = np.random.default_rng(0).normal(0, 1, (4 * 60, 80)).astype(np.float32)
    version = Hearing(data, encoder=encoder).version_of(mel)
    with torch.no_grad():
        expected = encoder(torch.from_numpy(mel)[None])[0].numpy()
    assert version.heard.shape == (120, 32) and version.speed == 1.0 and version.frames == 60
    np.testing.assert_allclose(version.heard, expected, atol=0.05)  # in bfloat16
    long = np.random.default_rng(0).normal(0, 1, (4 * 1203, 80)).astype(np.float16)
    np.testing.assert_allclose(Hearing(data, encoder=Ear()).version_of(long).heard, long[::2], atol=0.02)


def test_statistics_are_those_of_the_two_outputs_of_a_frame() -> None:
    rng = np.random.default_rng(0)
    scale, offset = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 5.0, -5.0, 1.0])
    frames = rng.normal(0, 1, (4000, 4)) * scale + offset
    heard = frames.reshape(8000, 2).astype(np.float16)
    mean, deviation = statistics([Version(heard[:6001], 1.0), Version(heard[6000:], 0.9)])
    np.testing.assert_allclose(mean, offset, atol=0.25)
    np.testing.assert_allclose(deviation, scale, rtol=0.05)
    assert statistics([Version(np.zeros((4, 2), np.float16), 1.0)])[1].min() == pytest.approx(1e-3)
