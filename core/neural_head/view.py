"""A portrait as a square with a camera, and the hair that it shows there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from ..head.camera import pinhole
from ..head.raster import rasterise
from ..portrait.portrait import Portrait
from ..renderer.framing import Framing, frame_portrait
from .regions import Regions

SIZE = 256
"""Side of the square in pixels."""
HAIRY = 0.5
"""Value of the mask of hair from which a pixel shows hair."""
CHIN_CM = -8.0
"""Height in head space below which the photograph shows clothes where it shows no hair: they may hide hair."""


@dataclass(frozen=True)
class View:
    """A portrait's square and its camera.

    Attributes
    ----------
    focal, centre
        Pixels.
    rotation, translation
        (3, 3) and (3,) cm, head space to camera axes.
    hair
        (S, S) bool: pixels that show hair.
    known
        (S, S) bool: pixels that tell whether there is hair.
    """

    focal: float
    centre: Tensor
    rotation: Tensor
    translation: Tensor
    hair: np.ndarray
    known: np.ndarray

    @classmethod
    def of(cls, portrait: Portrait, regions: Regions) -> View:
        """The square of a portrait."""
        framing: Framing = frame_portrait(portrait, SIZE, "crop")
        focal, centre = framing.camera(portrait)
        corners = framing.to_crop(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
        to_square = np.stack([corners[1] - corners[0], corners[2] - corners[0], corners[0]], 1)
        hair = cv2.warpAffine(regions.hair, to_square, (SIZE, SIZE)) > HAIRY
        view = cls(focal, torch.tensor(centre), *framing.pose(portrait), hair, framing.inside)
        rows, columns = np.mgrid[:SIZE, :SIZE]
        pixels = torch.from_numpy(np.stack([columns + 0.5, rows + 0.5], -1).astype(np.float32))
        depth = float(view.project(torch.zeros(1, 3))[0, 2])
        height = view.points(pixels, torch.full((SIZE, SIZE, 1), depth))[..., 1].numpy()
        return replace(view, known=framing.inside & ((height > CHIN_CM) | hair))

    def project(self, points: Tensor) -> Tensor:
        """(..., 3): x, y in pixels, and the distance in cm, of points (..., 3) in head space."""
        camera = points @ self.rotation.T + self.translation
        return torch.cat([pinhole(camera, self.focal, self.centre), -camera[..., 2:]], -1)

    def points(self, pixels: Tensor, distance: Tensor) -> Tensor:
        """Head-space points (..., 3) of pixels (..., 2) at distances (..., 1) cm; inverts :meth:`project`."""
        plane = (pixels - self.centre) * torch.tensor([1.0, -1.0]) * distance / self.focal
        camera = torch.cat([plane, -distance], -1)
        return (camera - self.translation) @ self.rotation

    def distance_of(self, vertices: Tensor, triangles: Tensor) -> Tensor:
        """(S, S) distance of the nearest surface in cm, infinite where there is none."""
        return rasterise(self.project(vertices)[None], triangles, SIZE, SIZE).depth[0]
