"""Whisper's log-mel: the same numbers as by another implementation, and rows that are symmetric in the video frames."""

from __future__ import annotations

import numpy as np
import pytest
from transformers import WhisperFeatureExtractor

from core.places import ROOT
from core.sound.audio import load_audio
from core.sound.whisper.front_end import (
    BANDS,
    LOUDEST,
    RANGE,
    SILENCE,
    WINDOW,
    compressed,
    mel_filters,
    whisper_mel,
)

HOP = 160
FLOOR = (LOUDEST - RANGE + 4.0) / 4.0
SPEECH = ROOT / "tools" / "assets" / "demo_speech.flac"


def speech(seconds: float) -> np.ndarray:
    """The beginning of a levelled recording."""
    return load_audio(SPEECH, duration=seconds).samples


def their_mel(samples: np.ndarray) -> np.ndarray:
    """(N / 160, 80) by the other implementation, whose row r is centred on sample 160 r. Its loudest row sets its
    floor, and it mirrors the sound at both ends."""
    extractor = WhisperFeatureExtractor()
    return extractor(samples, sampling_rate=16_000, padding=False, return_tensors="np")["input_features"][0].T


def test_filters_are_those_of_the_other_implementation() -> None:
    np.testing.assert_allclose(mel_filters(), WhisperFeatureExtractor().mel_filters.T, atol=1e-7)
    assert mel_filters().shape == (BANDS, WINDOW // 2 + 1)


@pytest.mark.parametrize("sound", ["speech", "noise"])
def test_rows_are_those_of_the_other_implementation_one_later(sound: str) -> None:
    """Row r here is centred where row r + 1 is there. Where both are above their floors they are equal."""
    samples = speech(5.0) if sound == "speech" else np.random.default_rng(0).normal(0, 0.1, 80_000).astype(np.float32)
    ours, theirs = whisper_mel(samples, 125), their_mel(samples)
    assert ours.shape == theirs.shape == (500, 80)
    ours, theirs = ours[1:-2], theirs[2:-1]
    both = (ours > FLOOR + 1e-4) & (theirs > theirs.min() + 1e-4)
    assert both.mean() > 0.8
    np.testing.assert_allclose(ours[both], theirs[both], atol=1e-3)
    earlier = np.abs(ours[:-1][both[:-1]] - theirs[1:][both[:-1]]).mean()
    assert earlier > 0.02, "a row too early or too late would be noticed"


def test_whisper_s_own_floor_would_give_the_same_for_the_loudest_levelled_speech() -> None:
    """A sound whose loudest power is LOUDEST has the same floor here and there, so all of it is the same."""
    samples = np.random.default_rng(1).normal(0.0, 1.0, 48_000)
    samples[16_000:32_000] *= 1e-5  # far below the floor
    loudest = 4.0 * their_mel(samples.astype(np.float32)).max() - 4.0
    samples = (samples * 10.0 ** ((LOUDEST - loudest) / 2.0)).astype(np.float32)
    ours, theirs = whisper_mel(samples, 75)[1:-2], their_mel(samples)[2:-1]
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    assert (ours == ours.min()).mean() > 0.2


def test_silence_and_the_floor() -> None:
    assert np.allclose(whisper_mel(np.zeros(6400, np.float32), 10), SILENCE)
    assert pytest.approx(FLOOR, abs=1e-6) == SILENCE
    power = np.array([0.0, 10.0 ** (LOUDEST - RANGE), 1.0, 10.0**LOUDEST, 100.0], np.float32)
    expected = [FLOOR, FLOOR, 1.0, (LOUDEST + 4.0) / 4.0, 1.5]  # nothing is cut off above
    np.testing.assert_allclose(compressed(power), expected, atol=1e-6)


def test_rows_do_not_depend_on_what_is_said_far_away() -> None:
    """Whisper's own floor is set by the loudest row of half a minute; here a row depends on 25 ms."""
    quiet = np.random.default_rng(0).normal(0, 1e-4, 64_000).astype(np.float32)
    loud = quiet.copy()
    loud[48_000:] *= 5000.0
    same = 48_000 // HOP - 3
    assert np.array_equal(whisper_mel(quiet, 100)[:same], whisper_mel(loud, 100)[:same])
    assert not np.array_equal(whisper_mel(quiet, 100)[same + 4 :], whisper_mel(loud, 100)[same + 4 :])


def test_outputs_of_a_frame_lie_symmetrically_in_it() -> None:
    """The two outputs of frame i are centred on rows 4 i and 4 i + 2. An impulse in its middle is as loud in both."""
    for frame in (0, 7, 11):
        samples = np.zeros(12 * 640, np.float32)
        samples[640 * frame + 320] = 1.0
        mel = whisper_mel(samples, 12).mean(1)
        first, middle, last = mel[4 * frame], mel[4 * frame + 1], mel[4 * frame + 2]
        assert first == pytest.approx(last, abs=1e-4) and middle > first > SILENCE + 0.1
        others = np.delete(mel, [4 * frame, 4 * frame + 1, 4 * frame + 2])
        assert np.allclose(others, SILENCE), "25 ms reach no further"


def test_a_mirrored_sound_gives_mirrored_rows() -> None:
    """The centres of the encoder's outputs in T frames, 320 n + 160, are the same counted from the end. The mirrored
    sound begins with the sample after the last one."""
    samples = np.random.default_rng(2).normal(0, 0.1, 10 * 640).astype(np.float32)
    there, back = whisper_mel(samples, 10)[::2], whisper_mel(np.append(np.float32(0.0), samples[:0:-1]), 10)[::2]
    np.testing.assert_allclose(there, back[::-1], atol=1e-3)


@pytest.mark.parametrize("frames", [0, 1, 249, 250, 251, 600])
def test_blocks_have_no_seams(frames: int) -> None:
    """Blocks of 250 frames give what a window around each row gives by itself."""
    samples = np.random.default_rng(3).normal(0, 0.1, 640 * frames + 100).astype(np.float32)
    mel = whisper_mel(samples, frames)
    assert mel.shape == (4 * frames, 80) and mel.dtype == np.float32
    around = np.pad(samples, 400)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    for row in {0, 4 * frames // 2, 998, 999, 1000, 1001, 4 * frames - 1} & set(range(4 * frames)):
        centre = HOP * (row + 1) + 400
        power = np.abs(np.fft.rfft(window * around[centre - WINDOW // 2 : centre + WINDOW // 2])) ** 2
        np.testing.assert_allclose(mel[row], compressed(mel_filters() @ power), atol=1e-4)


def test_beyond_the_sound_there_is_silence() -> None:
    samples = np.random.default_rng(4).normal(0, 0.1, 3200).astype(np.float32)
    mel = whisper_mel(samples, 300)
    assert np.allclose(mel[22:], SILENCE) and mel[:18].mean() > SILENCE + 0.3
    np.testing.assert_allclose(mel[:24], whisper_mel(np.append(samples, np.zeros(6400, np.float32)), 6), atol=1e-5)


def test_levelled_speech_reaches_about_the_loudest_power() -> None:
    """LOUDEST sets the floor, so it has to fit what the worker's levelling gives."""
    loudest = 4.0 * float(whisper_mel(speech(10.0), 250).max()) - 4.0
    assert loudest == pytest.approx(LOUDEST, abs=0.5)
