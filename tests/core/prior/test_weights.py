"""The shipped priors: heads move, takes are smooth, also where a part is kept, and styles have their effect."""

import numpy as np
import pytest

from core.motion.channels import FPS, GROUPS, NONLIP_CHANNELS
from core.prior.features import features_from_channels
from core.prior.model import NonlipPrior
from core.prior.sampling import Sampling
from core.sound.mel import SAMPLE_RATE, log_mel
from core.wire.style import PriorStyle

pytestmark = pytest.mark.slow

HEAD = [NONLIP_CHANNELS.index(name) for name in GROUPS["head"]]
SECONDS = 16


@pytest.fixture(scope="module", params=[False, True], ids=["channels", "learned code"])
def prior(request):
    return NonlipPrior.load(learned=request.param)


@pytest.fixture(scope="module")
def mel():
    """A buzz with syllables, phrases and pauses. It is like speech enough for a smoke test, and in no corpus."""
    time = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    f0 = 120 * 2 ** (0.25 * np.sin(2 * np.pi * time / 3.1))
    buzz = np.sign(np.sin(2 * np.pi * np.cumsum(f0) / SAMPLE_RATE))
    loudness = (0.3 + 0.7 * np.clip(np.sin(2 * np.pi * 4 * time), 0, 1)) * ((time % 4) < 2.8)
    return log_mel((0.2 * buzz * loudness).astype(np.float32), round(SECONDS * FPS))


@pytest.fixture(scope="module")
def takes(prior, mel):
    return prior.sample(mel, [1, 2])


def test_heads_move_and_takes_differ(takes):
    head = np.rad2deg(takes[..., HEAD[:3]])
    assert (head.std(axis=1) > 0.2).all(), "the head turns about every axis"
    assert np.abs(head).max() < 35
    assert np.abs(head[0] - head[1]).mean() > 0.5
    for second in range(0, SECONDS - 2, 2):  # nobody freezes for two seconds
        assert (np.ptp(head[:, second * 25 : second * 25 + 50], axis=1).max(axis=1) > 0.2).all()


def test_nothing_twitches(takes):
    """Head speed stays below the rapid motion of Hadar et al. 1983, also between windows."""
    speed = np.abs(np.diff(np.rad2deg(takes[..., HEAD[:3]]), axis=1)) * FPS
    assert speed.max() < 150
    acceleration = np.abs(np.diff(np.rad2deg(takes[..., HEAD[:3]]), n=2, axis=1)) * FPS**2
    assert np.sqrt(np.mean(acceleration**2)) < 250


def test_eyes_blink_and_open_again(takes):
    closure = takes[..., NONLIP_CHANNELS.index("eyeBlink_L")]
    assert closure.max() > 0.9
    assert np.median(closure) < 0.3


@pytest.mark.parametrize("sound", ["syllables", "a pause first", "silence"])
def test_takes_begin_awake(prior, mel, sound):
    """No take begins with shut eyes, and the first half second has no more blinks than what follows."""
    heard = {"syllables": mel[:200], "a pause first": mel[300:500], "silence": np.full_like(mel[:200], mel.min())}
    shut = prior.sample(heard[sound], list(range(60)))[..., NONLIP_CHANNELS.index("eyeBlink_L")] > 0.4
    assert not shut[:, :6].any()
    begins = (shut[:, 1:] & ~shut[:, :-1]).sum(axis=0)
    expected = begins[11:].sum() / (50 - 12) * 6  # in the half second's last six frames
    assert begins[:11].sum() <= expected + 3 * np.sqrt(expected)


def test_kept_head_is_joined_smoothly(prior, mel, takes):
    """The head of one take is kept in the middle of another: equal inside, no jump at the borders."""
    frames = takes.shape[1]
    mask = np.zeros((frames, len(NONLIP_CHANNELS)), dtype=bool)
    mask[150:260, HEAD] = True
    again = prior.sample(mel, [9], keep=takes[:1], keep_mask=mask)[0]
    np.testing.assert_array_equal(again[mask], takes[0][mask])
    speed = np.linalg.norm(np.diff(np.rad2deg(again[:, HEAD[:3]]), axis=0), axis=1)
    borders = [speed[149], speed[259]]
    assert max(borders) < max(2.0, 1.5 * np.percentile(speed, 99))
    assert np.abs(again[:100, HEAD] - takes[0][:100, HEAD]).max() > 0.005, "the other frames are new"


def test_gaze_goes_against_the_head(prior, mel):
    """Takes keep the vestibulo-ocular reflex of the training data. Six takes, because single ones may look aside."""
    takes = prior.sample(mel, list(range(1, 7)))
    features = features_from_channels(takes.reshape(-1, len(NONLIP_CHANNELS)))
    assert np.corrcoef(features[:, 1], features[:, 6])[0, 1] < -0.2


def test_calm_moves_less_than_lively_and_neither_stares(prior, mel, takes):
    spread = [
        np.rad2deg(prior.sample(mel, [1], Sampling(style=PriorStyle(liveliness=level)))[0][:, HEAD[:3]]).std()
        for level in (-1.0, 1.0)
    ]
    assert spread[0] < np.rad2deg(takes[0][:, HEAD[:3]]).std() < spread[1]
    lids = NONLIP_CHANNELS.index("eyeBlink_L")
    for take in takes:
        closed = np.flatnonzero(take[:, lids] > 0.6)
        assert np.diff(np.r_[0, closed, len(take)]).max() < 12 * FPS


def swing(motion):
    """Root of the summed variances of the head's turns, in degrees."""
    return float(np.sqrt(np.rad2deg(motion[:, HEAD[:3]]).var(axis=0).sum()))


def test_liveliness_has_a_clear_and_growing_effect(prior, mel):
    levels = (-1.0, -0.5, 0.0, 0.5, 1.0)
    swings = [
        np.mean([swing(take) for take in prior.sample(mel, [3, 4], Sampling(style=PriorStyle(liveliness=level)))])
        for level in levels
    ]
    assert swings == sorted(swings)
    assert swings[0] < 0.75 * swings[2] and 1.3 * swings[2] < swings[4] < 12.0, (
        "a clear difference, within the range of talkers"
    )


def test_a_still_talker_sits_still(prior, mel):
    """With levels like those of the GRID talker, the head hardly moves for the same speech, but the eyes blink."""
    still = prior.sample(mel, [3], Sampling(levels=np.array([-3.4, -2.8, -0.6, -1.9, -4.0, -1.3, -0.9])))[0]
    plain = prior.sample(mel, [3])[0]
    assert swing(still) < 0.6 * swing(plain)
    assert still[:, NONLIP_CHANNELS.index("eyeBlink_L")].max() > 0.9


def test_a_loop_closes_and_poses_are_left_smoothly(prior, mel):
    style = PriorStyle(loop=True)
    head = np.rad2deg(prior.sample(mel, [1], Sampling(style=style))[0][:, HEAD[:3]])
    steps = np.abs(np.diff(np.r_[head, head[:1]], axis=0)).max(axis=1)
    assert steps[-1] <= np.percentile(steps[:-1], 99)
    posed = prior.sample(mel, [1], Sampling(style=PriorStyle(start_pose=(0.0, 12.0, 0.0))))[0]
    assert np.rad2deg(posed[0, HEAD[1]]) == pytest.approx(12.0, abs=1e-4)
    yaw = np.rad2deg(posed[:40, HEAD[1]])
    assert np.abs(np.diff(yaw)).max() < 1.5 and np.abs(np.diff(yaw, n=2)).max() < 1.0, "37° a second without a jerk"
