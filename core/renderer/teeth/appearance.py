"""What teeth look like: a picture of them, learned from people, along the dental arch.

``training/teeth`` learns it. A picture is a mean and a few patterns around it. All colours are relative to the colour
of the person's teeth in full light.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ... import places
from ...compute.weight_files import INSTALL_AGAIN, open_weights
from ..fields import erode, sample
from ..light import LUMA
from .arch import DENSITY, MAP, REACH_CM, TEXTURE, ArchInPicture, texture_places

WEIGHTS = places.WEIGHTS / "teeth.safetensors"
STRIP_DENSITY = 24
"""Pixels per centimetre of a photograph's mouth when it is laid along the arch."""
BRIGHT_QUANTILE = 0.85
"""Quantile of the luma of seen teeth that counts as full light."""
FRONT_CM = 2.3
"""That quantile is taken over teeth up to this far along the arch."""
SHADOW_STEP_CM = 0.06
"""Distance below the upper lip from one number of the learned shadow to the next."""
LEAST_LIT = 0.4
"""Lower limit of the shadow that is divided out."""
MOST_RELATIVE = 1.5
"""Upper limit of relative colours: brighter ones are highlights."""
DEVIATION = 0.16
"""Typical difference of relative luma between two people's aligned teeth."""
COUNTS_AS = 20.0
"""Independent numbers that a picture of teeth holds, when its place is searched for."""
LOST = 4.0
"""Cost of a placement at which the whole opening lies outside the picture of teeth, in the same numbers."""
RISES_CM, SCANNED = (-0.65, 0.3), 10
"""Lowest and highest rise of teeth, and how many between them are tried first."""
STEPS = torch.tensor([0.12, 0.06, 0.1, 0.04, 0.03])
"""First steps of the search for a placement; each round without progress halves them."""
ROUNDS = 14
LEAST_SEEN = 40.0
"""Seen pixels of the picture of teeth below which nothing is searched for or kept."""

MIRRORED = 0.3
"""How much a pixel counts on the other side, relative to its own."""
SPREAD_OVER = 40.0
"""Neighbouring pixels of a photograph whose errors are one error."""


def luma_of(picture: Tensor) -> Tensor:
    """(..., 1, H, W) luma of (..., 3, H, W)."""
    return (picture * torch.tensor(LUMA, device=picture.device)[:, None, None]).sum(-3, keepdim=True)


@dataclass(frozen=True)
class Strip:
    """A photograph's mouth laid along the upper arch of the fitted head.

    Attributes
    ----------
    colour
        (1, 3, h, w) 0..1.
    seen
        (1, 1, h, w) 0..1: the opening between the lips.
    below_lip
        (1, 1, h, w) distance below the upper lip in centimetres; 0 outside the opening.
    """

    colour: Tensor
    seen: Tensor
    below_lip: Tensor

    @classmethod
    def of(cls, picture: Tensor, opening: Tensor, arch: ArchInPicture) -> Strip:
        """Of a photograph (1, 3, S, S) with the mask (1, 1, S, S) of its opening between the lips."""
        half, low, high = MAP
        rows, columns = round((high - low) * STRIP_DENSITY), round(2 * half * STRIP_DENSITY)
        along = ((torch.arange(columns) + 0.5) / STRIP_DENSITY - half).expand(1, rows, columns)
        height = (high - (torch.arange(rows) + 0.5) / STRIP_DENSITY)[:, None].expand(1, rows, columns)
        at = arch.pixels(along, height)
        seen = sample(erode(opening, 1), at)
        inside = (seen > 0.5).float()
        return cls(sample(picture, at), seen, inside.cumsum(2) * inside / STRIP_DENSITY)

    def at(self, placements: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Colour (C, 3, H, W), seen and below_lip (C, 1, H, W) of the picture of teeth for placements (C, 5)."""
        along, height = placed(placements, *texture_places())
        half, _, high = MAP
        at = torch.stack([(along + half) * STRIP_DENSITY, (high - height) * STRIP_DENSITY], -1)
        everything = sample(torch.cat([self.colour, self.seen, self.below_lip], 1), at)
        inside = ((along.abs() < half) & (height > MAP[1]) & (height < high)).float()[:, None]
        return everything[:, :3], everything[:, 3:4] * inside, everything[:, 4:]


def placed(placements: Tensor, along: Tensor, height: Tensor) -> tuple[Tensor, Tensor]:
    """Along and height (C, ...) on the head model's arch of places (...,) in the picture of teeth.

    ``placements`` (C, 5): shift along the arch, stretch − 1 along it, rise in centimetres, slope, and bend of the rise.
    """
    extra = (1,) * along.dim()
    shift, stretch, rise, slope, bend = (v.reshape(-1, *extra) for v in placements.unbind(1))
    return shift + (1 + stretch) * along, height + rise + slope * along / REACH_CM + bend * along.square() / REACH_CM


def full_light(colour: Tensor, seen: Tensor) -> Tensor:
    """(3,) colour of teeth (3, H, W) in full light; ``seen`` (1, H, W)."""
    along, height = texture_places()
    chosen = (seen[0] > 0.9) & (along.abs() < FRONT_CM) & (height > 0.05)
    if int(chosen.sum()) < LEAST_SEEN:
        chosen = seen[0] > min(0.5, float(seen.max()) / 2)
    if not chosen.any():
        return colour.new_ones(3)
    values = colour[:, chosen]
    luma = luma_of(values[..., None])[0, :, 0]
    bright: Tensor = values[:, luma >= luma.quantile(BRIGHT_QUANTILE)].mean(1)
    return bright.clamp_min(1e-3)


@dataclass(frozen=True)
class TeethModel:
    """The learned appearance of teeth.

    Attributes
    ----------
    mean
        (3, H, W) relative colours; H and W are ``arch.TEXTURE``.
    basis
        (K, 3, H, W) patterns; their weights are distributed as N(0, 1).
    noise
        () what is left beside the patterns, as a standard deviation.
    place, place_spread
        (5,) middle and spread of placements.
    tone
        (3,) colour of teeth in full light, relative to white in the portrait's light.
    shadow
        (N,) light under the upper lip at each ``SHADOW_STEP_CM`` below it, relative to full light.
    """

    mean: Tensor
    basis: Tensor
    noise: Tensor
    place: Tensor
    place_spread: Tensor
    tone: Tensor
    shadow: Tensor

    def lit(self, below_lip: Tensor) -> Tensor:
        """Light (..., H, W) under the upper lip at a distance below it in centimetres."""
        at = (below_lip / SHADOW_STEP_CM).clamp(0, len(self.shadow) - 1.001)
        first = at.long()
        share = at - first
        return (1 - share) * self.shadow[first] + share * self.shadow[first + 1]

    def align(self, strip: Strip, counts_as: float = COUNTS_AS) -> tuple[Tensor, float]:
        """(5,) the placement at which the strip looks most like the mean, and how unlike it still is.

        The more independent numbers a picture ``counts_as``, the less the usual placement matters.
        """
        starts = self.place.repeat(SCANNED, 1)
        starts[:, 2] = torch.linspace(*RISES_CM, SCANNED)
        cost = self._cost(strip, starts, counts_as)
        here, best = starts[cost.argmin()], float(cost.min())
        steps = STEPS.to(here.device)
        for _ in range(ROUNDS):
            tried = here + torch.cat([torch.diag(steps), -torch.diag(steps)])
            tried[:, 2].clamp_(*RISES_CM)
            cost = self._cost(strip, tried, counts_as)
            if float(cost.min()) < best:
                here, best = tried[cost.argmin()], float(cost.min())
            else:
                steps = steps / 2
        return here, best

    def _cost(self, strip: Strip, placements: Tensor, counts_as: float) -> Tensor:
        """(C,) difference from the mean in units of ``DEVIATION``, and how unusual the placements (C, 5) are."""
        colour, seen, below = strip.at(placements)
        luma = luma_of(colour) / self.lit(below)
        mean = luma_of(self.mean)[None]
        weight = seen.square()
        gain = (weight * luma * mean).sum((1, 2, 3)) / (weight * mean * mean).sum((1, 2, 3)).clamp_min(1e-6)
        gain = gain.clamp_min(1e-3)[:, None, None, None]
        miss = (weight * (luma / gain - mean).square()).sum((1, 2, 3)) / weight.sum((1, 2, 3)).clamp_min(LEAST_SEEN)
        unusual = ((placements - self.place) / self.place_spread).square().sum(1)
        whole = strip.seen.square().sum() * (DENSITY / STRIP_DENSITY) ** 2
        lost = (1 - weight.sum((1, 2, 3)) / whole.clamp_min(LEAST_SEEN)).clamp_min(0)
        return counts_as * (miss / DEVIATION**2 + LOST * lost) + unusual

    def relative(self, strip: Strip, placement: Tensor, shown: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Relative colours (3, H, W) and weight (1, H, W) of a strip, and its teeth's colour in full light (3,).

        That colour is read where ``shown`` (H, W) is 1; None: everywhere.
        """
        colour, seen, below = (v[0] for v in strip.at(placement[None]))
        light = full_light(colour / self.lit(below), seen if shown is None else seen * shown)
        colour = colour / light[:, None, None] / self.lit(below).clamp_min(LEAST_LIT)
        return colour.clamp(0, MOST_RELATIVE), seen, light

    def weights_of(self, colour: Tensor, seen: Tensor) -> Tensor:
        """(K,) the most probable weights for relative colours (3, H, W) that are seen (1, H, W).

        Teeth are symmetric. So what is seen on one side only also counts a little on the other.
        """
        mirrored = MIRRORED * seen.flip(2)
        colour = torch.where(seen >= mirrored, colour, colour.flip(2))
        seen = torch.maximum(seen, mirrored)
        weight = seen.expand_as(self.mean).reshape(-1).double() / self.noise.double().square() / SPREAD_OVER
        flat = self.basis.reshape(len(self.basis), -1).double()
        gram = (flat * weight) @ flat.T + torch.eye(len(flat), dtype=torch.float64)
        return torch.linalg.solve(gram, (flat * weight) @ (colour - self.mean).reshape(-1).double()).float()

    def picture(self, weights: Tensor) -> Tensor:
        """(3, H, W) relative colours for weights (K,)."""
        return self.mean + torch.einsum("k,kchw->chw", weights, self.basis)


def read_teeth(path: Path = WEIGHTS, device: str = "cpu") -> TeethModel:
    """A model from its file. Raises SoliloquyError ``weights_missing`` or ``weights_damaged``."""
    hint = f"{INSTALL_AGAIN} Developers can also run: python -m training.teeth train"
    with open_weights(path, "model of teeth", hint, device) as file:
        model = TeethModel(**file.tensors)
        if model.mean.shape != (3, *TEXTURE) or model.basis.shape[1:] != model.mean.shape:
            raise ValueError("its pictures have another size")
        return model


@functools.lru_cache(maxsize=2)
def load_teeth(device: str = "cpu") -> TeethModel:
    """The shipped model, read once; see :func:`read_teeth`."""
    return read_teeth(WEIGHTS, device)
