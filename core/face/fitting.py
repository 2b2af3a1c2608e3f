"""Fit of the head model to landmarks by damped least squares (Levenberg–Marquardt), batched over frames.

``fit_problem.py`` holds the cost and its derivatives, ``normal_equations.py`` solves for a step. Projected steps keep
the weights in [0, 1]: a weight at a bound whose step would cross the bound is held there.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..head.camera import FLIP, Fit, project
from ..motion.channels import EXPRESSIONS
from ..stopping import check_cancelled
from .fit_problem import E, FitProblem, FitSettings, Seen
from .landmark_model import LandmarkModel
from .normal_equations import banded_step, schur_step, transposed_second_differences

LOOK_DOWN = [EXPRESSIONS.index("eyeLookDown_L"), EXPRESSIONS.index("eyeLookDown_R")]
CLOSING_STIFFNESS = 100.0
"""Factor by which the prior on looking down gets stiffer while the lids are closed."""
GUESSED_LIDS = 0.3
"""Factor on the weight of lid points whose gaps are given separately: the gaps already say how far the eye is open."""
IRIS_SEEN = (0.4, 0.7)
"""Opening of an eye (1 = at rest) from which its iris counts a little, and fully."""
DAMPING = (1e-3, 1e-6)
"""Levenberg–Marquardt factor at the start, and its lower limit."""
DAMPING_FACTOR = 8.0
"""Factor by which the damping grows after a rejected step and shrinks after an accepted one."""
TRIALS = 6
"""Steps tried in one iteration, each with more damping, before the fit stops."""


class Fitter:
    """Fits a ``LandmarkModel`` to pixels of landmarks."""

    def __init__(self, model: LandmarkModel, settings: FitSettings | None = None) -> None:
        self.whole = model
        self.model, self.keep = model.observed()
        """The observed points and their indices; the other points are used in ``offset`` only."""
        self.settings = settings or FitSettings()
        self.problem = FitProblem(self.model, self.settings)

    def eye_distance(self, landmarks: Tensor) -> Tensor:
        """(T,) outer-eye distance in pixels, from all landmarks (T, P, 2)."""
        right, left = self.whole.outer_eyes
        return (landmarks[:, left] - landmarks[:, right]).norm(dim=-1)

    def initial(self, landmarks: Tensor, size: tuple[float, float]) -> Fit:
        """The start of a fit: the mean face with a prior focal length, and only its pose fitted.

        Parameters
        ----------
        landmarks
            (T, P, 2) px.
        size
            (width, height) px of their image. Its middle is the camera's principal point.
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
            translation=torch.cat([middle, torch.full((frames, 1), -distance)], dim=1) - self.problem.pivot,
        )
        return self._solve(fit, self.seen(landmarks), shared=False, posed_only=True)

    def fit_identity(self, landmarks: Tensor, size: tuple[float, float]) -> Fit:
        """Fit identity and focal length, and the expression and pose of each frame.

        The frames (T, P, 2) px show one person through one camera; ``size`` is (width, height) px of their image.
        """
        fit = self._solve(self.initial(landmarks, size), self.seen(landmarks), shared=True)
        return replace(fit, residual=self.residuals(landmarks, fit))

    def fit_frames(self, landmarks: Tensor, person: Fit, lids: Tensor | None = None) -> Fit:
        """Fit expression and pose of consecutive frames, smoothly in time, for a known person and camera.

        Parameters
        ----------
        landmarks
            (T, P, 2) px.
        person
            Gives identity and camera.
        lids
            (T, 2) how far the left and right eye are open; 1 is the person's rest pose with zero expression. If given,
            it replaces the detected gaps of the eyelids. The irises of closing eyes then lose their weight, because
            the detector only guesses them.
        """
        size = (2 * float(person.centre[0]), 2 * float(person.centre[1]))
        start = self.initial(landmarks, size)
        middle = start.translation + start.rotation @ self.problem.pivot
        middle = middle * torch.tensor([1.0, 1.0, float(person.focal / start.focal)])
        start = replace(
            start,
            identity=person.identity,
            focal=person.focal,
            centre=person.centre,
            translation=middle - start.rotation @ self.problem.pivot,
        )
        fit = self._solve(start, self.seen(landmarks, lids, person), shared=False)
        return replace(fit, residual=self.residuals(landmarks, fit))

    def offset(self, landmarks: Tensor, fit: Fit) -> Tensor:
        """(P, 3) head space: constant difference of a person's points from the fitted model, parallel to the image.

        It is the median over the frames. After it is added to the model (``LandmarkModel.with_offset``), the
        expression only has to explain what changes in time.
        """
        positions = self.whole.positions(fit.identity, fit.expression)
        depth = -(positions @ fit.rotation.mT + fit.translation[:, None])[..., 2:]
        miss = (landmarks - project(positions, fit)) * depth / fit.focal * FLIP
        return (torch.cat([miss, torch.zeros_like(depth)], -1) @ fit.rotation).median(0).values

    def residuals(self, landmarks: Tensor, fit: Fit) -> Tensor:
        """(T,) median distance of the landmarks (T, P, 2) px to the fit's, over the outer-eye distance.

        Contour and points that aren't observed are left out.
        """
        pixels = project(self.model.positions(fit.identity, fit.expression), fit)
        miss = (pixels - landmarks[:, self.keep]).norm(dim=-1)[:, ~self.model.contour]
        return miss.median(1).values / self.eye_distance(landmarks)

    def seen(self, landmarks: Tensor, lids: Tensor | None = None, person: Fit | None = None) -> Seen:
        """The targets of a fit to all landmarks (T, P, 2); ``lids`` (T, 2) and ``person`` as in :meth:`fit_frames`."""
        eyes = self.eye_distance(landmarks)[:, None, None]
        landmarks = landmarks[:, self.keep]
        weight = self.model.weight.expand(landmarks.shape[0], -1)
        wanted = self.problem.across(landmarks)
        precision = (self.problem.deviation**-2).expand(landmarks.shape[0], -1)
        if lids is None or person is None:
            return Seen(landmarks, weight, eyes, wanted, precision)
        neutral = project(self.model.shape(person.identity).expand(len(person.rotation), -1, -1), person)
        right, left = self.model.outer_eyes
        rest_eyes = (neutral[:, left] - neutral[:, right]).norm(dim=-1, keepdim=True)
        rest = self.problem.across(neutral).norm(dim=-1) / rest_eyes
        lefts, rights = len(self.model.lid_pairs_left), len(self.model.lid_pairs_right)
        lid_pairs = lefts + rights  # the first rows of the gaps
        rest = rest.mean(0)[:lid_pairs]
        share = lids[:, [0] * lefts + [1] * rights]  # (T, lid pairs)
        direction = torch.nn.functional.normalize(wanted[:, :lid_pairs].mean(1, keepdim=True), dim=-1)
        wanted = torch.cat([direction * (share * rest)[..., None] * eyes, wanted[:, lid_pairs:]], dim=1)
        weight, precision = weight.clone(), precision.clone()
        weight[:, self.model.lid_points] *= GUESSED_LIDS
        if self.model.irises:
            begins, whole = IRIS_SEEN
            trust = ((lids - begins) / (whole - begins)).clamp(0, 1)
            weight[:, list(self.model.irises)] *= trust
            # Closing lids are a blink, not a look down.
            precision[:, LOOK_DOWN] *= 1 + CLOSING_STIFFNESS * (1 - trust)
        return Seen(landmarks, weight, eyes, wanted, precision)

    def _solve(self, fit: Fit, seen: Seen, shared: bool, posed_only: bool = False) -> Fit:
        """Levenberg–Marquardt from ``fit``: also for the shared unknowns, or for the pose only."""
        coupled = len(fit.expression) > 2 and not shared and not posed_only
        prior_focal = fit.focal.log()
        damping = DAMPING[0]
        cost = self.problem.cost(fit, seen, prior_focal, coupled)
        for _ in range(self.settings.iterations):
            check_cancelled()
            rows, by_frame, by_shared = self.problem.linearised(fit, seen, shared)
            hessian = (by_frame.mT @ by_frame).double()
            gradient = (by_frame.mT @ rows[..., None])[..., 0].double()
            self.problem.add_prior(hessian, gradient, fit, seen)
            if coupled:
                gradient += transposed_second_differences(self.problem.acceleration(fit) * self.problem.smooth)
            held = self.problem.held(fit, gradient, posed_only)
            common: tuple[Tensor, ...] = ()
            if by_shared is not None:
                common = self.problem.shared_equations(fit, prior_focal, rows, by_frame, by_shared)
            accepted = False
            for _ in range(TRIALS):
                if coupled:
                    step, shared_step = banded_step(hessian, gradient, held, damping, self.problem.smooth**2), None
                else:
                    step, shared_step = schur_step(hessian, gradient, held, damping, *common)
                trial = self.problem.moved(fit, step, shared_step)
                trial_cost = self.problem.cost(trial, seen, prior_focal, coupled)
                accepted = trial_cost <= cost
                if accepted:
                    break
                damping *= DAMPING_FACTOR
            if not accepted:
                break
            gain, fit, cost = cost - trial_cost, trial, trial_cost
            damping = max(damping / DAMPING_FACTOR, DAMPING[1])
            if gain < self.settings.tolerance * cost:
                break
        return fit
