"""The generator's conditions: facts about a frame that the geometry knows. Training and product share this code."""

from __future__ import annotations

import torch
from torch import Tensor

from ...head.head_model import PARTS
from ..fields import blur, dilate, pixel_grid, smoothstep
from .layers import enlarge, halve

CAVITY_NAMES = ("mouth_socket", "gums_upper", "gums_lower", "tongue")
"""Parts behind the teeth."""
GROUPS = (
    ("skin",),
    ("lips",),
    ("teeth_upper",),
    ("teeth_lower",),
    CAVITY_NAMES,
    ("eye_left", "eye_right"),
    ("eye_socket_left", "eye_socket_right"),
)
"""Groups of parts of the head model that the network can distinguish."""
GROUP_OF = torch.tensor([-1, *(next(k for k, group in enumerate(GROUPS) if part in group) for part in PARTS)])
"""(1 + number of parts,) group of each part; the first entry, for no part, is −1."""
CHANNELS = 8 + len(GROUPS)
"""Channels of the conditions."""
UNIT = 256
"""Lengths below are in pixels of a square with this side."""
MOVED = 16.0 / UNIT
"""Unit of the flow's length as a condition, as a fraction of the square's side."""
STILL = (0.1, 0.8)
"""Movement of the photograph from which the generator may change the picture, and may change it fully."""
AROUND = 6
"""Distance around lips, mouth and eyes in which it always may."""
CAVITY_BLUR = 4
"""Radius in which the share of the mouth's cavity is measured, and by which the region is then widened."""
CAVITY = (0.2, 0.45)
"""That share from which the generator leaves the picture to the head model's cavity, and leaves it fully."""
REACH = (1, 1)
"""Distance that the generator may paint beyond the person's matte, and radius of the blur of that border."""
SOFT_EDGE = (0.0, 0.5)
"""Values of a blurred mask between which it rises from 0 to 1: the mask itself stays whole."""


def half_flow(positions: Tensor) -> Tensor:
    """(B, 2, S/2, S/2) displacement in pixels of the S square, from flow positions (B, S, S, 2): means of 2 × 2."""
    size = positions.shape[1]
    moved = positions - pixel_grid(size, size, positions.device)
    return halve(moved.permute(0, 3, 1, 2))  # (B, S, S, 2) -> (B, 2, S, S) -> halves


def conditions(alpha: Tensor, trust: Tensor, stretch: Tensor, moved: Tensor, parts: Tensor, normals: Tensor) -> Tensor:
    """Conditions of frames at half their side. They are means over 2 × 2 pixels, so that edges move smoothly.

    Parameters
    ----------
    alpha, trust, stretch
        (B, 1, S, S) the warped person's matte; how far the flow comes from the head model; how far it stretches.
    moved
        (B, 2, S/2, S/2) displacement; see :func:`half_flow`.
    parts
        (B, S, S) label of ``head_model.PARTS``; −1 if there is no head.
    normals
        (B, 3, S, S) unit normals in camera axes.

    Returns
    -------
    Tensor
        (B, CHANNELS, S/2, S/2): matte, trust, stretch, normals, share of each group of parts, displacement.
    """
    group = GROUP_OF.to(parts.device)[parts + 1][:, None]
    groups = torch.arange(len(GROUPS), device=parts.device)[:, None, None]
    seen = normals * (parts >= 0)[:, None]
    whole = [halve(v) for v in (alpha, trust, stretch, seen, (group == groups).to(alpha.dtype))]
    return torch.cat([*whole, moved / (MOVED * alpha.shape[-1])], 1)


def around_features(parts: Tensor) -> Tensor:
    """(B, 1, S, S) 0..1: lips, mouth and eyes, which are redrawn in every frame, and the area around them.

    ``parts`` (B, S, S) are labels of ``head_model.PARTS``; −1 if there is no head.
    """
    around, soft = (max(1, round(r * parts.shape[-1] / UNIT)) for r in (AROUND, REACH[1]))
    drawn = dilate((parts > PARTS.index("skin")).float()[:, None], around)
    return smoothstep(*SOFT_EDGE, blur(drawn, soft, 2))


def paintable(alpha: Tensor, moved: Tensor, parts: Tensor) -> Tensor:
    """(B, 1, S, S) 0..1: where the generator may change the picture.

    It may where the photograph moves, and around mouth and eyes, which are redrawn in every frame. It may not on the
    background, so the background never drifts, and not where the photograph stands still, so the photograph stays
    unchanged there. It may not in a wide open mouth: hardly any photograph shows one to learn from, and the head model
    draws the cavity and the teeth in front of it well.

    Parameters
    ----------
    alpha
        (B, 1, S, S) the warped person's matte.
    moved
        (B, 2, S/2, S/2) displacement; see :func:`half_flow`.
    parts
        (B, S, S) label of ``head_model.PARTS``; −1 if there is no head.
    """
    size = alpha.shape[-1]
    reach, soft = (max(1, round(r * size / UNIT)) for r in REACH)
    moves = smoothstep(*STILL, moved.norm(dim=1, keepdim=True) * (UNIT / size))
    person = smoothstep(*SOFT_EDGE, blur(dilate(alpha, reach), soft, 2))
    cavity = (GROUP_OF.to(parts.device)[parts + 1] == GROUPS.index(CAVITY_NAMES))[:, None].float()
    wide = max(1, round(CAVITY_BLUR * size / UNIT))
    deep = blur(dilate(smoothstep(*CAVITY, blur(cavity, wide, 2)), wide), soft, 2)
    return person * torch.maximum(enlarge(moves), around_features(parts)) * (1 - deep)
