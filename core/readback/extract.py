"""Frames of a known portrait → Motion: the curves that the pictures really show (design §2, §8).

The face mesh tracks the frames, the head model with the portrait's identity and camera is fitted to them, smooth in
time, and the result is relative to the portrait as a Motion is: pose about the portrait's own, weights above the
portrait's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..errors import SoliloquyError
from ..face.face_mesh import FaceMesh
from ..face.fitting import Fitter
from ..face.landmark_model import LIPS_INNER, LandmarkModel
from ..head.camera import Fit
from ..head.expression import target_expression
from ..head.head_model import HeadModel
from ..motion.motion import Motion
from ..portrait.portrait import Portrait, fitted
from .track import LidRange, full_blinks, lid_ratio, relative_pose, track

CLOSED_LIDS = 0.22
"""Eyelid gap that the face mesh reports for a closed eye, as a share of the open one."""
MAX_LOST = 12
"""Frames without a face in a row that are bridged by the last one seen."""


@dataclass(frozen=True)
class _Rest:
    """The portrait as what a motion of zeros shows: fitter whose neutral that is, its person and camera, its eyelids,
    its pose."""

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
    """Motion shown by rendered frames.

    Parameters
    ----------
    frames
        (H, W, 3) uint8 RGB, read once, a few at a time.
    portrait
        Whose face they show.
    scale, origin
        Where frame pixels lie in the portrait's image: image = frame / scale + origin.

    Raises SoliloquyError ``extract_no_face`` when more than MAX_LOST frames in a row show no face.
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
    """(478, 2) in pixels of the portrait's image for each frame; gaps of a few frames hold the last one seen."""
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
    """(P, 3) cm that bring the inner lips together at rest, as a motion of zeros shows them."""
    offset = torch.zeros_like(model.mean)
    shape = model.shape(identity)
    lower = LIPS_INNER[1:10]
    upper = LIPS_INNER[11:20]
    below, above = torch.tensor(lower), torch.tensor(upper)
    half = (shape[above] - shape[below])[:, 1] / 2
    offset[above, 1] = -half
    offset[below, 1] = half
    return offset
