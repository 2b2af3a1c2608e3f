"""Damped steps of a least-squares problem with unknowns of each frame and unknowns that all frames share.

There are two structures: frames coupled by their accelerations (banded Cholesky), and frames coupled only by shared
unknowns (Schur complement). Unknowns marked as held don't move: their rows and columns are those of the identity.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import solveh_banded

LEAST_DIAGONAL = 1e-6
"""Added to the diagonal before damping, so that unknowns without any evidence are damped too."""


def second_differences(values: torch.Tensor) -> torch.Tensor:
    """D₂: accelerations (T − 2, …) per frame² of values (T, …)."""
    return values[2:] - 2 * values[1:-1] + values[:-2]


def transposed_second_differences(values: torch.Tensor) -> torch.Tensor:
    """D₂ᵀ, the transpose of :func:`second_differences`: (T, n) from (T − 2, n)."""
    out = torch.zeros(values.shape[0] + 2, *values.shape[1:], dtype=values.dtype)
    out[:-2] += values
    out[1:-1] -= 2 * values
    out[2:] += values
    return out


def schur_step(
    hessian: torch.Tensor,
    gradient: torch.Tensor,
    held: torch.Tensor,
    damping: float,
    cross: torch.Tensor | None = None,
    shared_hessian: torch.Tensor | None = None,
    shared_gradient: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Step of independent frames and of their shared unknowns. The frames are eliminated first.

    Parameters
    ----------
    hessian, gradient, held
        (T, n, n), (T, n) and (T, n) bool, of the frames' own unknowns.
    damping
        Levenberg–Marquardt factor on the diagonals.
    cross, shared_hessian, shared_gradient
        (T, n, s), (s, s) and (s,); all None if nothing is shared.

    Returns
    -------
    tuple
        Steps (T, n) of the frames' unknowns, and (s,) of the shared ones or None.
    """
    free = (~held).double()
    square = hessian * free[:, :, None] * free[:, None, :]
    diagonal = torch.arange(hessian.shape[1])
    square[:, diagonal, diagonal] += held.double() + damping * (hessian[:, diagonal, diagonal] + LEAST_DIAGONAL)
    slope = gradient * free
    factor = torch.linalg.cholesky(square)
    if cross is None or shared_hessian is None or shared_gradient is None:
        return -torch.cholesky_solve(slope[..., None], factor)[..., 0], None
    cross = cross * free[..., None]
    own = shared_hessian + torch.diag(damping * shared_hessian.diagonal())
    solved = torch.cholesky_solve(torch.cat([cross, slope[..., None]], dim=-1), factor)  # (T, n, s + 1)
    reduced = own - (cross.mT @ solved[..., :-1]).sum(0)
    reduced_slope = shared_gradient - (cross.mT @ solved[..., -1:]).sum(0)[:, 0]
    shared_step = -torch.linalg.solve(reduced, reduced_slope)
    return -(solved[..., -1] + solved[..., :-1] @ shared_step), shared_step


def banded_step(
    hessian: torch.Tensor, gradient: torch.Tensor, held: torch.Tensor, damping: float, strength: torch.Tensor
) -> torch.Tensor:
    """Step (T, n) of frames coupled by accelerations: one banded Cholesky factorisation of half bandwidth 2 n.

    Parameters
    ----------
    hessian, gradient
        (T, n, n) and (T, n) of each frame. The gradient includes the accelerations; the Hessian doesn't, because their
        part of it, D₂ᵀ D₂, is added here.
    held
        (T, n) bool.
    damping
        Levenberg–Marquardt factor on the diagonal.
    strength
        (n,) weight of each unknown's squared acceleration.
    """
    frames, size = gradient.shape
    free = (~held).double().numpy()
    square = hessian.numpy() * free[:, :, None] * free[:, None, :]
    diagonal = np.arange(size)
    square[:, diagonal, diagonal] += (1 - free) + damping * (hessian.numpy()[:, diagonal, diagonal] + LEAST_DIAGONAL)
    count = np.zeros((3, frames))  # entries of D₂ᵀ D₂ at lags 0, 1 and 2, for each frame
    count[0, :-2] += 1
    count[0, 1:-1] += 4
    count[0, 2:] += 1
    count[1, :-2] -= 2
    count[1, 1:-1] -= 2
    count[2, :-2] += 1
    weight = strength.double().numpy()
    square[:, diagonal, diagonal] += count[0][:, None] * weight * free
    band = np.zeros((2 * size + 1, frames * size))
    by_frame = band.reshape(2 * size + 1, frames, size)  # (2 n + 1, T · n) → lag, frame, unknown
    for lag in range(size):
        by_frame[lag, :, : size - lag] = square[:, diagonal[lag:], diagonal[: size - lag]]
    for step in (1, 2):
        coupled = count[step, : frames - step, None] * weight * free[:-step] * free[step:]
        by_frame[step * size, : frames - step] = coupled
    slope = (gradient.numpy() * free).reshape(-1)  # (T, n) → (T · n,)
    step = solveh_banded(band, slope, lower=True, check_finite=False)
    return torch.from_numpy(-step.reshape(frames, size))
