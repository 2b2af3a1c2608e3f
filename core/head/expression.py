"""The expression that a frame shows, from the motion's weights and the portrait's own.

Lips and jaw follow only the motion, because speech decides whether the mouth is open. A part of the person's own smile
is kept in the corners of the mouth; it fades when the lips are rounded. All other weights of the motion are added to
the portrait's own.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..motion.channels import EXPRESSIONS, LIP_CHANNELS

KEPT = {"mouthSmile": 0.45, "mouthDimple": 0.4, "mouthStretch": 0.25, "mouthFrown": 0.4, "mouthPress": 0.3}
"""Share of the portrait's own weight that is kept for any motion. It is 0 for all other lip and jaw weights."""
ROUNDING = tuple(EXPRESSIONS.index(name) for name in ("mouthPucker", "mouthFunnel"))
"""Weights that round the lips."""


def kept_share() -> Tensor:
    """(53,) share of each of the portrait's own weights that is added to the motion's weight, unless lips are round."""
    share = torch.ones(len(EXPRESSIONS))
    for index, name in enumerate(EXPRESSIONS):
        if name in LIP_CHANNELS:
            share[index] = KEPT.get(name.removesuffix("_L").removesuffix("_R"), 0.0)
    return share


def _is_lip() -> Tensor:
    """(53,) bool: the weight moves lips or jaw."""
    return torch.tensor([name in LIP_CHANNELS for name in EXPRESSIONS])


def target_expression(own: Tensor, motion: Tensor) -> Tensor:
    """Weights (B, 53) to show.

    Parameters
    ----------
    own
        (53,) weights of the portrait.
    motion
        (B, 53) weights of the motion.
    """
    return (motion + _kept(own, motion)).clamp(0, 1)


def motion_expression(own: Tensor, shown: Tensor) -> Tensor:
    """Weights (B, 53) of the motion with which a portrait shows what is wanted: the inverse of `target_expression`.

    A motion's weights are at least 0, so what the portrait's own expression shows already can't be taken back.

    Parameters
    ----------
    own
        (53,) weights of the portrait.
    shown
        (B, 53) weights to show, 0–1.
    """
    # Nothing of the portrait's own rounding is kept, so a motion rounds the lips as what is shown.
    return (shown - _kept(own, shown)).clamp(0, 1)


def _kept(own: Tensor, rounded: Tensor) -> Tensor:
    """(B, 53) of the portrait's own weights (53,) that are added to a motion which rounds the lips as (B, 53)."""
    rounding = rounded[:, ROUNDING[0]] + rounded[:, ROUNDING[1]]
    share = kept_share().to(own.device) * torch.ones_like(rounded)
    share = torch.where(_is_lip().to(own.device), share * (1 - rounding).clamp(0, 1)[:, None], share)
    return share * own
