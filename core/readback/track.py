"""Landmarks of a video of a known person → expression and head pose, window by window in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch

from ..face.fitting import Fitter
from ..face.landmark_model import LandmarkModel
from ..head.camera import Fit, gaps
from ..head.rotation import matrix_to_euler
from ..motion.channels import EXPRESSIONS, EYE_BLINKS

WINDOW = 250
"""Frames that are fitted and given out together."""
OVERLAP = 15
"""Frames on either side that are fitted with a window only for smoothness. The neighbouring windows give them out."""


@dataclass(frozen=True)
class LidRange:
    """Eyelid gaps of one person divided by the outer-eye distance: open (2,) and closed (2,), left eye first."""

    open: torch.Tensor
    closed: torch.Tensor

    def share(self, ratio: torch.Tensor) -> torch.Tensor:
        """(T, 2) opening of the eyes from gap ratios (T, 2): 0 closed, 1 open, up to 1.3 wide open."""
        return ((ratio - self.closed) / (self.open - self.closed)).clamp(0.0, 1.3)


def lid_ratio(landmarks: torch.Tensor, model: LandmarkModel) -> torch.Tensor:
    """(T, 2) eyelid gaps of the left and right eye divided by the outer-eye distance, for landmarks (T, P, 2)."""
    right, left = model.outer_eyes
    eyes = (landmarks[:, left] - landmarks[:, right]).norm(dim=-1)
    return torch.stack(
        [gaps(landmarks, model.lid_pairs_left) / eyes, gaps(landmarks, model.lid_pairs_right) / eyes], dim=1
    )


def track(fitter: Fitter, person: Fit, landmarks: Iterable[np.ndarray], lids: LidRange | None = None) -> Iterator[Fit]:
    """Fits of consecutive windows of a video, smooth across the borders of the windows.

    Parameters
    ----------
    fitter
        Fits the landmark model, which includes the person's own offset.
    person
        The person's identity and camera.
    landmarks
        (P, 2 or more) pixels for each frame.
    lids
        Calibration of the person's eyelids, if known.

    Yields
    ------
    ``Fit`` of up to ``WINDOW`` frames; together exactly the frames of ``landmarks``.
    """
    held: list[torch.Tensor] = []  # the last OVERLAP frames given out, then frames not yet given out
    before = 0
    source = iter(landmarks)
    ended = False
    while not ended:
        wanted = before + WINDOW + OVERLAP - len(held)
        fresh = [torch.from_numpy(np.asarray(points[:, :2], np.float32)) for points in islice(source, wanted)]
        ended = len(fresh) < wanted
        held += fresh
        kept = len(held) - before if ended else WINDOW
        if kept <= 0:
            return
        points = torch.stack(held)  # (frames, P, 2)
        targets = None if lids is None else lids.share(lid_ratio(points, fitter.whole))
        yield cut(fitter.fit_frames(points, person, targets), before, before + kept)
        start = max(before + kept - OVERLAP, 0)
        before += kept - start
        held = held[start:]


def full_blinks(fit: Fit, model: LandmarkModel) -> Fit:
    """The fit with the eyeBlink weights rescaled so that 1 just closes this person's eyes. They stay in 0–1."""
    expression = fit.expression.clone()
    columns = [EXPRESSIONS.index(name) for name in EYE_BLINKS]
    expression[:, columns] = (expression[:, columns] / closing_weight(model, fit.identity)).clamp(0, 1)
    return replace(fit, expression=expression)


def closing_weight(model: LandmarkModel, identity: torch.Tensor) -> torch.Tensor:
    """(2,) weights of ``EYE_BLINKS`` that just close the eyes of a person with coefficients (I,), 0.4–1.

    Small eyes close at a weight below 1. The gap between the lids is linear in the weight, so it closes at weight
    (neutral gap) / (change of the gap at weight 1).
    """
    neutral = model.shape(identity)
    closed = []
    for name, pairs in zip(EYE_BLINKS, (model.lid_pairs_left, model.lid_pairs_right), strict=True):
        moves = model.expression[EXPRESSIONS.index(name)]
        gap = (neutral[pairs[:, 0]] - neutral[pairs[:, 1]])[:, 1].mean()
        change = (moves[pairs[:, 1]] - moves[pairs[:, 0]])[:, 1].mean()
        closed.append((gap / change).clamp(0.4, 1.0))
    return torch.stack(closed)


def cut(fit: Fit, first: int, last: int) -> Fit:
    """Frames ``first`` to ``last`` − 1 of a fit."""
    return Fit(
        fit.identity,
        fit.focal,
        fit.centre,
        fit.expression[first:last],
        fit.rotation[first:last],
        fit.translation[first:last],
        fit.residual[first:last],
    )


def joined(parts: list[Fit]) -> Fit:
    """Consecutive fits of one person as one fit."""
    first = parts[0]
    series = (
        torch.cat([getattr(part, name) for part in parts])
        for name in ("expression", "rotation", "translation", "residual")
    )
    return Fit(first.identity, first.focal, first.centre, *series)


def relative_pose(
    fit: Fit, rest_rotation: torch.Tensor, rest_translation: torch.Tensor, pivot: torch.Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """Head motion relative to a rest pose, in head space about ``pivot``.

    The motion (R_m, t_m) moves a point X of the head to X' = R_m (X − p) + p + t_m. In the rest pose (R_0, t_0), X'
    must be where the fit (R, t) puts X: R_0 X' + t_0 = R X + t. So R_m = R_0ᵀ R and t_m = R_0ᵀ (t − t_0) + R_m p − p.

    Parameters
    ----------
    fit
        T frames.
    rest_rotation, rest_translation
        (3, 3) and (3,) cm, from head space to camera axes.
    pivot
        (3,) cm of head space.

    Returns
    -------
    Rotation (T, 3) in radians (pitch, yaw, roll) and translation (T, 3) in cm.
    """
    motion = rest_rotation.T @ fit.rotation
    moved = (fit.translation - rest_translation) @ rest_rotation + motion @ pivot - pivot
    return matrix_to_euler(motion).numpy().astype(np.float32), moved.numpy().astype(np.float32)
