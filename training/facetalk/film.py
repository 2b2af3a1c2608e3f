"""Films of one talker as the product reads them: landmarks, who it is, and a motion that can be compared with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.face.landmark_model import LandmarkModel
from core.head.camera import Fit, project
from core.head.head_model import HeadModel
from core.head.rotation import euler_to_matrix
from core.motion.channels import EXPRESSIONS, EYE_BLINKS
from core.readback.pieces import BadClip
from core.readback.talker import Talker, check, clip_arrays, fit_talker
from core.readback.track import closing_weight

from ..common.folders import LANDMARKS
from ..common.splits import lips_split
from ..lips.data import FILMED
from ..tracking.landmarks import fill

_LIDS = [EXPRESSIONS.index(name) for name in EYE_BLINKS]


@dataclass(frozen=True, eq=False)
class Film:
    """T frames of one talker, read as ``core.readback.film`` reads a stranger's.

    Attributes
    ----------
    name
        Of the clip; it begins with the talker's.
    landmarks
        (T, 478, 2) px.
    talker
        Who it is, and the camera.
    at_rest
        A fit of one frame, whose expression is neutral: the pose that motions are relative to.
    pivot
        (3,) cm: the point about which heads turn.
    channels
        (T, 59) float32: the motion that the product reads.
    """

    name: str
    landmarks: Tensor
    talker: Talker
    at_rest: Fit
    pivot: Tensor
    channels: np.ndarray

    @classmethod
    def read(cls, name: str, landmarks: Tensor, size: tuple[float, float], head: HeadModel) -> Film:
        """Of landmarks (T, 478, 2) px in pictures of ``size`` (width, height). Raises BadClip."""
        talker = fit_talker(LandmarkModel.face_mesh(head), landmarks, size)
        track = clip_arrays(talker, landmarks, head.neck_pivot)
        check(track)
        rest = replace(
            talker.person,
            expression=torch.zeros(1, len(EXPRESSIONS)),
            rotation=euler_to_matrix(torch.from_numpy(track["rest_rotation"]))[None],
            translation=torch.from_numpy(track["rest_translation"])[None],
        )
        channels = np.concatenate([track["expression"], track["rotation"], track["translation"]], 1)
        return cls(name, landmarks, talker, rest, head.neck_pivot, channels.astype(np.float32))

    def fit(self, channels: np.ndarray) -> Fit:
        """What a motion (T, 59) means in this film: expressions, and poses in front of its camera.

        It undoes ``core.readback.track.relative_pose`` and ``full_blinks``.
        """
        weights, rotation, translation = torch.from_numpy(channels).split([len(EXPRESSIONS), 3, 3], 1)
        weights = weights.clone()
        weights[:, _LIDS] *= closing_weight(self.talker.fitter.whole, self.talker.person.identity)
        turned, rest = euler_to_matrix(rotation), self.at_rest
        moved = self.pivot + translation - turned @ self.pivot
        return replace(
            rest,
            expression=weights,
            rotation=rest.rotation @ turned,
            translation=rest.translation + moved @ rest.rotation[0].mT,
        )

    def shown(self, channels: np.ndarray) -> Tensor:
        """(T, 478, 2) px: where the points would be with a motion (T, 59)."""
        fit = self.fit(channels)
        return project(self.talker.fitter.whole.positions(fit.identity, fit.expression), fit)


def films(part: str, every: int = 1) -> Iterator[Film]:
    """Clips of one part of ``splits.lips_split`` whose landmarks were tracked; of talkers with many only each
    ``every``-th. Clips that can't be followed are left out."""
    head, count = HeadModel.load(), dict[str, int]()
    for path in (path for corpus in FILMED for path in sorted((LANDMARKS / corpus).glob("*.npz"))):
        if lips_split(path.stem) != part:
            continue
        talker = path.stem.split("_")[0]
        count[talker] = count.get(talker, -1) + 1
        if count[talker] % every:
            continue
        found = _read(path, head)
        if found is not None:
            yield found


def _read(path: Path, head: HeadModel) -> Film | None:
    with np.load(path, allow_pickle=False) as kept:
        landmarks, found, (width, height) = kept["landmarks"], kept["found"], kept["size"]
    try:
        points = torch.from_numpy(fill(landmarks, found)[..., :2].copy())
        return Film.read(path.stem, points, (float(width), float(height)), head)
    except BadClip:
        return None
