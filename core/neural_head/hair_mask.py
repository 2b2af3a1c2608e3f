"""Which pixels of a portrait show hair: the person's matte, less what has the colour of the skin and what is clothed.

The colour of the skin is read from cheeks and nose, that of the hair from the matte beyond the bald head. Where hardly
anything lies there, hair is what differs from the skin on the scalp.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from scipy.ndimage import binary_fill_holes
from torch import Tensor

from ..face.points import MESH_POINTS
from ..head.camera import pinhole
from ..head.head_model import HeadModel
from ..head.raster import rasterise
from ..portrait.portrait import Portrait
from ..renderer.framing import Framing, frame_portrait
from ..renderer.layers.matte import find_person

SIZE = 256
"""Side of the square in which hair is looked for, pixels."""
PERSON = 0.5
"""Probability of the person from which a pixel belongs to them."""
SMOOTH = 3
"""Radius of the median over which the decision is smoothed, pixels."""
NOTCH = 7
"""Width of notches in the hair that are filled, pixels."""
SPREAD = (6.0, 5.0, 5.0)
"""Least standard deviations of a colour in L, a, b."""
LEAST_HAIR = 60
"""Pixels of the matte beyond the bald head below which they don't tell the colour of the hair."""
CROWN_CM = 7.0
"""Height in head space above which the matte beyond the head surely shows hair."""
CHIN_CM = -8.0
"""Height in head space below which only what hangs from hair above it is hair."""
FOREHEAD = 0.55
"""Share of the way from the brows to the top of the face mesh below which the face's oval is surely bare."""


@dataclass(frozen=True)
class View:
    """A portrait's square and its camera.

    Attributes
    ----------
    crop
        (S, S, 3) uint8 RGB.
    landmarks
        (478, 2) pixels of the square.
    focal, centre
        Pixels.
    rotation, translation
        (3, 3) and (3,) cm, head space to camera axes.
    inside
        (S, S) bool: pixels that the photograph covers.
    """

    crop: np.ndarray
    landmarks: np.ndarray
    focal: float
    centre: Tensor
    rotation: Tensor
    translation: Tensor
    inside: np.ndarray

    @classmethod
    def of(cls, portrait: Portrait) -> View:
        """The square of a portrait."""
        framing: Framing = frame_portrait(portrait, SIZE, "crop")
        focal, centre = framing.camera(portrait)
        landmarks = framing.to_crop(portrait.landmarks)
        return cls(framing.crop, landmarks, focal, torch.tensor(centre), *framing.pose(portrait), framing.inside)

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


@dataclass(frozen=True)
class HairMask:
    """``hair`` (S, S) bool: pixels that show hair; ``known`` (S, S) bool: pixels that the photograph tells about."""

    hair: np.ndarray
    known: np.ndarray


def hair_mask(view: View, head: HeadModel, shape: Tensor) -> HairMask:
    """Find the hair of a portrait; ``shape`` (V, 3) is the person's head in head space, cm, as in the photograph."""
    person = find_person(view.crop, view.landmarks)[0, 0].numpy() > PERSON
    lab = cv2.cvtColor(cv2.GaussianBlur(view.crop, (0, 0), 1.0).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    skin = head.triangles[head.part_triangles("skin", "lips", "eye_left", "eye_right")]
    distance = view.distance_of(shape, skin).numpy()
    head_seen = np.isfinite(distance)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    pixels = torch.from_numpy(np.stack([columns + 0.5, rows + 0.5], -1).astype(np.float32))
    depth = float(view.project(torch.zeros(1, 3))[0, 2])
    height = view.points(pixels, torch.full((SIZE, SIZE, 1), depth))[..., 1].numpy()

    bare, seen_skin = _face(view)
    beyond = person & ~_grown(head_seen, 2) & (height > CROWN_CM) & view.inside
    # Where the matte misses the whole face, cheeks and nose are skin all the same.
    skin_colour = _Colour(lab[seen_skin & person if (seen_skin & person).any() else seen_skin])
    scalp = person & head_seen & ~bare & (height > CROWN_CM)
    samples = beyond if beyond.sum() >= LEAST_HAIR else scalp & (skin_colour.off(lab) > 9)
    if samples.sum() < LEAST_HAIR:
        return HairMask(np.zeros_like(person), view.inside & (height > CHIN_CM))
    hair_colour = _Colour(lab[samples])
    like_hair = hair_colour.off(lab) < skin_colour.off(lab)
    found = person & (like_hair | beyond) & ~bare
    found = cv2.medianBlur(found.astype(np.uint8), 2 * SMOOTH + 1) > 0
    # Clothes of the hair's colour lie below the chin and don't hang together with the hair.
    _, parts = cv2.connectedComponents(found.astype(np.uint8), connectivity=4)
    top = np.unique(parts[found & (height > CROWN_CM)])
    hair = np.isin(parts, top[top > 0])
    hanging = hair & (height < CHIN_CM)
    hair &= ~hanging | (hair_colour.off(lab) < 4)
    hair = cv2.morphologyEx(hair.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((NOTCH, NOTCH), np.uint8)) > 0
    hair |= binary_fill_holes(hair) & ~bare
    return HairMask(hair, view.inside & ((height > CHIN_CM) | hair))


def _face(view: View) -> tuple[np.ndarray, np.ndarray]:
    """(S, S) bool each: the face without the upper forehead, which is surely bare, and cheeks and nose."""
    mesh = view.landmarks[:MESH_POINTS]
    hull = cv2.convexHull(mesh.astype(np.float32))[:, 0]
    face = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillConvexPoly(face, np.round(hull).astype(np.int32), (1,))
    top, brows, chin = mesh[10], mesh[[105, 334]].mean(0), mesh[152]
    up = (top - chin) / np.linalg.norm(top - chin)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    along = (np.stack([columns, rows], -1) - brows) @ up
    bare = (face > 0) & (along < FOREHEAD * ((top - brows) @ up))
    cheeks = np.zeros_like(face)
    for corners in ((50, 205, 36, 101), (280, 425, 266, 330), (6, 48, 4, 278), (151, 108, 9, 337)):
        cv2.fillConvexPoly(
            cheeks, np.round(cv2.convexHull(mesh[list(corners)].astype(np.float32))).astype(np.int32), (1,)
        )
    return bare, cheeks > 0


class _Colour:
    """The distribution of a colour in Lab: the mean of samples (N, 3), and their spread."""

    def __init__(self, samples: np.ndarray) -> None:
        self.mean = np.median(samples, 0)
        self.spread = np.maximum(1.5 * np.median(np.abs(samples - self.mean), 0), SPREAD)

    def off(self, lab: np.ndarray) -> np.ndarray:
        """(...,) squared distance of colours (..., 3), in spreads."""
        return np.minimum((((lab - self.mean) / self.spread) ** 2).sum(-1), 1e3)


def _grown(mask: np.ndarray, radius: int) -> np.ndarray:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * radius + 1,) * 2, np.uint8)) > 0
