"""Close small gaps of ICT-FaceKit: between the lips of the neutral head, and between the lids of the blink shapes.

Its neutral lips are 0.8 mm apart, and its blinks leave up to 1.3 mm of the eye open (both gaps are filled by parts that
we drop). No expression closes them further. So a portrait's closed mouth, the closures of p, b and m, and every blink
would stay open by that much. The surface is bent locally until the contours meet.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.motion.channels import EXPRESSIONS

from .ict import IctModel, used_faces
from .ict_regions import EYE_LEFT, EYE_RIGHT, LIP_INNER, contour

REACH_CM = 0.35
"""Distance from the contour at which the bend has fallen to 1/e."""
JAW_SHARE_CM = 1.5
"""Tissue that jawOpen moves further than this belongs to the lower lip."""
OVERLAP_CM = 0.004
"""Distance by which each lip passes the middle, so that no light shines through."""
LID_OVERLAP_CM = 0.02
"""Distance by which the upper lid passes the margin of the lower lid."""


def _bend(points: np.ndarray, tissue: np.ndarray, margin: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """(len(tissue),) vertical shifts that follow the nearest margin vertex and decrease with the distance from it."""
    distance = np.linalg.norm(points[tissue][:, None] - points[margin][None], axis=-1)  # (tissue, n)
    return np.exp(-((distance.min(1) / REACH_CM) ** 2)) * shift[distance.argmin(1)]


def _height_at(x: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Height of a curve (n, 3) at given x."""
    order = np.argsort(curve[:, 0], kind="stable")
    return np.interp(x, curve[order, 0], curve[order, 1])


def with_closed_lips(model: IctModel) -> IctModel:
    """The same model with inner lip contours that touch on the neutral head of every identity.

    Each lip moves half the way. The same linear operator removes the contribution of each identity shape to the gap, so
    the lips stay closed for all combinations of shapes.
    """
    chain = contour(model, model.faces[used_faces(model)], LIP_INNER)[:-1]
    second = chain.index(int(model.landmarks68[64]))
    lips = {"upper": np.array(chain[: second + 1]), "lower": np.array([*chain[second:], chain[0]])}
    neutral, identity = model.neutral.copy(), model.identity.copy()
    falls = np.linalg.norm(model.expression_of("jawOpen"), axis=1) > JAW_SHARE_CM
    outer_surface = np.arange(len(neutral)) < model.parts["mouth_socket"][1]
    for name, other, sign in (("upper", "lower", -1.0), ("lower", "upper", 1.0)):
        own, opposite = lips[name], lips[other]
        x = model.neutral[own, 0]
        gap = sign * (_height_at(x, model.neutral[opposite]) - model.neutral[own, 1])  # (n,) >= 0 where open
        tissue = np.flatnonzero(outer_surface & (falls == (name == "lower")))
        shift = np.where(gap > 1e-3, 0.5 * gap + OVERLAP_CM, 0.0)
        neutral[tissue, 1] += sign * _bend(model.neutral, tissue, own, shift)
        order = opposite[np.argsort(model.neutral[opposite, 0], kind="stable")]
        for target, source in zip(identity, model.identity, strict=True):
            difference = np.interp(x, model.neutral[order, 0], source[order, 1]) - source[own, 1]
            target[tissue, 1] += _bend(model.neutral, tissue, own, 0.5 * difference)
    return replace(model, neutral=neutral, identity=identity)


def with_closing_lids(model: IctModel) -> IctModel:
    """The same model with blink shapes that bring the upper lid's margin down to the lower lid's margin."""
    faces = model.faces[used_faces(model)]
    expression = model.expression.copy()
    surface = np.arange(model.parts["eye_socket_right"][1])
    for side, landmarks, corner in (("L", EYE_LEFT, 45), ("R", EYE_RIGHT, 39)):
        chain = contour(model, faces, landmarks)[:-1]
        second = chain.index(int(model.landmarks68[corner]))
        upper, lower = np.array(chain[: second + 1]), np.array([*chain[second:], chain[0]])
        blink = EXPRESSIONS.index(f"eyeBlink_{side}")
        shut = model.neutral + expression[blink]
        gap = shut[upper, 1] - _height_at(shut[upper, 0], shut[lower])
        opening = model.neutral[upper, 1] - _height_at(model.neutral[upper, 0], model.neutral[lower])
        # The corners do not move: the overlap grows with the opening that must be closed.
        shift = np.where(gap > -LID_OVERLAP_CM, gap + LID_OVERLAP_CM, 0.0) * np.clip(opening / 0.1, 0, 1)
        distance = np.linalg.norm(model.neutral[surface][:, None] - model.neutral[chain][None], axis=-1)
        tissue = surface[np.isin(np.array(chain)[distance.argmin(1)], upper)]
        expression[blink, tissue, 1] -= _bend(model.neutral, tissue, upper, shift)
    return replace(model, expression=expression)
