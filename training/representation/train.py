"""Training of the representation, stage by stage.

Each stage starts from the averaged weights of the previous stage, in its own folder.
``training.representation.networks`` has the losses of the stages.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from core.compute.devices import fast_bfloat16
from core.errors import SoliloquyError
from core.face.reconstruction import Reconstruction
from core.representation.model import Representation, RepresentationConfig
from core.sound.lips import LipModel

from ..common.checkpoint import load_module
from ..common.engine import CHECKPOINT, Run, RunConfig, Step, run_device, warm_up_cosine
from .data import CACHE, Faces, Mixture
from .decoder import DecoderConfig
from .losses import MemoryBanks
from .networks import LossConfig, Networks, disguise
from .seen import look
from .sheet import write_sheet

STAGES = ("pretrain", "contrastive", "curves", "disentangle")
LEARNS = {
    "pretrain": ("representation.motion_encoder", "representation.identity_encoder", "reading", "reenact"),
    "contrastive": ("representation.motion_encoder", "representation.mlp_cl", "reading", "reenact"),
    "disentangle": (
        "representation.mlp_ol",
        "representation.mlp_nl",
        "render",
    ),
    "curves": ("representation.decoder", "representation.mlp_m2l", "representation.mlp_m2nl"),
}
"""Parts of :class:`Networks` that a stage trains. All others are fixed, including their batch normalisation."""
KEPT = ("identity_encoder", "decoder", "mlp_m2l", "mlp_m2nl")
"""Parts of the representation that a generator was trained with. With ``--keep`` they are not changed, and E_v, MLP_ol
and MLP_nl learn to match them."""
SHARES = {"grid": 0.3, "portraits": 0.35, "synthetic": 0.35}
"""How often a clip of a batch comes from each set. GRID shows one man: real frames, but of one face. Stages with sound
do not use the synthetic people."""


@dataclass(frozen=True)
class StageConfig:
    """Length of a stage, clips in a step, views of each clip, peak learning rate, steps of warm-up."""

    steps: int
    clips: int
    each: int
    rate: float
    warm_up: int = 50


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a run: network, generator, losses, stages."""

    representation: RepresentationConfig = field(default_factory=RepresentationConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    pretrain: StageConfig = field(default_factory=lambda: StageConfig(1500, 12, 4, 1e-3))
    contrastive: StageConfig = field(default_factory=lambda: StageConfig(600, 6, 16, 5e-4))
    curves: StageConfig = field(default_factory=lambda: StageConfig(3000, 256, 1, 2e-3))
    disentangle: StageConfig = field(default_factory=lambda: StageConfig(2000, 8, 16, 1e-3))

    @classmethod
    def tiny(cls) -> TrainConfig:
        """For tests: a few seconds on one core."""
        stage = StageConfig(30, 4, 6, 3e-3, warm_up=5)
        return cls(
            RepresentationConfig.tiny(), DecoderConfig.tiny(), LossConfig(bank_steps=4), stage, stage, stage, stage
        )  # fmt: skip

    def stage(self, name: str) -> StageConfig:
        """The stage of that name."""
        stage: StageConfig = getattr(self, name)
        return stage


@dataclass(frozen=True)
class Variant:
    """Variants of the last stage.

    Attributes
    ----------
    without_ol
        The weight of L_ol is 0.
    without_banks
        The correlations of L_ol are over the current step only.
    as_paper
        As in the paper, only painted pictures and L_ol teach f_nl.
    """

    without_ol: bool = False
    without_banks: bool = False
    as_paper: bool = False

    def recipe(self, config: TrainConfig) -> TrainConfig:
        """The recipe of this variant."""
        losses = replace(config.losses, ol=0.0) if self.without_ol else config.losses
        losses = replace(losses, bank_steps=1) if self.without_banks else losses
        return replace(config, losses=replace(losses, channels=0.0, met=0.0, heard=True) if self.as_paper else losses)

    def folder(self, run: Path) -> Path:
        """The folder of this variant's run."""
        told = "-as-paper" * self.as_paper + "-without-ol" * self.without_ol + "-without-banks" * self.without_banks
        return run / f"disentangle{told}"


def build(config: TrainConfig, lips: LipModel, seed: int) -> Networks:
    """Untrained networks of the recipe. The widths of f_a and f_l and the decoder D_l are those of the lip model."""
    torch.manual_seed(seed)
    widths = replace(config.representation, sound=lips.config.adapter.width, lip=lips.config.code)
    networks = Networks(widths, config.decoder, config.losses)
    gain, rest = lips.gain.cpu(), lips.rest.cpu()
    with torch.no_grad():  # takes show lips widened about the mouth at rest, so the inverse includes this
        networks.lip_weight.copy_(gain[:, None] * lips.decoder.weight.cpu())
        networks.lip_bias.copy_(rest + gain * (lips.decoder.bias.cpu() - rest))
    return networks


def parts(networks: Networks, stage: str) -> list[nn.Module]:
    """The parts of the networks that a stage trains."""
    kept = {f"representation.{name}" for name in KEPT} if networks.kept else set()
    return [networks.get_submodule(name) for name in LEARNS[stage] if name not in kept]


def keep_features(networks: Networks, shipped: Representation) -> None:
    """Copy f_id, the motion decoder and the features of curves from ``shipped``; they are fixed from now on."""
    networks.kept, model = True, networks.representation
    for name in KEPT:
        model.get_submodule(name).load_state_dict(shipped.get_submodule(name).state_dict())
    model.mean.copy_(shipped.mean)
    model.scale.copy_(shipped.scale)


def open_sets(lips: LipModel, side: int, part: str = "train", shares: dict[str, float] | None = None) -> Mixture:
    """The existing sets of :data:`SHARES` as one mixture. The first, GRID, is required."""
    shares = shares or SHARES
    sets: list[Faces] = []
    weights, people = [], 0
    for name, share in shares.items():
        folder = CACHE / f"{name}-{part}"
        if sets and not folder.exists():
            continue
        faces = Faces(folder, people)
        people += int(faces.person.max()) + 1
        sets.append(faces)
        weights.append(share)
    return Mixture(sets, weights, lips, side)


def train(
    stage: str,
    config: TrainConfig,
    run: RunConfig,
    folder: Path,
    before: Path | None,
    data: Mixture,
    lips: LipModel,
    shipped: Representation | None = None,
    reader: Reconstruction | None = None,
    painter: Path | None = None,
) -> list[dict[str, float]]:
    """Train one stage in ``folder``; returns the new lines of the log.

    Parameters
    ----------
    before
        Folder with the averaged networks to start from; None for the first stage.
    shipped
        Representation whose parts :data:`KEPT` are copied and fixed.
    reader
        R, from which E_v starts in the first stage.
    painter
        Folder of the run whose generator *disentangle* starts from.
    """
    size = config.stage(stage)
    networks = build(config, lips, run.seed)
    networks.representation.mean, networks.representation.scale = data.channel_statistics()
    if before is not None:
        load_stage(before, networks)
        if stage == "disentangle":
            networks.render.paint_as(networks.reenact)
        if painter is not None:
            networks.render.load_state_dict(load_stage(painter, build(config, lips, run.seed)).render.state_dict())
    elif reader is not None:
        networks.start_from(reader)
    if shipped is not None:
        keep_features(networks, shipped)
    networks.eval().requires_grad_(False)
    if stage == "disentangle":
        device, after = run_device(run.device), before / CHECKPOINT if before else None
        encoder, quick = networks.representation.motion_encoder.to(device), run.bfloat16 and fast_bfloat16(device)
        look(data, encoder, config.losses.augment, before or folder, after, quick)
    learning = [part.requires_grad_(True) for part in parts(networks, stage)]
    widths = networks.representation.config
    banks = MemoryBanks(config.losses.bank_steps, size.clips * size.each, widths.free, widths.sound)
    optimiser = torch.optim.AdamW([p for part in learning for p in part.parameters()], size.rate, (0.9, 0.98))
    running = Run(
        folder,
        run,
        {"networks": networks, "banks": banks},
        {"networks": optimiser},
        averaged=["networks"],
        recipe={"stage": stage, **asdict(config)},
    )

    def make_step(step: Step) -> dict[str, float]:
        step.set_rate("networks", warm_up_cosine(step.index, run.steps, size.rate, size.warm_up))
        if stage == "curves":
            batch = data.draw_curves(size.clips, step.rng).to(running.device)
            views = batch.views
        else:
            sound, apart = stage != "pretrain", stage == "disentangle"
            batch = data.draw(size.clips, size.each, step.rng, heard=sound, evenly=apart).to(running.device)
            views = batch.views if apart else disguise(batch, config.losses.augment, step.generator, one_crop=sound)
        networks.training = True  # only of the module itself: fixed parts stay in evaluation mode
        for part in learning:
            part.train()
        with step.autocast():
            terms = running.forward["networks"](stage, batch, views, running.modules["banks"])
        norm = step.update("networks", terms["total"], clip=1.0)
        return {name: float(value.detach()) for name, value in terms.items()} | {"norm": norm}

    def sample(step: int) -> None:
        average = running.averages["networks"]
        assert isinstance(average, Networks)
        batch = data.draw(3, 4, np.random.default_rng(run.seed)).to(running.device)
        views = disguise(batch, config.losses.augment, torch.Generator().manual_seed(run.seed), one_crop=False)
        write_sheet(average, stage, batch, views, folder / f"sample-{step:06d}.png")

    return running.fit(make_step, None if stage == "curves" else sample)


def load_stage(folder: Path, networks: Networks) -> Networks:
    """Load the averaged networks of a stage's run. Raises SoliloquyError ``stage_missing`` if it has not run."""
    checkpoint = folder / CHECKPOINT
    if not checkpoint.exists():
        words = re.sub("-(as|without)", r" --\1", folder.name)
        raise SoliloquyError(
            "stage_missing",
            f"There is no {checkpoint}.",
            f"Run the stage first: python -m training.representation {words}",
        )
    load_module(checkpoint, "networks", networks)
    return networks


def export(folder: Path, config: TrainConfig, lips: LipModel, weights: Path) -> Representation:
    """Write the averaged representation of the last stage's run as the product's weights; returns it."""
    model = load_stage(folder, build(config, lips, 0)).representation
    model.save(weights)
    print(f"{weights}: {weights.stat().st_size / 1e6:.1f} MB")
    return model
