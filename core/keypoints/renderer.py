"""Frames of one portrait, drawn by the face render: a ``core.systems.frame_renderer.FrameRenderer``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ..compute.threads import side_by_side
from ..head.expression import target_expression
from ..head.head_model import HeadModel
from ..motion.motion import Motion
from ..portrait.portrait import Portrait
from ..renderer.framing import frame_portrait
from ..renderer.generator.generator import resized
from ..renderer.opacity import without_grey
from ..wire.picture_size import FIT
from .mapping import windows
from .network import looked_up
from .pose import head_pose
from .weights import KeypointNetworks, shipped_networks

TOGETHER = 4
"""Frames of one piece of work on a processor, at most."""


class KeypointRenderer:
    """Frames of one portrait.

    The networks know neither tongue nor body: the mouth's inside is what they draw, and shoulders rest. What is
    transparent in the photograph moves with what it surrounds.

    Parameters
    ----------
    head_model, portrait
        The head model and a portrait fitted with it.
    size, framing, picture
        As in ``core.renderer.Renderer``.
    device
        Device of the torch computations.
    networks
        None: the shipped ones. Raises SoliloquyError ``weights_missing`` if this build has none.
    """

    kind = "keypoints"

    def __init__(
        self,
        head_model: HeadModel,
        portrait: Portrait,
        size: int = 256,
        device: str | torch.device = "cpu",
        framing: str = "portrait",
        networks: KeypointNetworks | None = None,
        picture: int | str = FIT,
    ) -> None:
        self.device = torch.device(device)
        networks = networks or shipped_networks(str(self.device))
        self.networks = networks
        self.framing = frame_portrait(portrait, size, framing, picture)
        self.size = len(self.framing.crop)
        landmarks = self.framing.to_crop(portrait.landmarks) * (2.0 / self.size) - 1
        self.own_expression = torch.from_numpy(portrait.expression).float()
        with torch.inference_mode():
            seen = torch.from_numpy(landmarks).float()[None]
            self.pose = head_pose(head_model.to("cpu"), self.own_expression[None], seen).to(self.device)
            square = torch.tensor(self.framing.crop).permute(2, 0, 1)[None].float() / 255
            self.square = square.to(self.device)
            opacity = self.framing.opacity
            self.opacity = None if opacity is None else torch.tensor(opacity, device=self.device)[None, None] / 255
            own = torch.cat([self.own_expression, torch.zeros(6)])
            radius = networks.config.radius
            offsets = networks.mapping(own.expand(1, 2 * radius + 1, -1).to(self.device)).offsets
            source = resized(self.square, networks.config.side)
            self.source = networks.render.encode(source, self.pose, offsets)

    @property
    def frame_shape(self) -> tuple[int, int]:
        """(H, W) of the frames."""
        height, width = self.framing.frame.shape[:2]
        return height, width

    @property
    def reach(self) -> int:
        """Rows of the motion before and after a picture's own on which it depends too: those of MappingNet's window."""
        return self.networks.config.radius

    def render(self, motion: Motion, batch: int = 8, frames: Sequence[int] | None = None) -> Iterator[np.ndarray]:
        """Yield a picture (H, W, 3) uint8 for each frame of the motion; (H, W, 4) with alpha if the photograph has it.

        ``frames`` are the numbers of those that are drawn; None means all. ``batch`` frames are drawn by each processor
        thread before it takes the next ones, at most ``TOGETHER``. A picture is the same bytes for any ``batch``, and
        whatever other frames are drawn.
        """
        on_processor = self.device.type == "cpu"
        batch = min(batch, TOGETHER) if on_processor else batch
        shown = target_expression(self.own_expression, torch.from_numpy(motion.expression.copy()))
        head = torch.from_numpy(np.concatenate([motion.rotation, motion.translation], 1))
        seen = windows(torch.cat([shown, head], 1), self.reach)
        if frames is not None:
            seen = seen[list(frames)]
        for squares in (side_by_side if on_processor else map)(self._draw, seen.split(batch)):
            for square in squares:
                frame = self.framing.compose(square)
                yield frame if self.opacity is None else without_grey(frame)

    def _draw(self, seen: Tensor) -> list[np.ndarray]:
        """The squares (S, S, 3 or 4) uint8 of windows (T, 2 · radius + 1, 59)."""
        # Frame by frame: matrix products and convolutions can round differently for another number of frames.
        return [self._draw_one(window[None].to(self.device)) for window in seen]

    def _draw_one(self, window: Tensor) -> np.ndarray:
        with torch.inference_mode():
            mapped = self.networks.mapping(window)
            pose = self.pose.moved(mapped.rotation, mapped.translation)
            drawn = self.networks.render.draw(self.source, pose, mapped.offsets)
            places = drawn.places(self.size)
            picture = looked_up(self.square, places, drawn.mode(self.size)) + drawn.painted(self.size)
            if self.opacity is not None:
                picture = torch.cat([picture, looked_up(self.opacity, places)], 1)
            square: np.ndarray = (picture[0] * 255).add_(0.5).clamp_(0, 255).byte().permute(1, 2, 0).cpu().numpy()
        return square
