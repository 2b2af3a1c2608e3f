"""Portrait: a photograph → landmarks, the head model fitted to them, and the square that the renderer works in
(design §4)."""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np
import torch

from ..errors import BadInputError, SoliloquyError
from ..face.face_mesh import FaceMesh
from ..face.fitting import FitSettings, Fitter
from ..face.landmark_model import LandmarkModel
from ..face.points import CONTOUR, OUTER_EYES
from ..files import make_folder, write_bytes
from ..head.camera import Fit
from ..head.head_model import WEIGHTS, HeadModel
from ..head.rotation import euler_to_matrix, matrix_to_euler
from . import picture

LANDMARK_SIGMA = 0.06
"""Trust in a landmark, in outer-eye distances: closer to the person than a track needs, where the shape is known."""
CACHE_VERSION = 2
"""Raised when a change of the code makes old fits wrong."""
MIN_EYE_DISTANCE = 22.0
"""Outer-eye distance in pixels below which a face is too small to animate (the face is then about 40 pixels wide)."""
SECOND_FACE = 0.35
"""Another face counts where its outer-eye distance is at least this share of the largest one's; smaller ones are
background."""
MAX_YAW = math.radians(38)
MAX_PITCH = math.radians(35)
MAX_RESIDUAL = 0.06
"""Median landmark residual over outer-eye distance above which the fit is no fit: not a human face, or hidden."""
MAX_FLAT_SHARE = 0.4
"""Share of the face without any shading above which it is drawn: photographs stay under 0.05, flat drawings are over
0.5."""
CROP_MARGIN = 2.3
"""Side of the crop in heights (or widths) of the face: room for hair and shoulders."""


@dataclass(frozen=True)
class Portrait:
    """A photograph and the head model fitted to it. Pixels are those of the upright ``image``; see
    ``core.face.fitting.project`` for the camera.

    image (H, W, 3) uint8 RGB; landmarks (478, 3) px; identity (I,); expression (53,) 0–1; rotation (3,) pitch, yaw,
    roll radians; translation (3,) cm; focal px; centre (2,) px; crop (x0, y0, side) px, may leave the image;
    residual: median landmark distance / outer-eye distance, contour aside; digest: SHA-256 of the file.
    """

    image: np.ndarray
    landmarks: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    focal: float
    centre: np.ndarray
    crop: tuple[float, float, float]
    residual: float
    digest: str


@cache
def face_fitter() -> Fitter:
    """The fitter of 478-point landmarks on the shipped head model, made once a process."""
    return Fitter(LandmarkModel.face_mesh(HeadModel.load()), FitSettings(landmark_sigma=LANDMARK_SIGMA))


@cache
def _model_key() -> str:
    """Short hash of the head model's file: a fit is worth nothing with another model."""
    return hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()[:12] if WEIGHTS.is_file() else "none"


def load_portrait(path: str | Path, cache_dir: str | Path | None = None) -> Portrait:
    """Read a photograph of one face and fit the head model to it.

    With ``cache_dir`` the fit is kept there, by the hashes of the file and of the head model, and read the next time.
    A cache that can't be written is no error: the portrait is fitted, and the only cost is fitting it again next time.
    A full disk is still reported, by the job's own files, which are written next.
    Raises BadInputError with one of: ``portrait_missing``, ``portrait_unreadable``, ``portrait_empty``,
    ``portrait_not_image``, ``portrait_damaged``, ``portrait_too_large``, ``portrait_too_small``, ``portrait_no_face``,
    ``portrait_several_faces``, ``portrait_tiny_face``, ``portrait_drawn``, ``portrait_cut_off``, ``portrait_profile``,
    ``portrait_poor_fit``.
    """
    path = Path(path)
    content = picture.read_bytes(path)
    digest = hashlib.sha256(content).hexdigest()
    image = picture.decode(content, path.name)
    kept = None if cache_dir is None else Path(cache_dir) / f"portrait-{CACHE_VERSION}-{_model_key()}-{digest}.npz"
    if kept is not None:
        cached = _from_cache(kept, image, digest)
        if cached is not None:
            return cached
    portrait = fit_portrait(image, digest, path.name)
    if kept is not None:
        with suppress(SoliloquyError):
            make_folder(kept.parent)
            write_bytes(kept, _to_cache(portrait))
    return portrait


def _to_cache(portrait: Portrait) -> bytes:
    """The content of a cache file: everything but the picture and its digest, which the photograph itself gives."""
    buffer = io.BytesIO()
    names = [field.name for field in fields(portrait) if field.name not in ("image", "digest")]
    np.savez(buffer, **{name: getattr(portrait, name) for name in names})
    return buffer.getvalue()


def _from_cache(kept: Path, image: np.ndarray, digest: str) -> Portrait | None:
    """The portrait of a cache file, or None where that file is missing or damaged (it is then made again)."""
    try:
        with np.load(kept, allow_pickle=False) as data:
            values = {key: data[key] for key in data.files}
        crop = values.pop("crop")
        return Portrait(
            image=image,
            digest=digest,
            crop=(float(crop[0]), float(crop[1]), float(crop[2])),
            focal=float(values.pop("focal")),
            residual=float(values.pop("residual")),
            **values,
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def fit_portrait(image: np.ndarray, digest: str = "", name: str = "The picture") -> Portrait:
    """Fit the head model to the one face of ``image`` (H, W, 3) uint8 RGB; errors as in ``load_portrait``."""
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


def fitted(portrait: Portrait) -> Fit:
    """The portrait's person, camera, expression and pose as a ``Fit`` of one frame."""
    return Fit(
        identity=torch.from_numpy(portrait.identity).float(),
        focal=torch.tensor(float(portrait.focal)),
        centre=torch.from_numpy(portrait.centre).float(),
        expression=torch.from_numpy(portrait.expression).float()[None],
        rotation=euler_to_matrix(torch.from_numpy(portrait.rotation).float())[None],
        translation=torch.from_numpy(portrait.translation).float()[None],
        residual=torch.tensor([portrait.residual]),
    )


def find_face(image: np.ndarray, name: str) -> np.ndarray:
    """(478, 3) landmarks of the one face worth animating, or BadInputError."""
    if min(image.shape[:2]) < 64:
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
            f"The face in {name} is only about {1.8 * sizes[largest]:.0f} pixels wide.",
            "Use a larger picture or a closer portrait; the face should be at least 80 pixels wide.",
        )
    face = faces[largest]
    limit = np.array([image.shape[1], image.shape[0]], dtype=np.float32)
    inside = ((face[:, :2] > 0) & (face[:, :2] < limit)).all(1)
    inner = np.ones(len(face), dtype=bool)
    inner[list(CONTOUR)] = False
    if inside.mean() < 0.9 or inside[inner].mean() < 0.97:
        raise BadInputError(
            "portrait_cut_off",
            f"The face in {name} is cut off by the edge of the picture.",
            "Choose a picture that shows the whole face with some room around it.",
        )
    return face


def flat_share(image: np.ndarray, landmarks: np.ndarray) -> float:
    """Share of the face, seen 128 pixels high, whose colour differs by at most one level from the pixels beside it.

    Skin is never that even: light falls off over every cheek. The fill of a drawing is.
    """
    import cv2

    points = landmarks[:468, :2]
    lower, upper = points.min(0), points.max(0)
    scale = 128 / float((upper - lower).max())
    to_small = np.array([[scale, 0, -scale * lower[0]], [0, scale, -scale * lower[1]]], dtype=np.float32)
    smooth = cv2.GaussianBlur(image, (0, 0), 0.4 / scale) if scale < 1 else image
    small = cv2.warpAffine(smooth, to_small, (128, 128), borderMode=cv2.BORDER_REPLICATE).astype(np.int16)
    mask = np.zeros((128, 128), np.uint8)
    cv2.fillPoly(mask, [np.int32((points[list(CONTOUR)] - lower) * scale)], 1)
    right = np.abs(np.diff(small, axis=1, append=small[:, -1:])).max(2)
    below = np.abs(np.diff(small, axis=0, append=small[-1:])).max(2)
    return float(((right <= 1) & (below <= 1))[mask > 0].mean())


def head_crop(landmarks: np.ndarray) -> tuple[float, float, float]:
    """Square (x0, y0, side) px around a head: hair above and shoulders below the face's landmarks."""
    lower, upper = landmarks[:468, :2].min(0), landmarks[:468, :2].max(0)
    side = CROP_MARGIN * float((upper - lower).max())
    middle = (lower + upper) / 2
    return float(middle[0] - side / 2), float(middle[1] - 0.52 * side), side
