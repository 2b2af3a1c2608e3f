"""Random windows of the recordings, as the diffusion decoder learns from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.facetalk.expression_code import ExpressionCode
from core.facetalk.network import MOTION
from core.motion.channels import EXPRESSIONS
from core.sound.mel import MELS_PER_FRAME

from ..common.mirror import HEAD_SIGNS, other_side
from ..lips.sampler import shares_of
from ..sadtalker.clips import less_sure
from .data import Recording

LEAST = 0.01
"""Smallest deviation of a channel, as a share of the largest one of its kind: smaller ones are noise of the tracks."""
_DOUBT = 2.0
"""Largest addition to the temperature of the phones of a window."""
_KINDS = (slice(0, -6), slice(-6, -3), slice(-3, None))
"""Movements, rotation and translation."""
_MIRROR = [EXPRESSIONS.index(other_side(name)) for name in EXPRESSIONS]


@dataclass(frozen=True)
class Windows:
    """B windows of L frames.

    Attributes
    ----------
    phones, manner
        (B, 4 L, 40) and (B, L, 12), what is heard; see :class:`core.facetalk.network.ExpressionDecoder`.
    motion
        (B, L, MOTION) movements in millimetres, radians and centimetres.
    known
        (B, L) bool: the frames that are given.
    heard
        (B,) bool: False where the speech is hidden.
    """

    phones: Tensor
    manner: Tensor
    motion: Tensor
    known: Tensor
    heard: Tensor

    def to(self, device: torch.device) -> Windows:
        """The same windows on a device."""
        return Windows(**{name: value.to(device) for name, value in vars(self).items()})


class WindowSampler:
    """Draws windows of ``frames`` frames: first whether somebody was filmed, then the recording, then the place.

    Parameters
    ----------
    recordings
        Of filmed talkers and of voices; ValueError if none of the filmed ones is long enough.
    code
        Turns weights into movements.
    frames
        L, frames of a window.
    voices
        Share of the windows of voices that nobody filmed.
    hidden
        Share of the windows whose speech is hidden.
    scaled
        Range of the factors by which expressions are multiplied, a new one for each window: the paper's augmentation.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        code: ExpressionCode,
        frames: int,
        voices: float,
        hidden: float,
        scaled: tuple[float, float],
    ) -> None:
        self.frames, self._code, self._hidden, self._scaled = frames, code, hidden, scaled
        long_enough = [recording for recording in recordings if len(recording) >= frames]
        self._pools = {kind: [r for r in long_enough if r.filmed == kind] for kind in (True, False)}
        if not self._pools[True]:
            raise ValueError(f"no filmed clip has {frames} frames")
        self._voices = voices if self._pools[False] else 0.0
        self._weights = {
            kind: shares_of([r.talker for r in pool], [len(r) for r in pool]) for kind, pool in self._pools.items()
        }

    def draw(self, count: int, rng: np.random.Generator) -> Windows:
        """``count`` random windows."""
        drawn = [self._window(rng) for _ in range(count)]
        phones, manner, motion, known, heard = (torch.stack(part) for part in zip(*drawn, strict=True))
        return Windows(phones, manner, motion, known, heard)

    def statistics(self, windows: int = 1500) -> tuple[Tensor, Tensor]:
        """(MOTION,) mean and deviation of the motion, windows drawn as in training."""
        rows = self.draw(windows, np.random.default_rng(0)).motion.flatten(0, 1)
        deviation = rows.std(0)
        for kind in _KINDS:
            deviation[kind] = deviation[kind].clamp_min(LEAST * float(deviation[kind].max()) or 1.0)
        return rows.mean(0), deviation

    def _window(self, rng: np.random.Generator) -> tuple[Tensor, ...]:
        filmed = bool(rng.random() >= self._voices)
        pool = self._pools[filmed]
        recording = pool[int(rng.choice(len(pool), p=self._weights[filmed]))]
        begin = int(rng.integers(len(recording) - self.frames + 1))
        part = slice(begin, begin + self.frames)
        channels = recording.motions[int(rng.integers(len(recording.motions))), part]
        weights, pose = channels[:, : len(EXPRESSIONS)], channels[:, len(EXPRESSIONS) :]
        if rng.random() < 0.5:
            weights, pose = weights[:, _MIRROR], pose * HEAD_SIGNS
        weights = weights * np.float32(rng.uniform(*self._scaled))
        motion = torch.empty(self.frames, MOTION)
        motion[:, : -pose.shape[1]] = torch.from_numpy(weights) @ self._code.to_movements.T
        motion[:, -pose.shape[1] :] = torch.from_numpy(pose.astype(np.float32))
        rows = slice(MELS_PER_FRAME * part.start, MELS_PER_FRAME * part.stop)
        phones = torch.from_numpy(recording.phones[rows].astype(np.float32))
        phones = less_sure(phones, 1.0 + _DOUBT * float(rng.random()) ** 2)
        given = int(rng.integers(1, self.frames // 3)) if rng.random() < 0.5 else 0
        known = torch.arange(self.frames) < given
        heard = torch.tensor(bool(rng.random() >= self._hidden))
        return phones, torch.from_numpy(recording.manner[part]), motion, known, heard
