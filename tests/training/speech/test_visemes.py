"""Phones to mouth: the blend equals a plain loop, lips meet, and the fit finds the targets that made the data."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.head.head_model import HeadModel
from core.motion.channels import LIP_CHANNELS
from core.phones.phone_set import PHONES, SILENCE, Segment
from core.phones.rows import phone_rows
from training.lips.mouth_geometry import MouthGeometry
from training.speech.phones import grid_sentence
from training.speech.visemes import (
    APERTURE,
    GESTURES,
    SHAPES,
    VISEMES,
    blending,
    calibrate,
    gesture_rows,
    hand_targets,
    mouth_targets,
    symmetric,
)

WORDS = ("B AA B", "M AY", "F IY V", "W UW SH", "P AH M P", "S T R EH NG TH", "HH AW Z", "CH OY", "L ER N", "Y UH R")


def _segments(text: str, length: float = 0.09) -> list[Segment]:
    names = [SILENCE, *text.split(), SILENCE]
    return [Segment(name, i * length, (i + 1) * length) for i, name in enumerate(names)]


@pytest.fixture(scope="module")
def geometry() -> MouthGeometry:
    return MouthGeometry.of(HeadModel.load())


def test_shares_sum_to_one_everywhere():
    for word in WORDS:
        for share in blending(_segments(word), 40):
            np.testing.assert_allclose(share.sum(1), 1.0)
            assert share.min() >= 0.0


def test_blend_equals_the_formula_written_out():
    segments = [Segment("AA", 0.0, 0.1), Segment("S", 0.1, 0.2)]
    frame, table = 2, hand_targets()
    time = (frame + 0.5) / 25
    total = np.zeros(len(LIP_CHANNELS))
    weight = 0.0
    for phone, start, end in (("SIL", -1.0, 0.0), ("AA", 0.0, 0.1), ("S", 0.1, 0.2), ("SIL", 0.2, 1.2)):
        half = (end - start) / 2
        distance = max(0.0, abs(time - (start + half + 0.02)) - max(0.6 * half, half - 0.06))
        dominance = VISEMES[phone].aperture * math.exp(-VISEMES[phone].speed * distance)
        total += dominance * table[SHAPES.index(phone)]
        weight += dominance
    jaw = LIP_CHANNELS.index("jawOpen")
    assert mouth_targets(segments, 5, table)[frame, jaw] == pytest.approx(total[jaw] / weight, rel=1e-5)


@pytest.mark.parametrize("closing", ["B", "P", "M"])
@pytest.mark.parametrize("vowel", ["AA", "IY", "UW", "AE"])
def test_lips_meet_between_any_vowels(geometry, closing, vowel):
    segments = [Segment(vowel, 0.0, 0.2), Segment(closing, 0.2, 0.3), Segment(vowel, 0.3, 0.5)]
    curve = geometry.opening_curve(mouth_targets(segments, 13, hand_targets()))
    assert curve[5:7].min() < 0.004
    if vowel != "UW":
        assert curve[2] > 0.02 and curve[10] > 0.02


def test_the_mouth_is_closed_in_silence(geometry):
    assert geometry.opening_curve(mouth_targets([Segment(SILENCE, 0.0, 1.0)], 25, hand_targets())).max() < 0.004


def test_rounding_spreads_wider_than_jaw():
    segments = [Segment("T", 0.0, 0.15), Segment("T", 0.15, 0.3), Segment("W", 0.3, 0.4)]
    aperture, rounding = blending(segments, 10)
    assert rounding[5, SHAPES.index("W")] > aperture[5, SHAPES.index("W")]


def test_calibration_finds_the_targets_that_made_the_data():
    rng = np.random.default_rng(0)
    true = symmetric(np.clip(hand_targets() + rng.uniform(0.0, 0.2, hand_targets().shape), 0.0, 1.0))
    clips = []
    for word in WORDS * 8:
        order = " ".join(rng.permutation(word.split()))
        segments = _segments(order, float(rng.uniform(0.06, 0.14)))
        frames = int(25 * segments[-1].end)
        clips.append((segments, mouth_targets(segments, frames, true)))
    found = calibrate(clips, strength=0.01)
    assert np.abs(found - true)[[SHAPES.index(p) for p in ("SIL", "B", "IY", "S", "T", "W")]].max() < 0.03
    np.testing.assert_allclose(calibrate(clips, strength=1e9), hand_targets(), atol=1e-3)


def test_symmetric_faces_are_kept_and_asymmetric_ones_straightened():
    table = hand_targets()
    np.testing.assert_allclose(symmetric(table), table)
    crooked = np.zeros(len(LIP_CHANNELS))
    crooked[[LIP_CHANNELS.index("mouthSmile_L"), LIP_CHANNELS.index("jawLeft")]] = 0.4
    straight = symmetric(crooked)
    assert straight[LIP_CHANNELS.index("mouthSmile_R")] == straight[LIP_CHANNELS.index("mouthSmile_L")] == 0.2
    assert straight[LIP_CHANNELS.index("jawLeft")] == 0.0


def test_gestures_have_their_time_within_a_phone():
    names = [gesture.name for gesture in GESTURES]
    spoken = [Segment(phone, 0.1 * i, 0.1 * (i + 1)) for i, phone in enumerate(("AA", "P", "F", "W"))]
    rows = gesture_rows(spoken, 40)
    assert list(np.flatnonzero(rows == names.index("closed"))) == list(range(10, 18))  # it ends before the burst
    assert list(np.flatnonzero(rows == names.index("on teeth"))) == list(range(22, 28))
    assert list(np.flatnonzero(rows == names.index("rounded"))) == list(range(32, 39))


def test_phone_rows():
    labels = phone_rows([Segment("B", 0.0, 0.03), Segment("AY", 0.03, 0.05)], 8)
    assert [PHONES[i] for i in labels] == ["B", "B", "B", "AY", "AY", "SIL", "SIL", "SIL"]


def test_grid_names_are_sentences():
    assert grid_sentence("bbaf2n") == "bin blue at f two now"
    assert grid_sentence("swwzzp") == "set white with z zero please"


def test_geometry_contains_the_jaw(geometry):
    assert geometry.opening[LIP_CHANNELS.index("jawOpen")] > 0.2
    assert geometry.width[LIP_CHANNELS.index("mouthPucker")] < -0.05
    assert geometry.cover_at_rest > 0.0 > geometry.cover[LIP_CHANNELS.index("jawOpen")]
    assert abs(geometry.opening_at_rest) < 0.01
    assert set(APERTURE) < set(LIP_CHANNELS)
