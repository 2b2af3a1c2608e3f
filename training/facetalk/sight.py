"""What a film shows of a face as numbers: 2D landmarks relative to the face at rest, filmed or simulated.

The landmark-driven decoder sees these numbers in the place of speech. A simulated camera gives exact pairs of motion
and landmarks in any amount: the head model has the points that the face mesh finds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.face.landmark_model import LandmarkModel
from core.face.points import (
    BROWS,
    CONTOUR,
    IRIS_LEFT,
    IRIS_RIGHT,
    LID_RINGS,
    LIPS_INNER_RING,
    LIPS_OUTER_RING,
    OUTER_EYES,
)
from core.head.camera import pinhole, project
from core.head.head_model import HeadModel
from core.head.rotation import euler_to_matrix
from core.motion.channels import EXPRESSIONS

from .film import Film

_NOSE = (168, 6, 197, 195, 5, 4, 1, 2, 98, 327)
POINTS = (
    *LIPS_OUTER_RING,
    *LIPS_INNER_RING,
    *LID_RINGS[0],
    *LID_RINGS[1],
    *BROWS,
    *_NOSE,
    *CONTOUR[::3],
    IRIS_LEFT.start,
    IRIS_RIGHT.start,
)
"""Points of the face mesh that the decoder sees."""
NUMBERS = 4 * len(POINTS)
"""Numbers of a frame: how far each point is from its place at rest, and that place."""
_EYES = tuple(POINTS.index(corner) for corner in OUTER_EYES)
_LARGER = 8.0
"""Points move by about a tenth of the outer-eye distance."""

_DISTANCE = (50.0, 200.0)
"""Centimetres between simulated cameras and faces."""
_TURNED = np.radians((7.0, 10.0, 4.0))
"""Deviation of pitch, yaw and roll at rest."""
_NOISE = (0.002, 0.010)
"""Deviation of the places of found points, in outer-eye distances."""
_ALIKE = 2.0
"""Centimetres over which errors of neighbouring points are alike."""
_LASTING = 0.8
"""Share of an error that is still there in the next frame."""
_OTHER_PERSON = 0.3
"""Deviation of the identity coefficients by which the place at rest is wrong."""


@dataclass(frozen=True, eq=False)
class Sight:
    """T frames of N points in outer-eye distances, x to the right of the picture and y down.

    Attributes
    ----------
    moved
        (T, N, 2) how far each point is from its place at rest.
    rest
        (N, 2) that place, relative to the middle between the outer corners of the eyes.
    """

    moved: Tensor
    rest: Tensor

    def of(self, part: slice) -> Sight:
        """Some of the frames."""
        return Sight(self.moved[part], self.rest)

    def mirrored(self, opposite: Tensor) -> Sight:
        """The same in a mirror; ``opposite`` (N,) is the point on the other side (:attr:`Camera.opposite`)."""
        flip = torch.tensor([-1.0, 1.0])
        return Sight(self.moved[:, opposite] * flip, self.rest[opposite] * flip)

    def numbers(self) -> Tensor:
        """(T, NUMBERS), what the decoder sees."""
        rest = self.rest.flatten().expand(len(self.moved), -1)
        return torch.cat([_LARGER * self.moved.flatten(1), rest], 1)


def sight(points: Tensor, rest: Tensor) -> Sight:
    """Of points (T, N, 2) px and their places (N, 2) px at rest."""
    right, left = (rest[corner] for corner in _EYES)
    eyes = (left - right).norm()
    return Sight((points - rest) / eyes, (rest - (left + right) / 2) / eyes)


def filmed_sight(film: Film) -> Sight:
    """What a film shows; a face at rest is the talker's neutral face in the film's median pose."""
    rest = project(film.talker.fitter.whole.shape(film.talker.person.identity)[None], film.at_rest)[0]
    chosen = list(POINTS)
    return sight(film.landmarks[:, chosen], rest[chosen])


class Camera:
    """Films the head model: motions of random people to what is seen of them.

    Attributes
    ----------
    opposite
        (N,) the point on the other side of the face.
    """

    def __init__(self, head: HeadModel) -> None:
        model, chosen = LandmarkModel.face_mesh(head), list(POINTS)
        self._mean, self._pivot = model.mean[chosen], head.neck_pivot
        self._identity, self._expression = model.identity[:, chosen], model.expression[:, chosen]
        away = torch.cdist(self._mean, self._mean)
        alike = torch.exp(-away.square() / (2 * _ALIKE**2)) + 1e-4 * torch.eye(len(chosen))
        self._errors = torch.linalg.cholesky(alike)
        self.opposite = torch.cdist(self._mean * torch.tensor([-1.0, 1.0, 1.0]), self._mean).argmin(1)

    def film(self, channels: Tensor, rng: np.random.Generator) -> Sight:
        """What a film of somebody with a motion (T, 59) shows: a random person before a random camera.

        The points are found with errors that are alike in neighbours and last for some frames, and nobody knows
        exactly who the person is.
        """
        weights, rotation, translation = channels.split([len(EXPRESSIONS), 3, 3], 1)
        person, guessed = (
            self._mean + torch.einsum("i,ipk->pk", identity, self._identity) for identity in self._people(rng)
        )
        face = person + torch.einsum("te,epk->tpk", weights, self._expression)
        turned = (face - self._pivot) @ euler_to_matrix(rotation).mT + self._pivot + translation[:, None]
        place = euler_to_matrix(torch.from_numpy(rng.normal(0.0, _TURNED).astype(np.float32)))
        away = torch.tensor([0.0, 0.0, -float(np.exp(rng.uniform(*np.log(_DISTANCE))))])
        points, rest = (pinhole(p @ place.mT + away, 1.0, torch.zeros(2)) for p in (turned, guessed))
        shown = sight(points, rest)
        return Sight(shown.moved + self._noise(len(channels), rng), shown.rest)

    def _people(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Coefficients of a person, and of who they are taken for."""
        person = rng.standard_normal(len(self._identity), np.float32)
        wrong = _OTHER_PERSON * rng.standard_normal(len(self._identity), np.float32)
        return torch.from_numpy(person), torch.from_numpy(person + wrong)

    def _noise(self, frames: int, rng: np.random.Generator) -> Tensor:
        """(T, N, 2) errors of the found points."""
        fresh = torch.from_numpy(rng.standard_normal((frames, len(POINTS), 2), np.float32))
        fresh[1:] *= float(np.sqrt(1.0 - _LASTING**2))
        for frame in range(1, frames):
            fresh[frame] += _LASTING * fresh[frame - 1]
        return float(rng.uniform(*_NOISE)) * (self._errors @ fresh)
