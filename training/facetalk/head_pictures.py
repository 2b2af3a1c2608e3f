"""Pictures of a portrait's head model with the photograph as its texture, as *Add Head* makes it, without a background.

They show what a motion does to the mesh and nothing else: no warp and no generator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from core.head.camera import pinhole
from core.head.expression import target_expression
from core.head.head_model import HeadModel
from core.head.raster import interpolate, rasterise
from core.motion.motion import Motion
from core.portrait.portrait import Portrait, fitted
from core.portrait.texture import project_texture

SIZE = 256
"""Side of the pictures in pixels."""
_FINER = 2
"""Texels for a pixel, in each direction."""
_BEHIND = 127.0
"""Grey level behind the head."""
_BATCH = 8


class HeadPictures:
    """Draws the head of one portrait, framed as the portrait's square."""

    def __init__(self, head: HeadModel, portrait: Portrait) -> None:
        self._head, self._fit = head, fitted(portrait)
        self._neutral = head.neutral(self._fit.identity)
        texture = torch.from_numpy(project_texture(head, portrait, _FINER * SIZE)).float()
        self._texture = texture.permute(2, 0, 1)[None]
        x, y, side = portrait.crop
        scale = SIZE / side
        centre = (self._fit.centre - torch.tensor([x, y], dtype=torch.float32)) * scale
        self._camera = replace(self._fit, focal=self._fit.focal * scale, centre=centre)

    @torch.inference_mode()
    def draw(self, motion: Motion) -> Iterator[np.ndarray]:
        """(SIZE, SIZE, 3) uint8 for each frame of a motion."""
        weights, rotation, translation = (
            torch.tensor(values) for values in (motion.expression, motion.rotation, motion.translation)
        )
        expression = target_expression(self._fit.expression[0], weights)
        for first in range(0, len(motion), _BATCH):
            part = slice(first, first + _BATCH)
            faces = self._neutral + self._head.expression_offsets(expression[part])
            yield from self._pictures(self._head.pose(faces, rotation[part], translation[part]))

    def _pictures(self, vertices: Tensor) -> np.ndarray:
        """(B, SIZE, SIZE, 3) uint8 of vertices (B, V, 3) cm in head space."""
        camera, head = self._camera, self._head
        placed = vertices @ camera.rotation.mT + camera.translation[:, None]
        pixels = pinhole(placed, camera.focal, camera.centre)
        fragments = rasterise(torch.cat([pixels, -placed[..., 2:]], -1), head.triangles, SIZE, SIZE)
        uv = interpolate(fragments, head.triangle_uv, head.uv)
        grid = torch.stack([2.0 * uv[..., 0] - 1.0, 1.0 - 2.0 * uv[..., 1]], -1)
        texture = self._texture.expand(len(grid), -1, -1, -1)
        colours = torch.nn.functional.grid_sample(texture, grid, padding_mode="border", align_corners=False)
        shown = torch.where(fragments.covered[:, None], colours, colours.new_tensor(_BEHIND))
        return shown.add(0.5).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
