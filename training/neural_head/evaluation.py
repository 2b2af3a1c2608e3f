"""How near the learned surfaces come to the truth on held-out people, and how long meshes take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from core.detailed_head.hair import HairMesh, make_hair
from core.detailed_head.model import DetailedHead
from core.errors import SoliloquyError
from core.head.head_model import HeadModel
from core.neural_head.canonical import LOW
from core.neural_head.meshing import Person
from core.neural_head.model import NeuralHead
from core.neural_head.portrait_hair import portrait_hair
from core.neural_head.regions import Regions, find_regions
from core.neural_head.surface_nets import Surface
from core.neural_head.view import View
from core.portrait.load import load_portrait
from core.portrait.portrait import Portrait

from ..common.folders import PORTRAITS
from ..common.results_page import Table, number
from .hair_fit import fit_hair
from .people import read_truth
from .truth import TriangleDistance, Truths

POINTS = 8_000
"""Points on each surface."""
FLOOR_CM = LOW[1] + 1.0
"""Only what lies above this counts, because the learned surface ends at the floor of the box."""
RESOLUTIONS = (64, 128)


def chamfer(
    made: TriangleDistance, true: TriangleDistance, share: np.ndarray, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Chamfer distance and normal consistency of two surfaces.

    Parameters
    ----------
    made, true
        The surfaces.
    share
        (F,) 1 for triangles of the true surface that count. Of the made surface the points next to them count.

    Returns
    -------
    tuple
        Mean of the mean distances from true to made and from made to true, and the mean distance from true to made,
        both in millimetres; mean cosine between the normals of nearest points, from both sides.
    """
    weights, owner = true.sample(POINTS, share, rng)
    points, normals = true.at(weights, owner)
    there, other, _ = made.nearest(points)
    made_weights, made_owner = made.sample(6 * POINTS, np.ones(len(made.corners)), rng)
    made_points, made_normals = made.at(made_weights, made_owner)
    back, back_normals, next_to = true.nearest(made_points)
    near = share[next_to] > 0
    to, fro = np.linalg.norm(there - points, axis=1), np.linalg.norm(back - made_points, axis=1)[near]
    cosines = np.concatenate([(normals * other).sum(1), (made_normals * back_normals).sum(1)[near]])
    return 10 * (to.mean() + fro.mean()) / 2, 10 * to.mean(), float(cosines.mean())


def distances_of(surface: Surface, rng: np.random.Generator) -> TriangleDistance:
    """A made surface, for :func:`chamfer`."""
    return TriangleDistance(surface.vertices, surface.triangles, rng)


def face_table(head: NeuralHead, truths: Truths, seeds: Sequence[int], command: str) -> Table:
    """Skin of held-out people: the face and the whole head, at each resolution."""
    rows = []
    for resolution in RESOLUTIONS:
        found: dict[str, list[tuple[float, float, float]]] = {"face": [], "whole head": []}
        for seed in seeds:
            rng = np.random.default_rng(seed)
            identity = truths.person(seed)[0]
            true = TriangleDistance(truths.vertices(identity), truths.solid.triangles, rng)
            person = Person.of(head, torch.from_numpy(identity))
            made = distances_of(person.skin_surface(resolution).surface, rng)
            above = (true.corners[:, :, 1].min(1) > FLOOR_CM).astype(float)
            found["face"].append(chamfer(made, true, above * truths.face, rng))
            found["whole head"].append(chamfer(made, true, above * ~truths.inside, rng))
        for name, values in found.items():
            mean = np.mean(values, 0)
            worst = max(value[0] for value in values)
            rows.append((name, f"{resolution}³", number(mean[0], 2), number(worst, 2), number(mean[2], 3)))
    return Table(
        name="neural_head/face",
        title="Skin of people who were not in training",
        command=command,
        columns=("part", "grid", "Chamfer, mm", "worst person, mm", "normal consistency"),
        rows=tuple(rows),
        notes=(
            f"{len(seeds)} identities of the head model, from their coefficients alone. The face reaches from ear to "
            "ear and from the forehead to the chin; the inside of the mouth counts for neither part.",
        ),
    )


def hair_table(head: NeuralHead, truths: Truths, seeds: Sequence[int], folder: Path, command: str) -> Table:
    """Hair of held-out people, with codes fitted to points of their truth, beside the mean of all styles."""
    found: dict[str, list[tuple[float, float, float]]] = {"code fitted to points": [], "mean style": []}
    bald = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        truth = read_truth(seed, folder)
        if not len(truth.hair):
            bald += 1
            continue
        identity, style = truths.person(seed)
        grown = truths.hair(identity, style).surface
        true = TriangleDistance(grown.vertices, grown.triangles, rng)
        skin = TriangleDistance(truths.vertices(identity), truths.solid.triangles, rng)
        seen = (skin.signed(true.corners.mean(1)) > 0).astype(float)
        codes = (fit_hair(head, torch.from_numpy(identity), truth), None)
        for name, code in zip(found, codes, strict=True):
            surface = Person.of(head, torch.from_numpy(identity), code).hair_surface(128).surface
            found[name].append(chamfer(distances_of(surface, rng), true, seen, rng))
    rows = tuple(
        (name, *(number(value, digits) for value, digits in zip(np.mean(values, 0), (2, 2, 3), strict=True)))
        for name, values in found.items()
    )
    return Table(
        name="neural_head/hair",
        title="Hair of people who were not in training",
        command=command,
        columns=("hair", "Chamfer, mm", "from truth to made, mm", "normal consistency"),
        rows=rows,
        notes=(
            f"{len(seeds) - bald} held-out people with hair, on a grid of 128³; only hair outside the skin counts.",
        ),
    )


def portrait_table(head: NeuralHead, model: HeadModel, photographs: Sequence[Path], command: str) -> Table:
    """How well the hair of *Add Head > Detail: Neural* covers that of the photographs, and what it costs.

    Raises SoliloquyError ``portraits_missing`` without photographs.
    """
    if not photographs:
        raise SoliloquyError(
            "portraits_missing", "There are no held-out portraits.", "--data names the folder that holds portraits/."
        )
    overlaps, seconds, counts = [], [], []
    detailed = DetailedHead.load()
    bare = 0
    for path in photographs:
        portrait = load_portrait(path, PORTRAITS)
        neutral = detailed.neutral(torch.from_numpy(portrait.identity)).numpy()
        began = time.process_time()
        regions = find_regions(portrait)
        volume = portrait_hair(portrait, regions, model, head)
        hair = None if volume is None else make_hair(detailed, portrait, regions, neutral, volume)
        seconds.append(time.process_time() - began)
        if hair is None:
            bare += 1
            continue
        overlaps.append(overlap(portrait, regions, detailed, neutral, hair))
        counts.append(len(hair.vertices))
    found = (number(float(np.median(overlaps))), number(min(overlaps))) if overlaps else ("–", "–")
    cells = (*found, number(float(np.median(seconds)), 1), f"{int(np.median(counts))}" if counts else "–")
    return Table(
        name="neural_head/portraits",
        title="Hair of portraits",
        command=command,
        columns=("overlap, median", "overlap, worst", "processor seconds, median", "vertices, median"),
        rows=(cells,),
        notes=(
            f"{len(photographs)} held-out official portraits; the program finds no hair on {bare} of them. Overlap: "
            "shared area over joint area (IoU) of the hair of *Detail > Neural* as the camera sees it, before the "
            "neutral head, and of the hair that `core/neural_head/regions.py` finds. Nothing counts on clothes and "
            "beyond the photograph. So it tells how well the hair follows this mask, not how right the mask is.",
        ),
    )


def overlap(portrait: Portrait, regions: Regions, detailed: DetailedHead, neutral: np.ndarray, hair: HairMesh) -> float:
    """Shared over joint area of a portrait's hair, where it is opaque and seen, and of the hair in the photograph."""
    view = View.of(portrait, regions)
    size = len(hair.texture)
    column, row = (hair.uv[hair.faces].mean(1) * (1, -1) % 1 * size).astype(int).T
    solid = hair.faces[hair.texture[row, column, 3] > 127]
    triangles = torch.from_numpy(Surface(hair.vertices, solid).triangles)
    distance = view.distance_of(torch.from_numpy(hair.vertices).float(), triangles)
    skin = view.distance_of(torch.from_numpy(neutral), detailed.triangles)
    shown = (torch.isfinite(distance) & (distance < skin)).numpy()
    return float((shown & view.hair & view.known).sum() / max((shown | view.hair)[view.known].sum(), 1))


def speed_table(head: NeuralHead, truths: Truths, command: str) -> Table:
    """How long the meshes of one person take here."""
    identity = torch.from_numpy(truths.person(0)[0])
    rows = []
    for resolution in RESOLUTIONS:
        person = Person.of(head, identity)
        for name, make in (("skin", person.skin_surface), ("hair", person.hair_surface)):
            make(resolution)
            times = []
            for _ in range(5):
                began = time.process_time()
                vertices = len(make(resolution).surface.vertices)
                times.append(time.process_time() - began)
            rows.append((name, f"{resolution}³", number(float(np.median(times)), 3), str(vertices)))
    return Table(
        name="neural_head/speed",
        title="Time of a mesh",
        command=command,
        columns=("surface", "grid", "processor seconds", "vertices"),
        rows=tuple(rows),
        notes=(
            f"Median of five with {torch.get_num_threads()} thread(s). Seconds of the processor, because other "
            "programs worked on the machine.",
        ),
    )
