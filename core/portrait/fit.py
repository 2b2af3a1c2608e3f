"""Fits the head model to the one face of a photograph, and refuses photographs that can't be animated."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import torch

from ..errors import BadInputError
from ..face.fit_problem import FitSettings
from ..face.fitting import Fitter
from ..face.landmark_model import LandmarkModel
from ..face.points import LIP_LINE, MESH_POINTS, OUTER_EYES
from ..head.head_model import HeadModel
from ..head.rotation import matrix_to_euler
from .find import find_face
from .picture import Pixels
from .portrait import Portrait
from .tilt import turn_to_undo, turned

LANDMARK_SIGMA = 0.06
"""Standard deviation of a landmark, in outer-eye distances. It is smaller than for a track, where the person's shape is
known already."""
MAX_YAW = math.radians(38)
MAX_PITCH = math.radians(35)
MOST_APART = 0.33
"""Gap between the lips in outer-eye distances above which a mouth is too wide open: the landmarks no longer reach the
lower lip, and the closed mouth would have a third lip. The widest smile of 200 official portraits has 0.21."""
MAX_RESIDUAL = 0.06
"""Median landmark residual over outer-eye distance above which the fit has failed: the face isn't human, or hidden."""
CROP_MARGIN = 2.3
"""Side of the crop in heights (or widths) of the face: room for hair and shoulders."""
CROP_MIDDLE = 0.52
"""Height of the face's middle in the crop, as a fraction of its side from the top."""


@cache
def face_fitter() -> Fitter:
    """The fitter of 478-point landmarks on the shipped head model, made once per process."""
    return Fitter(LandmarkModel.face_mesh(HeadModel.load()), FitSettings(landmark_sigma=LANDMARK_SIGMA))


def fit_portrait(
    image: np.ndarray, digest: str = "", name: str = "The picture", alpha: np.ndarray | None = None
) -> Portrait:
    """Fit the head model to the one face of ``image`` (H, W, 3) uint8 RGB.

    A picture in which the face stands on its head is turned. ``digest`` and ``alpha`` (H, W) uint8 are kept in the
    portrait, and ``name`` is used in the sentences of errors; raises those of ``load.load_portrait`` that concern the
    face.
    """
    found = find_face(image, name)
    pixels = Pixels(image, alpha).turned(found.quarters)
    portrait = fit_face(pixels.image, found.landmarks, name)
    return replace(portrait, digest=digest, alpha=pixels.alpha, quarters=found.quarters)


def fit_face(image: np.ndarray, landmarks: np.ndarray, name: str = "The picture") -> Portrait:
    """Fit the head model to landmarks (478, 3) px of a face in ``image`` (H, W, 3) uint8 RGB.

    Raises BadInputError ``portrait_poor_fit``, ``portrait_profile``, ``portrait_open_mouth``, with ``name`` in their
    sentences.
    """
    height, width = image.shape[:2]
    fit = face_fitter().fit_identity(torch.from_numpy(landmarks[None, :, :2]), (width, height))
    residual = float(fit.residual[0])
    if not residual < MAX_RESIDUAL:
        raise BadInputError(
            "portrait_poor_fit",
            f"The face in {name} doesn't fit a human head (it may be drawn, masked or half hidden).",
            "Choose a photograph that shows the whole face.",
        )
    rotation = matrix_to_euler(fit.rotation[0]).numpy()
    if abs(rotation[1]) > MAX_YAW or abs(rotation[0]) > MAX_PITCH:
        raise BadInputError(
            "portrait_profile",
            f"{name} shows the face too far from the front ({math.degrees(abs(rotation[1])):.0f}° to the side).",
            "Choose a portrait that looks toward the camera.",
        )
    if lips_apart(landmarks) > MOST_APART:
        raise BadInputError(
            "portrait_open_mouth",
            f"The mouth is wide open in {name}.",
            "Choose a portrait with the mouth closed, or only a little open.",
        )
    return Portrait(
        image=image,
        landmarks=landmarks,
        identity=fit.identity.numpy(),
        expression=fit.expression[0].numpy(),
        rotation=rotation,
        translation=fit.translation[0].numpy(),
        focal=float(fit.focal),
        centre=fit.centre.numpy(),
        crop=head_crop(landmarks),
        residual=residual,
        digest="",
    )


def lips_apart(landmarks: np.ndarray) -> float:
    """Gap between the inner lips in the middle of the mouth, in outer-eye distances; landmarks (478, 3) px.

    Both are measured in space, so it is the same for a head that is turned.
    """
    upper, lower = LIP_LINE[len(LIP_LINE) // 2]
    right, left = OUTER_EYES
    eyes = max(float(np.linalg.norm(landmarks[right] - landmarks[left])), 1e-6)
    return float(np.linalg.norm(landmarks[upper] - landmarks[lower])) / eyes


def head_crop(landmarks: np.ndarray) -> tuple[float, float, float]:
    """Square (x0, y0, side) px around a head, with hair above and shoulders below the face's landmarks (478, …) px.

    For a tilted face it has the place and the size of the upright square that is turned with the face (``tilt``).
    """
    angle = turn_to_undo(landmarks)
    points = turned(landmarks[:MESH_POINTS, :2], -angle)
    lower, upper = points.min(0), points.max(0)
    side = CROP_MARGIN * float((upper - lower).max())
    middle = (lower + upper) / 2
    if angle:
        middle = turned(middle + np.array([0, (0.5 - CROP_MIDDLE) * side], middle.dtype), angle)
        return float(middle[0] - side / 2), float(middle[1] - side / 2), side
    return float(middle[0] - side / 2), float(middle[1] - CROP_MIDDLE * side), side
