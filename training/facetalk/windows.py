"""Random windows of the recordings, as the diffusion decoder learns from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.facetalk.expression_code import MOVEMENTS, ExpressionCode
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
    cues
        What the motion follows, as the decoder's ``hear`` takes it. Of speech: phones (B, 4 L, 40) and manner
        (B, L, 12).
    motion
        (B, L, MOTION) movements in millimetres, radians and centimetres.
    known
        (B, L) bool: the frames that are given.
    heard
        (B,) bool: False where the cues are hidden.
    """

    cues: tuple[Tensor, ...]
    motion: Tensor
    known: Tensor
    heard: Tensor

    def to(self, device: torch.device) -> Windows:
        """The same windows on a device."""
        cues = tuple(cue.to(device) for cue in self.cues)
        return Windows(cues, *(part.to(device) for part in (self.motion, self.known, self.heard)))


@dataclass(frozen=True, eq=False)
class Place:
    """Where a window is: the frames ``part`` of a recording, mirrored or as they are."""

    recording: Recording
    part: slice
    mirrored: bool


class WindowSampler:
    """Draws windows of ``frames`` frames: first whether somebody was filmed, then the recording, then the place.

    The cues are what is heard. A subclass may give others.

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
        Share of the windows whose cues are hidden.
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
        self.frames, self.code = frames, code
        self._hidden, self._scaled = hidden, scaled
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
        cues, motion, known, heard = zip(*drawn, strict=True)
        stacked = tuple(torch.stack(cue) for cue in zip(*cues, strict=True))
        return Windows(stacked, torch.stack(motion), torch.stack(known), torch.stack(heard))

    def statistics(self, windows: int = 1500) -> tuple[Tensor, Tensor]:
        """(MOTION,) mean and deviation of the motion, windows drawn as in training."""
        rows = self.draw(windows, np.random.default_rng(0)).motion.flatten(0, 1)
        deviation = rows.std(0)
        for kind in _KINDS:
            deviation[kind] = deviation[kind].clamp_min(LEAST * float(deviation[kind].max()) or 1.0)
        return rows.mean(0), deviation

    def scaled(self, weights: np.ndarray, place: Place, rng: np.random.Generator) -> np.ndarray:
        """Weights (L, 53) of a window, augmented."""
        return weights * np.float32(rng.uniform(*self._scaled))

    def cues(self, place: Place, motion: Tensor, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """The cues of a window with this motion (L, MOTION), without the first dimension."""
        heard, part = place.recording, place.part
        rows = slice(MELS_PER_FRAME * part.start, MELS_PER_FRAME * part.stop)
        phones = torch.from_numpy(heard.phones[rows].astype(np.float32))
        return less_sure(phones, 1.0 + _DOUBT * float(rng.random()) ** 2), torch.from_numpy(heard.manner[part])

    def _window(self, rng: np.random.Generator) -> tuple[tuple[Tensor, ...], Tensor, Tensor, Tensor]:
        filmed = bool(rng.random() >= self._voices)
        pool = self._pools[filmed]
        recording = pool[int(rng.choice(len(pool), p=self._weights[filmed]))]
        begin = int(rng.integers(len(recording) - self.frames + 1))
        part = slice(begin, begin + self.frames)
        channels = recording.motions[int(rng.integers(len(recording.motions))), part]
        weights, pose = channels[:, : len(EXPRESSIONS)], channels[:, len(EXPRESSIONS) :]
        place = Place(recording, part, bool(rng.random() < 0.5))
        if place.mirrored:
            weights, pose = weights[:, _MIRROR], pose * HEAD_SIGNS
        motion = torch.empty(self.frames, MOTION)
        motion[:, :MOVEMENTS] = torch.from_numpy(self.scaled(weights, place, rng)) @ self.code.to_movements.T
        motion[:, MOVEMENTS:] = torch.from_numpy(pose.astype(np.float32))
        cues = self.cues(place, motion, rng)
        given = int(rng.integers(1, self.frames // 3)) if rng.random() < 0.5 else 0
        known = torch.arange(self.frames) < given
        return cues, motion, known, torch.tensor(bool(rng.random() >= self._hidden))
