"""Training of FaceTalk's diffusion decoder (arXiv 2312.08459, section 4): plain L2 between n⁰ and n̂⁰."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from core.facetalk.denoiser import predict_clean
from core.facetalk.network import MOTION, ExpressionDecoder, FaceTalkConfig
from core.prior.schedule import CosineSchedule

from ..common.checkpoint import load_module
from ..common.engine import CHECKPOINT, Run, RunConfig, Step, short_attention, warm_up_cosine
from .landmarks import Watcher
from .windows import Windows, WindowSampler

NAME = "decoder"
RUN = RunConfig(steps=1_000, ema=0.998, save_every=200)
"""With more steps the mouths of strangers get worse, as ExpNet's do, while heads stay as they are."""


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a run except its data and its length.

    Attributes
    ----------
    voices, hidden, scaled
        See ``WindowSampler``.
    reach, film
        See ``FaceTalkConfig``.
    diffusion
        Whether noise is added. Without it, an ablation, the network only ever sees t = T: a regression.
    watches
        Whether it follows the landmarks of a film in the place of speech.
    """

    size: str = "base"
    batch: int = 20
    learning_rate: float = 1e-3
    warm_up: int = 200
    weight_decay: float = 0.01
    voices: float = 0.95
    hidden: float = 0.25
    scaled: tuple[float, float] = (0.8, 1.25)
    reach: int = 0
    film: bool = True
    diffusion: bool = True
    watches: bool = False

    def shape(self) -> FaceTalkConfig:
        """The network of this size."""
        plain = {"tiny": FaceTalkConfig.tiny, "base": FaceTalkConfig}[self.size]()
        return replace(plain, reach=self.reach, film=self.film)

    def network(self) -> ExpressionDecoder:
        """A new network."""
        shape = self.shape()
        return ExpressionDecoder(shape, Watcher(2 * shape.hidden, shape.width) if self.watches else None)


class Lesson(nn.Module):
    """The decoder in training, with the scale of its channels.

    Attributes
    ----------
    mean, deviation
        (MOTION,) of the data.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: ExpressionDecoder) -> None:
        super().__init__()
        self.network = network
        self.schedule = CosineSchedule(network.config.diffusion_steps)
        self.register_buffer("mean", torch.zeros(MOTION))
        self.register_buffer("deviation", torch.ones(MOTION))

    def forward(self, batch: Windows, t: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """n⁰ and n̂⁰ (B, L, MOTION) in deviations, for time steps (B,) and noise (B, L, MOTION)."""
        network = self.network
        clean = (batch.motion - self.mean) / self.deviation
        noisy = torch.where(batch.known[..., None], clean, self.schedule.add_noise(clean, t, noise))
        tokens = network.hear(*batch.cues)
        tokens = torch.where(batch.heard[:, None, None], tokens, network.silence(*tokens.shape[:2]).to(tokens.dtype))
        return clean, predict_clean(network, self.schedule, noisy, t, tokens, batch.known)


def train(config: TrainConfig, settings: RunConfig, sampler: WindowSampler, folder: Path) -> list[dict[str, float]]:
    """Train to ``settings.steps``, from the folder's checkpoint if it has one; returns the new lines of the log."""
    torch.manual_seed(settings.seed)
    lesson = Lesson(config.network())
    mean, deviation = sampler.statistics()
    lesson.mean.copy_(mean)
    lesson.deviation.copy_(deviation)
    optimiser = torch.optim.AdamW(lesson.parameters(), betas=(0.9, 0.98), weight_decay=config.weight_decay)
    run = Run(folder, settings, {NAME: lesson}, {NAME: optimiser}, averaged=[NAME], recipe=asdict(config))
    lesson.train()
    steps = lesson.schedule.steps

    def make_step(step: Step) -> dict[str, float | Tensor]:
        batch = step.batch.to(run.device)
        least = 1 if config.diffusion else steps
        t = torch.randint(least, steps + 1, (config.batch,), generator=step.generator).to(run.device)
        noise = torch.randn(batch.motion.shape, generator=step.generator).to(run.device)
        with step.autocast(), short_attention(run.device):
            clean, predicted = run.forward[NAME](batch, t, noise)
        error = (predicted - clean).square().mean(-1)[~batch.known]
        loss = error.mean()
        step.set_rate(NAME, warm_up_cosine(step.index, settings.steps, config.learning_rate, config.warm_up))
        step.update(NAME, loss, clip=1.0)
        return {"loss": loss.detach()}

    return run.fit(make_step, draw=lambda rng: sampler.draw(config.batch, rng))


def trained(folder: Path, config: TrainConfig) -> Lesson:
    """The averaged network of a run, with its scale."""
    return load_module(folder / CHECKPOINT, NAME, Lesson(config.network()))
