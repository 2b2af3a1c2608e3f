"""Frames of a known portrait → Motion by R (``core.face.reconstruction``) only, without mediapipe.

R looks at the view given by the portrait's landmarks, and then at a view that follows the head. The difference between
R's output for the portrait and the portrait's own fit is treated as R's error for this person. So the portrait itself
gives its own pose and weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from core.face.face_view import VIEW_SIDE, clip_similarity, face_view, network_input
from core.face.reconstruction import Reconstruction, camera_pose, view_camera
from core.head.camera import Fit
from core.head.expression import target_expression
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.motion.motion import Motion
from core.portrait.portrait import Portrait
from core.readback.track import relative_pose

from ..common.folders import RECONSTRUCTION

BATCH = 16
QUICK = [index for index, name in enumerate(EXPRESSIONS) if name.startswith("eyeBlink")]
"""Weights that change within a frame or two. They are not smoothed."""


class _Sight:
    """Looks at frames of one portrait with R."""

    def __init__(self, network: Reconstruction, portrait: Portrait, scale: float, origin: tuple[float, float]) -> None:
        self.network = network
        self.device = next(network.parameters()).device
        still = clip_similarity(portrait.landmarks)
        self.portrait_view = still
        # From frame pixels to image pixels: image = frame / scale + origin.
        moved = still[:, :2] @ np.asarray(origin, np.float64) + still[:, 2]
        self.frame_view = np.column_stack([still[:, :2] / scale, moved])
        self.focal = torch.tensor([portrait.focal], dtype=torch.float64)
        self.centre = torch.tensor(np.asarray(portrait.centre)[None], dtype=torch.float64)

    def look(
        self, pictures: list[np.ndarray], view: np.ndarray, shifts: np.ndarray
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Weights (n, 53), rotation (n, 3, 3) and translation (n, 3) in the axes of the portrait's camera, and the
        place of the head's origin (n, 2) as shares of the portrait's own view.

        ``view`` is the view's similarity in the pictures' pixels; ``shifts`` (n, 2) are subtracted from it, as shares.
        """
        views = []
        for picture, shift in zip(pictures, shifts, strict=True):
            here = view.copy()
            here[:, 2] -= shift
            views.append(face_view(picture, here))
        with torch.inference_mode():
            face = self.network(torch.from_numpy(network_input(np.stack(views))).to(self.device))
        face = type(face)(**{name: value.cpu() for name, value in vars(face).items()})
        count = len(pictures)
        similarity = np.repeat(self.portrait_view[None], count, 0)
        similarity[:, :, 2] -= shifts
        focal, centre, roll = view_camera(
            self.focal.expand(count), self.centre.expand(count, 2), torch.from_numpy(similarity), VIEW_SIDE
        )
        turn, place = camera_pose(face, (focal.float(), centre.float()), VIEW_SIDE)
        roll = roll.float()
        where = face.place[:, :2] + torch.from_numpy(shifts).float()
        return face.expression, roll.mT @ turn, (roll.mT @ place[..., None])[..., 0], where


def extract_by_network(
    frames: Iterable[np.ndarray],
    portrait: Portrait,
    scale: float = 1.0,
    origin: tuple[float, float] = (0.0, 0.0),
    fps: float = 25.0,
    network: Reconstruction | None = None,
) -> Motion:
    """Motion shown by rendered frames; parameters as in ``core.readback.extract.extract``.

    Raises SoliloquyError ``weights_missing`` if R's weights are missing.
    """
    sight = _Sight(network or Reconstruction.load(RECONSTRUCTION), portrait, scale, origin)
    none = np.zeros((1, 2))
    own_weights, own_turn, own_place, own_where = sight.look([portrait.image], sight.portrait_view, none)
    weights, turns, places = [], [], []
    for pictures in _groups(frames):
        still = np.zeros((len(pictures), 2))
        *_, where = sight.look(pictures, sight.frame_view, still)
        followed = (where - own_where).numpy().astype(np.float64)
        seen, turn, place, _ = sight.look(pictures, sight.frame_view, followed)
        weights.append(seen)
        turns.append(turn)
        places.append(place)
    if not weights:
        return Motion.zeros(0, fps)
    own = torch.from_numpy(portrait.expression).float()
    shown = target_expression(own, torch.zeros_like(own)[None])[0]
    expression = torch.cat(weights) - own_weights + own - shown
    fit = Fit(
        identity=torch.zeros(0),
        focal=torch.tensor(portrait.focal),
        centre=torch.from_numpy(np.asarray(portrait.centre)).float(),
        expression=expression,
        rotation=torch.cat(turns),
        translation=torch.cat(places),
    )
    rotation, translation = relative_pose(fit, own_turn[0], own_place[0], HeadModel.load().neck_pivot)
    smooth = _smooth(expression.numpy())
    smooth[:, QUICK] = expression.numpy()[:, QUICK]
    return Motion(np.clip(smooth, 0, 1).astype(np.float32), _smooth(rotation), _smooth(translation), fps)


def _groups(frames: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """Groups of a few frames, so that memory does not grow with the length."""
    source = iter(frames)
    while group := list(islice(source, BATCH)):
        yield group


def _smooth(series: np.ndarray) -> np.ndarray:
    """(T, C) averaged over neighbours with weights 1/4, 1/2, 1/4, because R looks at each frame separately."""
    padded = np.pad(series, ((1, 1), (0, 0)), mode="edge")
    return ((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4).astype(np.float32)
