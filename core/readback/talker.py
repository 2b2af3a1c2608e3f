"""Fit a filmed talker: identity, camera, eyelid range and the offsets of the points, from frames at rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..face.fitting import FitSettings, Fitter
from ..face.landmark_model import LandmarkModel
from ..head.camera import Fit, gaps
from ..head.rotation import matrix_to_euler
from .pieces import BadClip
from .track import LidRange, full_blinks, joined, lid_ratio, relative_pose, track

CLOSED_LIDS = 0.2
"""Eyelid gap of a closed eye as a share of the open one, for talkers who are never seen to blink."""

MAX_RESIDUAL = 0.04
"""A frame with a larger median landmark residual, divided by the outer-eye distance, counts as lost."""


@dataclass(frozen=True)
class Talker:
    """A fitted person: the fitter has the offsets, the fit identity and camera, ``lids`` the range of the eyelids."""

    fitter: Fitter
    person: Fit
    lids: LidRange


def lid_range(ratio: torch.Tensor) -> LidRange:
    """Open and closed eyelid gaps from all ratios (N, 2) of a talker: the median open eye, and the deepest blinks."""
    half = 0.6 * ratio.quantile(0.95, dim=0)
    opened = torch.stack([ratio[ratio[:, side] > half[side], side].median() for side in (0, 1)])
    lowest = ratio.quantile(0.002, dim=0)
    return LidRange(opened, torch.where(lowest < 0.4 * opened, lowest * 1.1, CLOSED_LIDS * opened))


def rest_frames(landmarks: torch.Tensor, model: LandmarkModel, lids: LidRange, count: int) -> torch.Tensor:
    """Indices of ``count`` frames with closed mouth and open eyes, spread over the frames of landmarks (N, P, 2).

    Raises BadClip if there is none.
    """
    right, left = model.outer_eyes
    mouth = gaps(landmarks, model.lip_pairs) / (landmarks[:, left] - landmarks[:, right]).norm(dim=-1)
    share = lids.share(lid_ratio(landmarks, model))
    rest = torch.nonzero((mouth <= mouth.quantile(0.25)) & ((share - 1).abs() < 0.15).all(1))[:, 0]
    if not len(rest):
        raise BadClip("no frame with open eyes and the mouth at rest")
    picks = np.linspace(0, len(rest) - 1, min(count, len(rest))).round().astype(int)
    return rest[torch.from_numpy(picks)]


def fit_talker(model: LandmarkModel, landmarks: torch.Tensor, size: tuple[float, float], count: int = 24) -> Talker:
    """Fit a talker to the frames at rest among landmarks (N, P, 2).

    The expression at rest counts as neutral. Differences that the identity basis can't express go into the offsets of
    the points, so that a track's weights start from zero. The mean gaze of these frames, which is into the camera, is
    the zero of the talker's gaze.
    """
    lids = lid_range(lid_ratio(landmarks, model))
    frames = landmarks[rest_frames(landmarks, model, lids, count)]
    fitter = Fitter(model.without_gaze(), FitSettings(expression_scale=0.15))
    person = fitter.fit_identity(frames, size)
    neutral = replace(person, expression=torch.zeros_like(person.expression))
    return Talker(Fitter(model.with_offset(fitter.offset(frames, neutral)).thinned()), person, lids)


def mean_rotation(rotation: torch.Tensor) -> torch.Tensor:
    """(3, 3) rotation nearest to the element-wise median of rotations (T, 3, 3)."""
    u, _, v = torch.linalg.svd(rotation.median(0).values.double())
    fix = torch.diag(torch.tensor([1.0, 1.0, float(torch.linalg.det(u @ v))], dtype=torch.float64))
    return (u @ fix @ v).to(rotation.dtype)


def clip_arrays(
    talker: Talker, landmarks: torch.Tensor, pivot: torch.Tensor, on_frame: Callable[[int], None] = lambda done: None
) -> dict[str, np.ndarray]:
    """Track of one shot (T, P, 2) px. ``on_frame`` is called with the number of each frame that the fit comes to.

    expression (T, 53), rotation (T, 3) rad and translation (T, 3) cm relative to the shot's median pose; rest_rotation
    (3,) rad and rest_translation (3,) cm of that pose; fitted_opening (T,) lip gap of the fitted model divided by the
    outer-eye distance; residual (T,).
    """
    lids = clip_lids(talker, lid_ratio(landmarks, talker.fitter.whole))
    seen = _telling(landmarks.numpy(), on_frame)
    fit = joined(list(track(talker.fitter, talker.person, seen, lids)))
    rest = mean_rotation(fit.rotation)
    middle = fit.translation.median(0).values
    rotation, translation = relative_pose(fit, rest, middle, pivot)
    shift = np.median(translation, axis=0)
    model = talker.fitter.whole
    positions = model.positions(fit.identity, fit.expression)[..., :2]
    right, left = model.outer_eyes
    eyes = (positions[:, left] - positions[:, right]).norm(dim=-1)
    return {
        "expression": full_blinks(fit, model).expression.numpy(),
        "rotation": rotation,
        "translation": translation - shift,
        "rest_rotation": matrix_to_euler(rest).numpy().astype(np.float32),
        "rest_translation": (middle + rest @ torch.from_numpy(shift)).numpy(),
        "fitted_opening": (gaps(positions, model.lip_pairs) / eyes).numpy(),
        "residual": fit.residual.numpy(),
    }


def clip_lids(talker: Talker, ratio: torch.Tensor) -> LidRange:
    """The range of a talker's eyelids in one clip, from its gap ratios (T, 2).

    Light and raised brows change the open eye's gap from clip to clip, within limits.
    """
    opened = lid_range(ratio).open
    level = torch.minimum(torch.maximum(opened, 0.85 * talker.lids.open), 1.15 * talker.lids.open)
    return replace(talker.lids, open=level)


def _telling(landmarks: np.ndarray, on_frame: Callable[[int], None]) -> Iterator[np.ndarray]:
    """The landmarks of each frame; tells its number when it is asked for."""
    for index, points in enumerate(landmarks):
        on_frame(index + 1)
        yield points


def check(arrays: dict[str, np.ndarray]) -> None:
    """Raise BadClip for a track that can't be trusted."""
    lost = float((arrays["residual"] > MAX_RESIDUAL).mean())
    if lost > 0.05:
        raise BadClip(f"{100 * lost:.0f} % of the frames don't fit")
