"""Fits the head model to the one face of a photograph, and refuses photographs that can't be animated."""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
import torch

from ..errors import BadInputError
from ..face.face_mesh import FaceMesh
from ..face.fit_problem import FitSettings
from ..face.fitting import Fitter
from ..face.landmark_model import LandmarkModel
from ..face.points import CONTOUR, LIP_LINE, MESH_POINTS, OUTER_EYES
from ..head.head_model import HeadModel
from ..head.rotation import matrix_to_euler
from .portrait import Portrait
from .tilt import turn_to_undo, turned

LANDMARK_SIGMA = 0.06
"""Standard deviation of a landmark, in outer-eye distances. It is smaller than for a track, where the person's shape is
known already."""
LEAST_SIDE = 64
"""Pixels; a smaller picture is refused."""
MIN_EYE_DISTANCE = 22.0
"""Outer-eye distance in pixels below which a face is too small to animate (the face is then about 40 pixels wide)."""
FACE_WIDTH = 1.8
"""Width of a face in outer-eye distances."""
SECOND_FACE = 0.35
"""Another face counts if its outer-eye distance is at least this share of the largest face's. Smaller faces are
background."""
LEAST_INSIDE, LEAST_INNER_INSIDE = 0.9, 0.97
"""Shares of the landmarks that must lie in the picture: of all landmarks, and of those within the face's outline. With
fewer, the face is cut off."""
MAX_YAW = math.radians(38)
MAX_PITCH = math.radians(35)
MOST_APART = 0.33
"""Gap between the lips in outer-eye distances above which a mouth is too wide open: the landmarks no longer reach the
lower lip, and the closed mouth would have a third lip. The widest smile of 200 official portraits has 0.21."""
MAX_RESIDUAL = 0.06
"""Median landmark residual over outer-eye distance above which the fit has failed: the face isn't human, or hidden."""
MAX_FLAT_SHARE = 0.4
"""Share of the face without any shading above which it counts as drawn. Photographs have less than 0.05, flat drawings
more than 0.5."""
FLAT_SIDE = 128
"""Height in pixels at which that share is measured."""
FLAT_BLUR = 0.4
"""Standard deviation of the Gaussian before shrinking to it, in pixels of the smaller picture."""
FLAT_LEVELS = 1
"""Difference to the neighbouring pixels, in levels of 255, up to which a pixel counts as flat."""
CROP_MARGIN = 2.3
"""Side of the crop in heights (or widths) of the face: room for hair and shoulders."""
CROP_MIDDLE = 0.52
"""Height of the face's middle in the crop, as a fraction of its side from the top."""


@cache
def face_fitter() -> Fitter:
    """The fitter of 478-point landmarks on the shipped head model, made once per process."""
    return Fitter(LandmarkModel.face_mesh(HeadModel.load()), FitSettings(landmark_sigma=LANDMARK_SIGMA))


def fit_portrait(image: np.ndarray, digest: str = "", name: str = "The picture") -> Portrait:
    """Fit the head model to the one face of ``image`` (H, W, 3) uint8 RGB.

    ``digest`` is kept in the portrait, and ``name`` is used in the sentences of errors; raises those of
    ``load.load_portrait`` that concern the face.
    """
    landmarks = find_face(image, name)
    if flat_share(image, landmarks) > MAX_FLAT_SHARE:
        raise BadInputError(
            "portrait_drawn",
            f"The face in {name} is drawn, not photographed.",
            "Choose a photograph, or a picture with the shading of one.",
        )
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
        digest=digest,
    )


def find_face(image: np.ndarray, name: str) -> np.ndarray:
    """Landmarks (478, 3) px of the one face to animate, or a BadInputError; ``name`` is used in its sentence."""
    if min(image.shape[:2]) < LEAST_SIDE:
        raise BadInputError(
            "portrait_too_small",
            f"{name} has only {image.shape[1]} × {image.shape[0]} pixels.",
            "Use a larger picture, at least 200 pixels a side.",
        )
    with FaceMesh(video=False) as mesh:
        faces = mesh.detect(image)
    if not faces:
        raise BadInputError(
            "portrait_no_face",
            f"No face was found in {name}.",
            "Choose a photograph of one person who faces the camera; drawings and covered faces aren't recognised.",
        )
    sizes = [float(np.linalg.norm(face[OUTER_EYES[0], :2] - face[OUTER_EYES[1], :2])) for face in faces]
    largest = int(np.argmax(sizes))
    others = sum(size >= SECOND_FACE * sizes[largest] for size in sizes) - 1
    if others:
        raise BadInputError(
            "portrait_several_faces",
            f"{name} shows {others + 1} faces.",
            "Crop the picture to the one person who is to speak.",
        )
    if sizes[largest] < MIN_EYE_DISTANCE:
        raise BadInputError(
            "portrait_tiny_face",
            f"The face in {name} is only about {FACE_WIDTH * sizes[largest]:.0f} pixels wide.",
            "Use a larger picture or a closer portrait; the face should be at least 80 pixels wide.",
        )
    face = faces[largest]
    limit = np.array([image.shape[1], image.shape[0]], dtype=np.float32)
    inside = ((face[:, :2] > 0) & (face[:, :2] < limit)).all(1)
    inner = np.ones(len(face), dtype=bool)
    inner[list(CONTOUR)] = False
    if inside.mean() < LEAST_INSIDE or inside[inner].mean() < LEAST_INNER_INSIDE:
        raise BadInputError(
            "portrait_cut_off",
            f"The face in {name} is cut off by the edge of the picture.",
            "Choose a picture that shows the whole face with some room around it.",
        )
    return face


def flat_share(image: np.ndarray, landmarks: np.ndarray) -> float:
    """Share of the face in which neighbouring pixels differ by at most one level, at a height of 128 pixels.

    Skin is never that even, because light falls off over every cheek. The fill of a drawing is.
    """
    points = landmarks[:MESH_POINTS, :2]
    lower, upper = points.min(0), points.max(0)
    scale = FLAT_SIDE / float((upper - lower).max())
    to_small = np.array([[scale, 0, -scale * lower[0]], [0, scale, -scale * lower[1]]], dtype=np.float32)
    smooth = cv2.GaussianBlur(image, (0, 0), FLAT_BLUR / scale) if scale < 1 else image
    size = (FLAT_SIDE, FLAT_SIDE)
    small = cv2.warpAffine(smooth, to_small, size, borderMode=cv2.BORDER_REPLICATE).astype(np.int16)
    mask = np.zeros(size, np.uint8)
    cv2.fillPoly(mask, [((points[list(CONTOUR)] - lower) * scale).astype(np.int32)], (1,))
    right = np.abs(np.diff(small, axis=1, append=small[:, -1:])).max(2)
    below = np.abs(np.diff(small, axis=0, append=small[-1:])).max(2)
    return float(((right <= FLAT_LEVELS) & (below <= FLAT_LEVELS))[mask > 0].mean())


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
