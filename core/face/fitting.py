"""Fit of the head model to landmarks by damped least squares (Levenberg–Marquardt), batched over frames.

Unknowns: what frames share, s = (identity β, log focal length), and for each frame x_t = (53 expression weights,
rotation, translation). Cost: weighted distances of projected landmarks to the seen ones (Huber), distances of the
gaps of lips and eyelids (how far they are open counts more than where they lie), Gaussian priors, opposite
expressions penalised together, and, for videos, accelerations of x_t. Weights stay in [0, 1] by projected steps: a
weight at a bound that wants to leave it is held.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ..head.camera import FLIP, Fit, project
from ..head.rotation import rodrigues, rotation_vector
from ..motion.channels import EXPRESSIONS
from .landmark_model import LandmarkModel, expression_acceleration, expression_spread, opposite_indices
from .normal_equations import banded_step, schur_step, second_differences, transposed_second_differences

E = len(EXPRESSIONS)
FRAME = E + 6
"""Unknowns a frame: expression, rotation increment (3), translation (3)."""
GAZE_COLUMNS = torch.tensor([name.startswith("eyeLook") for name in EXPRESSIONS])
LOOK_DOWN = [EXPRESSIONS.index("eyeLookDown_L"), EXPRESSIONS.index("eyeLookDown_R")]
CLOSING_STIFFNESS = 100.0
"""How much stiffer the prior of looking down is while the lids are closed."""


@dataclass(frozen=True)
class FitSettings:
    """How strongly each term counts. Lengths in units of the outer-eye distance."""

    landmark_sigma: float = 0.1
    """Per landmark; far above their noise, because their errors are alike over whole regions of the face."""
    pair_sigma: float = 0.008
    opposite_sigma: float = 0.25
    identity_sigma: float = 1.0
    log_focal_sigma: float = 0.3
    huber: float = 0.05
    distance: float = 100.0
    """Prior distance of the camera, centimetres; it fixes what focal length a face of given size suggests."""
    least_focal: float = 2.0
    """Least prior focal length in long sides of the picture (28° of view): small faces are far away, not seen askew."""
    expression_scale: float = 1.0
    """Factor on all expression spreads: small where the face is known to be at rest."""
    expression_pull: float = 0.1
    """Lasso-like pull of each weight to zero, in units of its spread: prefers few weights."""
    smoothness: tuple[float, float, float] = (0.006, 0.06, 1.0)
    """Standard deviation of the acceleration a frame² of rotation (radians), translation (cm); a factor on the
    weights'."""
    tolerance: float = 1e-4
    """Relative gain of an iteration below which the fit has converged."""
    iterations: int = 12


@dataclass(frozen=True)
class Seen:
    """What a fit is to meet.

    landmarks (T, P, 2) px, their weights (T, P), outer-eye distance (T, 1, 1) px, gap vectors (T, Q, 2) px, and
    precision (T, 53) of the weights' priors.
    """

    landmarks: torch.Tensor
    weight: torch.Tensor
    eyes: torch.Tensor
    gaps: torch.Tensor
    precision: torch.Tensor


class Fitter:
    """Fits a ``LandmarkModel`` to pixels of landmarks."""

    def __init__(self, model: LandmarkModel, settings: FitSettings | None = None) -> None:
        self.whole = model
        self.model, self.keep = model.observed()
        """The points that count; the others only take part in ``offset``."""
        self.settings = settings or FitSettings()
        model = self.model
        self.pairs = torch.cat([model.lid_pairs_left, model.lid_pairs_right, model.lip_pairs])
        self.lid_pairs = len(model.lid_pairs_left) + len(model.lid_pairs_right)
        self.spread = expression_spread() * self.settings.expression_scale
        self.opposites = opposite_indices()
        self.pivot = model.mean.mean(0)
        """Rotation increments turn about the middle of the landmarks, so that they hardly move the face."""
        turn, move, weights = self.settings.smoothness
        deviation = torch.cat([expression_acceleration() * weights, torch.tensor([turn] * 3 + [move] * 3)])
        self.smooth = 1 / deviation.double()

    # --- public --------------------------------------------------------------------------------------------------

    def eye_distance(self, landmarks: torch.Tensor) -> torch.Tensor:
        """(T,) outer-eye distance in pixels of all landmarks (T, P, 2)."""
        right, left = self.whole.outer_eyes
        return (landmarks[:, left] - landmarks[:, right]).norm(dim=-1)

    def initial(self, landmarks: torch.Tensor, size: tuple[float, float]) -> Fit:
        """Mean face, seen from the prior's distance or, in a wide picture, through a lens of common angle; pose fitted.

        landmarks (T, P, 2) px; size (width, height) px of the image they lie in, whose middle is the camera's centre.
        """
        frames = landmarks.shape[0]
        right, left = self.model.outer_eyes
        model_eyes = (self.model.mean[left] - self.model.mean[right]).norm()
        magnification = self.eye_distance(landmarks).median() / model_eyes
        focal = (magnification * self.settings.distance).clamp(min=self.settings.least_focal * max(size))
        distance = float(focal / magnification)
        centre = torch.tensor([size[0] / 2, size[1] / 2])
        middle = (landmarks[:, self.keep].mean(1) - centre) * FLIP / focal * distance  # (T, 2) cm
        fit = Fit(
            identity=torch.zeros(self.model.identity.shape[0]),
            focal=focal,
            centre=centre,
            expression=torch.zeros(frames, E),
            rotation=torch.eye(3).repeat(frames, 1, 1),
            translation=torch.cat([middle, torch.full((frames, 1), -distance)], dim=1) - self.pivot,
        )
        return self._solve(fit, self.seen(landmarks), shared=False, posed_only=True)

    def fit_identity(self, landmarks: torch.Tensor, size: tuple[float, float]) -> Fit:
        """Identity, focal length, and each frame's expression and pose; frames (T, P, 2) px of one person and one
        camera."""
        fit = self._solve(self.initial(landmarks, size), self.seen(landmarks), shared=True)
        return replace(fit, residual=self.residuals(landmarks, fit))

    def fit_frames(self, landmarks: torch.Tensor, person: Fit, lids: torch.Tensor | None = None) -> Fit:
        """Expression and pose of consecutive frames (T, P, 2) px of a known person and camera, smooth in time.

        ``lids`` (T, 2): how far the left, right eye is open, 1 = as in the person's rest pose with zero expression;
        where given it replaces the eyelid gaps seen, and the irises of closing eyes, which are guesses, lose their
        weight.
        """
        size = (2 * float(person.centre[0]), 2 * float(person.centre[1]))
        start = self.initial(landmarks, size)
        middle = start.translation + start.rotation @ self.pivot
        middle = middle * torch.tensor([1.0, 1.0, float(person.focal / start.focal)])
        start = replace(
            start,
            identity=person.identity,
            focal=person.focal,
            centre=person.centre,
            translation=middle - start.rotation @ self.pivot,
        )
        fit = self._solve(start, self.seen(landmarks, lids, person), shared=False)
        return replace(fit, residual=self.residuals(landmarks, fit))

    def offset(self, landmarks: torch.Tensor, fit: Fit) -> torch.Tensor:
        """(P, 3) head space, median over frames, parallel to the image: how a person's points differ from the fitted
        model's.

        Added to the model (``LandmarkModel.with_offset``) it leaves to the expression only what changes in time.
        """
        positions = self.whole.positions(fit.identity, fit.expression)
        depth = -(positions @ fit.rotation.mT + fit.translation[:, None])[..., 2:]
        miss = (landmarks - project(positions, fit)) * depth / fit.focal * FLIP
        return (torch.cat([miss, torch.zeros_like(depth)], -1) @ fit.rotation).median(0).values

    def residuals(self, landmarks: torch.Tensor, fit: Fit) -> torch.Tensor:
        """(T,) median over landmarks of the distance to the seen ones / outer-eye distance; contour and unseen points
        aside."""
        pixels = project(self.model.positions(fit.identity, fit.expression), fit)
        miss = (pixels - landmarks[:, self.keep]).norm(dim=-1)[:, ~self.model.contour]
        return miss.median(1).values / self.eye_distance(landmarks)

    def seen(self, landmarks: torch.Tensor, lids: torch.Tensor | None = None, person: Fit | None = None) -> Seen:
        """The targets of a fit to all landmarks (T, P, 2); with ``lids`` (T, 2) and ``person`` as in ``fit_frames``."""
        eyes = self.eye_distance(landmarks)[:, None, None]
        landmarks = landmarks[:, self.keep]
        weight = self.model.weight.expand(landmarks.shape[0], -1)
        wanted = self._across(landmarks)
        precision = (self.spread**-2).expand(landmarks.shape[0], -1)
        if lids is None or person is None:
            return Seen(landmarks, weight, eyes, wanted, precision)
        neutral = project(self.model.shape(person.identity).expand(len(person.rotation), -1, -1), person)
        right, left = self.model.outer_eyes
        rest = self._across(neutral).norm(dim=-1) / (neutral[:, left] - neutral[:, right]).norm(dim=-1, keepdim=True)
        rest = rest.mean(0)[: self.lid_pairs]
        first = len(self.model.lid_pairs_left)
        share = lids[:, [0] * first + [1] * (self.lid_pairs - first)]  # (T, lid pairs)
        direction = torch.nn.functional.normalize(wanted[:, : self.lid_pairs].mean(1, keepdim=True), dim=-1)
        wanted = torch.cat([direction * (share * rest)[..., None] * eyes, wanted[:, self.lid_pairs :]], dim=1)
        weight, precision = weight.clone(), precision.clone()
        weight[:, self.model.lid_points] *= 0.3  # the gaps tell how far they are open
        if self.model.irises:
            trust = ((lids - 0.4) / 0.3).clamp(0, 1)
            weight[:, list(self.model.irises)] *= trust
            precision[:, LOOK_DOWN] *= 1 + CLOSING_STIFFNESS * (1 - trust)  # lids close by a blink, not by a look down
        return Seen(landmarks, weight, eyes, wanted, precision)

    # --- residuals and their Jacobian ----------------------------------------------------------------------------

    def _across(self, points: torch.Tensor) -> torch.Tensor:
        """Differences (…, Q, n) of points (…, P, n) across the gaps of eyelids and lips."""
        return points[..., self.pairs[:, 0], :] - points[..., self.pairs[:, 1], :]

    def _data(self, fit: Fit, seen: Seen, shared: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Weighted residual rows (T, N), and their Jacobians by the frames' unknowns (T, N, 59) and, if wanted, the
        shared (T, N, I + 1)."""
        model, settings, eyes = self.model, self.settings, seen.eyes
        turned = model.positions(fit.identity, fit.expression) @ fit.rotation.mT
        camera = turned + fit.translation[:, None]
        depth = -camera[..., 2].clamp(max=-1.0)
        pixels = fit.centre + fit.focal * camera[..., :2] * FLIP / depth[..., None]
        miss = (pixels - seen.landmarks) / eyes
        robust = (settings.huber / miss.norm(dim=-1).clamp(min=1e-6)).clamp(max=1.0)  # IRLS weight of Huber's loss
        scale = (seen.weight * robust).sqrt() / settings.landmark_sigma  # (T, P)
        points = (miss * scale[..., None]).flatten(1)
        pairs = ((self._across(pixels) - seen.gaps) / eyes / settings.pair_sigma).flatten(1)
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

    def _rows(self, by: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """Jacobian of points (T, P, 2, n) → weighted rows (T, N, n) of points and pairs."""
        points = (by * scale[..., None, None]).flatten(1, 2)
        pairs = (by[:, self.pairs[:, 0]] - by[:, self.pairs[:, 1]]) / self.settings.pair_sigma
        return torch.cat([points, pairs.flatten(1, 2)], dim=1)

    # --- Levenberg–Marquardt -------------------------------------------------------------------------------------

    def _solve(self, fit: Fit, seen: Seen, shared: bool, posed_only: bool = False) -> Fit:
        coupled = len(fit.expression) > 2 and not shared and not posed_only
        prior_focal = fit.focal.log()
        damping = 1e-3
        cost = self._cost(fit, seen, prior_focal, coupled)
        for _ in range(self.settings.iterations):
            rows, by_frame, by_shared = self._data(fit, seen, shared)
            hessian = (by_frame.mT @ by_frame).double()
            gradient = (by_frame.mT @ rows[..., None])[..., 0].double()
            self._add_prior(hessian, gradient, fit, seen)
            if coupled:
                gradient += transposed_second_differences(self._acceleration(fit) * self.smooth)
            held = self._held(fit, gradient, posed_only)
            common: tuple[torch.Tensor, ...] = ()
            if by_shared is not None:
                common = self._shared_equations(fit, prior_focal, rows, by_frame, by_shared)
            accepted = False
            for _ in range(6):
                if coupled:
                    step, shared_step = banded_step(hessian, gradient, held, damping, self.smooth**2), None
                else:
                    step, shared_step = schur_step(hessian, gradient, held, damping, *common)
                trial = self._moved(fit, step, shared_step)
                trial_cost = self._cost(trial, seen, prior_focal, coupled)
                accepted = trial_cost <= cost
                if accepted:
                    break
                damping *= 8
            if not accepted:
                break
            gain, fit, cost = cost - trial_cost, trial, trial_cost
            damping = max(damping / 8, 1e-6)
            if gain < self.settings.tolerance * cost:
                break
        return fit

    def _cost(self, fit: Fit, seen: Seen, prior_focal: torch.Tensor, coupled: bool) -> float:
        settings = self.settings
        pixels = project(self.model.positions(fit.identity, fit.expression), fit)
        far = ((pixels - seen.landmarks) / seen.eyes).norm(dim=-1)
        loss = torch.where(far < settings.huber, far**2, settings.huber * (2 * far - settings.huber))
        cost = (loss * seen.weight).double().sum() / settings.landmark_sigma**2
        cost += (((self._across(pixels) - seen.gaps) / seen.eyes / settings.pair_sigma) ** 2).double().sum()
        cost += (fit.expression**2 * seen.precision).double().sum()
        cost += 2 * settings.expression_pull * (fit.expression / self.spread).double().sum()
        cost += (fit.expression[:, self.opposites].sum(-1) ** 2).double().sum() / settings.opposite_sigma**2
        cost += (fit.identity**2).double().sum() / settings.identity_sigma**2
        cost += ((fit.focal.log() - prior_focal) / settings.log_focal_sigma).double() ** 2
        if coupled:
            cost += (self._acceleration(fit) ** 2).sum()
        return float(cost)

    def _add_prior(self, hessian: torch.Tensor, gradient: torch.Tensor, fit: Fit, seen: Seen) -> None:
        """Add the priors of the weights to the frames' (T, 59, 59) and (T, 59), in place."""
        precision = seen.precision.double()
        weights = fit.expression.double()
        diagonal = torch.arange(E)
        hessian[:, diagonal, diagonal] += precision
        gradient[:, :E] += weights * precision + self.settings.expression_pull / self.spread
        strength = self.settings.opposite_sigma**-2
        for a, b in self.opposites.tolist():
            both = weights[:, a] + weights[:, b]
            for i in (a, b):
                gradient[:, i] += strength * both
                for j in (a, b):
                    hessian[:, i, j] += strength

    def _shared_equations(self, fit, prior_focal, rows, by_frame, by_shared) -> tuple[torch.Tensor, ...]:
        """(T, 59, s) coupling of frames with what they share, and the shared (s, s) and (s,) with their priors."""
        settings, count = self.settings, fit.identity.shape[0]
        prior = torch.full((count + 1,), settings.identity_sigma**-2, dtype=torch.float64)
        prior[count] = settings.log_focal_sigma**-2
        value = torch.cat([fit.identity, (fit.focal.log() - prior_focal)[None]]).double()
        own = (by_shared.mT @ by_shared).sum(0).double() + torch.diag(prior)
        slope = (by_shared.mT @ rows[..., None])[..., 0].sum(0).double() + prior * value
        return (by_frame.mT @ by_shared).double(), own, slope

    def _held(self, fit: Fit, gradient: torch.Tensor, posed_only: bool) -> torch.Tensor:
        """(T, 59) bool: weights at a bound that the gradient pushes against, the gaze where it isn't seen, or all
        weights."""
        held = torch.zeros_like(gradient, dtype=torch.bool)
        slope = gradient[:, :E]
        held[:, :E] = ((fit.expression <= 0) & (slope > 0)) | ((fit.expression >= 1) & (slope < 0))
        if posed_only:
            held[:, :E] = True
        elif not self.model.irises:
            held[:, :E] |= GAZE_COLUMNS
        return held

    def _acceleration(self, fit: Fit) -> torch.Tensor:
        """(T − 2, 59) second differences over their standard deviations; of rotations: of the increments from frame
        to frame."""
        increments = rotation_vector((fit.rotation[1:] @ fit.rotation[:-1].mT).double())
        middle = (fit.translation + fit.rotation @ self.pivot).double()
        turn = increments[1:] - increments[:-1]
        second = [second_differences(fit.expression.double()), turn, second_differences(middle)]
        return torch.cat(second, dim=1) * self.smooth

    def _moved(self, fit: Fit, step: torch.Tensor, shared_step: torch.Tensor | None) -> Fit:
        step = step.float()
        turn = rodrigues(step[:, E : E + 3].clamp(-0.5, 0.5))
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
        focal = fit.focal * shared[-1].clamp(-0.3, 0.3).exp()
        return replace(moved, identity=fit.identity + shared[:-1], focal=focal)
