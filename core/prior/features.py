"""f_nl: the numbers that the prior P_a2nl diffuses, and how they map to the 32 non-lip channels.

f_nl consists of the channels themselves, without their redundancies, so that no sample can contradict itself. Both eyes
blink together (Bentivoglio et al. 1997 counted no one-sided blinks in normal subjects). The eight gaze weights, at most
four of which can be non-zero, become two signed angles that both eyes share. That leaves 25 features.
"""

from __future__ import annotations

import numpy as np

from ..motion.channels import (
    BLINK,
    BROWS,
    CHEEKS,
    GAZE,
    GAZE_SIDEWAYS_DEGREES,
    GAZE_UP_DOWN_DEGREES,
    HEAD,
    NONLIP_CHANNELS,
    NOSE,
)

_SHARED = (*GAZE, "eyeBlink_L", "eyeBlink_R")
FEATURES: tuple[str, ...] = (
    *HEAD,
    "gazeYaw",
    "gazePitch",
    "blink",
    *tuple(c for c in BROWS + BLINK + CHEEKS + NOSE if c not in _SHARED),
)
"""Names of the entries of f_nl. ``gazeYaw`` > 0 looks to the person's left and ``gazePitch`` > 0 looks down, with the
same signs as the head's angles. Both are in units of the gaze weights (1 is a fully turned eye)."""

d_nl = len(FEATURES)

GAZE_FULL = (GAZE_SIDEWAYS_DEGREES, GAZE_UP_DOWN_DEGREES)
"""Turn of an eye at gaze weight 1, in degrees: (sideways, up or down)."""

FEATURE_GROUPS: dict[str, tuple[int, ...]] = {
    name: tuple(i for i, feature in enumerate(FEATURES) if feature in members)
    for name, members in {
        "head": HEAD,
        "gaze": ("gazeYaw", "gazePitch"),
        "blink": ("blink", *BLINK),
        "brows": BROWS,
        "cheeks": CHEEKS + NOSE,
    }.items()
}
"""Indices of the features of each group. A group can be kept or sampled again as a whole."""


def _index(channel: str) -> int:
    return NONLIP_CHANNELS.index(channel)


def _channel_to_feature() -> np.ndarray:
    """(32, 25) matrix M with f_nl = channels @ M."""
    matrix = np.zeros((len(NONLIP_CHANNELS), d_nl), dtype=np.float32)
    for column, feature in enumerate(FEATURES):
        if feature == "blink":
            parts = {"eyeBlink_L": 0.5, "eyeBlink_R": 0.5}
        elif feature == "gazeYaw":
            parts = {"eyeLookOut_L": 0.5, "eyeLookIn_R": 0.5, "eyeLookIn_L": -0.5, "eyeLookOut_R": -0.5}
        elif feature == "gazePitch":
            parts = {"eyeLookDown_L": 0.5, "eyeLookDown_R": 0.5, "eyeLookUp_L": -0.5, "eyeLookUp_R": -0.5}
        else:
            parts = {feature: 1.0}
        for channel, weight in parts.items():
            matrix[_index(channel), column] = weight
    return matrix


CHANNEL_TO_FEATURE = _channel_to_feature()


def features_from_channels(channels: np.ndarray) -> np.ndarray:
    """(…, 32) non-lip channels → (…, 25) features (weights, radians, centimetres)."""
    return np.asarray(channels, dtype=np.float32) @ CHANNEL_TO_FEATURE


def channels_from_features(features: np.ndarray) -> np.ndarray:
    """(…, 25) features → (…, 32) non-lip channels. Expression weights are clipped to 0–1."""
    features = np.asarray(features, dtype=np.float32)
    channels = np.zeros((*features.shape[:-1], len(NONLIP_CHANNELS)), dtype=np.float32)
    for column, feature in enumerate(FEATURES):
        value = features[..., column]
        if feature in NONLIP_CHANNELS:
            channels[..., _index(feature)] = value
            continue
        for row in np.flatnonzero(CHANNEL_TO_FEATURE[:, column]):
            channels[..., row] = np.maximum(value * np.sign(CHANNEL_TO_FEATURE[row, column]), 0.0)
    expressions = len(NONLIP_CHANNELS) - len(HEAD)
    np.clip(channels[..., :expressions], 0.0, 1.0, out=channels[..., :expressions])
    return channels


BLINK_FROM, BLINK_FULL = 0.4, 0.75
"""Lid weights above which a lid counts as closing, and from which on it counts as closed."""


def close_blinks(features: np.ndarray) -> np.ndarray:
    """(…, 25) features whose blinks close fully: lid weights from 0.4 to 0.75 are stretched to 0.4 … 1.

    Lids in the data are either open (up to about 0.3) or close all the way. A network trained with a squared loss
    samples some blinks that stop at 0.8. The map is monotone and continuous, so timing and smoothness do not change.
    """
    features = np.array(features, dtype=np.float32)
    features[..., FEATURES.index("blink")] = close_lids(features[..., FEATURES.index("blink")])
    return features


def close_lids(lid: np.ndarray) -> np.ndarray:
    """Weights of eyeBlink, of any shape, stretched as :func:`close_blinks` does it."""
    stretched = BLINK_FROM + (lid - BLINK_FROM) * (1.0 - BLINK_FROM) / (BLINK_FULL - BLINK_FROM)
    return np.where(lid > BLINK_FROM, np.minimum(stretched, 1.0), lid)


def known_features(keep_mask: np.ndarray) -> np.ndarray:
    """(…, 32) bool, which channels are kept → (…, 25) bool, which features they fix.

    A feature that is made of several channels counts as known only if all of them are kept. Half of the gaze channels
    do not tell where the eyes look.
    """
    kept = np.asarray(keep_mask, dtype=np.float32) @ (CHANNEL_TO_FEATURE != 0).astype(np.float32)
    return kept >= (CHANNEL_TO_FEATURE != 0).sum(axis=0)
