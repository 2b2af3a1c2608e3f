"""Takes sampled again, whole or in part: what is kept stays to the bit, what cannot be is a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadInputError, CancelledError
from core.motion.channels import CHANNELS, GROUPS
from core.motion.motion import Motion, group_indices
from core.wire.protocol import PriorStyle, Progress, Resample
from tests.core.job_runs import Heard, run

FRAMES = 30


def test_resample_keeps_groups_and_frames_to_the_bit(models, request_) -> None:
    first = run(request_).takes()[0]
    source = Motion.load(first.motion).channels()
    request = Resample(job=first.job, take=1, keep=("head", "gaze"), first_frame=10, last_frame=19, device="cpu")
    take = run(request).takes()[0]
    assert (take.index, take.seed) == (3, 2)
    channels = Motion.load(take.motion).channels()
    kept = group_indices("head") + group_indices("gaze")
    assert np.array_equal(channels[:, kept], source[:, kept])
    assert np.array_equal(np.delete(channels, range(10, 20), 0), np.delete(source, range(10, 20), 0))
    free = [i for i, name in enumerate(CHANNELS) if name in GROUPS["brows"] + GROUPS["blink"]]
    assert not np.isclose(channels[10:20, free], source[10:20, free]).any(axis=1).all()


def test_resample_of_named_groups_keeps_all_others(models, request_) -> None:
    first = run(request_).takes()[0]
    source = Motion.load(first.motion).channels()
    take = run(Resample(job=first.job, take=1, groups=("blink",), transition=3, device="cpu")).takes()[0]
    channels = Motion.load(take.motion).channels()
    blink = group_indices("blink")
    assert np.array_equal(np.delete(channels, blink, 1), np.delete(source, blink, 1))
    assert not np.isclose(channels[:, blink], source[:, blink]).all(axis=1).any()
    assert models.prior.asked.transition == 3


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
        ({"keep": ("head",)}, "bad_setting"),
        ({"groups": ("head",)}, "bad_setting"),
        ({"take": 1, "keep": ("head", "gaze"), "groups": ("head",)}, "bad_setting"),
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
