"""Lip-only targets: the mouth of the film, everything else as in the reference; windows and where they come from."""

import numpy as np
import pytest
import torch

from core.head.expression import target_expression
from core.motion.channels import EXPRESSIONS, LIP_COLUMNS
from core.sound.lips import Heard
from training.common.folders import TRACKS
from training.sadtalker.clips import (
    LIDS,
    ClipSampler,
    filmed_clips,
    less_sure,
    lip_only,
    own_face,
    phones_of_frames,
    voice_clips,
)

from .made import clip, clips

UPPER = [i for i in range(53) if i not in LIP_COLUMNS and i not in LIDS]


def test_all_but_mouth_and_lids_is_as_in_the_reference():
    own, first = own_face(np.random.default_rng(0)), 0.3 * torch.rand(53)
    mouth, blink = torch.rand(9, 27), torch.linspace(0, 1, 9)
    reference, target = lip_only(own, first, mouth, blink)
    torch.testing.assert_close(target[:, UPPER], reference[UPPER].expand(9, -1))
    moved = torch.zeros(9, 53)
    moved[:, LIP_COLUMNS] = mouth
    torch.testing.assert_close(target[:, LIP_COLUMNS], target_expression(own, moved)[:, LIP_COLUMNS])


def test_lids_shut_as_asked_whatever_the_first_frame_did():
    own, first = torch.zeros(53), torch.zeros(53)
    own[LIDS], first[LIDS] = 0.2, 0.9
    reference, target = lip_only(own, first, torch.zeros(3, 27), torch.tensor([0.0, 0.5, 1.0]))
    torch.testing.assert_close(reference[LIDS], torch.tensor([0.2, 0.2]))
    torch.testing.assert_close(target[:, LIDS[0]], torch.tensor([0.2, 0.6, 1.0]))


def test_own_faces_have_open_eyes():
    faces = torch.stack([own_face(np.random.default_rng(i)) for i in range(50)])
    assert faces.min() >= 0 and 0.5 < faces.max() <= 0.6 and faces[:, LIDS].max() <= 0.15


def test_phones_of_frames_are_means_of_their_rows():
    phones = torch.rand(2, 12, 40)
    torch.testing.assert_close(phones_of_frames(phones)[:, 1], phones[:, 4:8].mean(1))


def test_windows_are_parts_of_clips():
    sampler = ClipSampler(clips(), 20, voices=0.5)
    batch = sampler.draw(200, np.random.default_rng(0))
    assert (
        batch.phones.shape == (200, 80, 40) and batch.target.shape == (200, 20, 53) and batch.blink.shape == (200, 20)
    )
    assert 60 < batch.filmed.sum() < 140
    jaw = EXPRESSIONS.index("jawOpen")
    heard = phones_of_frames(batch.phones)[:, :, 0] < 0.5
    torch.testing.assert_close(batch.target[:, :, jaw], 0.6 * heard)
    again = sampler.draw(200, np.random.default_rng(0))
    assert torch.equal(batch.target, again.target)


def test_one_talker_of_many_clips_does_not_fill_the_windows():
    many = [clip(f"ann_{i}") for i in range(16)] + [clip("bob_0")]
    drawn = ClipSampler(many, 80, voices=0.0)
    weights = drawn._weights[True]
    assert weights[-1] == pytest.approx(0.2) and weights.sum() == pytest.approx(1.0)


def test_without_long_films_there_is_nothing_to_learn():
    with pytest.raises(ValueError, match="no filmed clip has 100 frames"):
        ClipSampler([clip("ann_0"), clip("voice", 200, filmed=False)], 100, voices=0.5)


class Listener:
    """Stands for the lip model."""

    def __init__(self):
        self.gain = torch.full((27,), 1.3)

    def listen(self, mel):
        return Heard.nothing(len(mel) // 4, 3)

    def predict(self, heard):
        return np.full((len(heard), 27), 0.2 * float(self.gain[0]), np.float32)


def test_clips_are_read_from_tracks_by_part(tmp_path, monkeypatch, wav):
    monkeypatch.chdir(tmp_path)
    (TRACKS / "grid").mkdir(parents=True)
    for name in ("s34_a", "s2_b"):
        expression = np.random.default_rng(1).random((50, 53)).astype(np.float32)
        np.savez(TRACKS / "grid" / f"{name}.npz", expression=expression)
        wav(TRACKS / "grid" / f"{name}.wav", 2.0)
    np.savez(TRACKS / "grid" / "s3_silent.npz", expression=np.zeros((50, 53), np.float32))
    (found,) = filmed_clips("train", Listener())
    assert (found.name, found.talker, found.filmed, len(found.heard)) == ("s2_b", "s2", True, 50)
    left, right = (EXPRESSIONS.index(f"mouthSmile_{side}") for side in "LR")
    assert np.array_equal(found.expression[:, left], found.expression[:, right])
    assert [clip.name for clip in filmed_clips("validation", Listener())] == ["s34_a"]


def test_voices_speak_with_the_lip_models_mouth_without_its_gain(tmp_path, wav):
    (tmp_path / "speech").mkdir()
    for number in range(8):
        wav(tmp_path / "speech" / f"{number}-1-0000.flac", 1.0)
    lips = Listener()
    found = voice_clips(tmp_path, lips)
    assert 0 < len(found) <= 8 and not any(clip.filmed for clip in found)
    assert np.allclose(found[0].expression[:, LIP_COLUMNS], 0.2) and not found[0].expression[:, UPPER].any()
    assert torch.all(lips.gain == 1.3)


def test_phones_that_are_heard_less_surely_stay_in_order():
    phones = torch.tensor([[0.9, 0.08, 0.02]])
    softer = less_sure(phones, 2.0)
    torch.testing.assert_close(softer, (phones.sqrt() / phones.sqrt().sum()))
    torch.testing.assert_close(less_sure(phones, 1.0), phones)
