"""The detailed head's identity components and expression shapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.detailed_head.parts import DETAILED_PARTS
from core.head.head_model import HeadModel

from ..build import quantise
from ..ict import IctModel
from ..topology import Topology
from .surface import Surface

STILL_CM = 0.002
"""Vertices that no expression moves farther have no expression shapes in the file."""
NECK_CM = -8.0
"""Height below which the flat cut bends the neck."""


@dataclass(frozen=True)
class Agreement:
    """How well the detailed head repeats the head model, millimetres on random people (median, 95 %)."""

    median: float
    p95: float


def mixture_of(model: IctModel, topology: Topology, head: HeadModel) -> np.ndarray:
    """(I, 100) coefficients of the source's identity shapes in each identity component of the head model.

    The components are mixtures of the source's shapes by construction; least squares finds them again, so that both
    heads share their coefficients.
    """
    shapes = topology.transfer(model.identity).reshape(len(model.identity), -1)  # (100, V, 3) -> (100, 3V)
    wanted = head.identity_basis.numpy().reshape(head.identity_count, -1)
    return np.linalg.lstsq(shapes.T.astype(np.float64), wanted.T.astype(np.float64), rcond=None)[0].T


def build_tensors(model: IctModel, surface: Surface, mixture: np.ndarray) -> dict[str, np.ndarray]:
    """All tensors of the file; ``model`` is the source with its closures and the flat cut."""
    mean = surface.transfer(model.neutral) + surface.offsets
    mean = 0.5 * (mean + mean[surface.symmetry] * (-1.0, 1.0, 1.0))
    identity = np.tensordot(mixture, surface.transfer(model.identity), axes=1)
    expression = surface.transfer(model.expression)
    # The eyes' bones turn the eyeballs.
    eyes = np.unique(surface.faces[np.isin(surface.face_part, [
        DETAILED_PARTS.index(f"{part}_{side}") for part in ("eye", "cornea") for side in ("left", "right")
    ])])  # fmt: skip
    expression[:, eyes[eyes >= 0]] = 0
    moving = np.flatnonzero(np.linalg.norm(expression, axis=-1).max(0) > STILL_CM)
    tensors = {
        "mean": mean.astype(np.float32),
        "faces": surface.faces.astype(np.int32),
        "face_uv": surface.face_uv.astype(np.int32),
        "face_part": surface.face_part.astype(np.uint8),
        "uv": surface.uv.astype(np.float32),
        "symmetry": surface.symmetry.astype(np.int32),
        "landmarks68": surface.landmarks68.astype(np.int32),
        "contour_eye_left": surface.eyes[0].astype(np.int32),
        "contour_eye_right": surface.eyes[1].astype(np.int32),
        "neck_rim": surface.rim.astype(np.int32),
        "moving": moving.astype(np.int32),
    }
    for name, shapes in (("identity_basis", identity), ("expression_basis", expression[:, moving])):
        tensors[name], tensors[f"{name}_scale"] = quantise(shapes)
    return tensors


def agreement(tensors: dict[str, np.ndarray], surface: Surface, topology: Topology, head: HeadModel) -> Agreement:
    """Distance between the same points of both heads above the neck, on 50 people from N(0, 1), seed 20001."""
    plain = (surface.source_weights[:, 0] == 1) & (surface.offsets == 0).all(1)
    row = {int(v): i for i, v in enumerate(surface.source_vertices[:, 0]) if plain[i]}
    ours = np.flatnonzero(topology.source_weights[:, 0] == 1)
    pairs = np.array([
        (v, row[int(s)])
        for v, s in zip(ours, topology.source_vertices[ours, 0], strict=True)
        if int(s) in row and head.mean[v, 1] > NECK_CM
    ])  # fmt: skip
    people = np.random.default_rng(20_001).standard_normal((50, head.identity_count))
    basis = tensors["identity_basis"][:, pairs[:, 1]] * tensors["identity_basis_scale"][:, None, None]
    detailed = tensors["mean"][pairs[:, 1]] + np.tensordot(people, basis, axes=1)
    model = head.mean.numpy()[pairs[:, 0]] + np.tensordot(people, head.identity_basis.numpy()[:, pairs[:, 0]], axes=1)
    distance = 10 * np.linalg.norm(detailed - model, axis=-1)
    return Agreement(float(np.median(distance)), float(np.quantile(distance, 0.95)))
