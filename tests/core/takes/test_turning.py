"""The portrait's turning limits reach what is sampled in jobs with pictures; motion alone is for rigs, and free."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from core.motion.channels import FPS
from core.motion.motion import Motion
from core.motion.turning import TurningLimits
from core.prior.model import NonlipPrior
from core.takes.models import Models
from core.wire.protocol import PriorStyle, Render, Resample
from tests.core.job_runs import run


def test_pictures_limit_heads_and_motion_alone_does_not(models, request_) -> None:
    job = run(request_).takes()[0].job
    assert models.prior.asked.turning == models.turning(None)
    run(replace(request_, motion_only=True, size=256))
    assert models.prior.asked.turning is None
    run(Resample(job=job, renew=("brows",), take=1, device="cpu"))
    assert models.prior.asked.turning == models.turning(None)


def test_a_motion_only_job_is_sampled_again_without_its_portrait(models, request_) -> None:
    take = run(replace(request_, motion_only=True)).takes()[0]
    [portrait] = Path(take.job).glob("portrait.*")
    portrait.unlink()
    assert len(run(Resample(job=take.job, take=1, renew=("head",), device="cpu")).takes()) == 1


def test_edited_turns_are_rendered_as_they_are(models, request_, tmp_path) -> None:
    job = run(request_).takes()[0].job
    motion = Motion.zeros(5)
    turned = replace(motion, rotation=np.tile(np.float32([0.5, -0.6, 0]), (5, 1)))
    turned.save(tmp_path / "turned.npz")
    take = run(Render(job=job, take=1, motion=str(tmp_path / "turned.npz"), device="cpu")).takes()[0]
    np.testing.assert_array_equal(Motion.load(take.motion).rotation, turned.rotation)


def test_a_very_lively_take_stays_within_its_portraits_limits(models, request_) -> None:
    limits = TurningLimits((-0.2, 0.2), (-0.1, 0.15))
    models.turning = lambda portrait: limits
    models.prior = NonlipPrior.load()
    lively = PriorStyle(liveliness=1.0, head_amplitude=3.0)
    turns = []
    for motion_only in (True, False):
        take = run(replace(request_, takes=1, style=lively, motion_only=motion_only)).takes()[0]
        turns.append(Motion.load(take.motion).rotation)
    low, high = np.transpose([limits.pitch, limits.yaw])
    inside = [((turn[:, :2] >= low - 1e-6) & (turn[:, :2] <= high + 1e-6)).all() for turn in turns]
    assert inside == [False, True]
    assert np.abs(np.diff(turns[1], 2, axis=0)).max() * FPS**2 <= np.abs(np.diff(turns[0], 2, axis=0)).max() * FPS**2


def test_real_limits_are_found_for_a_portrait(place) -> None:
    found = Models("cpu")
    limits = found.turning(found.portrait(place.portrait))
    assert all(low < 0 < high for low, high in (limits.pitch, limits.yaw))
