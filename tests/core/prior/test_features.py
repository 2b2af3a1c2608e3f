"""f_nl and the 32 channels."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.motion.channels import GAZE, HEAD, NONLIP_CHANNELS
from core.prior.features import (
    FEATURE_GROUPS,
    FEATURES,
    channels_from_features,
    close_blinks,
    d_nl,
    features_from_channels,
    known_features,
)


def column(name):
    return NONLIP_CHANNELS.index(name)


@given(st.integers(0, 2**32 - 1))
def test_features_become_channels_and_features_again(seed):
    rng = np.random.default_rng(seed)
    features = rng.uniform(0, 1, size=(5, d_nl)).astype(np.float32)
    for name in (*HEAD, "gazeYaw", "gazePitch"):
        features[:, FEATURES.index(name)] = rng.uniform(-1, 1, size=5)
    np.testing.assert_allclose(features_from_channels(channels_from_features(features)), features, atol=1e-6)


def test_channels_stay_in_range_and_eyes_turn_together():
    channels = channels_from_features(np.random.default_rng(0).normal(0, 3, size=(200, d_nl)))
    expressions = channels[:, : -len(HEAD)]
    assert expressions.min() == 0 and expressions.max() == 1
    for a, b in (("eyeLookOut_L", "eyeLookIn_R"), ("eyeLookIn_L", "eyeLookOut_R"), ("eyeBlink_L", "eyeBlink_R")):
        np.testing.assert_array_equal(channels[:, column(a)], channels[:, column(b)])
    assert not (channels[:, column("eyeLookOut_L")] * channels[:, column("eyeLookIn_L")]).any()


def test_positive_yaw_looks_to_the_persons_left_and_positive_pitch_down():
    features = np.zeros(d_nl, dtype=np.float32)
    features[FEATURES.index("gazeYaw")], features[FEATURES.index("gazePitch")] = 0.4, 0.2
    channels = channels_from_features(features)
    assert channels[column("eyeLookOut_L")] == channels[column("eyeLookIn_R")] == np.float32(0.4)
    assert channels[column("eyeLookDown_L")] == channels[column("eyeLookDown_R")] == np.float32(0.2)


def test_blinks_close_fully_and_nothing_else_changes():
    features = np.random.default_rng(0).normal(size=(50, d_nl)).astype(np.float32)
    lid = FEATURES.index("blink")
    features[:, lid] = np.linspace(0, 1, 50)
    closed = close_blinks(features)
    np.testing.assert_array_equal(np.delete(closed, lid, axis=1), np.delete(features, lid, axis=1))
    assert (closed[features[:, lid] >= 0.76, lid] == 1).all()
    low = features[:, lid] <= 0.4
    np.testing.assert_array_equal(closed[low, lid], features[low, lid])
    steps = np.diff(closed[:, lid])
    assert steps.min() >= 0 and steps.max() < 0.04, "monotone, without a jump"


def test_half_a_gaze_is_not_known():
    mask = np.zeros(len(NONLIP_CHANNELS), dtype=bool)
    mask[[column(name) for name in GAZE[:5]]] = True
    assert not known_features(mask).any()
    mask[[column(name) for name in GAZE]] = True
    assert set(np.flatnonzero(known_features(mask))) == set(FEATURE_GROUPS["gaze"])


def test_groups_partition_the_features():
    assert sorted(i for group in FEATURE_GROUPS.values() for i in group) == list(range(d_nl))
