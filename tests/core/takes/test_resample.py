"""Takes sampled again, whole or in part: the kept part stays bit for bit, impossible requests get a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadInputError, CancelledError
from core.motion.channels import GROUPS, LIP_CHANNELS, LIP_COLUMNS, NONLIP_COLUMNS
from core.motion.motion import Motion, group_indices
from core.wire.protocol import PriorStyle, Progress, Render, Resample
from tests.core.job_runs import Heard, run

FRAMES = 30
JAW = [LIP_CHANNELS.index(name) for name in GROUPS["jaw"]]


def test_only_the_named_groups_in_the_range_are_sampled_again(models, request_) -> None:
    first = run(request_).takes()[0]
    source = Motion.load(first.motion).channels()
    request = Resample(job=first.job, take=1, renew=("brows", "blink"), first_frame=10, last_frame=19, device="cpu")
    take = run(request).takes()[0]
    assert (take.index, take.seed) == (3, 2)
    channels = Motion.load(take.motion).channels()
    renewed = group_indices("brows") + group_indices("blink")
    assert np.array_equal(np.delete(channels, renewed, 1), np.delete(source, renewed, 1))
    assert np.array_equal(np.delete(channels, range(10, 20), 0), np.delete(source, range(10, 20), 0))
    assert (channels[10:20, renewed] != source[10:20, renewed]).mean() > 0.9


def test_without_named_groups_all_of_the_range_is_sampled_again(models, request_) -> None:
    first = run(request_).takes()[0]
    source = Motion.load(first.motion).channels()
    take = run(Resample(job=first.job, take=1, first_frame=20, transition=3, device="cpu")).takes()[0]
    channels = Motion.load(take.motion).channels()
    assert np.array_equal(channels[:20], source[:20])
    assert (channels[20:, NONLIP_COLUMNS] != source[20:, NONLIP_COLUMNS]).mean() > 0.9
    assert models.prior.asked.transition == 3
    named = Resample(job=first.job, take=1, seed=take.seed, renew=tuple(GROUPS), first_frame=20, transition=3)
    assert run(replace(named, device="cpu")).takes()[0].index == take.index, "naming every group is the same take"


def test_kept_lips_are_those_of_the_take_and_not_of_the_sound(models, request_, tmp_path) -> None:
    first = run(request_).takes()[0]
    heard = Motion.load(first.motion).channels()[:, LIP_COLUMNS]
    pressed = Motion.load(first.motion).channels().copy()
    pressed[:, LIP_COLUMNS] = 0.25
    Motion.from_channels(pressed).save(tmp_path / "pressed.npz")
    edited = run(Render(job=first.job, take=1, motion=str(tmp_path / "pressed.npz"), device="cpu")).takes()[0].index
    kept = run(Resample(job=first.job, take=edited, renew=("head",), device="cpu")).takes()[0]
    assert (Motion.load(kept.motion).channels()[:, LIP_COLUMNS] == 0.25).all()
    renewed = run(Resample(job=first.job, take=edited, renew=("lips", "jaw"), device="cpu")).takes()[0]
    assert np.array_equal(Motion.load(renewed.motion).channels()[:, group_indices("jaw")], heard[:, JAW])


def test_the_takes_of_a_job_share_one_prediction_of_the_lips(models, request_) -> None:
    assert len(run(replace(request_, takes=3)).takes()) == 3
    assert models.lips.asked == 1


def test_style_is_the_jobs_unless_a_resample_brings_its_own(models, request_) -> None:
    job = run(replace(request_, style=PriorStyle(head_amplitude=0.5, end_pose=(1, 2, 3)))).takes()[0].job
    assert models.prior.asked.style == PriorStyle(head_amplitude=0.5, end_pose=(1.0, 2.0, 3.0))
    assert job != run(request_).takes()[0].job, "another style is another job"
    assert models.prior.asked.style == PriorStyle()
    run(Resample(job=job, device="cpu"))
    assert models.prior.asked.style.head_amplitude == 0.5
    own = PriorStyle(start_pose=(0.0, 1.0, 2.0))
    for _ in range(2):  # the second time it is found again in job.json
        take = run(Resample(job=job, seed=40, style=own, device="cpu")).takes()[0]
        assert take.index == 4
    assert models.prior.asked.style == own


def test_resample_whole_takes_new_seeds_each_time(models, request_) -> None:
    job = run(request_).takes()[0].job
    assert [t.seed for t in run(Resample(job=job, takes=2, device="cpu")).takes()] == [2, 3]
    assert [t.seed for t in run(Resample(job=job, device="cpu")).takes()] == [4]
    assert [t.index for t in run(Resample(job=job, seed=4, device="cpu")).takes()] == [5]


def test_a_cancelled_resample_goes_on_with_its_seed(models, request_) -> None:
    job = run(request_).takes()[0].job
    heard = Heard(lambda e: isinstance(e, Progress) and e.stage == "frames")
    with pytest.raises(CancelledError):
        run(Resample(job=job, device="cpu"), heard)
    take = run(Resample(job=job, device="cpu")).takes()[0]
    assert (take.index, take.seed) == (3, 2)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"renew": ("head",)}, "bad_setting"),
        ({"first_frame": 3}, "bad_setting"),
        ({"take": 9}, "take_missing"),
        ({"take": 1, "first_frame": FRAMES}, "bad_setting"),
        ({"take": 1, "last_frame": FRAMES}, "bad_setting"),
        ({"take": 1, "first_frame": 9, "last_frame": 8}, "bad_setting"),
    ],
)
def test_impossible_resamples_are_sentences_and_add_no_take(models, request_, changes, code) -> None:
    job = run(request_).takes()[0].job
    with pytest.raises(BadInputError) as caught:
        run(Resample(job=job, device="cpu", **changes))
    assert caught.value.code == code
    assert not list(Path(job).glob("take-003/take.json"))
