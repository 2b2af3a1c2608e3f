"""Poses at times, with every motion source that ships: the head takes each exactly, and gets there as heads move."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest

from core.motion.channels import CHANNELS, HEAD_ROTATION
from core.motion.motion import Motion
from core.places import ROOT
from core.prior.sampling import Sampling
from core.sound.lips import LipModel
from core.sound.speech import Speech
from core.systems.choice import SOURCES as NEW_SOURCES
from core.systems.motion_source import KeptTake, Wish
from core.takes.mouth import Mouth
from core.wire.poses import PoseAt
from core.wire.style import PriorStyle
from core.wire.systems import SOURCES, names

ROTATION = [CHANNELS.index(name) for name in HEAD_ROTATION]
POSES = (
    PoseAt(seconds=0.6, pitch=2.0, yaw=15.0),
    PoseAt(seconds=1.4, pitch=2.0, yaw=15.0),
    PoseAt(seconds=2.0, pitch=-6.0, yaw=-12.0, roll=4.0),
)
WANTED = np.array([pose.angles for pose in POSES])
Make = Callable[..., np.ndarray]


@functools.cache
def speech() -> Speech:
    """Four seconds of the demonstration's sound."""
    return Speech(ROOT / "tools" / "assets" / "demo_speech.flac", 0.0, 4.0)


@functools.cache
def mouth() -> Mouth:
    return Mouth(LipModel.load("cpu"), speech(), "", print)


@pytest.fixture(scope="module", params=names(SOURCES))
def make(request) -> Make:
    """Makes (T, 59) channels of the speech in a style."""
    source = NEW_SOURCES[request.param]("cpu")

    def made(seed: int = 1, kept: KeptTake | None = None, **style) -> np.ndarray:
        wish = Wish(
            speech=speech(),
            seed=seed,
            sampling=Sampling(style=PriorStyle(**style)),
            lips=lambda: mouth().channels(1.0),
            spoken=lambda: mouth().spoken,
            reference=lambda: np.zeros(53, np.float32),
            kept=kept,
        )
        return source.channels(wish, lambda _: None)

    return made


def head(channels: np.ndarray) -> np.ndarray:
    """(T, 3) degrees."""
    return np.rad2deg(channels[:, ROTATION])


def places(frames: int) -> list[int]:
    return [pose.frame(frames) for pose in POSES]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_head_takes_each_pose_at_its_frame_without_a_jerk(make: Make, seed: int) -> None:
    usual, posed = head(make(seed)), head(make(seed, poses=POSES))
    frames = len(posed)
    np.testing.assert_allclose(posed[places(frames)], WANTED, atol=1e-4)
    # The largest way is 27° in 15 frames: a cubic's speed is at most 1.5 · 27/15, its bend at most 6 · 27/15².
    for order, most in ((1, 2.7), (2, 0.72)):
        own, found = (np.abs(np.diff(take, n=order, axis=0)).max() for take in (usual, posed))
        assert found <= most + 1.2 * own, f"{'speed' if order == 1 else 'bend'} in degrees a frame"


def test_only_the_poses_move_a_head_that_is_still(make: Make) -> None:
    posed = head(make(poses=POSES, head_amplitude=0.0))
    np.testing.assert_allclose(posed[15:36], np.broadcast_to(WANTED[0], (21, 3)), atol=1e-4)
    again = head(make(seed=2, poses=POSES, head_amplitude=0.0))
    np.testing.assert_allclose(again, posed, atol=1e-4)


def test_with_start_and_end_poses(make: Make) -> None:
    posed = head(make(poses=POSES, start_pose=(0.0, 0.0, 5.0), end_pose=(1.0, 2.0, 3.0)))
    np.testing.assert_allclose(posed[[0, -1]], [(0.0, 0.0, 5.0), (1.0, 2.0, 3.0)], atol=1e-4)
    np.testing.assert_allclose(posed[places(len(posed))], WANTED, atol=1e-4)


@pytest.mark.parametrize("poses", [POSES[1:], (PoseAt(seconds=0.2, yaw=8.0),)])
def test_a_loop_goes_through_them(make: Make, poses: tuple[PoseAt, ...]) -> None:
    posed = head(make(poses=poses, loop=True))
    for pose in poses:
        np.testing.assert_allclose(posed[pose.frame(len(posed))], pose.angles, atol=1e-4)
    around = np.r_[posed[-3:], posed[:3]]
    for order in (1, 2):
        seam, inside = (np.abs(np.diff(part, n=order, axis=0)).max() for part in (around, posed))
        assert seam <= 1.2 * inside


def test_kept_motion_comes_before_poses(make: Make) -> None:
    before = make(seed=3)
    mask = np.zeros(before.shape, bool)
    mask[:30] = True
    take = Motion.from_channels(before)
    after = make(seed=4, kept=KeptTake(take, mask), poses=POSES)
    np.testing.assert_array_equal(after[:30], take.channels()[:30])
    np.testing.assert_allclose(head(after)[places(len(after))[1:]], WANTED[1:], atol=1e-4)


def test_lips_stay_as_they_are(make: Make) -> None:
    usual, posed = make(), make(poses=POSES)
    lips = [CHANNELS.index(name) for name in ("jawOpen", "mouthFunnel")]
    np.testing.assert_array_equal(posed[:, lips], usual[:, lips])
