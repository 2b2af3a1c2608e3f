"""Measuring L_cl: a probe finds what a fixed f_a tells about faces, and the folds keep talkers apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.sound.lips import LipModel
from tests.training.lips import made
from training.common.splits import TALKERS_OF_FEW_CLIPS
from training.lips import contrast_study
from training.lips.contrast import APART
from training.lips.contrast_study import FOLDS, f_a_of, own_sound_found, probe_of, table
from training.lips.hearing import Version
from training.lips.train import TrainConfig

TINY = TrainConfig(size="tiny", batch=8, window=24)
CHANCE = APART / 60


def test_a_probe_finds_what_is_in_f_a(monkeypatch: pytest.MonkeyPatch) -> None:
    """An untrained E_a passes on what is heard. A probe finds it, and does not change E_a."""
    monkeypatch.setattr(contrast_study, "PROBE", replace(contrast_study.PROBE, steps=60))
    torch.manual_seed(0)
    model = LipModel(TINY.model()).eval()
    before = {name: value.clone() for name, value in model.own_state().items()}
    clips, others = [made.utterance(k) for k in range(6)], [made.utterance(k) for k in (50, 51)]
    probe = probe_of(model, clips, TINY)
    found = own_sound_found(model, others, probe)
    assert len(found) == 2 and min(found) > 5 * CHANCE
    assert all(torch.equal(value, before[name]) for name, value in model.own_state().items())
    deaf = [replace(u, versions=(Version(np.roll(u.versions[0].heard, 30, axis=0), 1.0),)) for u in others]
    assert max(own_sound_found(model, deaf, probe)) < 3 * CHANCE, "other sound is not found"


def test_f_a_is_that_of_the_recording_itself() -> None:
    model, clip = LipModel(TINY.model()).eval(), made.utterance(3)
    alone = replace(clip, versions=clip.versions[:1])
    assert torch.equal(f_a_of(model, clip), f_a_of(model, alone)) and f_a_of(model, clip).shape == (60, 24)


def test_each_talker_of_few_clips_is_left_out_once() -> None:
    assert sorted(name for fold in FOLDS for name in fold) == sorted(TALKERS_OF_FEW_CLIPS)
    assert "s2, s20, s30 and once without s3, s5, s22, s23" in table([]).notes[0]
