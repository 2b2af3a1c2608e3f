"""Held-out sets and the numbers of one row, from which ``training.prior.evaluate`` makes its tables.

The held-out sets are: voices (LibriSpeech speakers not used for training; any number of synthetic motions can be drawn
for them as truth), GRID clips and GRID's talker who was not used for training (tracked motion, one truth each), and the
address that was left out (only head motion, for the empty condition). The levels of a take are drawn from the training
clips of the same kind of footage. They are never measured on held-out clips.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.stats

from core.prior.features import FEATURE_GROUPS, channels_from_features, features_from_channels
from core.prior.model import NonlipPrior
from core.prior.sampling import Sampling
from core.prior.told.levels import LEVELS, measure_levels
from core.prior.told.personas import persona_levels
from core.prior.windows import plan_windows
from core.wire.style import PriorStyle

from ..speech.prosody import Prosody
from . import motion_metrics as metrics
from .data import Clip, load_clips
from .motion_distances import WINDOW as STRETCH
from .motion_distances import Space, conditional_distances

Sampler = Callable[[Clip, int], np.ndarray]
"""Clip and seed → (T, 25) features."""
Levels = Callable[[Clip, int], np.ndarray]
"""Clip and seed → (7,) levels of the talker in a take."""
SETS = ("voices", "grid", "unseen", "address")
TO_CHOOSE_BY = "training-"
"""Prefix of a set's name for the same kind of set made of training clips. All choices (spread, steps) use these."""
ADDRESS_FRAMES = 1500
TRAINING_VOICES = 30
"""Number of recordings from which random training clips are drawn."""


@dataclass(frozen=True)
class HeldOut:
    """One held-out set.

    Attributes
    ----------
    clips, training
        Clips to sample takes for, and clips to draw from for the row of random clips.
    draws
        Number of true motions of each clip in the reference; 1 if only one is known.
    head_only
        Whether only the head's motion is real. Then the other channels have no truth to compare with.
    strangers
        Clips of another talker, if the training clips show the same talker as the set.
    """

    name: str
    clips: list[Clip]
    training: list[Clip]
    draws: int = 1
    head_only: bool = False
    strangers: tuple[Clip, ...] = ()

    def truth(self, clip: int, draw: int, again: bool = False) -> np.ndarray:
        """(T, 25) a true motion of a clip; ``again`` draws other motions than those of the reference."""
        return in_range(self.clips[clip].features(np.random.default_rng([2 if again else 1, draw, clip])))

    def lesson(self, clip: int, draw: int) -> np.ndarray:
        """(T, 25) the motion that the prior learns from a training clip (``Clip.lesson``)."""
        return in_range(self.clips[clip].lesson(np.random.default_rng([1, draw, clip]))[0])

    def own_levels(self, clip: Clip, _seed: int) -> np.ndarray:
        """(7,) the clip's own levels. Its sound does not tell them, but a user who knows the talker could set them."""
        return measure_levels(clip.features(np.random.default_rng(0)))

    @cached_property
    def _training_levels(self) -> np.ndarray:
        """(N, 7) levels of the training clips."""
        rng = np.random.default_rng(11)
        return np.stack([measure_levels(clip.features(rng)) for clip in self.training])

    def levels(self, clip: Clip, seed: int) -> np.ndarray:
        """(7,) the levels of a training clip, drawn for each clip and seed."""
        rng = np.random.default_rng([11, *own_chance(clip, seed)])
        return self._training_levels[rng.integers(len(self._training_levels))]

    def reference(self) -> list[list[np.ndarray]]:
        """The true motions of each clip."""
        return [[self.truth(i, k) for k in range(self.draws)] for i in range(len(self.clips))]


def own_chance(clip: Clip, seed: int) -> tuple[int, int]:
    """Seed of a take's random numbers: from the given seed and the clip's name.

    With the given seed only, all clips of one length would get the same noise, or the same random clip. Where a take
    depends mostly on the noise, as with talkers who hardly move, a set of twenty clips would then say no more than one.
    """
    return seed, zlib.crc32(clip.name.encode())


def held_out(name: str, clips: int, draws: int) -> HeldOut:
    """The set ``name`` of ``SETS`` with at most ``clips`` clips. With the prefix ``TO_CHOOSE_BY`` it has training
    clips."""
    part, name = ("train" if name.startswith(TO_CHOOSE_BY) else "test"), name.removeprefix(TO_CHOOSE_BY)
    source = {"voices": "synthetic", "address": "address"}.get(name, "grid")
    voices = clips if name == "voices" else 0
    chosen = load_clips("unseen" if name == "unseen" else part, grid_sound=0, voices=voices)[source][:clips]
    training = load_clips("train", grid_sound=0, voices=TRAINING_VOICES if voices else 0)[source]
    strangers = load_clips("unseen", grid_sound=0, voices=0)["grid"] if name == "grid" else []
    if name == "address":
        chosen, training = [_cut(clip) for clip in chosen], [_cut(clip) for clip in training]
    return HeldOut(name, chosen, training, draws if name == "voices" else 1, name == "address", tuple(strangers))


def _cut(clip: Clip) -> Clip:
    """An address's first minute."""
    if clip.frames <= ADDRESS_FRAMES or clip.head is None:
        return clip
    blinks = [blink for blink in clip.blinks or [] if blink < ADDRESS_FRAMES]
    silent = Prosody.silent(ADDRESS_FRAMES)
    brows, mouth = (None if part is None else part[:ADDRESS_FRAMES] for part in (clip.brows, clip.mouth))
    return replace(clip, prosody=silent, head=clip.head[:ADDRESS_FRAMES], blinks=blinks, brows=brows, mouth=mouth)


def in_range(features: np.ndarray) -> np.ndarray:
    """Features clipped to the range of the channels, so that truth and samples are compared after equal clipping."""
    return features_from_channels(channels_from_features(features))


def prior_sampler(
    prior: NonlipPrior,
    steps: int | None = None,
    scale: float | None = None,
    method: str | None = None,
    style: PriorStyle | None = None,
    levels: Levels | None = None,
) -> Sampler:
    """Sample the prior as the product does; clips without sound use the empty condition.

    Takes have the levels that ``levels`` gives, or those of the style. Each clip has its own noise.
    """

    def sample(clip: Clip, seed: int) -> np.ndarray:
        mel = np.zeros((4 * clip.frames, 80), np.float32) if clip.mel is None else clip.mel.astype(np.float32)
        own_seed = int(np.random.default_rng(own_chance(clip, seed)).integers(2**32))
        sampling = Sampling(
            guidance_scale=0.0 if clip.mel is None else scale,
            num_inference_steps=steps,
            sampler=method,
            style=style or PriorStyle(),
            levels=levels(clip, seed) if levels else None,
        )
        channels = prior.sample(mel, [own_seed], sampling, mouth=clip.mouth)
        return features_from_channels(channels[0])

    return sample


def unknown_levels(_clip: Clip, _seed: int) -> np.ndarray:
    """(7,) NaN: the talker's levels are unknown."""
    return np.full(len(LEVELS), np.nan, np.float32)


def usual_levels(clip: Clip, seed: int) -> np.ndarray:
    """(7,) the levels of a take with default settings: each take has a persona of its own."""
    return persona_levels(0.0, int(np.random.default_rng([12, *own_chance(clip, seed)]).integers(2**31)))


def random_clip_sampler(training: Sequence[Clip]) -> Sampler:
    """A stretch of a random training clip's motion. If no clip is long enough, the motion is mirrored in time at its
    end."""

    def sample(clip: Clip, seed: int) -> np.ndarray:
        rng = np.random.default_rng([7, *own_chance(clip, seed)])
        long_enough = [other for other in training if other.frames >= clip.frames] or list(training)
        motion = long_enough[rng.integers(len(long_enough))].features(rng)
        start = int(rng.integers(0, max(len(motion) - clip.frames, 0) + 1))
        motion = motion[start : start + clip.frames]
        return in_range(np.pad(motion, ((0, clip.frames - len(motion)), (0, 0)), mode="reflect"))

    return sample


def describe(
    sequences: list[np.ndarray], prosodies: list[Prosody | None], real: list[np.ndarray], head_only: bool
) -> dict[str, float]:
    """The numbers of one set of sequences, one for each clip."""
    heard = [(s, p) for s, p in zip(sequences, prosodies, strict=True) if p is not None and len(p.accents)]
    row: dict[str, float] = {}
    if not head_only:
        row |= metrics.snd(sequences, real)
        row["snd_own_units"] = metrics.snd(sequences, real, own_units=True)["snd"]
        row["var_ratio"] = metrics.relative_variance(sequences, real)
    row["snd_head"] = metrics.snd(sequences, real, FEATURE_GROUPS["head"])["snd"]
    row["var_head_deg2"] = metrics.variance(sequences)
    row |= metrics.blink_statistics(sequences)
    row["longest_stare_s"] = metrics.longest_stare(sequences)
    row["jitter_deg_s2"] = metrics.jitter(sequences)
    row["above_6hz_deg"] = metrics.trembling(sequences)
    row["arc_length"] = float(np.mean([metrics.spectral_arc_length(s) for s in sequences]))
    for name, measure in (
        ("beat_alignment", metrics.beat_alignment),
        ("accent_lift_deg", metrics.accent_lift),
        ("speech_pause_speed", metrics.speech_ratio),
    ):
        values = np.array([measure(s, p) for s, p in heard])
        row[name] = float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
    return row


def mean_and_interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % interval by Student's t. The width is NaN with fewer than two numbers."""
    good = np.array([value for value in values if np.isfinite(value)])
    if len(good) < 2:
        return (float(good[0]) if len(good) else float("nan")), float("nan")
    half = scipy.stats.t.ppf(0.975, len(good) - 1) * good.std(ddof=1) / np.sqrt(len(good))
    return float(good.mean()), float(half)


def measure(
    held: HeldOut, sampler: Sampler, seeds: int, first_seed: int = 100, window: int | None = None
) -> dict[str, float]:
    """One row: the numbers of ``seeds`` takes of each clip.

    ``window`` is the network's window, for the numbers of its seams.

    Returns
    -------
    Means over seeds, and under ``<name>_ci`` half the width of their 95 % interval over seeds. For ``energy``,
    ``precision``, ``recall`` and ``diversity_deg``, which need several takes of one clip, both are over clips.
    """
    reference = held.reference()
    real = [motion for motions in reference for motion in motions]
    prosodies = [clip.prosody if clip.mel is not None else None for clip in held.clips]
    takes = [np.stack([sampler(clip, first_seed + k) for k in range(seeds)]) for clip in held.clips]
    several: dict[str, list[float]] = {}
    for k in range(seeds):
        row = describe([take[k] for take in takes], prosodies, real, held.head_only)
        for name, value in row.items():
            several.setdefault(name, []).append(value)
    if seeds > 1:
        several["diversity_deg"] = [metrics.diversity(take) for take in takes]
    if held.draws > 1 and seeds > 3 and any(clip.frames >= STRETCH for clip in held.clips):
        long_enough = [i for i, clip in enumerate(held.clips) if clip.frames >= STRETCH]
        true = [np.stack(reference[i]) for i in long_enough]
        space = Space.of(_same_length(true))
        for row in conditional_distances([takes[i] for i in long_enough], true, space):
            for name, value in row.items():
                several.setdefault(name, []).append(value)
    if window is not None:
        seams = [[w.known for w in plan_windows(len(take[0]), window)[1:]] for take in takes]
        for k in range(seeds):
            for name, value in metrics.seam_statistics([take[k] for take in takes], seams).items():
                several.setdefault(name, []).append(value)
    result: dict[str, float] = {}
    for name, values in several.items():
        result[name], result[f"{name}_ci"] = mean_and_interval(values)
    return result


def _same_length(motions: list[np.ndarray]) -> np.ndarray:
    """All motions (N, T_i, 25) cut to the shortest length and concatenated along N."""
    frames = min(motion.shape[1] for motion in motions)
    return np.concatenate([motion[:, :frames] for motion in motions])
