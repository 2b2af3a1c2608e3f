"""Emotions on any motion: how they pass over time, what speech and blinks keep, and what is kept of another take."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.head.head_model import HeadModel
from core.motion.channels import CHANNELS, EXPRESSIONS, FPS, HEAD
from core.motion.motion import Motion
from core.prior.sampling import Sampling
from core.systems.emotional import PATTERNS, Emotional, strengths, with_emotion, without_emotion
from core.systems.motion_source import KeptTake, Wish
from core.wire.emotions import EMOTIONS, EmotionAt
from core.wire.style import PriorStyle

FRAMES = 100
FELT = EMOTIONS[1:]


def at(seconds: float, emotion: str, strength: float = 1.0) -> EmotionAt:
    return EmotionAt(seconds=seconds, emotion=emotion, strength=strength)


def columns(*names: str) -> list[int]:
    return [CHANNELS.index(name) for name in names]


def sampled(seed: int = 0, frames: int = FRAMES) -> np.ndarray:
    """(T, 59) smooth motion that speaks: weights from 0 to 0.6, the mouth opening and rounding by turns."""
    rng = np.random.default_rng(seed)
    phase, speed = rng.uniform(0, 6, len(CHANNELS)), rng.uniform(0.05, 0.25, len(CHANNELS))
    channels = (0.3 + 0.3 * np.sin(phase + speed * np.arange(frames)[:, None])).astype(np.float32)
    channels[:, columns(*HEAD)] -= 0.3
    return channels


def rested(**weights: float) -> np.ndarray:
    """(T, 59) a face at rest but for some weights."""
    channels = np.zeros((FRAMES, len(CHANNELS)), np.float32)
    for name, weight in weights.items():
        channels[:, CHANNELS.index(name)] = weight
    return channels


def shown(emotion: str, channels: np.ndarray) -> np.ndarray:
    return Emotional(PriorStyle(emotions=(at(0, emotion),)), len(channels)).apply(channels)


@pytest.mark.parametrize("emotion", FELT)
def test_a_face_at_rest_shows_the_pattern_and_the_head_stays(emotion):
    wide = rested(jawOpen=0.3)
    out = shown(emotion, wide)
    closing = columns("mouthPress_L", "mouthPress_R", "mouthShrugLower")
    moved = np.setdiff1d(np.flatnonzero(PATTERNS[EMOTIONS.index(emotion)]), closing)
    np.testing.assert_allclose(out[0, moved], PATTERNS[EMOTIONS.index(emotion), moved], atol=1e-6)
    np.testing.assert_array_equal(out[:, columns(*HEAD)], wide[:, columns(*HEAD)])
    left, right = (columns(*(name for name in EXPRESSIONS if name.endswith(side))) for side in ("_L", "_R"))
    np.testing.assert_array_equal(out[:, left], out[:, right])


@pytest.mark.parametrize("emotion", FELT)
def test_weights_stay_weights_and_only_grow_but_for_smiles_against_frowns(emotion):
    before = sampled()
    after = shown(emotion, before)
    weights = len(EXPRESSIONS)
    assert after[:, :weights].min() >= 0 and after[:, :weights].max() <= 1
    less = {CHANNELS[index] for index in np.flatnonzero((after < before).any(0))}
    opposite = {"happy": {"mouthFrown_L", "mouthFrown_R"}, "surprised": set()}
    assert less <= opposite.get(emotion, {"mouthSmile_L", "mouthSmile_R"})


@pytest.mark.parametrize("emotion", FELT)
def test_lips_of_the_head_that_are_closed_stay_closed(emotion):
    """Also where a shape of the nose draws the upper lip up. At rest the lips meet within a tenth of a millimetre."""
    head = HeadModel.load()
    weights = torch.from_numpy(shown(emotion, rested())[:1, : len(EXPRESSIONS)])
    lips = head.vertices(torch.zeros(1), weights)[0, head.landmarks68]
    gap = (lips[[61, 62, 63], 1] - lips[[67, 66, 65], 1]).mean()
    assert gap < 0.05


@pytest.mark.parametrize("emotion", FELT)
def test_closed_lips_stay_closed_and_round_lips_round(emotion):
    closed = shown(emotion, rested(mouthClose=0.1, jawOpen=0.1))
    parting = columns("mouthUpperUp_L", "mouthUpperUp_R", "mouthLowerDown_L", "mouthLowerDown_R")
    assert not closed[:, parting].any()
    rounded = shown(emotion, rested(mouthPucker=1.0, jawOpen=0.2))
    assert not rounded[:, columns("mouthSmile_L", "mouthSmile_R", "mouthStretch_L", "mouthStretch_R")].any()
    opened = shown(emotion, rested(jawOpen=0.3))
    assert not opened[:, columns("mouthPress_L", "mouthPress_R")].any()
    blink = shown(emotion, rested(eyeBlink_L=1.0, eyeBlink_R=1.0))
    assert not blink[:, columns("eyeWide_L", "eyeWide_R")].any() and blink[:, columns("eyeBlink_L")].min() == 1.0
    spoken = columns("jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "eyeBlink_L", "eyeBlink_R")
    np.testing.assert_array_equal(shown(emotion, sampled())[:, spoken], sampled()[:, spoken])


def test_one_emotion_passes_into_the_next():
    given = (at(1, "happy", 0.8), at(3, "sad", 0.5))
    share = strengths(given, FRAMES, loop=False)
    happy, sad = share[:, EMOTIONS.index("happy")], share[:, EMOTIONS.index("sad")]
    assert (happy[:26] == np.float32(0.8)).all() and (sad[:26] == 0).all()
    assert (happy[75:] == 0).all() and (sad[75:] == np.float32(0.5)).all()
    assert happy[50] == pytest.approx(0.4) and sad[50] == pytest.approx(0.25)
    assert (np.diff(happy) <= 0).all() and np.abs(np.diff(happy, 2)).max() < 0.01
    assert not share[:, 0].any()


def test_in_a_loop_the_last_passes_into_the_first():
    share = strengths((at(1, "happy"), at(2, "neutral")), FRAMES, loop=True)[:, EMOTIONS.index("happy")]
    assert share[25] == 1 and share[50] == 0
    assert abs(share[0] - share[-1]) < 0.04 and np.abs(np.diff(np.append(share, share), 2)).max() < 0.01
    assert (np.diff(share[50:]) >= 0).all() and share[-1] > share[60]


def test_without_emotions_nothing_changes():
    for emotions in ((), (at(0, "neutral"),), (at(0, "angry", 0.0),)):
        style = PriorStyle(emotions=emotions)
        assert Emotional(style, FRAMES).neutral
        assert Emotional(style, FRAMES).apply(channels := sampled()) is channels


@pytest.mark.parametrize("emotion", FELT)
def test_taking_out_is_the_inverse(emotion):
    emotional = Emotional(PriorStyle(emotions=(at(0, emotion, 0.2), at(3, emotion, 1.0))), FRAMES)
    np.testing.assert_allclose(emotional.take_out(emotional.apply(sampled())), sampled(), atol=2e-6)


def wish(style: PriorStyle, kept: KeptTake | None = None) -> Wish:
    class Speech:
        def __len__(self) -> int:
            return FRAMES

    return Wish(
        speech=Speech(), seed=1, sampling=Sampling(style=style), lips=None, spoken=None, reference=None, kept=kept
    )


def test_kept_motion_stays_and_new_motion_joins_it_with_the_same_emotion():
    """Sources see the kept motion without emotion: one that gives it back gives the take back."""
    style = PriorStyle(emotions=(at(0, "happy", 0.9), at(3.5, "afraid")))
    take = Motion.from_channels(with_emotion(sampled(), wish(style)), FPS)
    mask = np.zeros((FRAMES, len(CHANNELS)), bool)
    mask[:40] = mask[70:] = True
    again = wish(style, KeptTake(take, mask))
    made = with_emotion(sampled(), again)
    np.testing.assert_array_equal(made[mask], take.channels()[mask])
    np.testing.assert_allclose(made, take.channels(), atol=3e-6)
    np.testing.assert_allclose(without_emotion(again).kept.channels, sampled(), atol=3e-6)


def test_another_emotion_meets_what_is_kept_without_a_jump():
    happy, sad = (PriorStyle(emotions=(at(0, emotion),)) for emotion in ("happy", "sad"))
    take = Motion.from_channels(with_emotion(sampled(), wish(happy)), FPS)
    mask = np.zeros((FRAMES, len(CHANNELS)), bool)
    mask[:40] = True
    made = with_emotion(sampled(), wish(sad, KeptTake(take, mask)))
    np.testing.assert_array_equal(made[mask], take.channels()[mask])
    alone = with_emotion(sampled(), wish(sad))
    np.testing.assert_allclose(made[55:], alone[55:], atol=1e-5)
    usual = np.abs(np.diff(sampled()[:, : len(EXPRESSIONS)], axis=0)).max()
    assert np.abs(np.diff(made[:, : len(EXPRESSIONS)], axis=0)).max() < 3 * usual
