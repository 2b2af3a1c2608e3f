"""Invented people of all skin tones, photographed by ``training.corpus.synthetic.make_person``, and plain heads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from core.head.head_model import HeadModel

from ..corpus.synthetic.make_person import render
from ..corpus.synthetic.person import HAIRS, IRISES, SKINS, Look
from ..head.rendered_heads import render_random_head

SCALE = ((0.95, 0.79, 0.70), *SKINS, (0.30, 0.19, 0.145), (0.20, 0.125, 0.10))
"""Display RGB 0–1 of skins from the lightest to the darkest; tones in between are mixed."""
_IRISES = (*IRISES, (0.09, 0.055, 0.04))
WIDTH, HEIGHT = 320, 400


def person(seed: int, tone: float) -> Look:
    """The person of a seed with a skin of the scale's ``tone``, 0 (lightest) to 1 (darkest), any eyes and any hair."""
    rng = np.random.default_rng((seed, 1))
    look = Look.draw(seed, HeadModel.load().identity_count)
    place = np.clip(tone, 0, 1) * (len(SCALE) - 1)
    skin = [np.interp(place, np.arange(len(SCALE)), channel) for channel in np.array(SCALE).T]
    side, height, wide = rng.uniform(-0.5, 0.5), rng.uniform(-0.3, 0.3), rng.uniform(-0.5, 0.5)
    gaze = {"eyeLookOut_L": side, "eyeLookIn_R": side, "eyeLookIn_L": -side, "eyeLookOut_R": -side}
    gaze |= {f"eyeLook{way}_{eye}": value for way, value in (("Up", height), ("Down", -height)) for eye in "LR"}
    lids = {f"eye{way}_{eye}": value for way, value in (("Wide", wide), ("Squint", -wide)) for eye in "LR"}
    return replace(
        look,
        skin=torch.tensor(skin, dtype=torch.float32).clamp(0, 1),
        hair=torch.tensor(HAIRS[rng.integers(len(HAIRS))], dtype=torch.float32),
        iris=torch.tensor(_IRISES[rng.integers(len(_IRISES))], dtype=torch.float32),
        rotation=torch.tensor(rng.normal(0, (0.06, 0.15, 0.05)), dtype=torch.float32),
        expression={**look.expression, **{name: max(value, 0.0) for name, value in (gaze | lids).items()}},
    )


def photographed(seed: int, tone: float, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """(height, width, 3) uint8 photograph of :func:`person`."""
    return render(person(seed, tone), seed, width, height)


def head(seed: int) -> np.ndarray:
    """(480, 480, 3) uint8 picture of a random head with plain colours, up to 29 degrees of yaw and 17 of pitch."""
    return render_random_head(HeadModel.load(), np.random.default_rng((seed, 2))).image
