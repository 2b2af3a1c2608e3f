"""Learn a picture of teeth from strips of people: aligned with their own mean, then a mean and patterns around it.

People show different parts of their teeth. So the patterns are those of probabilistic principal components with missing
values (Tipping and Bishop, "Probabilistic principal component analysis", 1999), found by alternating least squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from core.renderer.fields import fill_smoothly, smoothstep
from core.renderer.teeth.appearance import LEAST_LIT, SHADOW_STEP_CM, Strip, TeethModel, luma_of
from core.renderer.teeth.arch import TEXTURE, boundaries, texture_places

ROUNDS = 5
"""Times that everyone is aligned with the mean of the round before."""
SWEEPS = 25
"""Sweeps of the alternating least squares."""
SEEN = 0.5
"""Weight from which a pixel counts as seen."""
ENOUGH = 0.1
"""Share of the people from which a pixel's mean begins to count; twice as many make it count fully. With fewer it is
continued from around it: above the gums some lips were taken for the inside of the mouth."""
SHADOW = 9
"""Numbers of the shadow under the upper lip."""
SHADED = (0.1, 2.0)
"""The shadow is read above this height, and up to this far along the arch, in centimetres."""
PLACE = (0.0, 0.0, -0.25, 0.0, 0.0)
"""The median placement. A common stretch or rise is the mean's and not the people's: if it were not fixed, the mean
would drift away. With this rise the teeth end near height 0."""
MOST_SPREAD, LEAST_SPREAD = (0.15, 0.1, 0.2, 0.05, 0.05), 0.03
"""Limits of the spread of placements. With more, some people would be a tooth's height beside the others."""
LEARNING = 60.0
"""Independent numbers that a picture counts as here: more than in the product, because the usual placement isn't known
yet."""
KEPT = 0.85
"""Share of the people, those most like the mean, of whom the next mean is made."""
GAP, GAP_CM, BELOW, FALL_CM = 0.35, 0.05, 0.35, 4.0
"""The teeth that the first round aligns with: depth and half width of gaps, brightness below the edges, and the
distance along the arch over which they get dark."""
SPREAD = 6.0
"""Neighbouring pixels whose errors are one error."""
RIDGE = 6.0
"""Ridge on each pixel of the patterns, in people."""


def first_guess(patterns: int) -> TeethModel:
    """Plain teeth with gaps where textbooks have them."""
    along, height = texture_places()
    edges = torch.cat([torch.zeros(1), boundaries("upper")[:4]])
    gaps = torch.exp(-0.5 * ((along.abs() - edges[:, None, None]) / GAP_CM) ** 2).sum(0).clamp(max=1)
    teeth = torch.where(height < 0, BELOW, 1 - GAP * gaps) * torch.exp(-((along.abs() / FALL_CM) ** 4))
    mean = teeth.expand(3, *TEXTURE).clone()
    basis = torch.zeros(patterns, *mean.shape)
    spread = torch.tensor(MOST_SPREAD)
    return TeethModel(mean, basis, torch.tensor(0.15), torch.tensor(PLACE), spread, torch.ones(3), torch.ones(SHADOW))


def learn(strips: Sequence[Strip], whites: Sequence[Tensor], patterns: int) -> TeethModel:
    """The model of some people's strips, whose colours of white are ``whites`` (3,).

    Every person also counts mirrored, because teeth are symmetric.
    """
    model = first_guess(patterns)
    for _ in range(ROUNDS):
        placements, cost = zip(*(model.align(strip, LEARNING) for strip in strips), strict=True)
        order = torch.tensor(cost).argsort()[: max(1, round(KEPT * len(strips)))]
        places = torch.stack(placements)[order]
        places = places - places.median(0).values + torch.tensor(PLACE)
        colours, seen, below, lights = _laid(model, [strips[k] for k in order], places)
        both, weight = torch.cat([colours, colours.flip(3)]), torch.cat([seen, seen.flip(3)])
        total = weight.sum(0)
        mean = (both * weight).sum(0) / total.clamp_min(1e-6)
        mean = fill_smoothly(mean[None], smoothstep(ENOUGH, 2 * ENOUGH, total / len(both))[None])[0]
        model = replace(
            model,
            mean=mean,
            place_spread=torch.minimum(places.std(0, unbiased=False), torch.tensor(MOST_SPREAD)).clamp_min(
                LEAST_SPREAD
            ),
            tone=(lights / torch.stack([whites[k] for k in order])).median(0).values,
            shadow=_shadow(model, mean, colours, seen, below),
        )
    basis, noise = components(both - model.mean, weight, patterns)
    return replace(model, basis=basis, noise=noise)


def _laid(model: TeethModel, strips: Sequence[Strip], placements: Tensor) -> tuple[Tensor, ...]:
    """Relative colours (N, 3, H, W), whether they are seen and how far below the lip (N, 1, H, W), and colours of
    full light (N, 3)."""
    laid = [model.relative(strip, placement) for strip, placement in zip(strips, placements, strict=True)]
    below = torch.cat([strip.at(placement[None])[2] for strip, placement in zip(strips, placements, strict=True)])
    seen = torch.stack([weight for _, weight, _ in laid])
    colours, lights = (torch.stack([values[k] for values in laid]) for k in (0, 2))
    return colours, torch.where(seen > SEEN, seen, 0.0), below, lights


def _shadow(model: TeethModel, mean: Tensor, colours: Tensor, seen: Tensor, below: Tensor) -> Tensor:
    """(SHADOW,) light under the upper lip: the median of how dark pixels are at a distance below it."""
    along, height = texture_places()
    ratio = luma_of(colours * model.lit(below).clamp_min(LEAST_LIT)) / luma_of(mean).clamp_min(0.2)
    usable = (seen > 0.8) & (along.abs() < SHADED[1]) & (height > SHADED[0])
    values = []
    for k in range(SHADOW):
        here = ratio[usable & ((below / SHADOW_STEP_CM - k).abs() < 0.5)]
        values.append(here.median() if len(here) else torch.tensor(1.0))
    light = torch.stack(values)
    return (light / light[-3:].mean()).clamp(LEAST_LIT, 1)


def components(offsets: Tensor, weight: Tensor, patterns: int) -> tuple[Tensor, Tensor]:
    """Patterns (K, 3, H, W) for weights distributed as N(0, 1), and the standard deviation of what they leave.

    Parameters
    ----------
    offsets
        (N, 3, H, W) differences from the mean.
    weight
        (N, 1, H, W) 0..1: how far they are seen.
    patterns
        K.
    """
    count, shape = len(offsets), offsets.shape[1:]
    known = weight.expand_as(offsets).reshape(count, -1)
    x = offsets.reshape(count, -1) * (known > 0)
    _, _, start = torch.linalg.svd(x * known, full_matrices=False)
    basis = torch.zeros(patterns, x.shape[1])
    basis[: len(start)] = start[:patterns] * x.std()
    noise = (known * x.square()).sum() / known.sum().clamp_min(1)
    eye = torch.eye(patterns)
    for _ in range(SWEEPS):
        gram = torch.einsum("np,kp,jp->nkj", known, basis, basis) / (noise * SPREAD) + eye
        right = torch.einsum("np,kp->nk", known * x, basis) / (noise * SPREAD)
        spread = torch.linalg.inv(gram)
        weights = (spread @ right[..., None])[..., 0]
        second = spread + weights[:, :, None] * weights[:, None, :]
        normal = torch.einsum("np,nkj->pkj", known, second) + RIDGE * eye
        target = torch.einsum("np,nk->pk", known * x, weights)
        basis = torch.linalg.solve(normal, target).T
        left = known * (x - weights @ basis).square()
        noise = (left.sum() / known.sum().clamp_min(1)).clamp_min(1e-4)
    return basis.reshape(patterns, *shape), noise.sqrt()
