"""Training of PoseVAE (arXiv 2211.12194, section 3.2): reconstruction, KL, and a patch discriminator over time."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.motion.channels import HEAD
from core.sadtalker.pose_vae import PoseVae, PoseVaeConfig
from core.sound.prosody import PROSODY

from ..common.checkpoint import load_checkpoint, load_module
from ..common.engine import CHECKPOINT, Run, RunConfig, Step, warm_up_cosine
from .poses import PoseSampler, Stretches

RUN = RunConfig(steps=4_000, ema=0.995, save_every=500)


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a run except its data and its length.

    Attributes
    ----------
    kl, adversarial, velocity
        Weights of the KL divergence of z (mean over its numbers, nats), of the discriminator's verdict, and of the
        error of the change from frame to frame, beside the error of the residual (1). Residuals are in standard
        deviations.
    """

    size: str = "base"
    batch: int = 32
    learning_rate: float = 1e-3
    warm_up: int = 200
    kl: float = 0.05
    adversarial: float = 0.02
    velocity: float = 4.0

    def shape(self, styles: int) -> PoseVaeConfig:
        """The network of this size."""
        make = {"tiny": PoseVaeConfig.tiny, "base": PoseVaeConfig}[self.size]
        return make(styles, PROSODY)


class SequenceDiscriminator(nn.Module):
    """Judges patches of a sequence (B, T, 6): residuals in standard deviations, and their change, raised eightfold."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        inputs = 2 * len(HEAD)
        self.layers = nn.Sequential(
            nn.Conv1d(inputs, width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv1d(width, 2 * width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv1d(2 * width, 1, 3, 1, 1),
        )

    def forward(self, residuals: Tensor) -> Tensor:
        """(B, 1, T / 4) verdicts, high for what looks filmed."""
        change = 8.0 * F.pad(residuals.diff(dim=1), (0, 0, 1, 0))
        return self.layers(torch.cat([residuals, change], 2).transpose(1, 2))


class Lesson(nn.Module):
    """PoseVAE in training: takes stretches, returns what it makes of them and the distribution of z."""

    def __init__(self, network: PoseVae) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Stretches, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Residuals (B, T, 6), mean and log-variance (B, latent); ``noise`` (B, latent) draws z."""
        network = self.network
        spoken = network.spoken(batch.heard, batch.known)
        mean, log_variance = network.encode(batch.residuals, spoken, batch.style, batch.first)
        z = mean + noise * (0.5 * log_variance).exp()
        return network.decode(z, spoken, batch.style, batch.first), mean, log_variance


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence of N(mean, variance) (B, n) from N(0, 1), the mean over all numbers, in nats."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()


def train(config: TrainConfig, settings: RunConfig, sampler: PoseSampler, folder: Path) -> list[dict[str, float]]:
    """Train to ``settings.steps``, from the folder's checkpoint if it has one; returns the new lines of the log."""
    torch.manual_seed(settings.seed)
    lesson, judge = Lesson(PoseVae(config.shape(len(sampler.talkers)))), SequenceDiscriminator()
    lesson.network.scale.copy_(sampler.scale())
    modules: dict[str, nn.Module] = {"pose_vae": lesson, "judge": judge}
    optimisers = {name: torch.optim.Adam(part.parameters(), betas=(0.5, 0.99)) for name, part in modules.items()}
    recipe = asdict(config) | {"talkers": list(sampler.talkers)}
    run = Run(folder, settings, modules, optimisers, averaged=["pose_vae"], recipe=recipe)
    scale = lesson.network.scale

    def make_step(step: Step) -> dict[str, float | Tensor]:
        batch = sampler.draw(config.batch, step.rng).to(run.device)
        noise = torch.randn(config.batch, lesson.network.config.latent, generator=step.generator).to(run.device)
        for name in modules:
            step.set_rate(name, warm_up_cosine(step.index, settings.steps, config.learning_rate, config.warm_up))
        made, mean, log_variance = run.forward["pose_vae"](batch, noise)
        true, drawn = batch.residuals / scale, made / scale
        real, false = run.forward["judge"](true), run.forward["judge"](drawn.detach())
        step.update("judge", F.relu(1 - real).mean() + F.relu(1 + false).mean(), clip=1.0)
        terms = {
            "residual": F.mse_loss(drawn, true),
            "velocity": F.mse_loss(drawn.diff(dim=1), true.diff(dim=1)),
            "kl": divergence(mean, log_variance),
            "adversarial": -run.forward["judge"](drawn).mean(),
        }
        total = terms["residual"] + sum(getattr(config, n) * terms[n] for n in ("velocity", "kl", "adversarial"))
        step.update("pose_vae", total, clip=1.0)
        return {name: value.detach() for name, value in terms.items()} | {"total": total.detach()}

    return run.fit(make_step)


def styles_of(folder: Path) -> tuple[str, ...]:
    """The talkers of a run's styles, in the order of their numbers."""
    facts = load_checkpoint(folder / CHECKPOINT, {}, {}, {})
    return tuple(facts["recipe"]["talkers"])


def trained(folder: Path, config: TrainConfig, styles: tuple[str, ...]) -> PoseVae:
    """The averaged network of a run."""
    lesson = Lesson(PoseVae(config.shape(len(styles))))
    return load_module(folder / CHECKPOINT, "pose_vae", lesson).network
