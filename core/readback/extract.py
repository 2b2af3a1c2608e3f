"""Frames of a known portrait → Motion: the curves that the pictures really show.

The face mesh finds landmarks in each frame. The head model, with identity and camera of the portrait, is fitted to
them, smoothly over time. The result is relative to the portrait, as in every Motion: the pose is relative to the
portrait's pose, and the weights are those added to the portrait's expression.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..errors import SoliloquyError
from ..face import points
from ..face.face_mesh import FaceMesh
from ..face.fitting import Fitter
from ..face.landmark_model import LandmarkModel
from ..head.camera import Fit
from ..head.expression import target_expression
from ..head.head_model import HeadModel
from ..motion.motion import Motion
from ..portrait.portrait import Portrait, fitted
from .track import LidRange, full_blinks, lid_ratio, relative_pose, track

CLOSED_LIDS = 0.22
"""Eyelid gap that the face mesh reports for a closed eye, as a fraction of the gap of the open eye."""
MAX_LOST = 12
"""Consecutive frames without a face that may be filled with the landmarks of the last frame with one."""


@dataclass(frozen=True)
class _Rest:
    """The state that a motion of zeros shows.

    Attributes
    ----------
    fitter
        A fitter whose neutral shape is this state.
    person
        Identity and camera of the portrait, with a neutral expression.
    lids
        Eyelid gaps, open and closed.
    rotation, translation
        (3, 3) and (3,) cm: the portrait's pose.
    pivot
        (3,) cm: the centre of head rotation in head space.
    """

    fitter: Fitter
    person: Fit
    lids: LidRange
    rotation: torch.Tensor
    translation: torch.Tensor
    pivot: torch.Tensor


def extract(
    frames: Iterable[np.ndarray],
    portrait: Portrait,
    scale: float = 1.0,
    origin: tuple[float, float] = (0.0, 0.0),
    fps: float = 25.0,
) -> Motion:
    """The motion that rendered frames show.

    Parameters
    ----------
    frames
        (H, W, 3) uint8 RGB. They are read once and processed in windows, so memory doesn't grow with their number.
    portrait
        The portrait that the frames were rendered from.
    scale, origin
        Position of frame pixels in the portrait's image: image = frame / scale + origin.
    fps
        Frames a second; only stored in the result.

    Raises
    ------
    SoliloquyError
        ``extract_no_face`` when more than ``MAX_LOST`` consecutive frames show no face.
    """
    rest = _rest(portrait)
    windows = list(_windows(rest, _landmarks(frames, portrait, scale, origin)))
    if not windows:
        return Motion.zeros(0, fps)
    expression, rotation, translation = (np.concatenate(series) for series in zip(*windows, strict=True))
    return Motion(expression, rotation, translation, fps)


def _windows(rest: _Rest, landmarks: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    for fit in track(rest.fitter, rest.person, landmarks, rest.lids):
        rotation, translation = relative_pose(fit, rest.rotation, rest.translation, rest.pivot)
        yield full_blinks(fit, rest.fitter.whole).expression.numpy(), rotation, translation


def _landmarks(
    frames: Iterable[np.ndarray], portrait: Portrait, scale: float, origin: tuple[float, float]
) -> Iterator[np.ndarray]:
    """(478, 2) in pixels of the portrait's image for each frame; short gaps repeat the last frame with a face."""
    last = portrait.landmarks[:, :2]
    lost = 0
    with FaceMesh(video=True) as mesh:
        for index, frame in enumerate(frames):
            faces = mesh.detect(frame)
            lost = 0 if faces else lost + 1
            if lost > MAX_LOST:
                raise SoliloquyError(
                    "extract_no_face",
                    f"The rendered frames show no face around frame {index + 1}.",
                    "Look at the frames; extreme head motion or a damaged render hides the face.",
                )
            if faces:
                last = faces[0][:, :2] / scale + np.asarray(origin, dtype=np.float32)
            yield last


def _rest(portrait: Portrait) -> _Rest:
    head = HeadModel.load()
    model = LandmarkModel.face_mesh(head)
    fitter = Fitter(model)
    person = fitted(portrait)
    own = person.expression[0]
    seen = torch.from_numpy(portrait.landmarks[None, :, :2].astype(np.float32))
    offset = fitter.offset(seen, person)
    shown = target_expression(own, torch.zeros_like(own)[None])[0]
    rest = model.with_offset(offset + torch.einsum("e,epk->pk", shown, model.expression))
    rest = rest.with_offset(_closed_lips(rest, person.identity))
    opened = lid_ratio(seen, model)[0]
    return _Rest(
        fitter=Fitter(rest.thinned()),
        person=replace(person, expression=torch.zeros_like(person.expression)),
        lids=LidRange(opened, CLOSED_LIDS * opened),
        rotation=person.rotation[0],
        translation=person.translation[0],
        pivot=head.neck_pivot,
    )


def _closed_lips(model: LandmarkModel, identity: torch.Tensor) -> torch.Tensor:
    """(P, 3) cm that close the inner lips at rest, as a motion of zeros shows them."""
    offset = torch.zeros_like(model.mean)
    shape = model.shape(identity)
    above, below = torch.tensor(points.INNER_LIP_PAIRS).T
    half = (shape[above] - shape[below])[:, 1] / 2
    offset[above, 1] = -half
    offset[below, 1] = half
    return offset
