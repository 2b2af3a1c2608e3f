"""Pairs from synthetic talkers: the only pairs with exact truth for every mouth, lid, gaze and turn of many people.

A person is rendered once as a portrait would show them, and then in other moments in front of the same camera:
speaking, blinking, turned by up to 15 degrees. Pictures are rendered larger than needed and shrunk, like photographs.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from core.face.points import IRISES
from core.head.head_model import HeadModel
from core.head.rotation import euler_to_matrix, matrix_to_euler
from core.motion.channels import EXPRESSIONS
from core.portrait.fit import face_fitter, head_crop
from core.portrait.portrait import Portrait

from ...common.splits import identity_seed
from ..synthetic.light import Lights
from ..synthetic.photograph import Camera
from ..synthetic.talkers import SyntheticTalkers, draw_lights
from .pair import Pair
from .portraits import seed_of
from .poses import Source, Truth

PEOPLE = {"train": 120, "test": 24}
MOMENTS = 5
"""Truths of each person."""
RENDERED = 352
"""Side of the rendered pictures, pixels."""
HEAD_TURN = np.deg2rad((5.0, 9.0, 4.0))
"""Standard deviations of a portrait's pitch, yaw and roll."""
TURN = np.deg2rad((5.0, 8.0, 3.5))
MOST_TURN = np.deg2rad((12.0, 15.0, 8.0))
"""Standard deviations of the turn of a moment relative to the portrait, and its limits."""
BLINK = [EXPRESSIONS.index(f"eyeBlink_{side}") for side in "LR"]


class Sittings(SyntheticTalkers):
    """One person at a time in front of a fixed camera: a portrait, and other moments."""

    def sitting(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, Tensor]:
        """Pictures (1 + MOMENTS, S, S, 3) uint8 with the portrait first, their landmarks (…, 478, 2) px and eyeBlink
        (…, 2)."""
        n = 1 + MOMENTS
        one = self._portrait(rng)
        seed = identity_seed(rng, self.split)
        lights, background = draw_lights(1, rng), self.backgrounds(1, rng)
        camera, turned = self.aim(self.casting.draw([seed]), one, one, rng)
        pose = self._moments(turned, rng)
        camera = Camera(camera.focal.expand(n), camera.centre.expand(n, 2))
        same = Lights(
            *(value.expand(n, *value.shape[1:]) for value in (lights.ambient, lights.direction, lights.colour))
        )
        people = self.casting.draw([seed] * n)
        shot, frames = self.shoot(people, pose, camera, same, background.expand(n, -1, -1, -1))
        pictures = (shot["picture"] * 255 + 0.5).clamp(0, 255).byte().permute(0, 2, 3, 1)  # -> (n, S, S, 3)
        landmarks = self._with_irises(shot["landmarks"], frames.pixels)
        return pictures.contiguous().numpy(), landmarks.numpy(), pose["expression"][:, BLINK]

    def _with_irises(self, landmarks: Tensor, pixels: Tensor) -> Tensor:
        """Landmarks (n, 478, 2) with the four outer points of each iris on its edge, as in the face mesh."""
        out = landmarks.clone()
        for side, iris in enumerate(IRISES):
            ring = self.model.iris_ring[side]
            quarters = ring[torch.arange(4) * len(ring) // 4]
            out[:, iris.start + 1 : iris.stop] = pixels[:, quarters, :2]
        return out

    def _portrait(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """A portrait's pose: nearly frontal, eyes open, more often with a smile or a closed mouth than speaking."""
        pose = self.draw_poses(1, rng)
        expression = torch.from_numpy(self.motions.draw_expression(rng)) * float(rng.choice([0.15, 0.4, 0.8]))
        expression[BLINK] = float(rng.uniform(0, 0.1))
        turn = rng.normal(0, HEAD_TURN).astype(np.float32)
        return {**pose, "expression": expression[None], "rotation": torch.from_numpy(turn)[None]}

    def _moments(self, portrait: dict[str, Tensor], rng: np.random.Generator) -> dict[str, Tensor]:
        """The portrait's pose and MOMENTS others, in the camera's axes. The body does not move."""
        pivot = self.model.neck_pivot
        rotation, translation = euler_to_matrix(portrait["rotation"][0]), portrait["translation"][0]
        expressions, rotations, translations = [portrait["expression"][0]], [rotation], [translation]
        for k in range(MOMENTS):
            angles = np.clip(rng.normal(0, TURN), -MOST_TURN, MOST_TURN) * (0.3 if k % 2 else 1.0)
            turn = euler_to_matrix(torch.from_numpy(angles).float())
            shift = torch.from_numpy(rng.normal(0, (0.3, 0.2, 0.4))).float()
            expression = torch.from_numpy(self.motions.draw_expression(rng))
            if k == 0:
                expression[BLINK] = 1.0
            expressions.append(expression)
            rotations.append(rotation @ turn)
            # R (T (X − p) + p + shift) + t, as ``core.renderer.geometry`` turns a head about the neck
            translations.append(rotation @ (pivot - turn @ pivot + shift) + translation)
        return {
            "expression": torch.stack(expressions),
            "rotation": matrix_to_euler(torch.stack(rotations)),
            "translation": torch.stack(translations),
            "body": torch.zeros(1 + MOMENTS),
        }


def synthetic_pairs(head: HeadModel, talkers: Sittings, number: int) -> list[Pair]:
    """Pairs of one synthetic person. The same ``number`` gives the same pairs."""
    name = f"synthetic-{talkers.split}-{number:04d}"
    pictures, landmarks, blink = talkers.sitting(seed_of(name))
    source = Source(head, as_portrait(pictures[0], landmarks[0]))
    truths = []
    for k in range(1, len(pictures)):
        pose = source.with_lids(source.pose_on(landmarks[k]), (1 - blink[k]) / (1 - blink[0]))
        truths.append(Truth(pictures[k], landmarks[k], pose, f"moment {k}"))
    facts = {"kind": "synthetic", "name": name, "split": talkers.split}
    return source.pairs(truths, facts, shoulders_move=True, own_background=True)


def as_portrait(picture: np.ndarray, landmarks: np.ndarray) -> Portrait:
    """The portrait that the product would make of a picture (H, W, 3) uint8 with known landmarks (478, 2) px."""
    points = torch.from_numpy(landmarks[None]).float()
    fit = face_fitter().fit_identity(points, (picture.shape[1], picture.shape[0]))
    return Portrait(
        image=picture,
        landmarks=np.concatenate([landmarks, np.zeros((len(landmarks), 1))], 1).astype(np.float32),
        identity=fit.identity.numpy(),
        expression=fit.expression[0].numpy(),
        rotation=matrix_to_euler(fit.rotation[0]).numpy(),
        translation=fit.translation[0].numpy(),
        focal=float(fit.focal),
        centre=fit.centre.numpy(),
        crop=head_crop(landmarks),
        residual=float(fit.residual[0]),
        digest="",
    )
