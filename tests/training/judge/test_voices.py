"""Other voices for filmed mouths: phones move to the times at which the talker says them; silence stays silence."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from core.phones.phone_set import Segment
from core.sound.mel import MEL_OFFSET, MEL_SCALE, SILENCE
from training.common.splits import HELD_OUT_VOICES
from training.corpus.dataset import Clip, Shard
from training.judge.voices import common_times, in_room, other_voices, retimed, stretch


def spoken(*phones: tuple[str, float]) -> list[Segment]:
    """Consecutive phones, each of which ends at the given second."""
    ends = [0.0, *(end for _, end in phones)]
    return [Segment(name, start, end) for (name, end), start in zip(phones, ends[:-1], strict=True)]


OWN = spoken(("SIL", 0.5), ("B", 0.6), ("IH", 0.9), ("N", 1.0), ("SIL", 2.0))
OTHER = spoken(("SIL", 0.1), ("B", 0.15), ("AH", 0.2), ("IH", 0.3), ("N", 0.4), ("SIL", 0.45))


def test_phones_are_aligned() -> None:
    own, other = common_times(OWN, OTHER)
    assert (np.diff(own) > 0).all() and (np.diff(other) >= 0).all()
    for time, there in ((0.5, 0.1), (0.9, 0.3), (1.0, 0.4), (2.0, 0.45), (0.95, 0.35)):
        assert np.interp(time, own, other) == pytest.approx(there, abs=1e-6)
    same = common_times(OWN, OWN)
    np.testing.assert_allclose(*same)


def test_rows_move_with_their_phones() -> None:
    """A spectrogram whose values are its times becomes the map from one time to the other."""
    own, other = common_times(OWN, OTHER)
    mel = np.repeat(((np.arange(45) + 0.5) / 100)[:, None], 80, 1)
    out = retimed(mel, own, other, 200)
    wanted = np.clip(np.interp((np.arange(200) + 0.5) / 100, own, other), mel[0, 0], mel[-1, 0])
    np.testing.assert_allclose(out[:, 7], wanted, atol=1e-5)
    slow = stretch(own, other, 200)
    assert slow[25] == pytest.approx(5.0) and slow[95] == pytest.approx(1.0) and slow[150] == pytest.approx(20.0)


def test_a_room_fills_silence_and_hardly_touches_speech() -> None:
    room = np.full(80, -0.5, np.float32)
    mel = np.stack([np.full(80, SILENCE), np.full(80, 1.5)]).astype(np.float32)
    out = in_room(mel, room)
    assert np.allclose(out[0], room, atol=0.02) and np.allclose(out[1], 1.5, atol=0.01)
    power = np.exp(MEL_SCALE * room - MEL_OFFSET)
    twice = in_room(room[None], room)[0]
    np.testing.assert_allclose(np.exp(MEL_SCALE * twice - MEL_OFFSET), 2 * power, rtol=1e-4)


@pytest.mark.skipif(
    shutil.which("flite") is None or shutil.which("espeak-ng") is None, reason="flite or espeak-ng isn't installed"
)
def test_voices_say_the_words_when_the_talker_does() -> None:
    class Recorded(Clip):
        mel = np.full((300, 80), -1.5, np.float32)

    clip = Recorded("s1_bbaf2n", "s1", "train", 75, Shard(Path("none")))
    segments = spoken(
        *(("SIL", 0.9), ("B", 1.0), ("IH", 1.08), ("N", 1.18), ("B", 1.24), ("L", 1.29), ("UW", 1.4), ("AE", 1.45)),
        *(("T", 1.5), ("EH", 1.58), ("F", 1.68), ("T", 1.75), ("UW", 1.86), ("N", 1.92), ("AW", 2.1), ("SIL", 3.0)),
    )
    voices = other_voices(clip, segments)
    assert len(voices) == 3 and not set(voices) & set(HELD_OUT_VOICES)
    for mel in voices.values():
        loud = mel.astype(np.float32).mean(1)
        assert mel.shape == (300, 80) and mel.dtype == np.float16
        assert np.abs(loud[:85] + 1.5).max() < 0.05 and np.abs(loud[215:] + 1.5).max() < 0.05
        assert loud[95:205].mean() > -0.7
    again = other_voices(clip, segments)
    assert list(again) == list(voices)
    # espeak-ng's noise and timing continue from call to call: the result is nearly the same, not bit-identical.
    for name in voices:
        assert np.corrcoef(voices[name].ravel(), again[name].ravel())[0, 1] > 0.97
