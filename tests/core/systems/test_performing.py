"""The performance settings and kept motion, for motion that the diffusion prior didn't sample."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from core.motion.channels import CHANNELS, FPS, GROUPS, HEAD_ROTATION, LIP_COLUMNS, NONLIP_CHANNELS, NONLIP_COLUMNS
from core.motion.motion import Motion
from core.motion.turning import TurningLimits
from core.prior.features import BLINK_FROM
from core.prior.sampling import Sampling
from core.systems.motion_source import KeptTake, Wish
from core.systems.performing import finished, performed
from core.wire.style import PriorStyle

FRAMES = 250
ROTATION = [NONLIP_CHANNELS.index(name) for name in HEAD_ROTATION]
LID = NONLIP_CHANNELS.index("eyeBlink_L")


def columns(group: str) -> list[int]:
    return [NONLIP_CHANNELS.index(name) for name in GROUPS[group]]


def swaying() -> np.ndarray:
    """(T, 32) a head that sways by up to 0.3 rad, brows that go up and down, and eyes that never shut."""
    time = np.arange(FRAMES)[:, None] / FPS
    channels = np.zeros((FRAMES, len(NONLIP_CHANNELS)), np.float32)
    channels[:, columns("head")] = 0.3 * np.sin(1.7 * time + np.arange(6))
    channels[:, columns("brows")] = 0.3 + 0.2 * np.sin(2.0 * time)
    return channels


def sound() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(4 * FRAMES, 80)).astype(np.float32)


def made(turning: TurningLimits | None = None, keep=None, mask=None, transition: int = 8, **style) -> np.ndarray:
    sampling = Sampling(style=PriorStyle(**style), turning=turning, transition=transition)
    return performed(swaying(), sound(), 3, sampling, keep, mask)


def test_without_settings_only_lids_and_eyes_change() -> None:
    others = columns("head") + columns("brows") + columns("cheeks") + columns("nose")
    np.testing.assert_allclose(made()[:, others], swaying()[:, others], atol=1e-6)


def test_amplitudes_scale_and_zero_holds_the_head_still() -> None:
    still, half = made(head_amplitude=0.0), made(brow_amplitude=0.5)
    assert not still[:, columns("head")].any()
    np.testing.assert_allclose(half[:, columns("brows")], 0.5 * swaying()[:, columns("brows")], atol=1e-6)
    np.testing.assert_array_equal(still[:, columns("brows")], made()[:, columns("brows")])


def test_poses_begin_and_end_the_take_without_a_jump() -> None:
    take = np.rad2deg(made(start_pose=(0.0, 10.0, 0.0), end_pose=(-5.0, 0.0, 3.0))[:, ROTATION])
    np.testing.assert_allclose(take[0], (0.0, 10.0, 0.0), atol=1e-4)
    np.testing.assert_allclose(take[-1], (-5.0, 0.0, 3.0), atol=1e-4)
    assert np.abs(np.diff(take, axis=0)).max() < 2.5, "degrees a frame"


def test_a_loops_end_runs_into_its_beginning() -> None:
    head = made(loop=True)[:, columns("head")]
    steps = np.abs(np.diff(head, axis=0)).max()
    assert np.abs(head[0] - head[-1]).max() <= steps * 1.2 < np.abs(swaying()[0] - swaying()[-1]).max()
    np.testing.assert_array_equal(head[: FRAMES - 60], made()[: FRAMES - 60, columns("head")])


def test_heads_stay_within_their_portraits_limits() -> None:
    limits = TurningLimits((-0.2, 0.1), (-0.15, 0.25))
    turns, low, high = made(limits)[:, ROTATION[:2]], *np.transpose([limits.pitch, limits.yaw])
    assert ((turns >= low - 1e-6) & (turns <= high + 1e-6)).all()
    assert not ((made()[:, ROTATION[:2]] >= low) & (made()[:, ROTATION[:2]] <= high)).all()


def test_blinks_come_as_often_as_asked() -> None:
    never, seldom, often = (made(blink_rate=rate)[:, LID] > BLINK_FROM for rate in (0.0, 30.0, 50.0))
    counts = [np.count_nonzero(np.diff(shut.astype(int)) == 1) for shut in (never, seldom, often)]
    assert counts[0] == 0 < counts[1] < counts[2]


@pytest.mark.parametrize("style", [{}, {"head_amplitude": 0.3, "brow_amplitude": 2.0}, {"loop": True}])
@pytest.mark.parametrize("transition", [4, 20])
def test_what_is_kept_stays_and_the_rest_joins_it_smoothly(style, transition) -> None:
    keep = (0.5 * swaying()[::-1] + 0.1).astype(np.float32)
    mask = np.zeros(keep.shape, bool)
    mask[100:150] = True
    mask[:, columns("brows")] = True
    take = made(keep=keep, mask=mask, transition=transition, **style)
    np.testing.assert_array_equal(take[mask], keep[mask])
    head = take[:, columns("head")]
    jump = np.abs(keep[100, columns("head")] - made(**style)[100, columns("head")]).max()
    steps = np.abs(np.diff(head, axis=0)).max(axis=1)
    assert jump > 0.2 > 1.2 * max(steps[99], steps[149]), "at both seams"
    np.testing.assert_allclose(head[: 100 - transition], made(**style)[: 100 - transition, columns("head")], atol=1e-5)


def test_lips_are_joined_too_and_stay_weights() -> None:
    channels = np.zeros((FRAMES, len(CHANNELS)), np.float32)
    channels[:, NONLIP_COLUMNS] = swaying()
    channels[:, LIP_COLUMNS] = 0.1
    before = np.full(channels.shape, 0.9, np.float32)
    before[:, NONLIP_COLUMNS] = swaying()
    take = Motion.from_channels(before)
    mask = np.zeros(channels.shape, bool)
    mask[:100] = True
    speech = SimpleNamespace(mel=sound())
    wish = Wish(speech=speech, seed=3, sampling=Sampling(), lips=None, spoken=None, reference=None)  # type: ignore[arg-type]
    plain = finished(channels, wish)
    np.testing.assert_array_equal(plain[:, LIP_COLUMNS], channels[:, LIP_COLUMNS])
    joined = finished(channels, Wish(**{**wish.__dict__, "kept": KeptTake(take, mask)}))
    np.testing.assert_array_equal(joined[mask], take.channels()[mask])
    lips = joined[:, LIP_COLUMNS]
    assert np.abs(np.diff(lips, axis=0)).max() < 0.25 and lips.min() >= 0.0 and lips.max() <= 1.0
    np.testing.assert_array_equal(lips[110:], channels[110:, LIP_COLUMNS])


@pytest.mark.parametrize("style", [{}, {"loop": True}, {"start_pose": (0.0, 5.0, 0.0), "end_pose": (3.0, 0.0, 0.0)}])
@pytest.mark.parametrize("frames", [1, 2, 5, 12, 13, 60])
def test_takes_of_any_length(frames, style) -> None:
    take = performed(swaying()[:frames], sound()[: 4 * frames], 3, Sampling(style=PriorStyle(**style)))
    assert take.shape == (frames, len(NONLIP_CHANNELS)) and take.dtype == np.float32 and np.isfinite(take).all()
