"""Style controls on a tiny network: sizes, gaze, poses, loops, and kept motion under every style."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInputError
from core.motion.channels import GROUPS, HEAD_ROTATION, NONLIP_CHANNELS
from core.prior.blinks import DELAY
from core.prior.features import FEATURE_GROUPS, FEATURES, GAZE_FULL, d_nl, features_from_channels
from core.prior.guidance import early_gain
from core.prior.kept import Kept
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.sampling import Sampling
from core.prior.styling import LEAVING, Styling, leave_poses, pose_constraints
from core.schema import build, checked
from core.wire.style import PriorStyle

ROTATION = [NONLIP_CHANNELS.index(name) for name in HEAD_ROTATION]
PLAIN = PriorStyle()


def columns(group):
    return [NONLIP_CHANNELS.index(name) for name in GROUPS[group]]


@pytest.fixture(scope="module")
def prior():
    torch.manual_seed(0)
    network = AudioToNonlipPrior(PriorConfig.tiny())
    with torch.no_grad():
        network.out.weight.normal_(0, 0.1)
        network.no_audio.normal_()
    mean = torch.where(torch.tensor([name.startswith(("head", "gaze")) for name in FEATURES]), 0.0, 0.3)
    return NonlipPrior(network, mean, torch.full((d_nl,), 0.1), num_inference_steps=3)


class Swaying(AudioToNonlipPrior):
    """Predicts one smooth motion for every input, so that only joining can bring it to the kept motion."""

    def forward(self, noisy, t, audio, known, known_mask):
        phase = torch.arange(noisy.shape[1])[:, None] / 9 + torch.arange(noisy.shape[2])
        return torch.sin(phase).expand_as(noisy)


@pytest.fixture(scope="module")
def swaying(prior):
    return NonlipPrior(
        Swaying(PriorConfig.tiny()), torch.from_numpy(prior.mean), torch.full((d_nl,), 0.1), num_inference_steps=3
    )


def mel(frames, seed=0):
    return np.random.default_rng(seed).normal(size=(4 * frames, 80)).astype(np.float32)


def sample(prior, frames=130, **style):
    return prior.sample(mel(frames), [3], Sampling(style=PriorStyle(**style)))[0]


def test_amplitudes_scale_only_their_group(prior):
    plain = sample(prior)
    for name, group in (("head", "head"), ("brow", "brows"), ("cheek", "cheeks")):
        half = sample(prior, **{f"{name}_amplitude": 0.5})
        np.testing.assert_allclose(half[:, columns(group)], 0.5 * plain[:, columns(group)], atol=1e-6)
        others = [g for g in ("head", "gaze", "brows", "blink") if g not in (group, "gaze")]
        for other in others:
            np.testing.assert_array_equal(half[:, columns(other)], plain[:, columns(other)])
    still = sample(prior, head_amplitude=0.0)
    assert not still[:, columns("head")].any()
    np.testing.assert_array_equal(still[:, columns("blink")], plain[:, columns("blink")])


def test_lids_blink_at_any_amplitude(prior):
    plain, flat = sample(prior), sample(prior, lid_amplitude=0.0)
    blink = NONLIP_CHANNELS.index("eyeBlink_L")
    np.testing.assert_array_equal(flat[:, blink], plain[:, blink])
    assert not flat[:, NONLIP_CHANNELS.index("eyeSquint_L")].any()


def looks(features):
    """Where the eyes look in degrees (yaw, pitch), with the whole turn of the head added."""
    gaze = features[:, [FEATURES.index("gazeYaw"), FEATURES.index("gazePitch")]] * GAZE_FULL
    return gaze + np.rad2deg(features[:, [1, 0]])


def test_a_still_head_leaves_no_roving_eyes():
    """Eyes that only compensate head motion rest when the head rests."""
    time = np.arange(200) / 25
    features = np.zeros((200, d_nl), np.float32)
    features[:, 1] = np.deg2rad(4 * np.sin(time))
    features[:, FEATURES.index("gazeYaw")] = -7 * np.tanh(np.rad2deg(features[:, 1]) / 8) / GAZE_FULL[0]
    styled = Styling(PriorStyle(head_amplitude=0.0), len(features)).apply(features)
    assert np.abs(styled[:, 1]).max() == 0
    assert np.abs(styled[:, FEATURES.index("gazeYaw")]).max() < 1e-6


def test_eyes_rest_on_the_camera():
    rng = np.random.default_rng(0)
    features = np.zeros((300, d_nl), np.float32)
    features[:, :2] = np.deg2rad(rng.normal(0, 5, (300, 2)))
    for name in ("gazeYaw", "gazePitch"):
        features[:, FEATURES.index(name)] = rng.normal(0, 0.3, 300)
    stylings = [Styling(PriorStyle(gaze_to_camera=camera), len(features)) for camera in (0.0, 0.5, 1.0)]
    distance = [np.abs(looks(styling.apply(features))).mean() for styling in stylings]
    assert distance[0] > 1.5 * distance[1] > 1.5 * 1.5 * distance[2]
    assert 0.05 < distance[2] < 1.0, "small saccades stay"


@given(
    seed=st.integers(0, 100),
    head=st.floats(0.2, 3),
    gaze=st.floats(0.3, 1.2),
    brow=st.floats(0.2, 3),
    camera=st.floats(0, 0.5),
)
def test_removing_a_style_undoes_it(seed, head, gaze, brow, camera):
    rng = np.random.default_rng(seed)
    features = rng.uniform(0, 0.3, size=(20, d_nl)).astype(np.float32)
    features[:, :3] = np.deg2rad(rng.normal(0, 4, (20, 3)))
    for name in ("gazeYaw", "gazePitch"):
        features[:, FEATURES.index(name)] = rng.normal(0, 0.1, 20)
    styling = Styling(
        PriorStyle(head_amplitude=head, gaze_amplitude=gaze, brow_amplitude=brow, gaze_to_camera=camera), 1
    )
    styled = styling.apply(features)
    again = styling.apply(styling.take_out(styled))
    # If the eyes look far to the side, resting on the camera can't be undone; everything else can.
    tolerance = 1e-5 if camera == 0 else 0.15
    np.testing.assert_allclose(again, styled, atol=tolerance)
    others = [i for i in range(d_nl) if i not in FEATURE_GROUPS["gaze"]]
    np.testing.assert_allclose(styling.take_out(styled)[:, others], features[:, others], atol=1e-5)


STYLES = [
    {"head_amplitude": 0.0},
    {"head_amplitude": 1.7, "gaze_amplitude": 0.4, "brow_amplitude": 0.0},
    {"liveliness": 1.0, "gaze_to_camera": 1.0},
    {"blink_rate": 40.0, "lid_amplitude": 2.0},
    {"loop": True, "head_amplitude": 1.3},
    {"start_pose": (5.0, -5.0, 0.0), "end_pose": (0.0, 0.0, 3.0)},
]


@pytest.mark.parametrize("style", STYLES)
def test_kept_motion_is_bit_identical_and_joined(swaying, style):
    frames = 140
    rng = np.random.default_rng(1)
    keep = np.clip(rng.normal(0.3, 0.05, (1, frames, 32)), 0, 1).astype(np.float32)
    keep[..., -6:] = np.cumsum(rng.normal(0, 0.003, (1, frames, 6)), axis=1)
    mask = np.zeros((frames, 32), bool)
    mask[40:80] = True
    mask[:, columns("brows")] = True
    mask[0, columns("blink")] = True
    motion = swaying.sample(mel(frames), [1], Sampling(style=PriorStyle(**style)), keep=keep, keep_mask=mask)
    np.testing.assert_array_equal(motion[:, mask], keep[:, mask])
    head = np.rad2deg(motion[0][:, ROTATION])
    step = np.abs(np.diff(head, axis=0)).max(axis=1)
    assert max(step[39], step[79]) < 2.0, "without joining, the borders would jump by about 6°"


def test_longer_transitions_make_smaller_steps(prior):
    frames = 120
    keep = np.full((1, frames, 32), 0.5, np.float32)
    mask = np.zeros((frames, 32), bool)
    mask[60:] = True
    free = prior.sample(mel(frames), [1])
    changed = {}
    for transition in (2, 20):
        motion = prior.sample(mel(frames), [1], Sampling(transition=transition), keep=keep, keep_mask=mask)
        np.testing.assert_array_equal(motion[:, 60:], keep[:, 60:])
        changed[transition] = np.abs(np.diff(motion[0, :61, ROTATION[0]])).max()
    assert free.shape == keep.shape and changed[20] < changed[2]
    with pytest.raises(ValueError, match="transition"):
        Sampling(transition=0)


def test_poses_are_held_at_both_ends(prior):
    motion = sample(prior, start_pose=(4.0, -8.0, 2.0), end_pose=(0.0, 6.0, -1.0), head_amplitude=0.6)
    np.testing.assert_array_equal(motion[0, ROTATION], np.deg2rad(np.array([4.0, -8.0, 2.0])).astype(np.float32))
    np.testing.assert_array_equal(motion[-1, ROTATION], np.deg2rad(np.array([0.0, 6.0, -1.0])).astype(np.float32))
    posed = Sampling(style=PriorStyle(start_pose=(4.0, -8.0, 2.0)))
    one = prior.sample(mel(1), [3], posed)
    np.testing.assert_array_equal(one[0, 0, ROTATION], motion[0, ROTATION])
    kept = np.zeros((1, 130, 32), np.float32)
    mask = np.zeros((130, 32), bool)
    mask[0] = True
    again = prior.sample(mel(130), [3], posed, keep=kept, keep_mask=mask)
    assert not again[0, 0].any(), "kept motion takes precedence over the pose"


@pytest.mark.parametrize("frames", [12, 30, 41, 130, 400])
def test_a_loop_has_no_seam(swaying, frames):
    """The step from the last frame to the first is no larger than others, although the sound differs there."""
    plain, looped = sample(swaying, frames), sample(swaying, frames, loop=True)
    assert looped.shape == plain.shape
    half = frames // 2
    eyes = columns("gaze")
    others = [i for i in range(32) if i not in eyes]
    np.testing.assert_array_equal(looped[: half - 10, others], plain[: half - 10, others])
    settled = max(frames - 50 - DELAY, 0)  # settling the eyes looks two seconds ahead
    np.testing.assert_array_equal(looped[:settled, eyes], plain[:settled, eyes])
    head = np.rad2deg(looped[:, ROTATION])
    steps = np.abs(np.diff(np.r_[head, head[:1]], axis=0)).max(axis=1)
    assert steps[-1] <= 1.2 * steps[:-1].max()
    eyes = looks(features_from_channels(looped))
    steps = np.abs(np.diff(np.r_[eyes, eyes[:1]], axis=0)).max(axis=1)
    assert steps[-1] <= max(1.2 * steps[:-1].max(), 1.0)


def test_takes_too_short_for_a_loop_are_plain(prior):
    np.testing.assert_array_equal(sample(prior, 5, loop=True), sample(prior, 5))


def test_more_steps_than_the_weights_own_lead_less_in_each():
    one = np.ones(d_nl, np.float32)
    assert early_gain(one, 10, 10) is None
    np.testing.assert_array_equal(early_gain(1.1 * one, 10, 10), 1.1 * one)
    np.testing.assert_array_equal(early_gain(1.1 * one, 4, 10), 1.1 * one)
    # Twice as many steps lead twice as often, so the factors of two of them make one factor of ten steps.
    np.testing.assert_allclose(early_gain(1.1 * one, 20, 10) ** 2, 1.1 * one, rtol=1e-6)


def test_the_blink_rate_changes_only_the_lids(prior):
    plain, often = sample(prior, 600), sample(prior, 600, blink_rate=40.0)
    lids = [NONLIP_CHANNELS.index("eyeBlink_L"), NONLIP_CHANNELS.index("eyeBlink_R")]
    others = [i for i in range(32) if i not in lids]
    np.testing.assert_array_equal(often[:, others], plain[:, others])
    closed = often[:, lids[0]] > 0.9
    assert 10 <= (closed & ~np.r_[False, closed[:-1]]).sum() <= 22
    assert sample(prior, 600, blink_rate=0.0)[:, lids].max() < 0.6


def test_wrong_settings_are_refused_by_name():
    assert build(PriorStyle, {"start_pose": [1, 2, 3], "blink_rate": 20}).start_pose == (1.0, 2.0, 3.0)
    for wrong, word in (
        ({"liveliness": 2.0}, "liveliness"),
        ({"head_amplitude": -0.1}, "head_amplitude"),
        ({"blink_rate": 90.0}, "blink_rate"),
        ({"start_pose": [1, 2]}, "start_pose must be 3 values"),
        ({"end_pose": [0, 40, 0]}, "end_pose can't be 40"),
        ({"end_pose": ["a", 0, 0]}, "end_pose"),
        ({"loop": 1}, "loop"),
        ({"temper": 1}, "temper"),
    ):
        with pytest.raises(BadInputError, match=word):
            build(PriorStyle, wrong)
    assert checked(PLAIN) == PLAIN


def test_features_and_channels_agree_on_the_head(prior):
    motion = sample(prior)
    np.testing.assert_allclose(features_from_channels(motion)[:, :6], motion[:, -6:], atol=1e-6)


def test_heads_glide_out_of_a_pose_until_kept_motion_begins():
    style = PriorStyle(start_pose=(0.0, 10.0, 0.0), end_pose=(0.0, 10.0, 0.0))
    turn = FEATURES.index("headYaw")

    def glide(first=0, stop=80, kept=None):
        mask = np.zeros((80, len(NONLIP_CHANNELS)), bool)
        mask[kept if kept is not None else slice(0), NONLIP_CHANNELS.index("headYaw")] = True
        features = np.zeros((2, stop - first, d_nl), np.float32)
        features[..., FEATURES.index("blink")] = 0.5
        leave_poses(features, first, 80, style, Kept(2, 80, np.zeros((2, *mask.shape), np.float32), mask))
        assert (features[..., FEATURES.index("blink")] == 0.5).all()
        return np.rad2deg(features[..., turn])

    whole = glide()
    np.testing.assert_allclose(whole[:, :3], 10.0, rtol=1e-5)
    np.testing.assert_allclose(whole, whole[:, ::-1], atol=1e-5)
    assert (np.diff(whole[0, : 3 + LEAVING]) <= 0).all() and not whole[0, 2 + LEAVING : 40].any()
    assert np.abs(np.diff(whole[0], n=2)).max() < 0.3, "10° in two thirds of a second without a jerk"
    pieces = np.concatenate([glide(0, 7), glide(7, 30), glide(30, 80)], axis=1)
    np.testing.assert_array_equal(pieces, whole)
    short = glide(kept=slice(8, 72))
    assert short[0, 7] > 0 and not short[:, 8:72].any(), "kept frames do not change, and the head reaches them smoothly"
    np.testing.assert_allclose(short, short[:, ::-1], atol=1e-5)


@pytest.mark.parametrize("frames", [8, 12, 20, 34, 60])
def test_a_short_take_goes_from_pose_to_pose_without_a_jump(frames):
    style = PriorStyle(start_pose=(0.0, 10.0, 0.0), end_pose=(0.0, -10.0, 0.0))
    kept = Kept(1, frames, entries=pose_constraints(style, frames))
    features = np.zeros((1, frames, d_nl), np.float32)
    leave_poses(features, 0, frames, style, kept)
    yaw = np.rad2deg(features[0, :, FEATURES.index("headYaw")])
    held = kept.part(0, frames)
    at = NONLIP_CHANNELS.index("headYaw")
    np.testing.assert_allclose(yaw[held[1][:, at]], np.rad2deg(held[0][0, held[1][:, at], at]), atol=1e-4)
    assert (np.diff(yaw) <= 1e-5).all(), "the head never turns back"
    assert -np.diff(yaw).min() < 4 * 20 / (frames - 6), "no step is much larger than at an even pace"
