"""z_ex of a film by FaceTalk's objective (arXiv 2312.08459): data, Huber between neighbours, a prior.

For a known person and known poses, the codes of 10 frames at a time minimise

    data(z_t) + temporal · Σ_t huber(|z_t − z_{t−1}|) + prior · Σ_t |z_t|²

- The data term is that of the product's fit of landmarks (``core.face.fit_problem``). The paper has the distance to a
  scanned surface there.
- Differences of codes are in millimetres of the surface. The length of a code in the prior counts each weight in units
  of its usual size (``expression_deviation``), because some codes hardly move the surface and take large weights.
- Weights below 0 or above 1 cost extra.
- The first two frames of a window are the last two of the window before: they are given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.face.landmark_model import expression_deviation
from core.facetalk.expression_code import MOVEMENTS, ExpressionCode
from core.motion.channels import EXPRESSIONS
from core.readback.talker import clip_lids
from core.readback.track import full_blinks, lid_ratio

from .film import Film

WINDOW, OVERLAP = 10, 2
"""Frames of a window, and how many of them are given."""
ROUNDS = 5
"""Times that the problem is made linear about its last solution."""
_LIMIT = 100.0
"""Cost of a squared weight beyond its limits."""


@dataclass(frozen=True)
class CodeFitSettings:
    """Weights of the terms, chosen on the validation talkers.

    Attributes
    ----------
    temporal
        Of the differences between neighbours, per mm². With 0 each frame stands alone.
    huber
        Millimetres between neighbours from which their cost grows linearly.
    prior
        Of the codes.
    """

    temporal: float = 10.0
    huber: float = 0.3
    prior: float = 1.0


def read_codes(film: Film, code: ExpressionCode, settings: CodeFitSettings) -> np.ndarray:
    """The motion (T, 59) float32 of a film: fitted codes as weights, with the poses that the product reads."""
    channels = film.channels.copy()
    channels[:, : len(EXPRESSIONS)] = fitted_weights(film, code, settings)
    return channels


def fitted_weights(film: Film, code: ExpressionCode, settings: CodeFitSettings) -> np.ndarray:
    """Weights (T, 53) float32 in 0–1 of a film, in the poses that the product reads."""
    fitter, person = film.talker.fitter, film.talker.person
    fit = film.fit(film.channels)
    ratio = lid_ratio(film.landmarks, fitter.whole)
    seen = fitter.seen(film.landmarks, clip_lids(film.talker, ratio).share(ratio), person)
    decoding = code.to_weights.double()
    prior = settings.prior * decoding.T @ torch.diag(expression_deviation().double() ** -2) @ decoding
    codes = code.encode(fit.expression)[:, :MOVEMENTS].double()
    for _ in range(ROUNDS):
        weights = codes @ decoding.T
        fit = replace(fit, expression=weights.float())
        rows, by_frame, _ = fitter.problem.linearised(fit, seen, shared=False)
        slope = by_frame[..., :MOVEMENTS].double() @ decoding
        wanted = slope @ codes[..., None] - rows[..., None].double()
        limit = weights.clamp(0.0, 1.0)
        beyond = _LIMIT * (weights != limit)
        hessian = slope.mT @ slope + prior + torch.einsum("wi,tw,wj->tij", decoding, beyond, decoding)
        right = (slope.mT @ wanted)[..., 0] + (beyond * limit) @ decoding
        codes = smooth_codes(hessian, right, codes, settings)
    fit = replace(fit, expression=(codes @ decoding.T).float().clamp(0.0, 1.0))
    return full_blinks(fit, fitter.whole).expression.numpy()


def smooth_codes(hessian: Tensor, right: Tensor, start: Tensor, settings: CodeFitSettings) -> Tensor:
    """Codes (T, n), window by window.

    Parameters
    ----------
    hessian, right
        (T, n, n) and (T, n) float64: without neighbours the codes of frame t solve hessian_t z_t = right_t.
    start
        (T, n) codes whose differences say where Huber's cost is linear.
    """
    codes, frames = start.clone(), len(start)
    for first in range(0, max(frames - OVERLAP, 1), WINDOW - OVERLAP):
        begin, end = first + (OVERLAP if first else 0), min(first + WINDOW, frames)
        before = codes[begin - 1] if first else None
        step = codes[begin - 1 if first else begin : end].diff(dim=0).norm(dim=1)
        tie = settings.temporal * (settings.huber / step.clamp_min(1e-9)).clamp_max(1.0)
        codes[begin:end] = _window(hessian[begin:end], right[begin:end], tie, before)
    return codes


def _window(hessian: Tensor, right: Tensor, tie: Tensor, before: Tensor | None) -> Tensor:
    """Codes (L, n) of a window. ``tie`` weighs its differences; the first is that to the code ``before``, if any."""
    count, size = right.shape
    matrix = torch.zeros(count, count, size, size, dtype=right.dtype)
    frame = torch.arange(count)
    matrix[frame, frame] = hessian
    one, right = torch.eye(size, dtype=right.dtype), right.clone()
    if before is not None:
        matrix[0, 0] += tie[0] * one
        right[0] += tie[0] * before
        tie = tie[1:]
    ties = tie[:, None, None] * one
    matrix[frame[1:], frame[1:]] += ties
    matrix[frame[:-1], frame[:-1]] += ties
    matrix[frame[1:], frame[:-1]] -= ties
    matrix[frame[:-1], frame[1:]] -= ties
    flat = matrix.transpose(1, 2).reshape(count * size, count * size)  # frame, number, frame, number
    return torch.linalg.solve(flat, right.flatten()).unflatten(0, (count, size))
