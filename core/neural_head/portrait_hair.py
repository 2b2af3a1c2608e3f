"""Hair for a portrait: a style whose volume agrees with the hair that the photograph shows, as a mesh in head space.

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
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from torch import Tensor

from ..compute.threads import single_thread
from ..head.canonical_pose import canonical
from ..head.head_model import HeadModel
from ..portrait.portrait import Portrait, fitted
from .canonical import LOW, Solid
from .field import HAIR_REGIONS, REGIONS, SKIN_REGIONS
from .hair_colour import hair_colours
from .hair_mask import SIZE, HairMask, View, hair_mask
from .meshing import Person, narrow_band, person_of
from .model import NeuralHead
from .surface_nets import Surface, surface_nets

LEAST_CM2 = 12.0
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
LEAST_PART = 0.03
"""Share of the largest piece's points below which a loose piece of hair is dropped."""


@dataclass(frozen=True)
class HairMesh:
    """Hair of one person as an object of its own.

    Attributes
    ----------
    vertices
        (N, 3) float32 centimetres, head space, around the neutral head.
    quads
        (M, 4) int64, counter-clockwise seen from outside.
    colours
        (N, 3) float32 sRGB, 0–1.
    """

    vertices: np.ndarray
    quads: np.ndarray
    colours: np.ndarray


def portrait_hair(
    portrait: Portrait, head: HeadModel, neural: NeuralHead | None = None, resolution: int = 128
) -> HairMesh | None:
    """The hair of a portrait, or None where the photograph shows none. Beards are left to the skin's texture.

    Parameters
    ----------
    portrait
        The photograph and its fit.
    head
        The head model with which it was fitted, on the processor.
    neural
        The trained fields; by default those that ship. Raises SoliloquyError ``weights_missing`` or
        ``weights_damaged`` if they can't be read.
    resolution
        Cells along the box's longest side, 33 cm: 64 or 128.
    """
    neural = NeuralHead.load() if neural is None else neural
    view, fit = View.of(portrait), fitted(portrait)
    with torch.no_grad():
        mask = hair_mask(view, head, head.vertices(fit.identity[None], fit.expression)[0])
        rays = _Rays(view, head, fit.identity)
    if (mask.hair & mask.known).sum() * rays.pixel_cm**2 < LEAST_CM2:
        return None
    with single_thread():  # descents that threads share end a little elsewhere each time
        person = _with_style(neural, person_of(neural, head, portrait.identity), rays, mask)
    surface = _shifted(person, rays, mask, resolution)
    if not len(surface.vertices):
        return None
    colours = hair_colours(view, surface.vertices, surface.triangles, rays.distance, mask)
    return HairMesh(_to_neutral(surface.vertices, head, fit.identity), surface.quads, colours)


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


def _with_style(neural: NeuralHead, person: Person, rays: _Rays, mask: HairMask) -> Person:
    """The person with the style whose hair meets the rays that show hair and misses the others."""
    rng = torch.Generator().manual_seed(0)
    near = torch.from_numpy(_near_outline(mask.hair))
    known, hair = torch.from_numpy(mask.known), torch.from_numpy(mask.hair)
    around = (known & (near | hair | torch.isfinite(rays.distance))).nonzero()[:, [1, 0]]
    outline = (known & near).nonzero()[:, [1, 0]]
    scalp = rays.hidden_scalp
    if not _shows_crown(rays, mask):
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


def _shows_crown(rays: _Rays, mask: HairMask) -> bool:
    """Whether the photograph shows hair at the crown of the head."""
    x, y = rays.view.project(torch.tensor([CROWN_CM]))[0, :2].long().clamp(0, SIZE - 1).tolist()
    reach = SIZE // 40
    return bool(mask.hair[max(y - reach, 0) : y + reach, max(x - reach, 0) : x + reach].mean() > 0.5)


def _near_outline(hair: np.ndarray) -> np.ndarray:
    """(S, S) bool: pixels near the outline of a mask, on both of its sides."""
    inner, outer = distance_transform_edt(hair), distance_transform_edt(~hair)
    return (inner < SIZE / 20) & (outer < SIZE / 10)


def _shifted(person: Person, rays: _Rays, mask: HairMask, resolution: int) -> Surface:
    """The surface of the hair, shifted along the rays so that it has the photograph's outline."""
    step = SIZE // GRID
    lines = torch.arange(step // 2, SIZE, step)
    rows, columns = torch.meshgrid(lines, lines, indexing="ij")
    pixels = torch.stack([columns, rows], -1).reshape(-1, 2)
    reached = _near_outline(mask.hair) | mask.hair | np.isfinite(rays.distance.numpy())
    asked = torch.from_numpy(reached & mask.known)[pixels[:, 1], pixels[:, 0]]
    least = torch.full((len(pixels),), SHIFT_CM[1])
    points = rays.points(pixels[asked])
    least[asked] = person.hair_at(points.reshape(-1, 3))[:, 0].reshape(-1, SAMPLES).min(1).values
    wanted = (distance_transform_edt(~mask.hair) - distance_transform_edt(mask.hair)) * rays.pixel_cm
    wanted = wanted[rows.numpy(), columns.numpy()]
    shift = np.clip(wanted, *SHIFT_CM) - np.clip(least.reshape(GRID, GRID).numpy(), *SHIFT_CM)
    trusted = (mask.known & reached)[rows.numpy(), columns.numpy()]
    shift = torch.from_numpy(gaussian_filter(np.where(trusted, shift, 0.0), SHIFT_BLUR)).float()[None, None]
    skin = torch.where(torch.isfinite(rays.distance), rays.distance, torch.full_like(rays.distance, 1e3))[None, None]

    def distance(points: Tensor) -> Tensor:
        values = person.hair_at(points)
        seen = rays.view.project(points)
        place = (seen[:, :2] / SIZE * 2 - 1)[None, None]  # (1, 1, N, 2)
        moved = F.grid_sample(shift, place, align_corners=False, padding_mode="border")[0, 0, 0]
        ends = F.grid_sample(skin, place, "nearest", align_corners=False, padding_mode="border")[0, 0, 0]
        fringe = (points[:, 2] > FRINGE_CM[0]) & (ends < 1e3)
        behind = ((seen[:, 2] - ends - BEHIND_CM[0]) / (BEHIND_CM[1] - BEHIND_CM[0])).clamp(0, 1)
        found = values[:, 0] + moved * (1 - behind)
        found[fringe] = torch.maximum(found[fringe], person.skin_at(points[fringe])[:, 0] - FRINGE_CM[1])
        return found

    field, cell = narrow_band(distance, resolution)
    return _tidy(person, surface_nets(field, LOW, cell))


def _tidy(person: Person, surface: Surface) -> Surface:
    """The surface without beards and small loose pieces."""
    if not len(surface.vertices):
        return surface
    labels = person.hair_at(torch.from_numpy(surface.vertices))[:, 1 : 1 + HAIR_REGIONS].argmax(1) + SKIN_REGIONS
    kept = (labels != REGIONS.index("beard")).numpy()
    quads = surface.quads[kept[surface.quads].all(1)]
    return _large_parts(Surface(surface.vertices, quads))


def _large_parts(surface: Surface) -> Surface:
    """The surface without loose pieces that are small beside the largest one, and without unused vertices."""
    count, quads = len(surface.vertices), surface.quads
    ends = np.roll(quads, 1, 1)
    graph = coo_matrix((np.ones(quads.size), (quads.reshape(-1), ends.reshape(-1))), shape=(count, count))
    _, part = connected_components(graph, directed=False)
    sizes = np.bincount(part[np.unique(quads)], minlength=part.max() + 1)
    kept = sizes[part] >= LEAST_PART * sizes.max()
    quads = quads[kept[quads].all(1)]
    used, rows = np.unique(quads, return_inverse=True)
    return Surface(surface.vertices[used], rows.reshape(-1, 4))


def _to_neutral(vertices: np.ndarray, head: HeadModel, identity: Tensor) -> np.ndarray:
    """Vertices (N, 3) in the canonical pose, moved with the skin next to them to the neutral face."""
    posed = canonical(head, identity)
    skin = head.part_vertices("skin").numpy()
    offsets = (head.neutral(identity) - posed).numpy()[skin]
    distance, near = cKDTree(posed.numpy()[skin]).query(vertices, 4)
    weights = 1 / (distance + 0.2) ** 2
    moved = (offsets[near] * weights[..., None]).sum(1) / weights.sum(1, keepdims=True)
    return (vertices + moved).astype(np.float32)
