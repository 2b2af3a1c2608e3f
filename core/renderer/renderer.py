"""The renderer: analyses one portrait, then renders frames of it for any motion.

The steps of a frame: warp the person along the head model's flow, over the background that is continued behind; redraw
mouth and eyes in their windows, because the photograph shows them in one state only; let G correct the result; paste it
into the whole photograph.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..compute.threads import side_by_side
from ..face.points import LID_RINGS
from ..head.head_model import HeadModel
from ..head.raster import interpolate, rasterise
from ..motion.motion import Motion
from ..portrait.eye_rings import with_whole_eyes
from ..portrait.portrait import Portrait
from ..wire.picture_size import FIT
from .detail import Detail, Moved
from .eyes import Eye, LidMotion
from .fields import enlarged
from .flow import FlowField
from .framing import frame_portrait
from .generator.refine import Painter, Refiner
from .geometry import HeadGeometry, PosedHeads
from .layers.around import Around
from .layers.grain import SkinGrain
from .layers.matte import separate
from .layers.mirrored import MirroredSide
from .layers.near import near_layers
from .layers.softer import softened
from .layers.stretched import StretchedPerson
from .light import Light
from .masks import polygon
from .mouth import Mouth
from .moved_person import MovedPerson, drawn_frames
from .opacity import Opacity, without_grey
from .warped import WarpedFrames

SIDE_BY_SIDE = 4
"""Frames that one processor thread draws at once. With fewer frames the threads wait for each other more often; with
more the data doesn't fit into the processor's cache."""
WELL_INSIDE = 0.9
"""Mask of the eye openings above which a pixel is used to estimate the light."""


class Renderer:
    """Frames of one portrait.

    Parameters
    ----------
    head_model, portrait
        The head model and a portrait fitted with it.
    size
        Least side S of the rendered square in pixels (256 or 512 are what it is made for); see ``frame_portrait``.
    device
        Device of the torch computations.
    framing
        "portrait": the square is pasted into the whole photograph. "crop": only the square.
    painter
        The networks of G that correct the warp. "shipped": the product's own, if this build has them. None: only the
        warp.
    picture
        Size of the whole photograph's frames; see ``core.wire.picture_size``. By default they have the square's scale.
    """

    reach = 0
    """A picture depends only on its own row of the motion."""

    def __init__(
        self,
        head_model: HeadModel,
        portrait: Portrait,
        size: int = 256,
        device: str | torch.device = "cpu",
        framing: str = "portrait",
        painter: Painter | Literal["shipped"] | None = "shipped",
        picture: int | str = FIT,
    ) -> None:
        self.device = torch.device(device)
        # Layers are made with OpenCV and numpy too, so they are made on the processor.
        with torch.inference_mode():
            self.framing = frame_portrait(portrait, size, framing, picture)
            self.size = size = len(self.framing.crop)
            self._landmarks = landmarks = with_whole_eyes(self.framing.crop, self.framing.to_crop(portrait.landmarks))
            photograph = torch.tensor(self.framing.crop).permute(2, 0, 1)[None].float() / 255
            parted = separate(self.framing.crop, landmarks, self.framing.inside)
            layers = parted.to(self.device)
            square = photograph.to(self.device)
        with torch.inference_mode(), _made_on(self.device):
            self.geometry = HeadGeometry(head_model.to(self.device), portrait, self.framing, landmarks)
            self.flow_field = FlowField(self.geometry, self.framing, layers.tight, size)
            trust = self.flow_field.vertex_trust
            light = self._light(square, landmarks, trust)
            softer = softened(layers.pure, layers.alpha)
            grain = SkinGrain.of(self.geometry, layers.pure, layers.alpha, softer, landmarks)
            stretched = StretchedPerson(layers.pure, layers.alpha, softer, grain)
            mirrored = MirroredSide(self.geometry, self.flow_field.hull, layers.pure, layers.alpha, light)
            person = torch.cat([layers.person, layers.alpha], 1)
            self.still = MovedPerson(person, layers.background, stretched, mirrored)
            shoulders = enlarged(self.flow_field.torso.below_head[None, None], size)
        with torch.inference_mode():
            near = near_layers(photograph, parted, shoulders.cpu(), self.framing.inside)
            near_person = torch.cat([near.person, near.alpha], 1).to(self.device)
        with torch.inference_mode(), _made_on(self.device):
            self.with_body = MovedPerson(near_person, near.background.to(self.device), stretched, mirrored)
            self.mouth = Mouth(self.geometry, square, landmarks, light, trust)
            self.lids = LidMotion(self.geometry)
            self.eyes = [Eye(self.geometry, self.lids, square, landmarks, side, light, trust) for side in (0, 1)]
            opacity = self.framing.opacity
            self.detail = None if self.framing.fine is None else Detail(self.framing, layers.alpha[0, 0].cpu().numpy())
            self.opacity = None if opacity is None else Opacity(opacity, layers.alpha, layers.hole)
            chosen = Painter.shipped(self.device) if painter == "shipped" else painter
            self.refiner = Refiner(chosen, self.framing.crop, landmarks) if chosen else None

    @property
    def kind(self) -> str:
        """ "gan" if G corrects the warp, else "warp"."""
        return "gan" if self.refiner else "warp"

    @property
    def frame_shape(self) -> tuple[int, int]:
        """(H, W) of the frames."""
        height, width = self.framing.frame.shape[:2]
        return height, width

    def render(self, motion: Motion, batch: int = 8, frames: Sequence[int] | None = None) -> Iterator[np.ndarray]:
        """Yield a picture (H, W, 3) uint8 for each frame of the motion; (H, W, 4) with alpha if the photograph has it.

        ``frames`` are the numbers of those that are drawn; None means all. ``batch`` frames are drawn at once; on a
        processor each thread draws a few (``core.compute.threads``). The pictures are the same bytes for any ``batch``.
        """
        motion = motion if frames is None else motion.picked(frames)
        on_processor = self.device.type == "cpu"
        batch = min(batch, SIDE_BY_SIDE) if on_processor else batch
        bodies = iter(motion.body)
        pieces = (motion.slice(k, min(k + batch, len(motion))) for k in range(0, len(motion), batch))
        for drawn in (side_by_side if on_processor else map)(self._draw, pieces):
            for square, moved in drawn:  # composed only when it is needed, because whole photographs are large
                if self.detail is not None and moved is not None:
                    square = self.detail.added(square, moved)
                frame = self.framing.compose(square, self._surroundings(next(bodies)))
                yield frame if self.opacity is None else without_grey(frame)

    def _surroundings(self, body: np.ndarray) -> np.ndarray | None:
        """The frame around the square for ``body`` (4,), where it moves; None where it stays."""
        return self.around.moved(body) if self.framing.is_surrounded and body.any() else None

    @cached_property
    def around(self) -> Around:
        """The photograph around the square, made when shoulders first move."""
        with torch.inference_mode():
            return Around(self.geometry, self.framing, self._landmarks)

    def _draw(self, motion: Motion) -> list[tuple[np.ndarray, Moved | None]]:
        """The squares (S, S, 3 or 4) uint8 of a short motion, all drawn at once, and what moves the fine detail."""
        expression, rotation, translation, tongue, body = (
            torch.tensor(values, dtype=torch.float32, device=self.device)
            for values in (motion.expression, motion.rotation, motion.translation, motion.tongue, motion.body)
        )
        warped = self.warp(expression, rotation, translation, tongue=tongue, body=body if motion.body.any() else None)
        picture = self.refine(warped, torch.cat([expression, rotation, translation], 1))
        if self.opacity is not None:
            with torch.inference_mode(), _made_on(self.device):
                picture = torch.cat([picture, self.opacity.moved(warped.flow.positions)], 1)
        squares = (picture * 255).add_(0.5).clamp_(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
        moved = [None] * len(squares) if self.detail is None else Moved.of(warped.flow.positions, warped.alpha)
        return list(zip(squares, moved, strict=True))

    def warp(
        self,
        expression: Tensor,
        rotation: Tensor,
        translation: Tensor,
        absolute: bool = False,
        tongue: Tensor | None = None,
        body: Tensor | None = None,
    ) -> WarpedFrames:
        """Warped frames of the square for motion channels (B, 53), (B, 3), (B, 3), (B, 2) and (B, 4); see
        ``HeadGeometry.pose`` and ``FlowField``."""
        with torch.inference_mode(), _made_on(self.device):
            heads = self.geometry.pose(expression, rotation, translation, absolute, tongue)
            resting = self.lids.resting(heads)  # the lids' own movement is drawn by the eyes
            flow = self.flow_field(resting, rotation, translation, body)
            moves = [False] * len(rotation) if body is None else body.any(1).tolist()
            picture, alpha = drawn_frames([self.with_body if move else self.still for move in moves], flow)
            for eye in self.eyes:
                eye.draw(picture, heads, resting)
            self.mouth.draw(picture, heads)
            return WarpedFrames(picture.clamp_(0, 1), flow, alpha, heads)

    def refine(self, frames: WarpedFrames, channels: Tensor) -> Tensor:
        """Pictures (B, 3, S, S) 0..1 of warped frames after G's correction; without G the warp unchanged.

        ``channels`` (B, 59) is the motion of the frames.
        """
        if self.refiner is None:
            return frames.picture
        with torch.inference_mode(), _made_on(self.device):
            return self.refiner.correct(frames, *self.surfaces(frames.heads, self.refiner.side), channels)

    def surfaces(self, heads: PosedHeads, side: int | None = None) -> tuple[Tensor, Tensor]:
        """Part labels (B, N, N) and unit normals in camera axes (B, 3, N, N) of posed heads.

        Labels are −1 where there is no head. N is ``side``: pixels for the whole square, by default as many as it has.
        """
        model, side = self.geometry.model, side or self.size
        with torch.inference_mode(), _made_on(self.device):
            pixels = self.geometry.behind_lids(heads.pixels) * torch.tensor([side / self.size, side / self.size, 1.0])
            seen = rasterise(pixels, model.triangles, side, side, cull_backfaces=True)
            parts = torch.where(seen.covered, model.triangle_part[seen.triangle.clamp_min(0)], -1)
            turned = [  # frame by frame: a matrix product can round differently for another number of rows
                model.normals(self.geometry.shape(weights, tongue)) @ rotation.T
                for weights, tongue, rotation in zip(heads.expression, heads.tongue, heads.rotation, strict=True)
            ]
            normals = interpolate(seen, model.triangles, torch.stack(turned)).permute(0, 3, 1, 2)
            # Written out, because torch's norm over channels takes thirty times as long.
            return parts, normals * normals.square().sum(1, keepdim=True).clamp_min(1e-12).rsqrt()

    def _light(self, picture: Tensor, landmarks: np.ndarray, trust: Tensor) -> Light:
        model, geometry = self.geometry.model, self.geometry
        shape = geometry.neutral + model.expression_offsets(geometry.own_expression)
        skin = model.part_vertices("skin")
        normals = model.normals(shape)[skin] @ geometry.rotation.T
        left, right = (polygon(landmarks[list(ring)], self.size) for ring in LID_RINGS)
        eyes = (left + right)[0, 0].to(self.device) > WELL_INSIDE
        return Light.estimate(picture, geometry.source.pixels[0, skin, :2], normals, trust[skin], eyes)


def _made_on(device: torch.device) -> AbstractContextManager[object]:
    """Context in which new tensors are made on ``device``.

    On a processor it does nothing: new tensors are there anyway, and torch's own context costs a tenth of a frame.
    """
    return nullcontext() if device.type == "cpu" else device
