"""Gaze as rests and jumps: settled paths, pieces of any size, fixed frames, and the eyes of whole takes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.motion.channels import FPS, GAZE, NONLIP_CHANNELS
from core.prior.blinks import DELAY
from core.prior.features import FEATURES, d_nl, features_from_channels
from core.prior.gaze import DRIFT, SHORTEST, GazeSettler, flight_frames
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.sampling import Sampling
from core.prior.styling import Styling
from core.wire.style import PriorStyle

EYES = [NONLIP_CHANNELS.index(name) for name in GAZE]


def settled(path, seed=0, fixed=None, pieces=(10**9,), **options):
    settler, out, at = GazeSettler(seed, **options), [], 0
    fixed = np.zeros(len(path), bool) if fixed is None else fixed
    sizes = iter(pieces * len(path))
    while at < len(path):
        end = min(at + next(sizes), len(path))
        out.append(settler.push(path[at:end], fixed[at:end], end == len(path)))
        at = end
    return np.concatenate(out)


def blurred(frames, seed=0, width=9, noise=0.05):
    """Rests of 0.6–2 s up to 8° apart, and the path that a sampler makes of them, with jumps spread over ``width``."""
    rng = np.random.default_rng(seed)
    true, at = np.zeros((frames, 2)), 0
    while at < frames:
        stop = at + int(rng.integers(15, 50))
        true[at:stop] = rng.uniform(-4, 4, 2)
        at = stop
    kernel = np.hanning(width + 2)[1:-1]
    padded = np.pad(true, ((width // 2, width // 2), (0, 0)), mode="edge")
    path = np.stack([np.convolve(padded[:, k], kernel / kernel.sum(), "valid") for k in range(2)], axis=1)
    return true, path + rng.normal(0, noise, path.shape)


def steps(path):
    return np.linalg.norm(np.diff(path, axis=0), axis=1)


def jumps(path):
    """First and last frame of every jump: a run of frames that change by more than a quarter of a degree."""
    edges = np.flatnonzero(np.diff(np.r_[0, steps(path) > 0.25, 0].astype(int)))
    return list(zip(edges[::2], edges[1::2], strict=True))


def test_slides_become_rests_and_jumps():
    true, path = blurred(1000)
    out = settled(path)
    slide, eyes = steps(path), steps(out)
    assert np.median(eyes) < 0.25 * np.median(slide), "eyes hardly move during a rest"
    assert np.percentile(eyes, 99) > 2 * np.percentile(slide, 99) and eyes.max() > 2 * slide.max()
    assert steps(true).max() * 1.1 > eyes.max(), "no jump is larger than the true jumps"
    assert np.abs(out - true).mean() < 0.5 * np.abs(path - true).mean(), "closer to the true eyes than the blurred path"


def test_jumps_last_as_long_as_saccades_do():
    _, path = blurred(2000, 1)
    out = settled(path)
    found = jumps(out)
    assert len(found) > 30
    for first, last in found:
        degrees = np.linalg.norm(out[last] - out[first])
        assert last - first <= np.ceil(flight_frames(degrees)) + 1 <= 3
    starts = [first for first, _ in found]
    assert min(np.diff(starts)) >= SHORTEST - 2
    assert flight_frames(10.0) / FPS == pytest.approx(0.043, abs=1e-6) and flight_frames(1000.0) == 2.0


def test_a_tenth_of_the_samples_motion_remains_during_a_rest():
    time = np.arange(200) / FPS
    path = np.stack([0.2 * np.sin(2 * np.pi * time), np.full(200, 3.0)], axis=1)
    out = settled(path)
    assert out[:, 0].std() == pytest.approx(DRIFT * path[:, 0].std(), rel=1e-6)
    np.testing.assert_allclose(out[:, 1], 3.0)


def test_slowly_the_eyes_follow_the_sample():
    _, path = blurred(3000, 2)
    out = settled(path)
    mean = np.full(50, 1 / 50)
    slow = [np.stack([np.convolve(p[:, k], mean, "valid") for k in range(2)]) for p in (path, out)]
    assert np.corrcoef(*(s.ravel() for s in slow))[0, 1] > 0.99
    assert out.var() == pytest.approx(path.var(), rel=0.1)
    np.testing.assert_allclose(out.mean(axis=0), path.mean(axis=0), atol=0.1)
    far = [np.abs(out[i] - path[max(i - 12, 0) : i + 13]).sum(axis=1).min() for i in range(3000)]
    assert max(far) < 1.0, "the sample looks there within half a second"


def test_settling_twice_changes_little():
    _, path = blurred(1000, 3)
    once = settled(path)
    again = settled(once, seed=1)
    assert np.abs(again - once).mean() < 0.15 * np.abs(path - once).mean() + 0.05


def test_smaller_glances_get_as_many_jumps():
    _, path = blurred(1000, 4)
    whole, small = settled(path), settled(0.3 * path, size=0.3)
    rests = steps(whole) < 0.02
    assert rests.sum() > 300
    np.testing.assert_allclose(small[1:][rests] / 0.3, whole[1:][rests], atol=1e-6)
    assert len(jumps(settled(0.3 * path) / 0.3)) < len(jumps(small / 0.3))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    pieces=st.lists(st.integers(1, 130), min_size=1, max_size=4),
    frames=st.integers(1, 500),
    loop=st.booleans(),
)
def test_the_size_of_the_pieces_makes_no_difference_and_fixed_frames_stay(seed, pieces, frames, loop):
    _, path = blurred(frames, seed)
    fixed = np.zeros(frames, bool)
    if seed % 3:
        fixed[frames // 3 : frames // 2] = fixed[frames * 3 // 4 : frames * 3 // 4 + 1] = True
    whole = settled(path, seed, fixed, loop=loop)
    np.testing.assert_array_equal(settled(path, seed, fixed, tuple(pieces), loop=loop), whole)
    np.testing.assert_array_equal(whole[fixed], path[fixed])
    assert whole.shape == path.shape


def test_seeds_shift_jumps_by_less_than_a_frame():
    _, path = blurred(600, 5)
    one, other = settled(path, 1), settled(path, 2)
    np.testing.assert_array_equal(one, settled(path, 1))
    differ = np.flatnonzero((one != other).any(axis=1))
    near = {frame + k for first, last in jumps(one) for frame in range(first, last + 1) for k in (-1, 0, 1)}
    assert len(differ) > 0 and set(differ) <= near | {f for first, last in jumps(other) for f in range(first, last + 1)}


def test_eyes_meet_fixed_frames_on_both_sides():
    _, path = blurred(300, 6)
    path[100:150] = (5.0, -2.0)
    path[98:100], path[150:152] = (4.5, -1.8), (4.5, -1.8)  # bent towards the fixed frames
    fixed = np.zeros(300, bool)
    fixed[100:150] = True
    out = settled(path, fixed=fixed)
    assert np.abs(out[99] - out[100]).sum() < 2.5 and np.abs(out[150] - out[149]).sum() < 0.3


def test_a_loop_ends_where_it_began():
    _, path = blurred(400, 7)
    path[-12:] += np.linspace(0, 1, 12)[:, None] * (path[0] - path[-1])
    out = settled(path, loop=True)
    assert np.abs(out[-1] - out[0]).max() < 0.35


def test_only_the_delay_is_held_back():
    settler, free = GazeSettler(0), np.zeros(200, bool)
    _, path = blurred(10_400)
    assert len(settler.push(path[:200], free, False)) == 200 - DELAY
    for i in range(50):
        assert len(settler.push(path[200 * (i + 1) : 200 * (i + 2)], free, False)) == 200
    assert len(settler._path) == DELAY == len(settler._rest), "an hour needs no more memory than a minute"
    assert len(settler.push(path[10_200:], free, True)) == 200 + DELAY


class Sliding(AudioToNonlipPrior):
    """Predicts slow sines: a gaze that never rests, on a head that turns."""

    def forward(self, noisy, t, audio, known, known_mask):
        phase = torch.arange(noisy.shape[1])[:, None] / 11 + torch.arange(noisy.shape[2])
        return torch.sin(phase).expand_as(noisy)


@pytest.fixture(scope="module")
def prior():
    size = torch.full((d_nl,), 0.1)
    size[[FEATURES.index("gazeYaw"), FEATURES.index("gazePitch")]] = 0.2
    return NonlipPrior(Sliding(PriorConfig.tiny()), torch.zeros(d_nl), size, num_inference_steps=2)


def mel(frames):
    return np.random.default_rng(0).normal(size=(4 * frames, 80)).astype(np.float32)


@pytest.mark.parametrize("style", [PriorStyle(), PriorStyle(head_amplitude=0.3, gaze_amplitude=0.7)])
def test_the_eyes_of_a_take_rest_in_the_world(prior, style):
    motion = prior.sample(mel(300), [4], Sampling(style=style))[0]
    world = steps(Styling(style, len(motion)).looks(features_from_channels(motion)))
    assert np.median(world) < 0.15 and world.max() > 1.0
    head = np.rad2deg(np.abs(np.diff(motion[:, -6:-3], axis=0)))
    assert np.median(head.max(axis=1)) > 0.2 * style.head_amplitude, "the head keeps turning"


def test_kept_gaze_does_not_change_and_the_remaining_gaze_is_settled(prior):
    frames = 260
    keep = prior.sample(mel(frames), [1])
    mask = np.zeros((frames, len(NONLIP_CHANNELS)), bool)
    mask[80:140, EYES] = True
    motion = prior.sample(mel(frames), [2], keep=keep, keep_mask=mask)
    np.testing.assert_array_equal(motion[:, mask], keep[:, mask])
    np.testing.assert_array_equal(motion, prior.sample(mel(frames), [2], keep=keep, keep_mask=mask))
    world = steps(Styling(PriorStyle(), len(motion[0])).looks(features_from_channels(motion[0])))
    assert np.median(world[:70]) < 0.15 and np.median(world[150:]) < 0.15


def test_eyes_on_the_camera_stay_on_it(prior):
    style = PriorStyle(gaze_to_camera=1.0)
    motion = features_from_channels(prior.sample(mel(200), [3], Sampling(style=style))[0])
    assert np.abs(Styling(style, len(motion)).looks(motion)).max() <= 1.01
