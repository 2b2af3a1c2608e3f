"""Training of R.

R learns identity, expression, pose, gaze and light of face views by regression. A further loss compares the landmarks
of the described head with the true ones: it weighs errors by their effect on the face. ``training.reconstruction.data``
has the sources.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.compute.weight_files import write_weights
from core.face.face_view import VIEW_SIDE
from core.face.landmark_model import LandmarkModel
from core.face.reconstruction import Face, Reconstruction, ReconstructionConfig, camera_pose, sight_pose
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS

from ..common.checkpoint import load_module
from ..common.engine import CHECKPOINT, Run, RunConfig, Step, warm_up_cosine
from ..common.folders import GRID
from ..common.networks import channels_last
from ..corpus.synthetic.views import CACHE as SYNTHETIC
from .data import Batch, Example, GridExamples, PortraitExamples, SyntheticExamples, collate, photographed

RUN = RunConfig(steps=4000, ema=0.995, save_every=100)
EYE_DISTANCE_CM = 9.2
"""Outer-eye distance of the mean head, the unit of lengths in the losses."""
BLINKS = [EXPRESSIONS.index(f"eyeBlink_{side}") for side in "LR"]


@dataclass(frozen=True)
class Recipe:
    """Views of each source in a batch, the learning rate and the weights of the losses."""

    synthetic: int = 22
    grid: int = 6
    portraits: int = 4
    rate: float = 1.5e-3
    warm_up: int = 60
    weight_decay: float = 1e-4
    clip: float = 1.0
    identity: float = 0.04
    expression: float = 1.5
    rotation: float = 2.0
    place: float = 2.0
    gaze: float = 0.8
    light: float = 0.15
    shape: float = 2.0
    landmarks: float = 3.0
    gaps: float = 4.0

    @classmethod
    def tiny(cls) -> Recipe:
        """For tests: only synthetic views."""
        return cls(synthetic=8, grid=0, portraits=0, rate=4e-3, warm_up=5)


class Losses(nn.Module):
    """The losses of R against the truth of :func:`training.reconstruction.data.collate`."""

    points_mean: Tensor
    points_identity: Tensor
    points_expression: Tensor
    pairs: Tensor
    weights: Tensor

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        points = LandmarkModel.face_mesh(HeadModel.load())
        for name in ("mean", "identity", "expression"):
            self.register_buffer(f"points_{name}", getattr(points, name), persistent=False)
        pairs = torch.cat([points.lip_pairs, points.lid_pairs_left, points.lid_pairs_right])
        self.register_buffer("pairs", pairs, persistent=False)
        weights = torch.ones(len(EXPRESSIONS))
        for name, value in (("jawOpen", 3.0), ("eyeBlink_L", 2.0), ("eyeBlink_R", 2.0)):
            weights[EXPRESSIONS.index(name)] = value
        self.register_buffer("weights", weights / weights.mean(), persistent=False)

    def points(self, identity: Tensor, expression: Tensor) -> Tensor:
        """(B, 478, 3) landmarks in head space, cm."""
        flat = identity @ self.points_identity.flatten(1) + expression @ self.points_expression.flatten(1)
        return self.points_mean + flat.reshape(len(identity), -1, 3)  # (B, 3 P) -> (B, P, 3)

    def forward(self, face: Face, truth: Batch) -> dict[str, Tensor]:
        """Each loss separately, and their weighted sum ``total``."""
        recipe = self.recipe
        camera = (truth.focal, truth.centre)
        rotation, place = sight_pose(truth.rotation, truth.translation, camera, VIEW_SIDE)
        ours, theirs = (
            self.points(face.identity, face.expression),
            self.points(truth.identity, truth.expression),
        )
        turn, shift = camera_pose(face, camera, VIEW_SIDE)
        posed = ours @ turn.mT + shift[:, None]
        depth = (-posed[..., 2:]).clamp_min(5.0)
        flat = posed[..., :2] * posed.new_tensor([1.0, -1.0]) / depth
        pixels = truth.centre[:, None] + truth.focal[:, None, None] * flat
        open_eyes = (1 - truth.expression[:, BLINKS]).clamp(0, 1)[..., None]  # (B, 2, 1)
        seen = truth.lit.float()[:, None, None]
        front = truth.light.mean((1, 2), keepdim=True).clamp_min(0.05)
        losses = {
            "identity": (face.identity - truth.identity).square().mean(),
            "expression": (self.weights * (face.expression - truth.expression).abs()).mean(),
            "rotation": (face.rotation - rotation).abs().mean(),
            "place": (face.place - place).abs().mean(),
            "gaze": ((face.gaze - truth.gaze).abs() * open_eyes).sum() / (2 * open_eyes.sum()).clamp_min(1),
            "light": (seen * (face.light - truth.light).abs() / front).sum() / (27 * seen.sum()).clamp_min(1) * 0.1,
            "shape": (ours - theirs).norm(dim=-1).mean() / EYE_DISTANCE_CM,
            "landmarks": F.smooth_l1_loss(pixels, truth.landmarks, beta=1.0) / (0.4 * VIEW_SIDE),
            "gaps": (self._gaps(ours) - self._gaps(theirs)).abs().mean() / EYE_DISTANCE_CM,
        }
        losses["total"] = sum((getattr(recipe, name) * value for name, value in losses.items()), torch.zeros(()))
        return losses

    def _gaps(self, points: Tensor) -> Tensor:
        """(B, pairs) signed heights of the gaps of lips and lids, cm."""
        return points[:, self.pairs[:, 0], 1] - points[:, self.pairs[:, 1], 1]


class Sources:
    """Examples of every source of the recipe."""

    def __init__(self, recipe: Recipe, data: Path, synthetic: Path = SYNTHETIC, corpus: Path = GRID) -> None:
        self.recipe = recipe
        self.synthetic = SyntheticExamples(synthetic, "train")
        self.grid = GridExamples(corpus, "train") if recipe.grid else None
        self.portraits = PortraitExamples(data / "portraits", "train") if recipe.portraits else None

    def batch(self, rng: np.random.Generator) -> Batch:
        """One batch; its views look as if taken by many cameras."""
        drawn: list[Example] = [self.synthetic.draw(rng) for _ in range(self.recipe.synthetic)]
        if self.grid:
            drawn += [self.grid.draw(rng) for _ in range(self.recipe.grid)]
        if self.portraits:
            drawn += [self.portraits.draw(rng) for _ in range(self.recipe.portraits)]
        batch = collate(drawn)
        return replace(batch, view=photographed(batch.view, rng))


def train(run_folder: Path, config: RunConfig, network: ReconstructionConfig, recipe: Recipe, sources: Sources) -> Run:
    """Train R in a folder. Goes on from the folder's checkpoint."""
    torch.manual_seed(config.seed)
    model = channels_last(Reconstruction(network))
    optimiser = torch.optim.AdamW(model.parameters(), recipe.rate, (0.9, 0.98), weight_decay=recipe.weight_decay)
    facts = {"network": asdict(network), "recipe": asdict(recipe)}
    run = Run(run_folder, config, {"R": model}, {"R": optimiser}, averaged=["R"], recipe=facts)
    losses: Losses = Losses(recipe).to(run.device)

    def step(now: Step) -> dict[str, Tensor]:
        batch = sources.batch(now.rng).to(run.device)
        views = batch.view.contiguous(memory_format=torch.channels_last)
        with now.autocast():
            face = run.forward["R"](views)
        values = losses(face, batch)
        now.set_rate("R", warm_up_cosine(now.index, config.steps, recipe.rate, recipe.warm_up))
        now.update("R", values["total"], clip=recipe.clip)
        return {name: value.detach() for name, value in values.items()}

    run.modules["R"].train()
    run.fit(step)
    return run


def export(run: Path, network: ReconstructionConfig, path: Path) -> None:
    """Write the averaged weights of a run as float16. Running means and variances stay float32, because they may be
    large."""
    average = Reconstruction(network)
    load_module(run / CHECKPOINT, "R", average)
    tensors = {
        name: value.half() if value.is_floating_point() and "running" not in name else value
        for name, value in average.state_dict().items()
    }
    write_weights(path, tensors, asdict(network))
