"""The code of the hair of a person whose points are known: found by descent, for measurement on held-out people."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from core.neural_head.meshing import Person
from core.neural_head.model import NeuralHead

from .losses import CLAMP_CM, DEEP_CM
from .truth import Truth

STEPS, RATE = 120, 0.2
POINTS = 800
"""Points of a step."""
PRIOR = 0.002
"""Weight of the squares of the style's numbers."""


def fit_hair(head: NeuralHead, identity: Tensor, truth: Truth) -> Tensor:
    """z_hair (·,) of a person (I,) from points in space with their distances from the hair, by 120 steps of Adam.

    Only points outside the skin are used. The code is style_mean + n · style_basis, with a prior on n.
    """
    rng = np.random.default_rng(0)
    person = Person.of(head, identity)
    usable = np.flatnonzero(truth.space_skin > -DEEP_CM)
    numbers = torch.zeros(len(head.style_basis), requires_grad=True)
    optimiser = torch.optim.Adam([numbers], lr=RATE)
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - step / STEPS)
        rows = rng.choice(usable, POINTS)
        points, wanted = torch.from_numpy(truth.space[rows]), torch.from_numpy(truth.space_hair[rows])
        code = head.whole_hair_code(person.face, (head.style_mean + numbers @ head.style_basis)[None])
        found = head.hair(points[None], person.anchors, code)[0, :, 0]
        miss = (found.clamp(-CLAMP_CM, CLAMP_CM) - wanted.clamp(-CLAMP_CM, CLAMP_CM)).abs().mean()
        loss = miss + PRIOR * numbers.square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return (head.style_mean + numbers @ head.style_basis).detach()
