"""The least-squares problem of a fit: its residuals with their Jacobians, its priors, and a step of its unknowns.

Unknowns shared by all frames: s = (identity β, log focal length), I + 1 numbers. Unknowns of each frame:
x_t = (53 expression weights, rotation step, translation), 59 numbers.

The cost adds up: weighted distances of projected landmarks to the detected ones (Huber); errors of the gaps between
the lips and between the eyelids, because how far they are open matters more than where they lie; Gaussian priors; a
penalty on opposite expressions used together; and, for videos, accelerations of x_t.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..head.camera import Fit, pinhole, project
from ..head.rotation import rodrigues, rotation_vector
from ..motion.channels import EXPRESSIONS
from .landmark_model import LandmarkModel, expression_acceleration, expression_deviation, opposite_indices
from .normal_equations import second_differences

E = len(EXPRESSIONS)
"""Number of expression weights."""
FRAME = E + 6
"""Unknowns of a frame: expression, rotation step (3), translation (3)."""
GAZE_COLUMNS = torch.tensor([name.startswith("eyeLook") for name in EXPRESSIONS])
LEAST_DISTANCE_CM = 1.0
"""Points nearer to the camera are projected as if at this distance, so that a wild trial step stays finite."""
MOST_TURN = 0.5
MOST_ZOOM = 0.3
"""Largest step of a rotation (radians about each axis) and of the logarithm of the focal length."""


@dataclass(frozen=True)
class FitSettings:
    """How strongly each term of the cost counts. Lengths are in units of the outer-eye distance.

    Attributes
    ----------
    landmark_sigma
        Standard deviation of a landmark. It is far above their noise, because errors of neighbouring landmarks are
        alike.
    pair_sigma
        Standard deviation of a gap between two lids or lips.
    opposite_sigma
        Standard deviation of the sum of two opposite weights.
    identity_sigma, log_focal_sigma
        Standard deviation of identity coefficients and of the logarithm of the focal length.
    huber
        Distance of a landmark from which its cost grows linearly.
    distance
        Prior distance of the camera in centimetres. It decides which focal length a face of a given size suggests.
    least_focal
        Lower limit of the prior focal length, in long sides of the picture (28° of view): small faces are far away, not
        at the edge of a wide view.
    expression_scale
        Factor on the prior standard deviations of all weights; small for a face that is known to be at rest.
    expression_pull
        Lasso-like pull of each weight toward zero, in units of its standard deviation; prefers few weights.
    smoothness
        Standard deviation of the acceleration per frame² of the rotation (radians) and of the translation (cm), and a
        factor on the accelerations of the weights.
    tolerance
        Relative gain of an iteration below which the fit has converged.
    iterations
        Largest number of iterations.
    """

    landmark_sigma: float = 0.1
    pair_sigma: float = 0.008
    opposite_sigma: float = 0.25
    identity_sigma: float = 1.0
    log_focal_sigma: float = 0.3
    huber: float = 0.05
    distance: float = 100.0
    least_focal: float = 2.0
    expression_scale: float = 1.0
    expression_pull: float = 0.1
    smoothness: tuple[float, float, float] = (0.006, 0.06, 1.0)
    tolerance: float = 1e-4
    iterations: int = 12


@dataclass(frozen=True)
class Seen:
    """The targets of a fit.

    Attributes
    ----------
    landmarks, weight
        (T, P, 2) px and (T, P).
    eyes
        (T, 1, 1) px outer-eye distance.
    gaps
        (T, Q, 2) px vectors across the gaps of lids and lips.
    precision
        (T, 53) inverse variance of the weights' priors.
    """

    landmarks: Tensor
    weight: Tensor
    eyes: Tensor
    gaps: Tensor
    precision: Tensor


class FitProblem:
    """The cost of fits of one ``LandmarkModel`` (of observed points only), with its derivatives."""

    def __init__(self, model: LandmarkModel, settings: FitSettings) -> None:
        self.model, self.settings = model, settings
        self.pairs = torch.cat([model.lid_pairs_left, model.lid_pairs_right, model.lip_pairs])
        self.deviation = expression_deviation() * settings.expression_scale
        self.opposites = opposite_indices()
        self.pivot = model.mean.mean(0)
        """Rotation steps turn about the middle of the landmarks, so that they hardly move the face."""
        turn, move, weights = settings.smoothness
        deviation = torch.cat([expression_acceleration() * weights, torch.tensor([turn] * 3 + [move] * 3)])
        self.smooth = 1 / deviation.double()
        """(59,) one over the standard deviation of each unknown's acceleration."""

    def across(self, points: Tensor) -> Tensor:
        """Differences (…, Q, n) across the gaps of eyelids and lips, of points (…, P, n)."""
        return points[..., self.pairs[:, 0], :] - points[..., self.pairs[:, 1], :]

    def linearised(self, fit: Fit, seen: Seen, shared: bool) -> tuple[Tensor, Tensor, Tensor | None]:
        """Weighted residual rows (T, N) and their Jacobians.

        The Jacobians are by the frames' unknowns (T, N, 59) and, if ``shared``, by the shared ones (T, N, I + 1).
        """
        model, settings, eyes = self.model, self.settings, seen.eyes
        turned = model.positions(fit.identity, fit.expression) @ fit.rotation.mT
        camera = turned + fit.translation[:, None]
        depth = -camera[..., 2].clamp(max=-LEAST_DISTANCE_CM)
        pixels = pinhole(camera, fit.focal, fit.centre, LEAST_DISTANCE_CM)
        miss = (pixels - seen.landmarks) / eyes
        robust = (settings.huber / miss.norm(dim=-1).clamp(min=1e-6)).clamp(max=1.0)  # IRLS weight of Huber's loss
        scale = (seen.weight * robust).sqrt() / settings.landmark_sigma  # (T, P)
        points = (miss * scale[..., None]).flatten(1)
        pairs = ((self.across(pixels) - seen.gaps) / eyes / settings.pair_sigma).flatten(1)
        rows = torch.cat([points, pairs], dim=1)
        slope = torch.zeros(*depth.shape, 2, 3)  # (T, P, 2, 3): d pixels / d X_cam, in outer-eye distances
        slope[..., 0, 0] = fit.focal / depth
        slope[..., 0, 2] = fit.focal * camera[..., 0] / depth**2
        slope[..., 1, 1] = -fit.focal / depth
        slope[..., 1, 2] = -fit.focal * camera[..., 1] / depth**2
        slope = slope / eyes[..., None]
        by_head = slope @ fit.rotation[:, None]
        by_expression = torch.einsum("tpik,epk->tpie", by_head, model.expression)
        arm = turned - (fit.rotation @ self.pivot)[:, None]
        by_turn = torch.cross(arm[:, :, None].expand_as(slope), slope, dim=-1)  # row g: g · (ω × a) = ω · (a × g)
        by_frame = self._rows(torch.cat([by_expression, by_turn, slope], dim=-1), scale)
        if not shared:
            return rows, by_frame, None
        by_identity = torch.einsum("tpik,npk->tpin", by_head, model.identity)
        by_focal = ((pixels - fit.centre) / eyes)[..., None]
        return rows, by_frame, self._rows(torch.cat([by_identity, by_focal], dim=-1), scale)

    def _rows(self, by: Tensor, scale: Tensor) -> Tensor:
        """Jacobian of weighted rows (T, N, n), points then pairs, from the Jacobian of the points (T, P, 2, n)."""
        points = (by * scale[..., None, None]).flatten(1, 2)
        pairs = (by[:, self.pairs[:, 0]] - by[:, self.pairs[:, 1]]) / self.settings.pair_sigma
        return torch.cat([points, pairs.flatten(1, 2)], dim=1)

    def cost(self, fit: Fit, seen: Seen, prior_focal: Tensor, coupled: bool) -> float:
        """The cost of a fit; with ``coupled`` including the accelerations of its frames."""
        settings = self.settings
        pixels = project(self.model.positions(fit.identity, fit.expression), fit)
        far = ((pixels - seen.landmarks) / seen.eyes).norm(dim=-1)
        loss = torch.where(far < settings.huber, far**2, settings.huber * (2 * far - settings.huber))
        cost = (loss * seen.weight).double().sum() / settings.landmark_sigma**2
        cost += (((self.across(pixels) - seen.gaps) / seen.eyes / settings.pair_sigma) ** 2).double().sum()
        cost += (fit.expression**2 * seen.precision).double().sum()
        cost += 2 * settings.expression_pull * (fit.expression / self.deviation).double().sum()
        cost += (fit.expression[:, self.opposites].sum(-1) ** 2).double().sum() / settings.opposite_sigma**2
        cost += (fit.identity**2).double().sum() / settings.identity_sigma**2
        cost += ((fit.focal.log() - prior_focal) / settings.log_focal_sigma).double() ** 2
        if coupled:
            cost += (self.acceleration(fit) ** 2).sum()
        return float(cost)

    def add_prior(self, hessian: Tensor, gradient: Tensor, fit: Fit, seen: Seen) -> None:
        """Add the priors of the weights to the frames' Hessian (T, 59, 59) and gradient (T, 59), in place."""
        precision = seen.precision.double()
        weights = fit.expression.double()
        diagonal = torch.arange(E)
        hessian[:, diagonal, diagonal] += precision
        gradient[:, :E] += weights * precision + self.settings.expression_pull / self.deviation
        strength = self.settings.opposite_sigma**-2
        for a, b in self.opposites.tolist():
            both = weights[:, a] + weights[:, b]
            for i in (a, b):
                gradient[:, i] += strength * both
                for j in (a, b):
                    hessian[:, i, j] += strength

    def shared_equations(
        self,
        fit: Fit,
        prior_focal: Tensor,
        rows: Tensor,
        by_frame: Tensor,
        by_shared: Tensor,
    ) -> tuple[Tensor, ...]:
        """Equations of the shared unknowns: coupling with the frames (T, 59, s), Hessian (s, s) and gradient (s,).

        Hessian and gradient include the priors.
        """
        settings, count = self.settings, fit.identity.shape[0]
        prior = torch.full((count + 1,), settings.identity_sigma**-2, dtype=torch.float64)
        prior[count] = settings.log_focal_sigma**-2
        value = torch.cat([fit.identity, (fit.focal.log() - prior_focal)[None]]).double()
        own = (by_shared.mT @ by_shared).sum(0).double() + torch.diag(prior)
        slope = (by_shared.mT @ rows[..., None])[..., 0].sum(0).double() + prior * value
        return (by_frame.mT @ by_shared).double(), own, slope

    def held(self, fit: Fit, gradient: Tensor, posed_only: bool) -> Tensor:
        """(T, 59) bool: unknowns that don't move.

        These are weights that the gradient pushes against a bound, the gaze if the irises aren't observed, or all
        weights if ``posed_only``.
        """
        held = torch.zeros_like(gradient, dtype=torch.bool)
        slope = gradient[:, :E]
        held[:, :E] = ((fit.expression <= 0) & (slope > 0)) | ((fit.expression >= 1) & (slope < 0))
        if posed_only:
            held[:, :E] = True
        elif not self.model.irises:
            held[:, :E] |= GAZE_COLUMNS
        return held

    def acceleration(self, fit: Fit) -> Tensor:
        """(T − 2, 59) second differences in time over their standard deviations.

        For rotations these are first differences of the rotation vectors from frame to frame.
        """
        increments = rotation_vector((fit.rotation[1:] @ fit.rotation[:-1].mT).double())
        middle = (fit.translation + fit.rotation @ self.pivot).double()
        turn = increments[1:] - increments[:-1]
        second = [second_differences(fit.expression.double()), turn, second_differences(middle)]
        return torch.cat(second, dim=1) * self.smooth

    def moved(self, fit: Fit, step: Tensor, shared_step: Tensor | None) -> Fit:
        """The fit after a step (T, 59) of the frames' unknowns and (s,) of the shared ones."""
        step = step.float()
        turn = rodrigues(step[:, E : E + 3].clamp(-MOST_TURN, MOST_TURN))
        arm = fit.rotation @ self.pivot
        moved = replace(
            fit,
            expression=(fit.expression + step[:, :E]).clamp(0, 1),
            rotation=turn @ fit.rotation,
            translation=fit.translation + arm - (turn @ arm[..., None])[..., 0] + step[:, E + 3 :],
        )
        if shared_step is None:
            return moved
        shared = shared_step.float()
        focal = fit.focal * shared[-1].clamp(-MOST_ZOOM, MOST_ZOOM).exp()
        return replace(moved, identity=fit.identity + shared[:-1], focal=focal)
