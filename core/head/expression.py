"""Which expression a frame shows, given the motion's and the portrait's own.

Lips and jaw follow the motion alone: speech decides whether the mouth is open. Of the person's own smile a part is
kept, which is in the corners of the mouth and gives way when the lips are rounded. Everything else adds to the
portrait's own.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..motion.channels import EXPRESSIONS, LIP_CHANNELS

KEPT = {"mouthSmile": 0.45, "mouthDimple": 0.4, "mouthStretch": 0.25, "mouthFrown": 0.4, "mouthPress": 0.3}
"""Share of the portrait's own weight that stays, whatever the motion says."""
ROUNDING = tuple(EXPRESSIONS.index(name) for name in ("mouthPucker", "mouthFunnel"))


def _kept_share() -> Tensor:
    """(53,) share of each of the portrait's own weights that is added to the motion's."""
    share = torch.ones(len(EXPRESSIONS))
    for index, name in enumerate(EXPRESSIONS):
        if name in LIP_CHANNELS:
            share[index] = KEPT.get(name.removesuffix("_L").removesuffix("_R"), 0.0)
    return share


def _is_lip() -> Tensor:
    return torch.tensor([name in LIP_CHANNELS for name in EXPRESSIONS])


def target_expression(own: Tensor, motion: Tensor) -> Tensor:
    """(B, 53) weights to show.

    Parameters
    ----------
    own
        (53,) the portrait's weights.
    motion
        (B, 53) the motion's.
    """
    rounding = motion[:, ROUNDING[0]] + motion[:, ROUNDING[1]]
    share = _kept_share().to(own.device) * torch.ones_like(motion)
    share = torch.where(_is_lip().to(own.device), share * (1 - rounding).clamp(0, 1)[:, None], share)
    return (motion + share * own).clamp(0, 1)
