"""What geometry tells the generator about a frame, the same in training and in the product."""

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
"""Parts of the head model that the network tells apart."""
GROUP_OF = torch.tensor([-1, *(next(k for k, group in enumerate(GROUPS) if part in group) for part in PARTS)])
"""(1 + number of parts,) group of each part; the first, of no part, is −1."""
CHANNELS = 8 + len(GROUPS)
"""Channels of the conditions."""
MOVED = 16.0 / 256
"""Unit of the flow's length as a condition, parts of the square's side."""
STILL = (0.1, 0.8)
"""Pixels (of 256) that the photograph moves by where the generator begins to count, and counts fully."""
AROUND = 6
"""Pixels (of 256) around lips, mouth and eyes where it always counts."""
CAVITY_BLUR = 4
"""Radius in pixels (of 256) over which the share of the mouth's cavity is taken, and by which that reaches out."""
CAVITY = (0.2, 0.45)
"""That share from which the generator gives way to the head model's cavity, and gives way fully."""
REACH = (5, 2)
"""Pixels (of 256) that the generator may paint beyond the person's matte, and of the blur of that border."""


def half_flow(positions: Tensor) -> Tensor:
    """(B, 2, S/2, S/2) pixels of the S square that a flow (B, S, S, 2) of positions moves by, means of 2 × 2 pixels."""
    size = positions.shape[1]
    moved = positions - pixel_grid(size, size, positions.device)
    return halve(moved.permute(0, 3, 1, 2))  # (B, S, S, 2) -> (B, 2, S, S) -> halves


def conditions(alpha: Tensor, trust: Tensor, stretch: Tensor, moved: Tensor, parts: Tensor, normals: Tensor) -> Tensor:
    """Conditions of frames at half their side: means over 2 × 2 pixels, so that edges move smoothly.

    Parameters
    ----------
    alpha, trust, stretch
        (B, 1, S, S) the warped person's matte; how far the flow is known from the head model; how far it stretches.
    moved
        (B, 2, S/2, S/2) the flow, see :func:`half_flow`.
    parts
        (B, S, S) label of ``head_model.PARTS``, −1 where no head is.
    normals
        (B, 3, S, S) unit normals in camera axes.

    Returns
    -------
    Tensor
        (B, CHANNELS, S/2, S/2): matte, trust, stretch, normals, share of each group of parts, flow.
    """
    group = GROUP_OF.to(parts.device)[parts + 1][:, None]
    groups = torch.arange(len(GROUPS), device=parts.device)[:, None, None]
    seen = normals * (parts >= 0)[:, None]
    whole = [halve(v) for v in (alpha, trust, stretch, seen, (group == groups).to(alpha.dtype))]
    return torch.cat([*whole, moved / (MOVED * alpha.shape[-1])], 1)


def around_features(parts: Tensor) -> Tensor:
    """(B, 1, S, S) 0..1: lips, mouth and eyes, which are drawn anew in every frame, and what lies around them.

    ``parts`` (B, S, S) are labels of ``head_model.PARTS``, −1 where no head is.
    """
    around, soft = (max(1, round(r * parts.shape[-1] / 256)) for r in (AROUND, REACH[1]))
    drawn = dilate((parts > PARTS.index("skin")).float()[:, None], around)
    return smoothstep(0.0, 0.5, blur(drawn, soft, 2))


def paintable(alpha: Tensor, moved: Tensor, parts: Tensor) -> Tensor:
    """(B, 1, S, S) 0..1: where the generator may change the picture.

    Not on the background, which so never drifts; and not where the photograph stands still, which so stays itself: only
    where it moves, and around mouth and eyes, which are drawn anew in every frame. Not in a wide open mouth: hardly
    a photograph shows one to learn from, and the head model draws its cavity well, and the teeth before it.

    Parameters
    ----------
    alpha
        (B, 1, S, S) the warped person's matte.
    moved
        (B, 2, S/2, S/2) the flow, see :func:`half_flow`.
    parts
        (B, S, S) label of ``head_model.PARTS``, −1 where no head is.
    """
    size = alpha.shape[-1]
    reach, soft = (max(1, round(r * size / 256)) for r in REACH)
    moves = smoothstep(*STILL, moved.norm(dim=1, keepdim=True) * (256 / size))
    person = smoothstep(0.0, 0.5, blur(dilate(alpha, reach), soft, 2))
    cavity = (GROUP_OF.to(parts.device)[parts + 1] == GROUPS.index(CAVITY_NAMES))[:, None].float()
    wide = max(1, round(CAVITY_BLUR * size / 256))
    deep = blur(dilate(smoothstep(*CAVITY, blur(cavity, wide, 2)), wide), soft, 2)
    return person * torch.maximum(enlarge(moves), around_features(parts)) * (1 - deep)
