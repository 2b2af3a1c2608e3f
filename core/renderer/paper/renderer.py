"""Frames of one portrait, drawn by the paper's generator: a ``core.systems.frame_renderer.FrameRenderer``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...compute.devices import fast_bfloat16
from ...compute.threads import side_by_side
from ...motion.motion import Motion
from ...portrait.portrait import Portrait
from ...wire.picture_size import FIT
from ..framing import frame_portrait
from ..generator.generator import resized
from ..generator.style import StyleNetworks, identity_of, style_of
from ..opacity import without_grey
from .network import PaperGenerator
from .weights import load_paper_generator

TOGETHER = 4
"""Frames of one piece of work on a processor, at most."""


@dataclass(frozen=True)
class PaperNetworks:
    """The generator, and the networks that give f_cat."""

    generator: PaperGenerator
    styles: StyleNetworks

    @classmethod
    def shipped(cls, device: torch.device) -> PaperNetworks:
        """The shipped networks. Raises SoliloquyError ``weights_missing`` or ``weights_damaged``."""
        from ...representation.model import Representation

        kind = torch.bfloat16 if fast_bfloat16(device) else torch.float32
        styles = Representation.load(device).requires_grad_(False)
        return cls(load_paper_generator(device=device, dtype=kind), styles)


class PaperRenderer:
    """Frames of one portrait.

    The generator draws the whole square, at its own side, from the photograph and f_cat. It doesn't draw the tongue,
    and it doesn't move the body. Its square is enlarged to the frame's and pasted with a soft rim. Alpha stays where
    the photograph has it.

    Parameters
    ----------
    portrait
        A portrait fitted with the head model.
    size, framing, picture
        As in ``core.renderer.Renderer``.
    device
        Device of the torch computations.
    networks
        None: the shipped ones. Raises SoliloquyError ``weights_missing`` if this build has none.
    """

    kind = "paper"
    reach = 0
    """A picture depends only on its own row of the motion."""

    def __init__(
        self,
        portrait: Portrait,
        size: int = 256,
        device: str | torch.device = "cpu",
        framing: str = "portrait",
        networks: PaperNetworks | None = None,
        picture: int | str = FIT,
    ) -> None:
        self.device = torch.device(device)
        networks = networks or PaperNetworks.shipped(self.device)
        self._network, self._styles = networks.generator, networks.styles
        self.framing = frame_portrait(portrait, size, framing, picture)
        self.size = len(self.framing.crop)
        landmarks = self.framing.to_crop(portrait.landmarks)
        with torch.inference_mode():
            square = torch.tensor(self.framing.crop, device=self.device).permute(2, 0, 1)[None].float() / 255
            self._identity = identity_of(self._styles, self.framing.crop, landmarks, self.device)
            self._map = self._network.encode(resized(square, self._network.config.side))

    @property
    def frame_shape(self) -> tuple[int, int]:
        """(H, W) of the frames."""
        height, width = self.framing.frame.shape[:2]
        return height, width

    def render(self, motion: Motion, batch: int = 8, frames: Sequence[int] | None = None) -> Iterator[np.ndarray]:
        """Yield a picture (H, W, 3) uint8 for each frame of the motion; (H, W, 4) with alpha if the photograph has it.

        ``frames`` are the numbers of those that are drawn; None means all. ``batch`` frames are drawn by each processor
        thread before it takes the next ones, at most ``TOGETHER``. The pictures are the same bytes for any ``batch``.
        """
        motion = motion if frames is None else motion.picked(frames)
        on_processor = self.device.type == "cpu"
        batch = min(batch, TOGETHER) if on_processor else batch
        channels = torch.from_numpy(motion.channels())
        for squares in (side_by_side if on_processor else map)(self._draw, channels.split(batch)):
            for square in squares:
                frame = self.framing.compose(square)
                yield frame if self.framing.opacity is None else without_grey(frame)

    def _draw(self, channels: Tensor) -> list[np.ndarray]:
        """The squares (S, S, 3 or 4) uint8 of channels (T, 59)."""
        # Frame by frame: matrix products and convolutions can round differently for another number of frames.
        return [self._draw_one(row[None].to(self.device)) for row in channels]

    def _draw_one(self, channels: Tensor) -> np.ndarray:
        with torch.inference_mode():
            drawn = self._network.draw(self._map, style_of(self._styles, self._identity, channels))
            picture = resized(drawn, self.size)
            square: np.ndarray = (picture[0] * 255).add_(0.5).clamp_(0, 255).byte().permute(1, 2, 0).cpu().numpy()
        opacity = self.framing.opacity
        return square if opacity is None else np.dstack([square, opacity])
