"""Windows of the recordings: sound, phones and mouth stay together, and who is drawn how often."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.motion.channels import LIP_CHANNELS
from core.phones.phone_set import PHONES
from tests.training.lips.made import WIDTH, corpus, utterance
from training.lips.data import SOURCES
from training.lips.hearing import Version
from training.lips.sampler import Sampler, talker, window
from training.speech.visemes import GESTURES


def bump(places: np.ndarray, middle: float, width: float) -> np.ndarray:
    return np.exp(-(((places - middle) / width) ** 2))


@pytest.mark.parametrize(("speed", "start"), [(1.0, 10), (0.84, 17), (1.13, 9), (1.2, 0)])
def test_windows_keep_sound_phones_mouth_and_face_together(speed: float, start: int) -> None:
    """All four have their mark at 1.22 s, in the middle of frame 30, which is heard sooner at a higher speed."""
    clip = utterance(3)
    outputs = np.arange(2 * round(60 / speed))
    heard = np.tile(bump((outputs + 0.5) / 2, 30.5 / speed, 2.0)[:, None], (1, WIDTH)).astype(np.float16)
    mouth = np.tile(bump(np.arange(60) + 0.5, 30.5, 2.0)[:, None], (1, 27)).astype(np.float32)
    phones = np.where(np.abs(np.arange(240) + 0.5 - 122) < 8, 7, 0)
    clip = replace(clip, mouth=mouth, phones=phones, gestures=np.where(phones > 0, 2, 0))
    sound, labels, wanted, track = window(clip, Version(heard, speed), start, 40)
    assert sound.shape == (80, WIDTH) and labels.shape == wanted.shape == (160,) and track.shape == (40, 27)
    expected = 30.5 / speed - start
    assert np.average((np.arange(80) + 0.5) / 2, weights=sound[:, 0]) == pytest.approx(expected, abs=0.04)
    assert np.average(np.arange(40) + 0.5, weights=track[:, 0]) == pytest.approx(expected, abs=0.04)
    assert np.average((np.arange(160) + 0.5) / 4, weights=labels) == pytest.approx(expected, abs=0.13)
    assert (labels > 0).sum() == pytest.approx(16 / speed, abs=1.01)
    assert np.array_equal(labels > 0, wanted > 0)
    clip = replace(clip, f_v=mouth.astype(np.float16), versions=(Version(heard[: 2 * 40], speed),))
    batch = Sampler([clip, utterance(0, "synthetic")], {"grid": 0.5, "synthetic": 0.5}, 40).draw(
        8, np.random.default_rng(0)
    )
    assert 0 < len(batch.filmed) < 8 and batch.f_v.shape == (len(batch.filmed), 40, 27)
    assert np.array_equal(batch.source[batch.filmed], np.full(len(batch.filmed), SOURCES.index("grid")))
    np.testing.assert_allclose(batch.f_v, batch.mouth[batch.filmed], atol=2e-3)


def test_the_last_frame_goes_on_where_a_recording_ends() -> None:
    clip = utterance(1, frames=12)
    heard, labels, wanted, track = window(clip, clip.versions[0], 0, 24)
    own = clip.versions[0].heard.astype(np.float32)
    assert np.array_equal(heard[:24], own) and (heard[24:] == own[-1]).all()
    np.testing.assert_allclose(track[:12], clip.mouth, atol=1e-6)
    assert np.array_equal(labels[:48], clip.phones) and (labels[48:] == clip.phones[-1]).all()
    assert np.array_equal(wanted[:48], clip.gestures)
    np.testing.assert_allclose(track[12:], np.tile(clip.mouth[-1:], (12, 1)), atol=1e-6)


def test_a_batch_has_the_documented_shapes() -> None:
    batch = Sampler(corpus(), {"grid": 0.7, "synthetic": 0.3}, 24).draw(6, np.random.default_rng(0))
    assert batch.heard.shape == (6, 48, WIDTH) and batch.heard.dtype == np.float32
    assert batch.phones.shape == (6, 96) and batch.gestures.shape == (6, 24) and batch.source.shape == (6,)
    assert batch.mouth.shape == (6, 24, len(LIP_CHANNELS)) and batch.mouth.dtype == np.float32
    assert batch.gestures.min() >= 0 and batch.gestures.max() < len(GESTURES)
    assert batch.phones.min() >= 0 and batch.phones.max() < len(PHONES)
    again = Sampler(corpus(), {"grid": 0.7, "synthetic": 0.3}, 24).draw(6, np.random.default_rng(0))
    assert np.array_equal(batch.heard, again.heard) and np.array_equal(batch.mouth, again.mouth)


def test_a_frame_has_the_gesture_that_fills_half_of_it() -> None:
    clip = utterance(0)
    rows = np.zeros(240, np.int64)
    rows[0:2], rows[4:5], rows[8:12] = 1, 1, 3
    clip = replace(clip, gestures=rows, versions=clip.versions[:1])
    batch = Sampler([clip], {"grid": 1.0}, 60).draw(1, np.random.default_rng(0))
    assert batch.gestures[0, :4].tolist() == [1, 0, 3, 0]


def test_the_sampler_keeps_to_the_shares() -> None:
    batch = Sampler(corpus(), {"grid": 0.5, "synthetic": 0.25, "quiet": 0.25}, 24).draw(400, np.random.default_rng(0))
    share = np.bincount(batch.source, minlength=len(SOURCES)) / 400
    np.testing.assert_allclose(share, [0.5, 0.25, 0.0, 0.25], atol=0.07)


def marked(name: str, mark: float, source: str = "grid", frames: int = 60, versions: int = 1):
    """A recording whose version v is heard as the number ``mark`` + v everywhere."""
    heard = [Version(np.full((2 * frames, 4), mark + v, np.float16), 1.0) for v in range(versions)]
    return replace(utterance(0, source, frames), name=name, versions=tuple(heard))


def drawn(utterances: list, shares: dict[str, float], count: int = 1200) -> np.ndarray:
    """The mark of each drawn window."""
    return Sampler(utterances, shares, 24).draw(count, np.random.default_rng(0)).heard[:, 0, 0]


def test_talkers_are_drawn_by_the_square_root_of_what_they_say() -> None:
    """Sixteen clips of s1 against one of s4: four to one. Within a talker, all clips are drawn alike."""
    marks = drawn([marked(f"s1_{i}", i) for i in range(16)] + [marked("s4_0", 100.0)], {"grid": 1.0})
    assert (marks < 100).mean() == pytest.approx(4 / 5, abs=0.04)
    each = np.bincount(marks[marks < 100].astype(int), minlength=16) / len(marks)
    np.testing.assert_allclose(each, 4 / 5 / 16, atol=0.03)


def test_a_longer_recording_is_drawn_more_often() -> None:
    marks = drawn([marked("a", 0.0, "recorded", 30), marked("b", 1.0, "recorded", 120)], {"recorded": 1.0})
    assert (marks == 1).mean() == pytest.approx(4 / 5, abs=0.04)


def test_recordings_without_video_are_one_talker_a_source() -> None:
    assert talker(marked("s1_bbaf2n", 0.0)) == "s1" and talker(marked("president_04", 0.0)) == "president"
    assert talker(marked("103-1240-0000", 0.0, "recorded")) == "recorded"


def test_every_version_is_drawn() -> None:
    marks = drawn([marked("s1_0", 0.0, versions=4)], {"grid": 1.0}, 600)
    np.testing.assert_allclose(np.bincount(marks.astype(int), minlength=4) / 600, 0.25, atol=0.06)


def test_every_part_of_a_recording_is_drawn() -> None:
    clip = utterance(0)
    heard = np.repeat(np.arange(60), 2)[:, None].repeat(4, 1).astype(np.float16)
    clip = replace(clip, versions=(Version(heard, 1.0),))
    batch = Sampler([clip], {"grid": 1.0}, 24).draw(500, np.random.default_rng(0))
    assert set(batch.heard[:, 0, 0]) == set(range(37)) and batch.heard[:, -1, 0].max() == 59
