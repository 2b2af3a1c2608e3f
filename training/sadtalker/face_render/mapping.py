"""Stage 2: MappingNet learns to say from the coefficients what stage 1's encoder saw in the picture.

The losses are the distance of the mapped keypoints from those of stage 1, the head pose, which is known, and the
picture's losses through the face render, whose weights rest.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from core.keypoints import Drawn, Encoded
from core.keypoints.blocks import exact
from core.keypoints.mapping import Mapped, MappingNet
from core.keypoints.pose import HeadPose
from core.keypoints.weights import KeypointNetworks, save_networks
from core.motion.channels import EXPRESSIONS

from ...common.checkpoint import load_module
from ...common.engine import CHECKPOINT, Run, RunConfig, Step
from ...generator.perceptual import PerceptualDistance
from .data import Faces, middle
from .keypoints import Lesson
from .recipe import RenderRecipe
from .trainer import Batches, FaceTrainer, picture_losses

RUN = RunConfig(steps=10_000, ema=0.998, log_every=20, save_every=200, sample_every=500)


@dataclass(frozen=True)
class MappingWeights:
    """Weights of the losses.

    Attributes
    ----------
    keypoints
        L_1 of the mapped keypoints against those of stage 1, in the square's coordinates.
    pose
        L_1 of rotation (radians) and translation (centimetres) against the known ones.
    picture
        Factor on the picture's losses of stage 1.
    """

    keypoints: float = 20.0
    pose: float = 1.0
    picture: float = 1.0


class MappingLesson(nn.Module):
    """MappingNet in training: from windows to the picture. The networks of stage 1 are not parts of it."""

    def __init__(self, mapping: MappingNet) -> None:
        super().__init__()
        self.mapping = mapping

    def forward(self, windows: Tensor) -> Mapped:
        """Of windows (B, 2 · radius + 1, 59)."""
        mapped: Mapped = self.mapping(windows)
        return mapped


class MappingTrainer(FaceTrainer):
    """The steps of a run of stage 2, over the run of stage 1 in the folder ``stage_1``."""

    def __init__(
        self,
        recipe: RenderRecipe,
        source: Batches | None,
        perceptual: PerceptualDistance,
        stage_1: Path,
        folder: Path,
        config: RunConfig,
        weights: MappingWeights | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        self.weights = weights or MappingWeights()
        lesson = MappingLesson(MappingNet(recipe.network))
        optimisers = {"mapping": torch.optim.Adam(lesson.parameters(), recipe.rates[0], (0.9, 0.999))}
        facts = asdict(recipe) | {"mapping": asdict(self.weights)}
        run = Run(folder, config, {"mapping": lesson}, optimisers, averaged=["mapping"], recipe=facts)
        super().__init__(recipe, source, perceptual, run)
        seen = load_module(stage_1 / CHECKPOINT, "render", Lesson(recipe.network))
        self.seen = seen.requires_grad_(False).to(run.device)

    def step(self, step: Step) -> dict[str, float | Tensor]:
        """One step."""
        weights, faces = self.weights, step.batch.to(self.run.device)
        self.set_rate(step, "mapping", self.recipe.rates[0])
        mapped = self.run.forward["mapping"](torch.cat([faces.window, faces.driven_window]))
        with step.autocast():
            with torch.no_grad():
                wanted = self.seen.expression(torch.cat([faces.source, faces.truth]))
            made, encoded, _ = self.draw(faces, mapped)
        known = torch.cat([middle(faces.window), middle(faces.driven_window)])[:, len(EXPRESSIONS) :]
        said = torch.cat([mapped.rotation, mapped.translation], 1)
        driven, true = self._driven(encoded, faces, mapped, wanted)
        terms = {
            "keypoints": weights.keypoints * ((mapped.offsets - wanted).abs().mean() + (driven - true).abs().mean()),
            "pose": weights.pose * (said - known).abs().mean(),
        }
        looks = picture_losses(made.float(), faces, self.perceptual, self.recipe.losses, step)
        terms |= {name: weights.picture * value for name, value in looks.items()}
        return self.update(step, "mapping", terms)

    def _driven(self, encoded: Encoded, faces: Faces, mapped: Mapped, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """The frames' keypoints (B, K, 3) as mapped, and as stage 1 has them."""
        own, shown = wanted.float().chunk(2)
        true = faces.driven_pose.to_square(faces.pose.to_head(encoded.keypoints - own)) + shown
        return self.seen.render.driven(encoded, driven_pose(faces, mapped), mapped.offsets.chunk(2)[1]), true

    def draw(self, faces: Faces, mapped: Mapped) -> tuple[Tensor, Encoded, Drawn]:
        """Pictures (B, 3, S, S) of the truths, drawn from what is mapped for (2 B) sources and truths."""
        own, driven = mapped.offsets.chunk(2)
        pose = driven_pose(faces, mapped)
        made: tuple[Tensor, Encoded, Drawn] = self.seen.render(faces.source, faces.pose, own, pose, driven)
        return made

    def picture(self, faces: Faces) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures of the averaged weights, and keypoints of sources and frames; see ``sheet.Draw``."""
        faces = faces.to(self.run.device)
        mapped = self.run.averages["mapping"](torch.cat([faces.window, faces.driven_window]))
        with torch.autocast(self.run.device.type, torch.bfloat16, enabled=self.run.bfloat16):
            made, encoded, _ = self.draw(faces, mapped)
        driven = self.seen.render.driven(encoded, driven_pose(faces, mapped), mapped.offsets.chunk(2)[1])
        return made.float(), encoded.keypoints, driven


def driven_pose(faces: Faces, mapped: Mapped) -> HeadPose:
    """The heads' poses in the truths, as they are mapped for (2 B) sources and truths."""
    with exact(mapped.rotation):
        return faces.pose.moved(mapped.rotation.chunk(2)[1], mapped.translation.chunk(2)[1])


def export(recipe: RenderRecipe, stage_1: Path, run: Path, path: Path) -> Path:
    """Write the averaged weights of both runs as the product reads them; returns the path of the file."""
    networks = KeypointNetworks(recipe.network)
    seen = load_module(stage_1 / CHECKPOINT, "render", Lesson(recipe.network))
    mapped = load_module(run / CHECKPOINT, "mapping", MappingLesson(MappingNet(recipe.network)))
    networks.render.load_state_dict(seen.render.state_dict())
    networks.mapping.load_state_dict(mapped.mapping.state_dict())
    save_networks(path, networks)
    return path
