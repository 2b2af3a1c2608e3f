"""Readers of films side by side: how near to the landmarks, how calm, and how near to a motion that is known.

A film's own motion isn't known. So each film is also simulated: a random person makes the motion that the product
reads in the film, and the landmarks of this person get the errors that the fit left over in the film.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.face.landmark_model import LandmarkModel
from core.face.points import LIPS_INNER_RING, LIPS_OUTER_RING
from core.facetalk.expression_code import MOVEMENTS, ExpressionCode
from core.head.camera import project
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS, HEAD_ROTATION

from ..common.results_page import Table, number
from ..common.splits import FIRST_HELD_OUT_SEED
from .film import Film

Read = Callable[[Film], np.ndarray]
"""A film → its motion (T, 59)."""
_LIPS = [*LIPS_OUTER_RING, *LIPS_INNER_RING]
_TURNS = slice(len(EXPRESSIONS), len(EXPRESSIONS) + len(HEAD_ROTATION))
COLUMNS = ("landmarks (%)", "lips (%)", "speed (mm)", "acceleration (mm)", "face off (mm)", "head off (°)")


@dataclass(frozen=True)
class Known:
    """A simulated film and its motion (T, 59), relative to the pose that the film calls rest."""

    film: Film
    channels: np.ndarray


def known(film: Film, head: HeadModel, seed: int) -> Known:
    """The motion of a film, made by the person of a seed and found with the film's own errors. Raises BadClip."""
    model, talker = LandmarkModel.face_mesh(head), film.talker
    rng = np.random.default_rng(FIRST_HELD_OUT_SEED + seed)
    identity = torch.from_numpy(rng.standard_normal(head.identity_count, np.float32))
    fit = replace(film.fit(film.channels), identity=identity)
    errors = film.landmarks - film.shown(film.channels)
    landmarks = project(model.positions(identity, fit.expression), fit) + errors
    width, height = (2 * talker.person.centre).tolist()
    return Known(Film.read(film.name, landmarks, (width, height), head), film.channels)


def numbers(read: Read, films: Sequence[Film], simulated: Sequence[Known], code: ExpressionCode) -> dict[str, float]:
    """:data:`COLUMNS`, means over films."""
    seen = [_seen(film, read(film), code) for film in films]
    off = [_off(one, read(one.film), code) for one in simulated]
    values = (*np.mean(seen, 0).tolist(), *np.mean(off, 0).tolist())
    return dict(zip(COLUMNS, values, strict=True))


def _seen(film: Film, channels: np.ndarray, code: ExpressionCode) -> tuple[float, ...]:
    """Errors of all landmarks and of the lips, and how fast the face moves."""
    away = (film.shown(channels) - film.landmarks).norm(dim=-1) / film.talker.fitter.eye_distance(film.landmarks)[
        :, None
    ]
    moves = _movements(channels, code)
    speed = moves.diff(dim=0).norm(dim=-1).mean()
    acceleration = moves.diff(n=2, dim=0).norm(dim=-1).mean()
    return 100 * float(away.mean()), 100 * float(away[:, _LIPS].mean()), float(speed), float(acceleration)


def _off(one: Known, channels: np.ndarray, code: ExpressionCode) -> tuple[float, float]:
    """Errors of the face, and of the head about its median pose; root mean squares."""
    face = _movements(channels, code) - _movements(one.channels, code)
    turns = np.degrees(channels[:, _TURNS] - one.channels[:, _TURNS])
    turns -= np.median(turns, 0)
    return float(face.square().sum(-1).mean().sqrt()), float(np.sqrt(np.square(turns).sum(-1).mean()))


def _movements(channels: np.ndarray, code: ExpressionCode) -> Tensor:
    return code.encode(torch.from_numpy(channels[:, : len(EXPRESSIONS)]))[:, :MOVEMENTS]


def reading_table(films: Sequence[Film], readers: Mapping[str, Read], code: ExpressionCode, command: str) -> Table:
    """The comparison of readers by name."""
    head = HeadModel.load()
    simulated = [known(film, head, seed) for seed, film in enumerate(films)]
    found = {name: numbers(read, films, simulated, code) for name, read in readers.items()}
    cells = [(name, *(number(row[column]) for column in COLUMNS)) for name, row in found.items()]
    note = (
        f"{len(films)} films of GRID's s32 to s34 and of addresses; means. Landmarks, lips: distance between the found "
        "points and those of the head model with this motion, % of the outer-eye distance. Speed, acceleration: root "
        "mean square over the surface in millimetres a frame and a frame². Off: root mean square from the truth, in "
        "films that were simulated with the motion that the product reads, which flatters the product's reading."
    )
    return Table("facetalk/readings", "Readers of films", command, ("reader", *COLUMNS), tuple(cells), (note,))
