"""Held-out numbers of the shipped prior: ``python -m training.prior evaluate``.

Three held-out sets: voices never trained on (LibriSpeech speakers, with synthetic motion drawn for them as the truth),
GRID clips never trained on (tracked motion), and the address left out (head motion alone, for the empty condition).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.prior.features import FEATURE_GROUPS, channels_from_features, features_from_channels
from core.prior.model import NonlipPrior

from . import motion_metrics as metrics
from .prior_data import Clip, load_clips
from .prosody import Prosody

STEPS = (2, 4, 6, 8, 10, 20, 50)
CLIPS = 10
"""Clips of each held-out set that are sampled."""
Sampler = Callable[[Clip, int], np.ndarray]
"""Clip and seed → (T, 25) features."""


def _in_range(features: np.ndarray) -> np.ndarray:
    """What the channels can carry: the truth is compared after the same clipping as the samples."""
    return features_from_channels(channels_from_features(features))


def _mean(values: list[float]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def describe(
    sequences: list[np.ndarray], prosodies: list[Prosody | None], real: list[np.ndarray], head_only: bool
) -> dict[str, float]:
    """All numbers of one row of the table; SND of the head alone where ``head_only``."""
    heard = [(s, p) for s, p in zip(sequences, prosodies, strict=True) if p is not None]
    row = {} if head_only else metrics.snd(sequences, real)
    row["snd_head"] = metrics.snd(sequences, real, FEATURE_GROUPS["head"])["snd"]
    row["var_head_deg2"] = metrics.variance(sequences)
    row |= metrics.blink_statistics(sequences)
    row["longest_stare_s"] = metrics.longest_stare(sequences)
    row["jitter_deg_s2"] = metrics.jitter(sequences)
    row["above_6hz_deg"] = metrics.trembling(sequences)
    if heard:
        row["accent_lift_deg"] = _mean([metrics.accent_lift(s, p) for s, p in heard])
        row["speech_pause_speed"] = _mean([metrics.speech_ratio(s, p) for s, p in heard])
    return {name: round(value, 4) for name, value in row.items()}


def _sampler(
    prior: NonlipPrior, steps: int | None = None, scale: float | None = None, method: str = "dpm_solver_pp"
) -> Sampler:
    def sample(clip: Clip, seed: int) -> np.ndarray:
        mel = np.zeros((4 * clip.frames, 80), np.float32) if clip.mel is None else clip.mel.astype(np.float32)
        guidance = 0.0 if clip.mel is None else scale
        channels = prior.sample(mel, [seed], guidance_scale=guidance, num_inference_steps=steps, sampler=method)
        return features_from_channels(channels[0])

    return sample


def _cut(clip: Clip, frames: int) -> Clip:
    """The clip's first ``frames`` frames, for addresses that last minutes."""
    if clip.frames <= frames:
        return clip
    return Clip(
        clip.name, None, None, Prosody.silent(frames), clip.head[:frames], [b for b in clip.blinks if b < frames]
    )


def _random_training_motion(training: list[Clip], frames: int, rng: np.random.Generator) -> np.ndarray:
    """A stretch of some other clip's motion, there and back again where no clip is long enough."""
    long_enough = [clip for clip in training if clip.frames >= frames] or training
    motion = long_enough[rng.integers(len(long_enough))].features(rng)
    start = int(rng.integers(0, max(len(motion) - frames, 0) + 1))
    motion = motion[start : start + frames]
    return np.pad(motion, ((0, frames - len(motion)), (0, 0)), mode="reflect")


def measure_set(
    clips: list[Clip],
    training: list[Clip],
    prior: NonlipPrior,
    sweep: bool,
    prosody_of: Callable[[Clip], Prosody | None],
    head_only: bool = False,
) -> dict[str, dict[str, float]]:
    """Rows of one held-out set: truth against itself, static, random training clip, the prior, its step counts.

    ``head_only`` for the address: in the channels it lacks there is no truth to compare with.
    """
    rng = np.random.default_rng(0)
    prosodies = [prosody_of(clip) for clip in clips]
    draws = 1 if clips[0].motion is not None else 6  # where many motions are true, compare with their distribution
    real = [
        _in_range(clip.features(np.random.default_rng([1, k, i]))) for k in range(draws) for i, clip in enumerate(clips)
    ]
    rows = {"truth": describe(real, prosodies * draws, real, head_only)}
    if draws > 1:
        again = [_in_range(clip.features(np.random.default_rng([2, 0, i]))) for i, clip in enumerate(clips)]
        rows["truth, drawn once more"] = describe(again, prosodies, real, head_only)
    still = [np.repeat(s.mean(axis=0, keepdims=True), len(s), axis=0) for s in real[: len(clips)]]
    rows["static"] = describe(still, prosodies, real, head_only)
    other = [_in_range(_random_training_motion(training, clip.frames, rng)) for clip in clips]
    rows["random training clip"] = describe(other, prosodies, real, head_only)

    def row(name: str, sampler: Sampler) -> None:
        rows[name] = describe([sampler(clip, 100 + i) for i, clip in enumerate(clips)], prosodies, real, head_only)
        print(name, json.dumps(rows[name]), flush=True)

    row("prior", _sampler(prior))
    if sweep:
        for steps in STEPS:
            row(f"prior, {steps} steps", _sampler(prior, steps, 1.0))
        for scale in (0.0, 1.5, 2.0):
            row(f"prior, guidance {scale}", _sampler(prior, None, scale))
        row("prior, DDIM 10", _sampler(prior, 10, 1.0, "ddim"))
    return rows


def fixed_audio(prior: NonlipPrior, clips: list[Clip], takes: int = 5) -> dict[str, float]:
    """Diversity of takes of the same audio, and that of true motions for it."""
    ours, true = [], []
    for clip in clips:
        channels = prior.sample(clip.mel.astype(np.float32), list(range(takes)))
        ours.append(metrics.diversity(features_from_channels(channels)))
        true.append(metrics.diversity(np.stack([clip.features(np.random.default_rng([3, k])) for k in range(takes)])))
    return {"prior_deg": round(float(np.mean(ours)), 3), "truth_deg": round(float(np.mean(true)), 3)}


def evaluate(out: Path, quick: bool) -> dict:
    """Measure the shipped weights and write the numbers as JSON."""
    prior = NonlipPrior.load()
    held_out, training = load_clips("test", grid_sound=0), load_clips("train", grid_sound=0)
    clips = CLIPS // 3 if quick else CLIPS
    report: dict = {"default": {"steps": prior.num_inference_steps, "guidance_scale": prior.guidance_scale}}
    voices = held_out["synthetic"][:clips]
    report["held-out voices"] = measure_set(voices, training["synthetic"], prior, not quick, lambda c: c.prosody)
    report["diversity at fixed audio"] = fixed_audio(prior, voices[:4])
    if held_out["grid"]:
        report["GRID s1 held out"] = measure_set(
            held_out["grid"][: 3 * clips], training["grid"], prior, False, lambda c: None
        )
        unseen = load_clips("unseen", grid_sound=0)["grid"]
        if unseen:
            report["GRID s4, talker unseen"] = measure_set(
                unseen[: 3 * clips], training["grid"], prior, False, lambda c: None
            )
    if held_out["address"]:
        addresses = [_cut(clip, 1500) for clip in held_out["address"]]
        report["address held out, empty condition"] = measure_set(
            addresses, [_cut(c, 1500) for c in training["address"]], prior, False, lambda c: None, head_only=True
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report
