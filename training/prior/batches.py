"""Batches for the priors: windows of motion, their sound, and which of their entries are given."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor, nn

from core.prior.features import FEATURE_GROUPS, FEATURES, d_nl
from core.prior.network import AudioToNonlipPrior
from core.prior.spaces import ChannelSpace, FeatureSpace
from core.prior.told.levels import LEVEL_STEP, LEVELS, PARTS
from core.prior.told.mouth import MOUTH

from ..speech.prosody import HEARD
from .data import Clip, augment_mel, draw_mask, draw_window


@dataclass(frozen=True)
class MixConfig:
    """The mix of a batch.

    Attributes
    ----------
    batch
        Windows in a batch.
    empty_share
        Part of the conditions that are left empty (for eq. 10).
    unknown_share
        Part of the windows without the talker's levels.
    unseen_share
        Part of the windows without the mouth.
    shares
        How often each source is drawn.
    short_share
        Part of the batches whose windows are shorter than the network's, down to 8 frames. GRID's clips have 75 frames.
    """

    batch: int = 16
    empty_share: float = 0.1
    unknown_share: float = 0.3
    unseen_share: float = 0.25
    shares: tuple[tuple[str, float], ...] = (("synthetic", 0.5), ("grid", 0.35), ("address", 0.15))
    short_share: float = 0.35


def add_mix_argument(parser: argparse.ArgumentParser) -> None:
    """``--shares synthetic=0.5,grid=0.35,address=0.15``."""

    def shares(text: str) -> tuple[tuple[str, float], ...]:
        return tuple((name, float(value)) for name, value in (item.split("=") for item in text.split(",")))

    parser.add_argument(
        "--shares", type=shares, default=MixConfig.shares, help="how often each source is drawn: name=share,…"
    )


SIZES = ("tiny", "small", "base")
"""Names of ``PriorConfig``'s shapes, for the command lines."""
FLOOR = {"headPitch": 0.03, "headYaw": 0.03, "headRoll": 0.03, "headX": 0.3, "headY": 0.3, "headZ": 0.3}
"""Smallest deviation by which a feature is normalised: radians, centimetres; 0.1 for weights. Without it nearly still
channels would be enlarged to the size of the others."""
IMPORTANCE = {"blink": 2.0, "cheekPuff": 0.3, "cheekSquint": 0.3, "noseSneer": 0.3, "eyeSquint": 0.5}
"""Weight of a feature in the loss; 1 for all others. Cheeks and nose are hardly visible and their tracks are noisy."""


def feature_weights(space: FeatureSpace) -> Tensor:
    """(d,) loss weights with mean 1."""
    if not space.exact:  # the numbers of a learned code are not channels: all weigh the same
        return torch.ones(space.size)
    weights = torch.tensor([IMPORTANCE.get(name.removesuffix("_L").removesuffix("_R"), 1.0) for name in FEATURES])
    return weights / weights.mean()


def still_weights(levels: Tensor, cap: float) -> Tensor:
    """(B, 1, 25) weights of errors for talkers with ``levels`` (B, 7): larger for still talkers.

    A tenth of a degree matters little in a head that swings by ten degrees, and much in a head that swings by half a
    degree. The weight is the variance of a typical talker divided by that of a talker with these levels, at least 1 and
    at most ``cap``. It is 1 for unknown levels.
    """
    weights = torch.exp(-2.0 * LEVEL_STEP * levels.nan_to_num()).clamp(1.0, cap)
    each = weights.new_ones(len(levels), d_nl)
    for name, columns in PARTS.items():
        each[:, list(columns)] = weights[:, LEVELS.index(name), None]
    return each[:, None]


def statistics(
    clips: dict[str, list[Clip]], seed: int = 0, space: FeatureSpace | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation (d,) of each number of the space over the sources; all sources weigh the same."""
    space = space or ChannelSpace()
    rng = np.random.default_rng(seed)
    means, squares = [], []
    for source in clips.values():
        if source:
            motion = space.encode(np.concatenate([clip.features(rng) for clip in source]))
            means.append(motion.mean(axis=0))
            squares.append(np.square(motion).mean(axis=0))
    mean = np.mean(means, axis=0)
    deviation = np.sqrt(np.maximum(np.mean(squares, axis=0) - mean**2, 0.0))
    floor = np.array([FLOOR.get(name, 0.1) for name in FEATURES]) if space.exact else np.full(space.size, 1e-3)
    return mean.astype(np.float32), np.maximum(deviation, floor).astype(np.float32)


@dataclass
class Batch:
    """One batch: n⁰ (B, L, d) normalised, mel (B, 4 L, 80), has_audio (B,), known_mask (B, L, d), levels (B, 7), heard
    (B, L, 4), mouth (B, L, 9).

    Unknown levels are NaN. So is ``heard`` for windows without sound and for voices that were not analysed, and
    ``mouth`` where it isn't known.
    """

    clean: Tensor
    mel: Tensor
    has_audio: Tensor
    known_mask: Tensor
    levels: Tensor
    heard: Tensor
    mouth: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


def conditions(network: AudioToNonlipPrior, batch: Batch, said: Tensor | None = None) -> Tensor:
    """(B, L, condition) what the network is told of a batch's windows: sound, levels, mouth.

    ``said`` (B, L, condition) is ``network.encode_audio`` of the batch, if it is known already.
    """
    items, frames, _ = batch.clean.shape
    kind = network.out.weight.dtype
    said = network.encode_audio(batch.mel.to(kind)) if said is None else said
    sound = torch.where(batch.has_audio[:, None, None], said, network.empty_audio(items, frames))
    return sound + network.encode_levels(batch.levels.to(kind)) + network.encode_mouth(batch.mouth.to(kind))


class BatchSource:
    """Draws training batches."""

    def __init__(
        self,
        clips: dict[str, list[Clip]],
        config: MixConfig,
        window: int,
        mean: np.ndarray,
        deviation: np.ndarray,
        space: FeatureSpace | None = None,
    ) -> None:
        self.clips, self.config, self.window = clips, config, window
        self.space = space or ChannelSpace()
        self.mean, self.deviation = mean, deviation
        self.groups = tuple(FEATURE_GROUPS.values())

    def _frames(self, rng: np.random.Generator) -> int:
        if rng.random() >= self.config.short_share:
            return self.window
        # Most short batches have the length of GRID's clips; the others teach utterances of a second or two.
        return int(min(self.window, 75)) if rng.random() < 0.7 else int(rng.integers(8, self.window))

    def batch(self, rng: np.random.Generator) -> Batch:
        """One batch, which depends only on ``rng``."""
        frames = self._frames(rng)
        usable = {
            name: share
            for name, share in self.config.shares
            if any(clip.frames >= frames for clip in self.clips.get(name, []))
        }
        names, shares = list(usable), np.array(list(usable.values()))
        items = self.config.batch
        motions = np.zeros((items, frames, d_nl), dtype=np.float32)
        mel = np.zeros((items, 4 * frames, 80), dtype=np.float32)
        has_audio, known = np.zeros(items, dtype=bool), np.zeros((items, frames, d_nl), dtype=bool)
        levels = np.full((items, len(LEVELS)), np.nan, dtype=np.float32)
        heard = np.full((items, frames, len(HEARD)), np.nan, dtype=np.float32)
        mouth = np.full((items, frames, len(MOUTH)), np.nan, dtype=np.float32)
        for i in range(items):
            source = names[rng.choice(len(names), p=shares / shares.sum())]
            window = draw_window(self.clips[source], frames, rng)
            motions[i] = window.motion
            if window.mel is not None and rng.random() >= self.config.empty_share:
                mel[i], has_audio[i] = augment_mel(window.mel, rng), True
                heard[i] = np.nan if window.heard is None else window.heard
            known[i] = draw_mask(frames, rng, self.groups)
            if rng.random() >= self.config.unknown_share:
                levels[i] = window.levels
            if window.mouth is not None and rng.random() >= self.config.unseen_share:
                mouth[i] = window.mouth
        clean = ((self.space.encode(motions) - self.mean) / self.deviation).astype(np.float32)
        arrays = (clean, mel, has_audio, self.space.known(known), levels, heard, mouth)
        return Batch(*(torch.from_numpy(array) for array in arrays))


class Statistics(nn.Module):
    """Mean and deviation (d,) of the features. They belong to a run and are stored in its checkpoint."""

    def __init__(self, mean: np.ndarray, deviation: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("deviation", torch.from_numpy(deviation))
