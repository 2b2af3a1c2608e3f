"""What a renderer of frames is."""

from __future__ import annotations

from collections.abc import Iterator
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

    def render(self, motion: Motion, batch: int = 8) -> Iterator[np.ndarray]:
        """A picture (H, W, 3) uint8 for each frame of the motion; (H, W, 4) with alpha if the photograph has it.

        A picture depends only on its own row of the motion, and is the same bytes for any ``batch``, the number of
        frames that are drawn at once.
        """
