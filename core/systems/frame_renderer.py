"""What a renderer of frames is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from ..motion.motion import Motion
from ..renderer.framing import Framing


class FrameRenderer(Protocol):
    """Draws the frames of one portrait. ``core.renderer.Renderer`` is one."""

    @property
    def kind(self) -> str:
        """Its name in ``core.wire.systems.RENDERERS``, as takes remember it."""

    @property
    def frame_shape(self) -> tuple[int, int]:
        """(H, W) of the frames."""

    @property
    def framing(self) -> Framing:
        """How the rendered square lies in the frames."""

    @property
    def reach(self) -> int:
        """Rows of the motion before and after a picture's own on which it depends too; 0 if it depends on its own."""

    def render(self, motion: Motion, batch: int = 8, frames: Sequence[int] | None = None) -> Iterator[np.ndarray]:
        """A picture (H, W, 3) uint8 for each frame of the motion; (H, W, 4) with alpha if the photograph has it.

        ``frames`` are the numbers of those that are drawn; None means all. ``batch`` frames are drawn at once. A
        picture is the same bytes for any ``batch``, and whatever other frames are drawn.
        """
