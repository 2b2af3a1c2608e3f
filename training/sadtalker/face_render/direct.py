"""An ablation of SadTalker's paper: motion coefficients drive the face render directly, without keypoints.

A network sees the source and a window of coefficients, and says for each place how far it moves, as PIRenderer (Ren et
al. 2021, arXiv 2109.08379) does. Appearance, decoder, losses and data are those of the face render.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from core.keypoints import Drawn, KeypointsConfig
from core.keypoints.appearance import AppearanceEncoder
from core.keypoints.blocks import Hourglass, head_layer, square_grid
from core.keypoints.decoder import Decoder
from core.keypoints.mapping import WindowCode
from core.keypoints.motion_field import SHOWN, SHOWN_REACH, SIDE, MotionField
from core.keypoints.window import cropped, window_grid
from core.motion.channels import CHANNELS
from core.renderer.generator.layers import activate, convolution, enlarge

from ...common.engine import Run, RunConfig, Step
from ...common.networks import channels_last
from ...generator.perceptual import PerceptualDistance
from .data import Faces, middle
from .recipe import RenderRecipe
from .trainer import Batches, FaceTrainer, picture_losses, warp_losses

REACH = 0.4
"""Largest motion of a place, in the square's coordinates."""
GAIN = 0.1
"""Factor on the outputs, so that a step of the optimiser changes the motion little."""


class DirectRender(nn.Module):
    """The face render with a motion network that knows no keypoints."""

    def __init__(self, config: KeypointsConfig) -> None:
        super().__init__()
        self.appearance, self.decoder = AppearanceEncoder(config), Decoder(config)
        self.depth, width = config.depth, config.motion[0]
        self.windows = WindowCode(config)
        self.code = nn.Linear(2 * (config.mapping + len(CHANNELS)), width)
        self.body = Hourglass(config.small * config.depth + width + 2, config.motion)
        self.to_volume = head_layer(width, 2 * config.depth)
        self.fine = convolution(width, width // 2)
        self.to_surface = head_layer(width // 2, 3)

    def forward(self, faces: Faces) -> Drawn:
        """The truths, drawn from sources and coefficients."""
        appearance = self.appearance(faces.source)
        codes = [self._code_of(window) for window in (faces.window, faces.driven_window)]
        code = activate(self.code(torch.cat(codes, 1)))[..., None, None].expand(-1, -1, SIDE, SIDE)
        grid = square_grid(SIDE, code.device).permute(2, 0, 1).expand(len(code), -1, -1, -1)
        x = self.body(torch.cat([appearance.small.flatten(1, 2), code, grid], 1))
        volume = _moved(self.to_volume(x)).unflatten(1, (self.depth, 2)).permute(0, 1, 3, 4, 2)
        out = self.to_surface(activate(self.fine(enlarge(x))))
        surface, shown = _moved(out[:, :2]), torch.sigmoid(SHOWN + SHOWN_REACH * torch.tanh(GAIN * out[:, 2:].float()))
        close = enlarge(cropped(surface)).permute(0, 2, 3, 1)
        field = MotionField(
            square_grid(SIDE, x.device) + volume,
            square_grid(2 * SIDE, x.device) + surface.permute(0, 2, 3, 1),
            window_grid(2 * SIDE, x.device) + close,
            shown,
            x,
        )
        return Drawn(field, *self.decoder(appearance, field))

    def _code_of(self, window: Tensor) -> Tensor:
        """What a window (B, 2 · radius + 1, 59) says: the code of its course, and its middle frame."""
        return torch.cat([self.windows.code(window), middle(window) * self.windows.scale], 1)


def _moved(out: Tensor) -> Tensor:
    """Motion of places, at most ``REACH``."""
    return REACH * torch.tanh(GAIN * out.float())


class DirectTrainer(FaceTrainer):
    """The steps of a run."""

    def __init__(
        self,
        recipe: RenderRecipe,
        source: Batches | None,
        perceptual: PerceptualDistance,
        folder: Path,
        config: RunConfig,
    ) -> None:
        torch.manual_seed(config.seed)
        network = channels_last(DirectRender(recipe.network))
        optimisers = {"direct": torch.optim.Adam(network.parameters(), recipe.rates[0], (0.5, 0.999))}
        run = Run(folder, config, {"direct": network}, optimisers, averaged=["direct"], recipe=asdict(recipe))
        super().__init__(recipe, source, perceptual, run)

    def step(self, step: Step) -> dict[str, float | Tensor]:
        """One step. There is no discriminator: compare with a run of keypoints that ends before L_GAN sets in."""
        faces = step.batch.to(self.run.device)
        self.set_rate(step, "direct", self.recipe.rates[0])
        with step.autocast():
            drawn = self.run.forward["direct"](faces)
        terms, made = warp_losses(drawn, faces, self.recipe.losses)
        terms |= picture_losses(made, faces, self.perceptual, self.recipe.losses, step)
        return self.update(step, "direct", terms)

    def picture(self, faces: Faces) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures of the averaged weights, and no keypoints; see ``sheet.Draw``."""
        faces = faces.to(self.run.device)
        with torch.autocast(self.run.device.type, torch.bfloat16, enabled=self.run.bfloat16):
            drawn = self.run.averages["direct"](faces)
        none = torch.zeros(len(faces.source), 0, 3)
        return drawn.picture(faces.source).float(), none, none
