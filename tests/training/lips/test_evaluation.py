"""Measures of the lip model: curves, gestures and phones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.head.head_model import HeadModel
from core.motion.channels import LIP_CHANNELS
from core.phones.phone_set import PHONES, Segment
from core.sound.lips import Heard, LipModel, LipModelConfig
from tests.training.lips.made import utterance
from training.lips.evaluation import against, correlation, frames_of, gestures, heard_phones
from training.lips.mouth_geometry import MouthGeometry


@pytest.fixture(scope="module")
def geometry() -> MouthGeometry:
    return MouthGeometry.of(HeadModel.load())


def test_scores():
    rng = np.random.default_rng(0)
    wave = np.convolve(rng.normal(size=200), np.ones(5), "same")
    assert correlation(wave, wave) == pytest.approx(1.0)
    assert correlation(np.roll(wave, 2), wave, -2) > 0.9 > correlation(np.roll(wave, 2), wave)
    assert correlation(np.ones(50), wave[:50]) == 0.0
    clips = [utterance(i) for i in range(3)]
    score = against(clips, lambda u: np.roll(u.mouth[:, 2], -1) * 0.5, lambda u: u.mouth[:, 2])
    assert score["best_lag"] == 1 and score["best_lag_median"] > score["median"]
    assert score["deviation_ratio"] == pytest.approx(0.5, abs=0.01)


def test_gestures_are_counted_inside_and_outside_their_phones(geometry):
    clips = [utterance(i, frames=150) for i in range(4)]
    shut = gestures(clips, lambda u: np.zeros((u.frames, 27), np.float32), geometry)
    assert shut["closed"]["made"] == shut["closed"]["made where unwanted"] == 1.0
    assert shut["on teeth"]["made"] == 1.0 and shut["rounded"]["made"] == 0.0
    agape = np.zeros(27, np.float32)
    agape[LIP_CHANNELS.index("jawOpen")] = 0.5
    wide = gestures(clips, lambda u: np.tile(agape, (u.frames, 1)), geometry)
    assert wide["closed"]["made"] == wide["on teeth"]["made"] == 0.0
    hand = gestures(clips, lambda u: u.mouth, geometry)
    assert hand["closed"]["made"] > 0.9 > 0.2 > hand["closed"]["made where unwanted"]
    assert hand["closed"]["phones"] == sum(s.phone in ("P", "B", "M") for u in clips for s in u.segments)


def test_frames_of_a_phone():
    assert frames_of(Segment("P", 0.08, 0.16), 10) == slice(2, 4)
    assert frames_of(Segment("P", 0.11, 0.13), 10) == slice(2, 3)  # contains the middle of no frame: the nearest frame
    assert frames_of(Segment("P", 0.5, 0.6), 10) == slice(9, 10)


def test_phones_are_counted_row_by_row():
    class Echo(LipModel):
        def listen(self, mel):
            return Heard(mel[:, :40], np.zeros((len(mel) // 4, 3), np.float32))

    clip = utterance(0)
    spoken = np.zeros((240, 80), np.float16)
    spoken[np.arange(240), clip.phones] = 1.0
    spoken[:60] = 0.0
    known = clip.phones.copy()
    known[-20:] = -1  # unknown phones don't count
    model = Echo(LipModelConfig.tiny())
    right = 0.75 + (clip.phones[:60] == 0).sum() / 240
    assert heard_phones(model, [replace(clip, whisper_mel=spoken)]) == pytest.approx(right, abs=1e-3)
    right = (160 + (clip.phones[:60] == 0).sum()) / 220
    assert heard_phones(model, [replace(clip, whisper_mel=spoken, phones=known)]) == pytest.approx(right, abs=1e-3)
    assert len(PHONES) == 40
