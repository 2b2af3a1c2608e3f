"""Training of the judge of lip sync.

Contrastive learning (InfoNCE, both directions): among all windows of a batch, the sound of the same five frames should
be nearest to the mouth, and the mouth nearest to the sound. The negatives include the same clip at other times, where
neither voice, face nor style of picture helps. Windows one frame apart are left out of the comparison, because they
share four frames of five.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..common.checkpoint import load_module
from ..common.engine import CHECKPOINT, Run, RunConfig, Step, warm_up_cosine
from ..common.networks import channels_last
from ..speech.mel_augment import AugmentConfig, augment
from .augment import PictureConfig, seen_otherwise
from .data import MARGIN, MouthClip, load
from .lip_sync_metrics import reliability
from .model import FRAMES, Judge, JudgeConfig

BASE_RUN = RunConfig(steps=1550, save_every=50)


@dataclass(frozen=True)
class TrainConfig:
    """Settings of the training.

    Attributes
    ----------
    clips, windows
        Clips in a batch, and consecutive windows of each clip.
    rendered
        Share of rendered portraits among the clips.
    rate, warm_up, decay
        Peak learning rate, steps until it, weight decay.
    spoken
        Among clips with synthesised voices (``training.judge.voices``), share of clips that use one of them.
    heard
        Share of the clips whose sound is changed to another vocal tract, room or microphone
        (``training.speech.mel_augment``).
    """

    clips: int = 8
    windows: int = 24
    rendered: float = 0.5
    rate: float = 1e-3
    warm_up: int = 100
    decay: float = 1e-2
    spoken: float = 0.5
    heard: float = 0.85

    @classmethod
    def tiny(cls) -> TrainConfig:
        """For tests."""
        return cls(clips=4, windows=8, warm_up=5, rate=2e-3)


def sync_loss(seen: Tensor, heard: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
    """InfoNCE of embeddings (B, W, D), and the share of windows whose own sound is the nearest."""
    clips, windows = seen.shape[:2]
    likeness = factor * seen.flatten(0, 1) @ heard.flatten(0, 1).T  # (B·W, B·W)
    place = torch.arange(clips * windows, device=seen.device)
    clip, time = place // windows, place % windows
    beside = (clip[:, None] == clip[None]) & ((time[:, None] - time[None]).abs() == 1)
    likeness = likeness.masked_fill(beside, -1e4)
    loss = 0.5 * (functional.cross_entropy(likeness, place) + functional.cross_entropy(likeness.T, place))
    return loss, (likeness.argmax(1) == place).float().mean()


class Batches:
    """Draws windows of clips, with random changes of picture and sound."""

    def __init__(self, real: list[MouthClip], rendered: list[MouthClip], config: TrainConfig) -> None:
        frames = config.windows + FRAMES - 1
        self.pools = [[clip for clip in pool if len(clip.mouths) >= frames] for pool in (real, rendered)]
        self.config, self.frames = config, frames

    def draw(self, step: Step) -> tuple[Tensor, Tensor]:
        """Mouths (B, W + 4, 56, 56) 0–1 and log-mel (B, 4 (W + 4), 80)."""
        rng, config = step.rng, self.config
        count = round(config.rendered * config.clips) if self.pools[1] else 0
        picks = [
            pool[int(index)]
            for pool, number in zip(self.pools, (config.clips - count, count), strict=True)
            if number
            for index in rng.choice(len(pool), number, replace=len(pool) < number)
        ]
        firsts = [int(rng.integers(len(clip.mouths) - self.frames + 1)) for clip in picks]
        mouths = np.stack([clip.mouths[a : a + self.frames] for clip, a in zip(picks, firsts, strict=True)])
        said = [self._said(clip, rng) for clip in picks]
        rows = [mel[4 * a : 4 * (a + self.frames)] for mel, a in zip(said, firsts, strict=True)]
        pictures = seen_otherwise(mouths, PictureConfig(), rng, step.generator)
        sound = torch.from_numpy(np.stack(rows))
        other = augment(sound, replace(AugmentConfig(), mask=0.2), step.generator)
        keep = torch.rand(len(sound), 1, 1, generator=step.generator) >= config.heard
        return pictures, torch.where(keep, sound, other)

    def _said(self, clip: MouthClip, rng: np.random.Generator) -> np.ndarray:
        """The clip's own log-mel, or that of one of its other voices."""
        other, which = rng.random() < self.config.spoken, rng.random()
        return clip.voices[int(which * len(clip.voices))] if other and clip.voices else clip.mel


def sizes(name: str) -> tuple[JudgeConfig, TrainConfig]:
    """The configurations of ``tiny`` or ``base``."""
    return (JudgeConfig.tiny(), TrainConfig.tiny()) if name == "tiny" else (JudgeConfig(), TrainConfig())


def train(
    folder: Path,
    run: RunConfig,
    configs: tuple[JudgeConfig, TrainConfig],
    clips: tuple[list[MouthClip], list[MouthClip]],
) -> Run:
    """Train on real and rendered clips in a run's folder. Goes on where an earlier run stopped."""
    shape, config = configs
    torch.manual_seed(run.seed)
    judge = channels_last(Judge(shape))
    optimiser = torch.optim.AdamW(judge.parameters(), lr=config.rate, weight_decay=config.decay)
    recipe = {"judge": asdict(shape), "training": asdict(config)}
    made = Run(folder, run, {"judge": judge}, {"judge": optimiser}, averaged=("judge",), recipe=recipe)
    batches = Batches(*clips, config)

    def step(now: Step) -> dict[str, float | Tensor]:
        mouths, mel = (part.to(made.device) for part in batches.draw(now))
        now.set_rate("judge", warm_up_cosine(now.index, run.steps, config.rate, config.warm_up))
        with now.autocast():
            seen, heard, factor = made.forward["judge"](mouths, mel)
        loss, right = sync_loss(seen, heard, factor.clamp(max=50.0))
        norm = now.update("judge", loss, clip=5.0)
        return {"loss": loss.detach(), "nearest": right.detach(), "gradient": norm}

    made.fit(step)
    return made


def export(folder: Path, run: RunConfig, shape: JudgeConfig, target: Path) -> None:
    """Write the averaged judge of a run."""
    judge = load_module(folder / CHECKPOINT, "judge", Judge(shape))
    judge.save(target, {"seed": run.seed})


def evaluate(judge: Judge, out: Path) -> dict[str, dict[str, float]]:
    """Measure the judge's reliability on clips that it never saw (``lip_sync_metrics.reliability``)."""
    report = {}
    for kind, parts in (("real", ("tune", "test", "unseen")), ("rendered", ("test", "unseen"))):
        for part in parts:
            clips = load(kind, part)
            mouths = [clip.mouths[:, MARGIN:-MARGIN, MARGIN:-MARGIN] for clip in clips]
            heard = {f"{kind} {part}": [clip.mel for clip in clips]}
            if kind == "real" and part == "test" and all(clip.voices for clip in clips):
                heard["real test, the words by held-out voices"] = [clip.voices[0] for clip in clips]
            for name, mels in heard.items():
                report[name] = reliability(judge, list(zip(mouths, mels, strict=True)))
                print(f"{name}: {json.dumps(report[name])}", flush=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return report
