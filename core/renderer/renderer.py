"""The renderer: one portrait, analysed once, and frames of it for any motion.

Warp of the person along the head model's flow, over the background continued behind; then mouth and eyes, which the
photograph shows in one state only, drawn anew in their windows; then corrected by G; then pasted into the whole
photograph.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..compute.threads import side_by_side
from ..face.points import LID_RINGS
from ..head.head_model import HeadModel
from ..head.raster import interpolate, rasterise
from ..motion.motion import Motion
from ..portrait.portrait import Portrait
from .eyes import Eye
from .fields import blur, sample, smoothstep
from .flow import FlowField
from .framing import frame_portrait
from .generator.refine import Painter, Refiner
from .geometry import HeadGeometry, PosedHeads
from .light import Light
from .masks import polygon
from .matte import separate
from .mouth import Mouth
from .stretched import StretchedPerson
from .warped import WarpedFrames

SIDE_BY_SIDE = 4
"""Frames that a processor's thread draws at once: fewer have it wait for its turn more often, more leave its cache."""


class Renderer:
    """Frames of one portrait.

    Parameters
    ----------
    head_model, portrait
        The head model and a portrait fitted with it.
    size
        Side S of the rendered square in pixels (256 or 512 are what it is made for).
    device
        Where the torch work is done.
    framing
        "portrait": the square pasted into the whole photograph, scaled so that the portrait's crop measures ``size``
        pixels (long side at most 2160, even dimensions); "crop": the square alone.
    painter
        The networks of G that correct the warp; "shipped": the product's own, where this build has them; None: the
        warp alone.
    """

    def __init__(
        self,
        head_model: HeadModel,
        portrait: Portrait,
        size: int = 256,
        device: str | torch.device = "cpu",
        framing: str = "portrait",
        painter: Painter | Literal["shipped"] | None = "shipped",
    ) -> None:
        self.device, self.size = torch.device(device), size
        with torch.inference_mode(), _made_on(self.device):
            self.framing = frame_portrait(portrait, size, framing)
            self.geometry = HeadGeometry(head_model.to(self.device), portrait, self.framing)
            landmarks = self.framing.to_crop(portrait.landmarks)
            layers = separate(self.framing.crop, landmarks)
            picture = torch.tensor(self.framing.crop).permute(2, 0, 1)[None].float() / 255
            self.background = layers.background
            self.person = torch.cat([picture, layers.alpha], 1)  # (1, 3 + 1, S, S)
            self.stretched = StretchedPerson(layers.pure, layers.tight)
            inside = torch.tensor(self.framing.inside)
            self.flow_field = FlowField(self.geometry, inside, layers.tight, size)
            trust = self.flow_field.vertex_trust
            light = self._light(picture, landmarks, trust)
            self.mouth = Mouth(self.geometry, picture, landmarks, light, trust)
            self.eyes = [Eye(self.geometry, picture, landmarks, side, light, trust) for side in (0, 1)]
            chosen = Painter.shipped(self.device) if painter == "shipped" else painter
            self.refiner = Refiner(chosen, self.framing.crop, landmarks) if chosen else None

    @property
    def kind(self) -> str:
        """ "gan" where G corrects the warp, "warp" where nothing does."""
        return "gan" if self.refiner else "warp"

    @property
    def frame_shape(self) -> tuple[int, int]:
        """(H, W) of the frames."""
        height, width = self.framing.frame.shape[:2]
        return height, width

    def render(self, motion: Motion, batch: int = 8) -> Iterator[np.ndarray]:
        """Yield a frame (H, W, 3) uint8 for each frame of the motion.

        ``batch`` frames at once; on a processor each thread draws a few (``core.compute.threads``); the same bytes.
        """
        on_processor = self.device.type == "cpu"
        batch = min(batch, SIDE_BY_SIDE) if on_processor else batch
        pieces = (motion.slice(k, min(k + batch, len(motion))) for k in range(0, len(motion), batch))
        for squares in (side_by_side if on_processor else map)(self._draw, pieces):
            for square in squares:  # whole photographs are large: none waits for its turn
                yield self.framing.compose(square)

    def _draw(self, motion: Motion) -> np.ndarray:
        """(T, S, S, 3) uint8 squares of a short motion, all at once."""
        channels = [
            torch.tensor(values, dtype=torch.float32, device=self.device)
            for values in (motion.expression, motion.rotation, motion.translation)
        ]
        picture = self.refine(self.warp(*channels), torch.cat(channels, 1))
        return (picture * 255 + 0.5).clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()

    def warp(self, expression: Tensor, rotation: Tensor, translation: Tensor, absolute: bool = False) -> WarpedFrames:
        """Frames of the square for motion channels (B, 53), (B, 3), (B, 3); see ``HeadGeometry.pose``."""
        with torch.inference_mode(), _made_on(self.device):
            heads = self.geometry.pose(expression, rotation, translation, absolute)
            flow = self.flow_field(heads, rotation, translation)
            warped = sample(self.person, flow.positions, "bicubic").clamp(0, 1)
            alpha = warped[:, 3:]
            layer = alpha * (warped[:, :3] - self.background)
            if flow.stretch.any():
                colours, matte = self.stretched(flow.positions)
                layer = layer + flow.stretch * (matte * (colours - self.background) - layer)
                alpha = alpha + flow.stretch * (matte - alpha)
            picture = self.background + layer
            picture = picture + self._outline(flow.trust) * (blur(picture, 1, 1) - picture)
            for part in (*self.eyes, self.mouth):
                picture = part.draw(picture, heads)
            return WarpedFrames(picture.clamp(0, 1), flow, alpha, heads)

    def refine(self, frames: WarpedFrames, channels: Tensor) -> Tensor:
        """Pictures (B, 3, S, S) 0..1 of warped frames as G corrects them; ``channels`` (B, 59) is their motion.

        Without G the warp as it is.
        """
        if self.refiner is None:
            return frames.picture
        with torch.inference_mode(), _made_on(self.device):
            return self.refiner.correct(frames, *self.surfaces(frames.heads, self.refiner.side), channels)

    @staticmethod
    def _outline(trust: Tensor) -> Tensor:
        """(B, 1, S, S) 1 along the outline of the head model, where the flow jumps and would leave a jagged edge."""
        solid = smoothstep(0.1, 0.6, trust)
        return smoothstep(0.1, 0.3, (solid - blur(solid, 1, 1)).abs())

    def surfaces(self, heads: PosedHeads, side: int | None = None) -> tuple[Tensor, Tensor]:
        """Part label (B, N, N), −1 where no head is, and unit normals in camera axes (B, 3, N, N) of posed heads.

        N is ``side`` pixels for the whole square, or else as many as the square has.
        """
        model, side = self.geometry.model, side or self.size
        with torch.inference_mode(), _made_on(self.device):
            pixels = heads.pixels * torch.tensor([side / self.size, side / self.size, 1.0])
            seen = rasterise(pixels, model.triangles, side, side, cull_backfaces=True)
            parts = torch.where(seen.covered, model.triangle_part[seen.triangle.clamp_min(0)], -1)
            turned = [  # frame by frame: a matrix product may round differently for another number of rows
                model.normals(self.geometry.neutral + model.expression_offsets(weights)) @ rotation.T
                for weights, rotation in zip(heads.expression, heads.rotation, strict=True)
            ]
            normals = interpolate(seen, model.triangles, torch.stack(turned)).permute(0, 3, 1, 2)
            # Written out: torch's norm over channels takes thirty times as long.
            return parts, normals * normals.square().sum(1, keepdim=True).clamp_min(1e-12).rsqrt()

    def _light(self, picture: Tensor, landmarks: np.ndarray, trust: Tensor) -> Light:
        model, geometry = self.geometry.model, self.geometry
        shape = geometry.neutral + model.expression_offsets(geometry.own_expression)
        skin = model.part_vertices("skin")
        normals = model.normals(shape)[skin] @ geometry.rotation.T
        eyes = sum(polygon(landmarks[list(ring)], self.size) for ring in LID_RINGS)[0, 0].to(self.device) > 0.9
        return Light.estimate(picture, geometry.source.pixels[0, skin, :2], normals, trust[skin], eyes)


def _made_on(device: torch.device) -> AbstractContextManager[object]:
    """Within it new tensors are on ``device``. On a processor they are anyhow, and torch's own way of it costs as much
    as a tenth of a frame."""
    return nullcontext() if device.type == "cpu" else device
