"""Train the prior P_a2nl.

    python -m training.prior train --size base --steps 2000 --run runs/prior
    python -m training.prior train --size base --steps 4000 --run runs/prior        # goes on from the checkpoint
    python -m training.prior train --start core/weights --decay-from 0 --run runs/prior_on   # from what ships
    python -m training.prior train --size small --without-velocity --run runs/prior_small_without_velocity
    python -m training.prior export --run runs/prior
    python -m training.prior.evaluate

Losses: L_simple = ‖n⁰ − n̂⁰‖² (eq. 7) and L_vel = ‖Δn⁰ − Δn̂⁰‖² over frames (eq. 8), the paper's two (arXiv 2212.04248,
§3.2), with one in ten conditions left empty (for eq. 10).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from core.errors import BadInputError
from core.places import WEIGHTS
from core.prior.denoiser import predict_clean
from core.prior.features import d_nl
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.schedule import CosineSchedule
from core.prior.spaces import ChannelSpace, CodeSpace, FeatureSpace
from core.representation.model import Representation, RepresentationConfig

from ..common.engine import Run, RunConfig, Step, add_run_arguments, run_config, short_attention, warm_up_plateau_cosine
from ..speech.prosody import HEARD
from .batches import (
    SIZES,
    Batch,
    BatchSource,
    MixConfig,
    Statistics,
    add_mix_argument,
    feature_weights,
    statistics,
    still_weights,
)
from .data import Clip, load_clips

D_NL = RepresentationConfig().nonlip
RUN = RunConfig(steps=3000, ema=0.995, save_every=50)


@dataclass(frozen=True)
class TrainConfig(MixConfig):
    """What a run depends on beside its data and its length.

    Attributes
    ----------
    decay_from
        Part of the steps after which the learning rate falls, by half a cosine, to a hundredth.
    velocity_weight
        Of L_vel (eq. 8); 0 is the paper's ablation without it.
    snr_cap
        Up to which signal-to-noise ratio cleaner nᵗ weigh more (:func:`time_weights`); 0 is the paper's plain loss.
    still_cap
        Up to how much more an error weighs where the talker is told to keep still
        (:func:`~training.prior.batches.still_weights`); 1 is the paper's plain loss.
    editing
        Whether known parts of n⁰ are shown in training; without is the paper's other ablation.
    listening_weight
        Of how far a linear map of the audio embedding misses what a listener hears (:func:`listening_loss`); 0 leaves
        it to the motion alone to teach what in a voice matters, as in the paper.
    learned
        Whether f_nl of ``core.representation`` is diffused rather than the channels.
    levels
        Whether the network is told how lively the talker is.
    """

    size: str = "base"
    learning_rate: float = 4e-4
    warm_up: int = 100
    decay_from: float = 0.75
    velocity_weight: float = 3.0
    snr_cap: float = 0.0
    still_cap: float = 16.0
    listening_weight: float = 0.0
    editing: bool = True
    learned: bool = False
    levels: bool = True

    @property
    def network(self) -> PriorConfig:
        """Shape of the network."""
        shape: PriorConfig = getattr(PriorConfig, self.size)()
        features = D_NL if self.learned else d_nl
        return replace(shape, editing=self.editing, learned=self.learned, levels=self.levels, features=features)

    def space(self) -> FeatureSpace:
        """What is diffused."""
        return CodeSpace(Representation.load()) if self.learned else ChannelSpace()


def draw_times(items: int, steps: int, generator: torch.Generator) -> Tensor:
    """(B,) t with density ∝ t^⅓ over 1 … T: near t = 0 there is little left to learn, and a sampler of ten steps never
    asks below T / 10."""
    return (torch.rand(items, generator=generator) ** 0.75 * steps).long().clamp(max=steps - 1) + 1


def time_weights(schedule: CosineSchedule, snr_cap: float) -> Tensor:
    """(T + 1,) weights of the loss at each t: ∝ 1 + min(ᾱ_t / (1 − ᾱ_t), ``snr_cap``), of mean 1 over the t drawn.

    The squared error is largest where nᵗ is noise and nothing can be known. Weighing by the signal-to-noise ratio, up
    to a cap (Hang et al. 2023), learns more of what can: when exactly an eye darts, how sharp a nod is.
    """
    share = schedule.alpha_bar
    weights = 1.0 + (share / (1.0 - share).clamp(min=1e-9)).clamp(max=snr_cap)
    times = draw_times(20_000, schedule.steps, torch.Generator().manual_seed(0))
    return (weights / weights[times].mean()).float()


def listening_loss(found: Tensor, heard: Tensor) -> Tensor:
    """Mean squared error of what was heard (B, L, 4), where it is known (not NaN); 0 where nothing is.

    Nods on accents are a hundredth of the variance of a head's motion, so L_simple hardly asks where accents are.
    """
    known = ~heard.isnan()
    error = torch.where(known, found - heard.nan_to_num(), 0.0)
    return error.square().sum() / known.sum().clamp(min=1)


def losses(
    network: AudioToNonlipPrior,
    batch: Batch,
    schedule: CosineSchedule,
    weights: Tensor,
    generator: torch.Generator,
    by_time: Tensor | None = None,
    still_cap: float = 1.0,
    listener: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """L_simple (eq. 7) and L_vel (eq. 8) of the paper on one batch, and :func:`listening_loss`.

    Parameters
    ----------
    weights
        (d,) of features.
    by_time
        (T + 1,) of t.
    still_cap
        Of errors where somebody is told to keep still.
    listener
        Audio embedding (B, L, condition) → what is heard (B, L, 4); without one that loss is 0.
    """
    items, frames, _ = batch.clean.shape
    device = batch.clean.device
    # Drawn on the processor: the same numbers whatever the device.
    t = draw_times(items, schedule.steps, generator)
    if by_time is not None:
        weights = weights * by_time[t].to(device)[:, None, None]  # (B, 1, d)
    if still_cap > 1.0:
        weights = weights * still_weights(batch.levels, still_cap)  # (B, 1, d)
    t, noise = t.to(device), torch.randn(batch.clean.shape, generator=generator).to(device)
    noisy = schedule.add_noise(batch.clean, t, noise)
    said = network.encode_audio(batch.mel)
    audio = torch.where(batch.has_audio[:, None, None], said, network.empty_audio(items, frames))
    audio = audio + network.encode_levels(batch.levels)
    predicted = predict_clean(network, schedule, noisy, t, audio, batch.clean, batch.known_mask)
    error = predicted - batch.clean
    listening = error.new_zeros(()) if listener is None else listening_loss(listener(said).float(), batch.heard)
    return (weights * error.square()).mean(), (weights * error.diff(dim=1).square()).mean(), listening


class Denoising(nn.Module):
    """The network as it is trained: a batch in, its losses out. What listens stays behind in the run."""

    def __init__(
        self, network: AudioToNonlipPrior, weights: Tensor, snr_cap: float = 0.0, still_cap: float = 1.0
    ) -> None:
        super().__init__()
        self.network = network
        self.listener = nn.Linear(network.config.condition, len(HEARD))
        self._still_cap = still_cap
        self._schedule = CosineSchedule(network.config.diffusion_steps)
        self._weights = weights
        self._by_time = time_weights(self._schedule, snr_cap)

    def forward(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """:func:`losses`."""
        weights, by_time = self._weights.to(batch.clean.device), self._by_time
        return losses(self.network, batch, self._schedule, weights, generator, by_time, self._still_cap, self.listener)


def learning_rate(step: int, steps: int, config: TrainConfig) -> float:
    """Warm-up, plateau, half a cosine down."""
    return warm_up_plateau_cosine(step, steps, config.learning_rate, config.warm_up, config.decay_from)


def start_from(network: AudioToNonlipPrior, weights: Path) -> Statistics:
    """Give a new network the exported weights in the folder ``weights``; returns the statistics that belong to them.

    They may lack the levels: their part of the network then begins as it is made, without a say.
    Raises BadInputError where they are of another shape.
    """
    shipped = NonlipPrior.load(folder=weights)
    config = shipped.network.config
    if (network.config if config.levels else replace(network.config, levels=False)) != config:
        raise BadInputError(
            "start_other_config",
            f"The prior in {weights} has another shape than this run's.",
            "Choose the --size and the options that it was trained with.",
        )
    network.load_state_dict(network.state_dict() | shipped.network.state_dict())
    return Statistics(shipped.mean, shipped.deviation)


def train(
    config: TrainConfig,
    settings: RunConfig,
    clips: dict[str, list[Clip]],
    folder: Path,
    start: Path | None = None,
) -> list[dict[str, float]]:
    """Train to ``settings.steps``, going on from the folder's checkpoint if it is there; returns the log lines.

    A new run begins with the exported weights in the folder ``start``, where one is given.
    """
    torch.manual_seed(settings.seed)
    space = config.space()
    # A code's numbers are no channels, of which the levels could tell how far they swing.
    still_cap = config.still_cap if config.levels and space.exact else 1.0
    pupil = Denoising(AudioToNonlipPrior(config.network), feature_weights(space), config.snr_cap, still_cap)
    if start is None:
        measured = Statistics(*statistics(clips, settings.seed, space))
    else:
        measured = start_from(pupil.network, start)
    optimiser = torch.optim.AdamW(pupil.parameters(), betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    run = Run(
        folder,
        settings,
        {"prior": pupil, "statistics": measured},
        {"prior": optimiser},
        averaged=["prior"],
        recipe=asdict(config),
    )
    mean, deviation = (buffer.cpu().numpy() for buffer in measured.buffers())
    source = BatchSource(clips, config, config.network.window, mean, deviation, space)

    def make_step(step: Step) -> dict[str, float | Tensor]:
        batch: Batch = step.batch.to(run.device)
        with step.autocast(), short_attention(run.device):
            simple, velocity, listening = run.forward["prior"](batch, step.generator)
        rate = learning_rate(step.index, settings.steps, config)
        step.set_rate("prior", rate)
        loss = simple + config.velocity_weight * velocity + config.listening_weight * listening
        said = {"simple": simple.detach(), "velocity": velocity.detach(), "listening": listening.detach()}
        return said | {"norm": step.update("prior", loss, clip=1.0), "rate": rate}

    return run.fit(make_step, draw=source.batch)


def main(arguments: list[str] | None = None) -> None:
    """Command line: ``train``, ``export``."""
    parser = argparse.ArgumentParser(prog="training.prior", description="Train the diffusion prior.")
    commands = parser.add_subparsers(dest="command", required=True)
    trainer = commands.add_parser("train", help="train, or go on training, in a run folder")
    add_run_arguments(trainer, Path("runs/prior"), RUN, SIZES)
    trainer.add_argument("--start", type=Path, help="folder of exported weights that a new run begins with")
    trainer.add_argument(
        "--decay-from",
        type=float,
        default=TrainConfig.decay_from,
        help="part of the steps after which the learning rate falls",
    )
    trainer.add_argument("--batch", type=int, default=TrainConfig.batch)
    trainer.add_argument("--learning-rate", type=float, default=TrainConfig.learning_rate)
    add_mix_argument(trainer)
    trainer.add_argument("--snr-cap", type=float, default=TrainConfig.snr_cap, help="weigh clean nᵗ more, up to this")
    trainer.add_argument(
        "--still-cap", type=float, default=TrainConfig.still_cap, help="weigh errors of still talkers more, up to this"
    )
    trainer.add_argument(
        "--listening-weight", type=float, default=TrainConfig.listening_weight, help="of hearing accents and pauses"
    )
    trainer.add_argument("--without-velocity", action="store_true", help="without L_vel, the paper's ablation")
    trainer.add_argument("--without-editing", action="store_true", help="nothing of n⁰ is given in training")
    trainer.add_argument("--learned", action="store_true", help="diffuse f_nl of the representation, not the channels")
    trainer.add_argument("--without-levels", action="store_true", help="don't tell how lively the talker is")
    export = commands.add_parser("export", help="write core/weights/prior-*.safetensors from a run")
    export.add_argument("--run", type=Path, default=Path("runs/prior"))
    export.add_argument("--out", type=Path, default=WEIGHTS, help="folder of the shards")
    export.add_argument("--steps", type=int, default=10, help="sampler's default number of steps")
    export.add_argument("--guidance-scale", type=float, default=1.0)
    options = parser.parse_args(arguments)
    if options.command == "train":
        config = TrainConfig(
            batch=options.batch,
            shares=options.shares,
            size=options.size,
            learning_rate=options.learning_rate,
            decay_from=options.decay_from,
            snr_cap=options.snr_cap,
            still_cap=options.still_cap,
            listening_weight=options.listening_weight,
            velocity_weight=0.0 if options.without_velocity else TrainConfig.velocity_weight,
            editing=not options.without_editing,
            learned=options.learned,
            levels=not options.without_levels,
        )
        clips = load_clips("train")
        print({name: f"{sum(c.frames for c in source) / 1500:.1f} min" for name, source in clips.items()}, flush=True)
        train(config, run_config(options, RUN), clips, options.run, options.start)
    else:
        from .export import export as write

        write(options.run, options.steps, options.guidance_scale, options.out)


if __name__ == "__main__":
    main()
