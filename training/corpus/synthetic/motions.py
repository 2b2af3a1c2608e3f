"""Expressions and poses of synthetic talkers: frames of tracked talkers, and random ones that cover other motions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.motion.channels import EXPRESSIONS, GAZE_SIDEWAYS_DEGREES, GAZE_UP_DOWN_DEGREES, LIP_COLUMNS

from ...common.folders import TRACKS
from ...common.splits import split

OTHERS = [i for i in range(len(EXPRESSIONS)) if i not in LIP_COLUMNS]
TURN = np.deg2rad((9.0, 16.0, 7.0))
"""Standard deviations of pitch, yaw and roll of random poses, radians."""
MOST_TURN = np.deg2rad((28.0, 48.0, 25.0))
GAZE_FULL = np.deg2rad((GAZE_SIDEWAYS_DEGREES, GAZE_UP_DOWN_DEGREES))
"""Rotation of an eye at weight 1 of the head model's gaze shapes, radians: sideways, up or down."""
_PAIRED = [name[:-2] for name in EXPRESSIONS if name.endswith("_L")]
_SINGLE = [name for name in EXPRESSIONS if name[-2:] not in ("_L", "_R")]


_CORPORA = ("grid", "obama")
"""Tracked corpora whose talkers lend their motion."""


@dataclass(frozen=True)
class MotionBank:
    """Expression weights (N, 53) of tracked frames, and rotations (M, 3) of speakers' heads relative to their
    median."""

    expression: np.ndarray
    rotation: np.ndarray

    @classmethod
    def load(cls, part: str, folder: Path = TRACKS) -> MotionBank:
        """Tracks of one part of the split (``train`` or ``test``); empty if none were made."""
        weights, turns = [np.zeros((0, len(EXPRESSIONS)), np.float32)], [np.zeros((0, 3), np.float32)]
        for path in sorted(path for corpus in _CORPORA for path in (folder / corpus).glob("*.npz")):
            if split(path.stem) != part:
                continue
            with np.load(path, allow_pickle=False) as track:
                if path.parent.name == "grid":
                    weights.append(track["expression"][::3])
                turns.append(track["rotation"][::5])
        return cls(np.concatenate(weights), np.concatenate(turns))

    def draw_expression(self, rng: np.random.Generator) -> np.ndarray:
        """(53,) weights of one face: a tracked, random or closed mouth, with random lids, brows and gaze."""
        weights = np.zeros(len(EXPRESSIONS), np.float32)
        kind = rng.random()
        if kind < 0.45 and len(self.expression):
            tracked = self.expression[rng.integers(len(self.expression))]
            weights[LIP_COLUMNS] = tracked[LIP_COLUMNS] * rng.uniform(0.7, 1.5)
        elif kind < 0.85:
            weights[LIP_COLUMNS] = _drawn(rng)[LIP_COLUMNS]
        if rng.random() < 0.25:
            _add(weights, "mouthSmile", rng.uniform(0.1, 0.9), rng)
        if rng.random() < 0.5:
            other = _drawn(rng)
            weights[OTHERS] = np.maximum(weights[OTHERS], 0.8 * other[OTHERS])
        _lids(weights, rng)
        _gaze(weights, rng)
        return np.clip(weights, 0, 1)

    def draw_rotation(self, rng: np.random.Generator) -> np.ndarray:
        """(3,) pitch, yaw, roll in radians: widely distributed, or a speaker's rotation added to a random rest pose."""
        if rng.random() < 0.4 and len(self.rotation):
            turn = 1.5 * self.rotation[rng.integers(len(self.rotation))] + rng.normal(0, 0.4, 3) * TURN
        else:
            turn = rng.normal(0, 1, 3) * TURN
        return np.clip(turn, -MOST_TURN, MOST_TURN).astype(np.float32)


def _add(weights: np.ndarray, name: str, amount: float, rng: np.random.Generator) -> None:
    """Raise a channel, or both sides of a pair, mostly by similar amounts."""
    if name in _PAIRED:
        lopsided = rng.uniform(0.75, 1.25) if rng.random() < 0.8 else rng.uniform(0, 2)
        for side, share in (("L", lopsided), ("R", 2 - lopsided)):
            weights[EXPRESSIONS.index(f"{name}_{side}")] += amount * min(share, 1.4)
    else:
        weights[EXPRESSIONS.index(name)] += amount


def _drawn(rng: np.random.Generator) -> np.ndarray:
    """(53,) random weights of a few channels, with an open jaw in more than half of the faces."""
    weights = np.zeros(len(EXPRESSIONS), np.float32)
    names = [name for name in (*_PAIRED, *_SINGLE) if not name.startswith(("eyeLook", "eyeBlink", "jawOpen"))]
    for name in rng.choice(names, size=int(rng.integers(2, 7)), replace=False):
        _add(weights, str(name), float(rng.beta(1.2, 2.2)), rng)
    jaw = float(rng.beta(1.0, 2.0)) if rng.random() < 0.6 else 0.0
    weights[EXPRESSIONS.index("jawOpen")] = jaw
    # mouthClose closes the mouth over a dropped jaw, so it never exceeds jawOpen.
    close = EXPRESSIONS.index("mouthClose")
    weights[close] = min(weights[close], jaw)
    return np.clip(weights, 0, 1)


def _lids(weights: np.ndarray, rng: np.random.Generator) -> None:
    kind = rng.random()
    blink = 1.0 if kind < 0.12 else rng.uniform(0, 1) if kind < 0.3 else rng.uniform(0, 0.2)
    wink = rng.random() < 0.04
    for side in "LR":
        weights[EXPRESSIONS.index(f"eyeBlink_{side}")] = rng.uniform(0, 1) if wink else blink
    if blink > 0.5:
        for side in "LR":
            weights[EXPRESSIONS.index(f"eyeWide_{side}")] = 0


def _gaze(weights: np.ndarray, rng: np.random.Generator) -> None:
    wide = rng.random() < 0.5
    yaw, pitch = rng.normal(0, (0.45, 0.4) if wide else (0.15, 0.12))
    vergence = rng.normal(0, 0.03)
    set_gaze(weights, np.array([[yaw + vergence, pitch], [yaw - vergence, pitch]]))


def set_gaze(weights: np.ndarray, gaze: np.ndarray) -> None:
    """Write gaze (2 eyes, yaw and pitch in gaze weights) into expression weights (53,). The person's left eye is first;
    yaw to the person's left and pitch down are positive."""
    gaze = np.clip(gaze, -1, 1)
    for side, name, inward in ((0, "L", -1.0), (1, "R", 1.0)):
        yaw, pitch = gaze[side]
        for channel, value in (
            (f"eyeLookIn_{name}", inward * yaw),
            (f"eyeLookOut_{name}", -inward * yaw),
            (f"eyeLookDown_{name}", pitch),
            (f"eyeLookUp_{name}", -pitch),
        ):
            weights[EXPRESSIONS.index(channel)] = max(value, 0.0)


def gaze_of(expression: np.ndarray) -> np.ndarray:
    """(..., 2 eyes, 2) yaw and pitch in radians of expression weights (..., 53); the inverse of :func:`set_gaze`."""
    index = EXPRESSIONS.index
    out = np.zeros((*expression.shape[:-1], 2, 2), np.float32)
    for side, name, inward in ((0, "L", -1.0), (1, "R", 1.0)):
        into, away = expression[..., index(f"eyeLookIn_{name}")], expression[..., index(f"eyeLookOut_{name}")]
        down, up = expression[..., index(f"eyeLookDown_{name}")], expression[..., index(f"eyeLookUp_{name}")]
        out[..., side, 0] = inward * (into - away) * GAZE_FULL[0]
        out[..., side, 1] = (down - up) * GAZE_FULL[1]
    return out
