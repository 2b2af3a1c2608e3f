"""The canonical pose of a head: a neutral face whose jaw is a little open, so that the lips are apart.

Distance fields and searches for the nearest point can't mix up the lips in it (after NPHM, arXiv 2212.02761, whose
scans do the same).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..motion.channels import EXPRESSIONS
from .head_model import HeadModel

JAW_OPEN = 0.3
"""Weight of jawOpen in the canonical pose: the lips of the mean head are 1.1 cm apart."""


def canonical(head: HeadModel, identity: Tensor) -> Tensor:
    """Vertices (..., V, 3), centimetres, of people (..., n ≤ I) in the canonical pose."""
    weights = torch.zeros(len(EXPRESSIONS), device=head.device)
    weights[EXPRESSIONS.index("jawOpen")] = JAW_OPEN
    return head.neutral(identity) + head.expression_offsets(weights)
