"""Finds the one face of a photograph that is to be animated, and refuses photographs without such a face.

The face mesh knows upright faces and faces that lie on their side. On a face that stands on its head it sees eyes in
the mouth, so the picture is then searched again after quarter turns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import BadInputError
from ..face.face_mesh import FaceMesh
from ..face.points import CONTOUR, OUTER_EYES
from ..face.visible import Seen, look
from .shading import check_exposure, check_light, drawn, is_drawn
from .tilt import tilt

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
ON_ITS_HEAD = math.radians(135)
"""Tilt from which a picture is turned by half a turn. A face on its side may be meant so, and stays."""
_QUARTERS = (0, 2, 1, 3)
"""Quarter turns against the clock in which a face is looked for, in this order."""


@dataclass(frozen=True)
class Found:
    """A face.

    Attributes
    ----------
    landmarks
        (478, 3) px in the picture after its turn.
    quarters
        Quarter turns against the clock by which the picture has to be turned: 0 or 2.
    """

    landmarks: np.ndarray
    quarters: int


def find_face(image: np.ndarray, name: str) -> Found:
    """The one face of ``image`` (H, W, 3) uint8 RGB, with its eyes and its mouth in sight.

    ``name`` is used in the sentences of errors. Raises BadInputError: ``portrait_too_small``, ``portrait_no_face``,
    ``portrait_several_faces``, ``portrait_tiny_face``, ``portrait_cut_off``, ``portrait_hidden_eyes``,
    ``portrait_hidden_mouth``, ``portrait_drawn``, and those of ``shading.check_light``.
    """
    if min(image.shape[:2]) < LEAST_SIDE:
        raise BadInputError(
            "portrait_too_small",
            f"{name} has only {image.shape[1]} × {image.shape[0]} pixels.",
            "Use a larger picture, at least 200 pixels a side.",
        )
    best: tuple[float, BadInputError] | None = None
    with FaceMesh(video=False) as mesh:
        for quarters in _QUARTERS:
            shown = np.ascontiguousarray(np.rot90(image, quarters))
            faces = sorted(mesh.detect(shown), key=_eye_distance, reverse=True)
            if not faces:
                continue
            seen = [look(shown, face) for face in faces]
            check_light(shown, faces[0], name)
            if min(seen[0].parts) > 0:
                return _placed(image, faces, seen, quarters, name)
            surety = sum(seen[0].parts)
            if best is None or surety > best[0]:
                best = surety, _unusable(seen[0], faces[0], shown, name)
    if best is None:
        check_exposure(image, name)
        raise _no_face(name)
    raise best[1]


def _placed(image: np.ndarray, faces: list[np.ndarray], seen: list[Seen], quarters: int, name: str) -> Found:
    """The first and largest of faces found after quarter turns of ``image``, or the error of why it can't be used."""
    sizes = [_eye_distance(face) for face in faces]
    count = sum(size >= SECOND_FACE * sizes[0] and _likely(parts) for size, parts in zip(sizes, seen, strict=True))
    if count > 1:
        raise BadInputError(
            "portrait_several_faces",
            f"{name} shows {count} faces.",
            "Crop the picture to the one person who is to speak.",
        )
    if sizes[0] < MIN_EYE_DISTANCE:
        raise BadInputError(
            "portrait_tiny_face",
            f"The face in {name} is only about {FACE_WIDTH * sizes[0]:.0f} pixels wide.",
            "Use a larger picture or a closer portrait; the face should be at least 80 pixels wide.",
        )
    if is_drawn(np.rot90(image, quarters), faces[0]):
        raise drawn(name)
    height, width = image.shape[:2]
    face = _turned(faces[0], -quarters, (width, height) if quarters % 2 == 0 else (height, width))
    if _is_cut_off(face, image):
        raise _cut_off(name)
    if abs(tilt(face)) > ON_ITS_HEAD:
        return Found(_turned(face, 2, (width, height)), 2)
    return Found(face, 0)


def _likely(seen: Seen) -> bool:
    """Whether something found is a face at all: two of its three parts are seen."""
    return sum(part > 0 for part in seen.parts) >= 2


def _unusable(seen: Seen, face: np.ndarray, image: np.ndarray, name: str) -> BadInputError:
    """The error for a face with parts that aren't seen."""
    eyes, mouth = sum(part <= 0 for part in seen.eyes), seen.mouth <= 0
    if eyes and is_drawn(image, face):
        return drawn(name)
    if eyes and _is_cut_off(face, image):
        return _cut_off(name)
    if eyes == 2 and mouth:
        return _no_face(name)
    if mouth:
        return BadInputError(
            "portrait_hidden_mouth",
            f"The mouth is hidden in {name}, by a mask, a hand or something else.",
            "Choose a photograph in which the lips are seen.",
        )
    return BadInputError(
        "portrait_hidden_eyes",
        f"{'The eyes are' if eyes == 2 else 'An eye is'} hidden in {name}, by glasses, hair or something else.",
        "Choose a photograph in which both eyes are seen.",
    )


def _no_face(name: str) -> BadInputError:
    return BadInputError(
        "portrait_no_face",
        f"No face was found in {name}.",
        "Choose a photograph of one person who faces the camera, with eyes and mouth in sight.",
    )


def _cut_off(name: str) -> BadInputError:
    return BadInputError(
        "portrait_cut_off",
        f"The face in {name} is cut off by the edge of the picture.",
        "Choose a picture that shows the whole face with some room around it.",
    )


def _is_cut_off(face: np.ndarray, image: np.ndarray) -> bool:
    limit = np.array([image.shape[1], image.shape[0]], dtype=np.float32)
    inside = ((face[:, :2] > 0) & (face[:, :2] < limit)).all(1)
    inner = np.ones(len(face), dtype=bool)
    inner[list(CONTOUR)] = False
    return bool(inside.mean() < LEAST_INSIDE or inside[inner].mean() < LEAST_INNER_INSIDE)


def _eye_distance(face: np.ndarray) -> float:
    return float(np.linalg.norm(face[OUTER_EYES[0], :2] - face[OUTER_EYES[1], :2]))


def _turned(face: np.ndarray, quarters: int, size: tuple[int, int]) -> np.ndarray:
    """Landmarks after quarter turns of their picture against the clock; ``size`` is its width and height before."""
    for _ in range(quarters % 4):
        face = np.stack([face[:, 1], size[0] - face[:, 0], face[:, 2]], 1)
        size = size[1], size[0]
    return face
