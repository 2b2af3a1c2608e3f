"""Hair for a portrait: a style whose volume agrees with the hair that the photograph shows, as a field in head space.

First the code of the hair's field is found by descent, so that rays through hair meet the volume and rays through bare
skin and background don't. Then the field is shifted along each ray by what is still missing, so that its outline from
the front is the photograph's. What the photograph doesn't show is the learned style's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt, gaussian_filter
from torch import Tensor

from ..compute.threads import single_thread
from ..head.canonical_pose import canonical
from ..head.head_model import HeadModel
from ..portrait.portrait import Portrait, fitted
from .canonical import Solid
from .field import HAIR_REGIONS, REGIONS, SKIN_REGIONS
from .meshing import Person, person_of
from .model import NeuralHead
from .regions import Regions
from .view import SIZE, View

LEAST_CM2 = 6.0
"""Hair that covers less than this in the photograph counts as none."""
STEPS, RATE, RAYS = 60, 0.25, 400
"""Steps of the descent, their size, and rays of each step."""
SAMPLES = 20
"""Points on a ray."""
REACH_CM = 13.0
"""Rays are followed so far in front of the middle of the head, and behind it."""
MARGIN_CM = 0.25
"""Distance by which rays should meet or miss the hair in the descent."""
PRIOR = 0.01
"""Weight of the squares of the style's numbers."""
CROWN_CM = (0.0, 14.5, -1.0)
"""Place of the crown in head space. Where the photograph shows hair there, all of the hidden scalp has hair."""
HIDDEN_SCALP = (5.5, 2.0)
"""The hidden scalp is the skin above this y and behind this z."""
RECEDED_CM = 9.0
"""Where the crown is bare, the hidden scalp has hair below this height."""
COVER, COVER_CM = 0.5, 0.2
"""Weight of hair on the hidden scalp in the descent, and its least thickness."""
SHIFT_CM = (-0.6, 3.0)
"""Limits of the distances that are compared along a ray."""
SHIFT_BLUR = 1.5
"""Standard deviation over which the shift is smoothed, pixels of the rays' grid."""
GRID = 128
"""Rays along each side of the square when the shift is computed."""
BEHIND_CM = (1.0, 4.0)
"""Depth behind the skin at which the shift begins to fade, and is gone."""
FRINGE_CM = (6.0, 2.2)
"""From this z on, hair in front of the face's skin is no thicker than the second number."""
BESIDE_CM = 1e3
"""Distance of the skin on rays that pass it."""
OUTSIDE_CM = 1.0
"""Least distance where the field knows a beard."""


@dataclass(frozen=True)
class HairVolume:
    """Where a person's hair is, as a field in head space around the face with its mouth a little open."""

    _person: Person
    _rays: _Rays
    _shift: Tensor

    def distance(self, points: Tensor) -> Tensor:
        """(N,) about the distance of points (N, 3) from the surface of the hair in cm, negative inside."""
        values = self._person.hair_at(points)
        seen = self._rays.view.project(points)
        place = (seen[:, :2] / SIZE * 2 - 1)[None, None]  # (1, 1, N, 2)
        moved = F.grid_sample(self._shift, place, align_corners=False, padding_mode="border")[0, 0, 0]
        skin = self._rays.distance.clamp_max(BESIDE_CM)[None, None]
        ends = F.grid_sample(skin, place, "nearest", align_corners=False, padding_mode="border")[0, 0, 0]
        fringe = (points[:, 2] > FRINGE_CM[0]) & (ends < BESIDE_CM)
        behind = ((seen[:, 2] - ends - BEHIND_CM[0]) / (BEHIND_CM[1] - BEHIND_CM[0])).clamp(0, 1)
        found = values[:, 0] + moved * (1 - behind)
        found[fringe] = torch.maximum(found[fringe], self._person.skin_at(points[fringe])[:, 0] - FRINGE_CM[1])
        beard = values[:, 1 : 1 + HAIR_REGIONS].argmax(1) + SKIN_REGIONS == REGIONS.index("beard")
        return torch.where(beard, found.clamp_min(OUTSIDE_CM), found)


def portrait_hair(
    portrait: Portrait, regions: Regions, head: HeadModel, neural: NeuralHead | None = None
) -> HairVolume | None:
    """The hair of a portrait, or None where the photograph shows none. Beards are left to the skin's texture.

    Parameters
    ----------
    portrait, regions
        The photograph and its fit, and where it shows hair.
    head
        The head model with which it was fitted, on the processor.
    neural
        The trained fields; by default those that ship. Raises SoliloquyError ``weights_missing`` or
        ``weights_damaged`` if they can't be read.
    """
    neural = NeuralHead.load() if neural is None else neural
    view, identity = View.of(portrait, regions), fitted(portrait).identity
    with torch.no_grad():
        rays = _Rays(view, head, identity)
    if (view.hair & view.known).sum() * rays.pixel_cm**2 < LEAST_CM2:
        return None
    with single_thread():  # descents that threads share end a little elsewhere each time
        person = _with_style(neural, person_of(neural, head, portrait.identity), rays)
    return HairVolume(person, rays, _shift(person, rays))


class _Rays:
    """Rays through the pixels of a view, each up to the skin of the bald head.

    ``distance`` (S, S) of the skin in cm, infinite beside the head; ``pixel_cm`` the side of a pixel at the head;
    ``hidden_scalp`` (N, 3) points above the part of the scalp that a photograph from the front doesn't show.
    """

    def __init__(self, view: View, head: HeadModel, identity: Tensor) -> None:
        self.view = view
        solid = Solid.of(head)
        posed = canonical(head, identity)
        vertices = torch.from_numpy(solid.vertices(posed.numpy()))
        self.distance = view.distance_of(vertices, torch.from_numpy(solid.triangles))
        hidden = (head.mean[:, 1] > HIDDEN_SCALP[0]) & (head.mean[:, 2] < HIDDEN_SCALP[1]) & (head.vertex_part == 0)
        self.hidden_scalp = (posed + COVER_CM * head.normals(posed))[hidden]
        self.middle = float(view.project(torch.tensor([[0.0, 4.0, 0.0]]))[0, 2])
        self.pixel_cm = self.middle / view.focal

    def points(self, pixels: Tensor) -> Tensor:
        """(N, SAMPLES, 3) places along rays through pixels (N, 2) int64 x, y, in front of the skin."""
        ends = self.distance[pixels[:, 1], pixels[:, 0]].clamp_max(self.middle + REACH_CM)
        share = torch.linspace(0, 1, SAMPLES)
        first = self.middle - REACH_CM
        along = first + share * (ends[:, None] - first).clamp_min(0.1)  # (N, SAMPLES)
        centres = (pixels.float() + 0.5)[:, None].expand(-1, SAMPLES, -1)
        return self.view.points(centres, along[..., None])


def _with_style(neural: NeuralHead, person: Person, rays: _Rays) -> Person:
    """The person with the style whose hair meets the rays that show hair and misses the others."""
    rng = torch.Generator().manual_seed(0)
    near = torch.from_numpy(_near_outline(rays.view.hair))
    known, hair = torch.from_numpy(rays.view.known), torch.from_numpy(rays.view.hair)
    around = (known & (near | hair | torch.isfinite(rays.distance))).nonzero()[:, [1, 0]]
    outline = (known & near).nonzero()[:, [1, 0]]
    scalp = rays.hidden_scalp
    if not _shows_crown(rays):
        scalp = scalp[scalp[:, 1] < RECEDED_CM]
    numbers = torch.zeros(len(neural.style_basis), requires_grad=True)
    optimiser = torch.optim.Adam([numbers], lr=RATE)

    def code() -> Tensor:
        style = (neural.style_mean + numbers @ neural.style_basis)[None]
        return neural.whole_hair_code(person.face, style)

    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - step / STEPS)
        chosen = [
            group[torch.randint(len(group), (RAYS // 2,), generator=rng)] for group in (around, outline) if len(group)
        ]
        pixels = torch.cat(chosen)
        points = rays.points(pixels)
        with torch.no_grad():
            found = neural.hair(points.reshape(1, -1, 3), person.anchors, code())[0, :, 0]
        nearest = found.reshape(len(pixels), -1).argmin(1)
        places = points[torch.arange(len(pixels)), nearest]
        least = neural.hair(places[None], person.anchors, code())[0, :, 0]
        wanted = hair[pixels[:, 1], pixels[:, 0]]
        miss = F.relu(MARGIN_CM + torch.where(wanted, least, -least)).clamp_max(SHIFT_CM[1])
        bald = F.relu(neural.hair(scalp[None], person.anchors, code())[0, :, 0])
        loss = miss.mean() + COVER * bald.mean() + PRIOR * numbers.square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    style = (neural.style_mean + numbers @ neural.style_basis).detach()
    return Person(neural, person.face, style[None], person.anchors)


def _shows_crown(rays: _Rays) -> bool:
    """Whether the photograph shows hair at the crown of the head."""
    x, y = rays.view.project(torch.tensor([CROWN_CM]))[0, :2].long().clamp(0, SIZE - 1).tolist()
    reach = SIZE // 40
    return bool(rays.view.hair[max(y - reach, 0) : y + reach, max(x - reach, 0) : x + reach].mean() > 0.5)


def _near_outline(hair: np.ndarray) -> np.ndarray:
    """(S, S) bool: pixels near the outline of a mask, on both of its sides."""
    inner, outer = distance_transform_edt(hair), distance_transform_edt(~hair)
    return (inner < SIZE / 20) & (outer < SIZE / 10)


@torch.no_grad()
def _shift(person: Person, rays: _Rays) -> Tensor:
    """(1, 1, GRID, GRID) what the field lacks, in cm, along the rays so that it has the photograph's outline."""
    hair, known = rays.view.hair, rays.view.known
    step = SIZE // GRID
    lines = torch.arange(step // 2, SIZE, step)
    rows, columns = torch.meshgrid(lines, lines, indexing="ij")
    pixels = torch.stack([columns, rows], -1).reshape(-1, 2)
    reached = _near_outline(hair) | hair | np.isfinite(rays.distance.numpy())
    asked = torch.from_numpy(reached & known)[pixels[:, 1], pixels[:, 0]]
    least = torch.full((len(pixels),), SHIFT_CM[1])
    points = rays.points(pixels[asked])
    least[asked] = person.hair_at(points.reshape(-1, 3))[:, 0].reshape(-1, SAMPLES).min(1).values
    wanted = (distance_transform_edt(~hair) - distance_transform_edt(hair)) * rays.pixel_cm
    wanted = wanted[rows.numpy(), columns.numpy()]
    shift = np.clip(wanted, *SHIFT_CM) - np.clip(least.reshape(GRID, GRID).numpy(), *SHIFT_CM)
    trusted = (known & reached)[rows.numpy(), columns.numpy()]
    return torch.from_numpy(gaussian_filter(np.where(trusted, shift, 0.0), SHIFT_BLUR)).float()[None, None]
