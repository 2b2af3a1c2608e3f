"""Training of the prior P_a2nl.

The losses are the paper's two (arXiv 2212.04248, §3.2): L_simple = ‖n⁰ − n̂⁰‖² (eq. 7) and L_vel = ‖Δn⁰ − Δn̂⁰‖² over
frames (eq. 8). One in ten conditions is left empty (for eq. 10).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from core.errors import BadInputError
from core.prior.denoiser import predict_clean
from core.prior.features import d_nl
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.schedule import CosineSchedule
from core.prior.spaces import ChannelSpace, CodeSpace, FeatureSpace
from core.representation.model import Representation, RepresentationConfig

from ..common.engine import Run, RunConfig, Step, short_attention, warm_up_plateau_cosine
from ..speech.prosody import HEARD
from .batches import (
    Batch,
    BatchSource,
    MixConfig,
    Statistics,
    conditions,
    feature_weights,
    statistics,
    still_weights,
)
from .data import Clip

D_NL = RepresentationConfig().nonlip
RUN = RunConfig(steps=3000, ema=0.995, save_every=50)


@dataclass(frozen=True)
class TrainConfig(MixConfig):
    """All settings of a run except its data and its length.

    Attributes
    ----------
    decay_from
        Part of the steps after which the learning rate falls, by half a cosine, to a hundredth.
    velocity_weight
        Weight of L_vel (eq. 8); 0 is the paper's ablation without it.
    snr_cap
        Cleaner nᵗ weigh more, up to this signal-to-noise ratio (:func:`time_weights`); 0 is the paper's plain loss.
    still_cap
        Errors of talkers with low levels weigh more, at most this much
        (:func:`~training.prior.batches.still_weights`); 1 is the paper's plain loss.
    editing
        Whether known parts of n⁰ are shown in training. Without them this is the paper's other ablation.
    listening_weight
        Weight of :func:`listening_loss`: the error of a linear map from the audio embedding to the prosody that a
        listener hears. With 0 only the motion teaches what matters in a voice, as in the paper.
    learned
        Whether f_nl of ``core.representation`` is diffused instead of the channels.
    levels
        Whether the network receives how lively the talker is.
    mouth
        Whether the network receives how the mouth moves.
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
    mouth: bool = True

    @property
    def network(self) -> PriorConfig:
        """Configuration of the network."""
        shape: PriorConfig = getattr(PriorConfig, self.size)()
        features = D_NL if self.learned else d_nl
        return replace(
            shape, editing=self.editing, learned=self.learned, levels=self.levels, mouth=self.mouth, features=features
        )

    def space(self) -> FeatureSpace:
        """The space in which motion is diffused."""
        return CodeSpace(Representation.load()) if self.learned else ChannelSpace()


def draw_times(items: int, steps: int, generator: torch.Generator) -> Tensor:
    """(B,) random t with density ∝ t^⅓ over 1 … T. Near t = 0 there is little left to learn, and a sampler of ten steps
    never uses a t below T / 10."""
    return (torch.rand(items, generator=generator) ** 0.75 * steps).long().clamp(max=steps - 1) + 1


def time_weights(schedule: CosineSchedule, snr_cap: float) -> Tensor:
    """(T + 1,) weights of the loss at each t: ∝ 1 + min(ᾱ_t / (1 − ᾱ_t), ``snr_cap``), of mean 1 over the t drawn.

    The squared error is largest where nᵗ is nearly pure noise and the motion can't be known. Weights that follow the
    signal-to-noise ratio, up to a cap (Hang et al. 2023), teach more of what can be known: when exactly an eye darts,
    how sharp a nod is.
    """
    share = schedule.alpha_bar
    weights = 1.0 + (share / (1.0 - share).clamp(min=1e-9)).clamp(max=snr_cap)
    times = draw_times(20_000, schedule.steps, torch.Generator().manual_seed(0))
    return (weights / weights[times].mean()).float()


def listening_loss(found: Tensor, heard: Tensor) -> Tensor:
    """Mean squared error of predicted prosody (B, L, 4) where the true prosody is known (not NaN); 0 if none is known.

    Nods on accents are a hundredth of the variance of a head's motion, so L_simple hardly depends on accents.
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
        (d,) weights of the features.
    by_time
        (T + 1,) weights of the times t.
    still_cap
        Largest weight of errors of still talkers.
    listener
        Audio embedding (B, L, condition) → prosody (B, L, 4). Without a listener the last loss is 0.
    """
    items, device = len(batch.clean), batch.clean.device
    # Drawn on the processor, so that the numbers are the same on every device.
    t = draw_times(items, schedule.steps, generator)
    if by_time is not None:
        weights = weights * by_time[t].to(device)[:, None, None]  # (B, 1, d)
    if still_cap > 1.0:
        weights = weights * still_weights(batch.levels, still_cap)  # (B, 1, d)
    t, noise = t.to(device), torch.randn(batch.clean.shape, generator=generator).to(device)
    noisy = schedule.add_noise(batch.clean, t, noise)
    said = network.encode_audio(batch.mel)
    audio = conditions(network, batch, said)
    predicted = predict_clean(network, schedule, noisy, t, audio, batch.clean, batch.known_mask)
    error = predicted - batch.clean
    listening = error.new_zeros(()) if listener is None else listening_loss(listener(said).float(), batch.heard)
    return (weights * error.square()).mean(), (weights * error.diff(dim=1).square()).mean(), listening


class Denoising(nn.Module):
    """The network in training: takes a batch, returns its losses. The listener is not exported."""

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
    """Load the exported weights in the folder ``weights`` into a new network; returns the statistics that belong to
    them.

    The weights may come from a network without levels or without the mouth. Then the part of the network that reads
    them keeps its initial weights, whose output is zero. Raises BadInputError if the weights have another shape.
    """
    shipped = NonlipPrior.load(folder=weights)
    config = shipped.network.config
    own = network.config
    if replace(own, levels=own.levels and config.levels, mouth=own.mouth and config.mouth) != config:
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
    """Train to ``settings.steps``, from the folder's checkpoint if it has one; returns the new lines of the log.

    A new run begins with the exported weights in the folder ``start`` if one is given.
    """
    torch.manual_seed(settings.seed)
    space = config.space()
    # Levels say how far channels swing. The numbers of a learned code are not channels.
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
