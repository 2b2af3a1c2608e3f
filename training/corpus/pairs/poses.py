"""Pose one source on its truths with the product's own code: the inputs of the generator and their truths."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.face.fitting import Fitter
from core.face.landmark_model import LandmarkModel
from core.face.points import LID_PAIRS_FROM_MIDDLE, LID_RINGS, LIPS_OUTER_RING, MESH_POINTS, OUTER_EYES
from core.head.expression import target_expression
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.portrait.portrait import Portrait, fitted
from core.readback.track import relative_pose
from core.renderer import Renderer, WarpedFrames
from core.renderer.fields import blur, dilate, erode, smoothstep
from core.renderer.framing import frame_portrait
from core.renderer.generator.conditions import half_flow
from core.renderer.layers.matte import find_person
from core.renderer.masks import polygon

from .pair import Pair

SIZE = 256
"""Side of the square."""
BLINK = [EXPRESSIONS.index(f"eyeBlink_{side}") for side in "LR"]
CLOSING = 0.85
"""Below this openness of an eye the lids' weight is searched for, instead of being taken from the fit."""
SHUT = 0.03
"""An eye counts as closed below this openness."""
MAX_MISS = 0.06
"""Largest median distance between the landmarks of the posed head and of the truth, divided by the outer-eye distance.
A pair above it would teach nothing but a shift, and is left out."""

MAX_CAST = 6.0
"""Largest difference between the mean colours of warp and truth, levels of 255. Clips of one talker can be filmed
in other light. A pair above it would teach to guess the light, and is left out."""


@dataclass(frozen=True)
class Pose:
    """A head's pose for ``HeadGeometry.pose(absolute=True)``: weights (53,), rotation (3,) rad and translation (3,) cm
    relative to the source."""

    expression: Tensor
    rotation: Tensor
    translation: Tensor


@dataclass(frozen=True)
class Truth:
    """A picture that the generator should make, in the pixels of the source portrait's image: image (H, W, 3) uint8,
    landmarks (478, 2 or 3) px, the pose that shows it, its name, and further facts."""

    image: np.ndarray
    landmarks: np.ndarray
    pose: Pose
    what: str
    facts: dict[str, str] = field(default_factory=dict)


class Source:
    """A portrait as the product uses it, and the pairs made with it."""

    def __init__(self, head: HeadModel, portrait: Portrait) -> None:
        self.head, self.portrait = head, portrait
        self.renderer = Renderer(head, portrait, SIZE, framing="crop", painter=None)
        self.person = fitted(portrait)
        landmarks = torch.from_numpy(np.ascontiguousarray(portrait.landmarks[None, :, :2], np.float32))
        model = LandmarkModel.face_mesh(head)
        plain = Fitter(model)
        self._fitter = Fitter(model.with_offset(plain.offset(landmarks, self.person)))

    def pose_on(self, landmarks: np.ndarray) -> Pose:
        """The pose that brings the head onto landmarks (478, 2 or 3) px of the same camera."""
        return self.poses_on(landmarks[None])[0]

    def poses_on(self, landmarks: np.ndarray) -> list[Pose]:
        """The poses that bring the head onto landmarks (T, 478, 2 or 3) px of consecutive frames, smoothly in time.

        Found landmarks tremble. Frame by frame the head would tremble with them.
        """
        points = torch.from_numpy(np.ascontiguousarray(landmarks[..., :2], np.float32))
        fit = self._fitter.fit_frames(points, self.person)
        rotation, translation = relative_pose(
            fit, self.person.rotation[0], self.person.translation[0], self.head.neck_pivot
        )
        moved = zip(fit.expression, torch.from_numpy(rotation), torch.from_numpy(translation), strict=True)
        return [Pose(*of_frame) for of_frame in moved]

    def with_lids(self, pose: Pose, openness: Tensor) -> Pose:
        """The pose with the lids of its closing eyes set to ``openness`` (2,): left, right; 1 as in the source, 0
        closed.

        The face mesh never reports a fully closed eye, so the fit does not close it. The weight that closes it is
        searched for on the person's own head, where weight 1 is closed.
        """
        closing = openness < CLOSING
        if not closing.any():
            return pose
        wanted = openness.clamp_min(0) * self._lid_gaps(self.renderer.geometry.source.pixels)
        low, high = torch.zeros(2), torch.ones(2)
        expression = pose.expression.clone()
        for _ in range(7):
            expression[BLINK] = (low + high) / 2
            heads = self.renderer.geometry.pose(
                expression[None], pose.rotation[None], pose.translation[None], absolute=True
            )
            too_open = self._lid_gaps(heads.pixels) > wanted
            low = torch.where(too_open, expression[BLINK], low)
            high = torch.where(too_open, high, expression[BLINK])
        high = torch.where(openness < SHUT, torch.ones(2), high)  # a motion says 1, although less would be enough
        expression[BLINK] = torch.where(closing, high, pose.expression[BLINK])
        return replace(pose, expression=expression)

    def _lid_gaps(self, pixels: Tensor) -> Tensor:
        """(2,) gap in px between the lids of the left and right eye of a posed head (1, V, 3)."""
        points = self.head.mesh468(pixels)[0, :, 1]
        upper, lower = torch.tensor(LID_PAIRS_FROM_MIDDLE).unbind(-1)  # (2, 7) each
        return (points[lower] - points[upper]).mean(1)

    def miss(self, pixels: Tensor, landmarks: np.ndarray) -> float:
        """Median distance of a posed head (V, 3) from landmarks (478, 2 or 3) px of the image, divided by the outer-eye
        distance. The face's contour slides along the face, but counts like the other points."""
        seen = self.renderer.framing.to_crop(landmarks)[:MESH_POINTS]
        posed = self.head.mesh468(pixels)[:, :2].numpy()
        eyes = float(np.linalg.norm(seen[OUTER_EYES[0]] - seen[OUTER_EYES[1]]))
        return float(np.median(np.linalg.norm(posed - seen, axis=1))) / eyes

    def pairs(
        self, truths: list[Truth], facts: dict[str, str], shoulders_move: bool, own_background: bool
    ) -> list[Pair]:
        """A pair for each truth that the posed head fits, and that was filmed in the source's light.

        ``shoulders_move``: the shoulders move between source and truth, unlike in the product. They are marked as not
        comparable. ``own_background``: outside the person the truth gets the renderer's background, because nobody can
        know what was behind the head in the source.
        """
        expression, rotation, translation = (
            torch.stack([getattr(truth.pose, name) for truth in truths])
            for name in ("expression", "rotation", "translation")
        )
        warped = self.renderer.warp(expression, rotation, translation, absolute=True)
        parts, normals = self.renderer.surfaces(warped.heads)
        normals = normals * (parts >= 0)[:, None]
        out = []
        for k, truth in enumerate(truths):
            if self.miss(warped.heads.pixels[k], truth.landmarks) > MAX_MISS:
                continue
            square = frame_portrait(replace(self.portrait, image=truth.image), SIZE, "crop").crop
            landmarks = self.renderer.framing.to_crop(truth.landmarks)
            picture = torch.tensor(square).permute(2, 0, 1)[None].float() / 255  # (S, S, 3) -> (1, 3, S, S)
            if own_background:
                matte = find_person(square, landmarks)
                background = self.renderer.still.background
                picture = background + matte * (picture - background)
            valid = self._valid(shoulders_move)
            if cast(warped.picture[k : k + 1], picture, warped.alpha[k : k + 1] * torch.from_numpy(valid)) > MAX_CAST:
                continue
            out.append(
                Pair(
                    source=self.renderer.framing.crop,
                    truth=_bytes(picture[0].permute(1, 2, 0)),
                    warped=_bytes(warped.picture[k].permute(1, 2, 0)),
                    alpha=_bytes(warped.alpha[k, 0]),
                    trust=_bytes(warped.flow.trust[k, 0]),
                    stretch=_bytes(warped.flow.stretch[k, 0]),
                    parts=parts[k].to(torch.int8).numpy(),
                    normals=(normals[k].permute(1, 2, 0) * 127).round().to(torch.int8).numpy(),
                    flow=half_flow(warped.flow.positions[k : k + 1])[0].permute(1, 2, 0).half().numpy(),
                    interest=self._interest(warped, k, landmarks),
                    valid=valid,
                    channels=self.channels(truth.pose),
                    expression=truth.pose.expression.numpy(),
                    own=self.portrait.expression.astype(np.float32),
                    landmarks=landmarks.astype(np.float32),
                    source_landmarks=self.renderer.framing.to_crop(self.portrait.landmarks).astype(np.float32),
                    facts={**facts, **truth.facts, "what": truth.what},
                )
            )
        return out

    def channels(self, pose: Pose) -> np.ndarray:
        """(59,) the Motion that the product would show as this pose: the inverse of ``target_expression``."""
        own = self.renderer.geometry.own_expression
        kept = target_expression(own, torch.zeros_like(own)[None])[0]
        motion = (pose.expression - kept).clamp(0, 1)
        return torch.cat([motion, pose.rotation, pose.translation]).float().numpy()

    def _interest(self, warped: WarpedFrames, k: int, landmarks: np.ndarray) -> np.ndarray:
        """(S, S, 3) uint8 masks of mouth, eyes and edge."""
        posed = self.head.mesh468(warped.heads.pixels[k])[:, :2].numpy()
        seen_and_posed = (landmarks, posed)
        mouth = torch.stack([polygon(points[list(LIPS_OUTER_RING)], SIZE) for points in seen_and_posed]).sum(0)
        eyes = torch.stack([polygon(p[list(ring)], SIZE) for p in seen_and_posed for ring in LID_RINGS]).sum(0)
        alpha = warped.alpha[k : k + 1]
        rim = dilate(alpha, 4) - erode(alpha, 4)
        edge = torch.maximum(rim, warped.flow.stretch[k : k + 1]) * self._follow()
        masks = [blur(dilate(mask.clamp(0, 1), reach), 2, 1) for mask, reach in ((mouth, 3), (eyes, 5), (edge, 0))]
        return _bytes(torch.cat(masks, 1)[0].permute(1, 2, 0))

    def _follow(self) -> Tensor:
        """(1, 1, S, S): 1 where the warp follows the head, 0 on shoulders and at the photograph's rim."""
        follow = self.renderer.flow_field.follow.permute(2, 0, 1)[None]  # (64, 64, 1) -> (1, 1, 64, 64)
        return F.interpolate(follow, (SIZE, SIZE), mode="bilinear", align_corners=False)

    def _valid(self, shoulders_move: bool) -> np.ndarray:
        """(S, S) uint8: how well truth and conditions agree."""
        inside = torch.tensor(self.renderer.framing.inside)[None, None].float()
        return _bytes((inside * smoothstep(0.5, 1.0, self._follow()) if shoulders_move else inside)[0, 0])


def cast(warped: Tensor, truth: Tensor, weight: Tensor) -> float:
    """Largest difference of a colour's mean between two pictures (1, 3, S, S) RGB 0–1, in levels of 255; ``weight``
    (1, 1, S, S)."""
    mean = ((truth - warped) * weight).sum((0, 2, 3)) / weight.sum().clamp_min(1e-6)
    return float(mean.abs().max()) * 255


def _bytes(values: Tensor) -> np.ndarray:
    """Values 0–1 as uint8 0–255."""
    return (values * 255 + 0.5).clamp(0, 255).byte().contiguous().numpy()
