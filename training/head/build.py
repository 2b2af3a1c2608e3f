"""Compute the tensors of the head model from ICT-FaceKit and the simplified topology."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from core.head.head_model import PARTS, HeadModel
from core.motion.channels import EXPRESSIONS, GAZE_SIDEWAYS_DEGREES, GAZE_UP_DOWN_DEGREES

from .eyeball import fit_sphere, gaze_rotation
from .face_mesh_points import place_points
from .ict import IctModel
from .identity import estimate_identity
from .topology import Topology


@dataclass(frozen=True)
class HeadModelConfig:
    """Settings of the head model."""

    components: int = 50
    seed: int = 1
    gaze_degrees: tuple[float, float, float, float] = (
        GAZE_UP_DOWN_DEGREES,
        GAZE_SIDEWAYS_DEGREES,
        GAZE_SIDEWAYS_DEGREES,
        GAZE_UP_DOWN_DEGREES,
    )
    """Turn of the eyeball at weight 1 of eyeLookDown, eyeLookIn, eyeLookOut, eyeLookUp. ICT moves only the lids."""


@dataclass(frozen=True)
class BuildFacts:
    """Facts about the build, for the card.

    Attributes
    ----------
    rendered_heads
        Rendered heads on which the face mesh found a face.
    variance_explained
        Share of the weighted variance of identities that the components keep.
    mesh468_spread_mm
        Median distance of single heads' face-mesh points from their median place, millimetres.
    """

    rendered_heads: int
    variance_explained: float
    mesh468_spread_mm: float


def face_vertices(model: IctModel, topology: Topology) -> np.ndarray:
    """(V,) bool: vertices of the source's face part, from the hairline to below the chin."""
    first, last = model.parts["face"]
    return (topology.source_vertices[:, 0] >= first) & (topology.source_vertices[:, 0] < last)


def eye_centres(topology: Topology, mean: np.ndarray) -> np.ndarray:
    """(2, 3) centres of the spheres through the whites of the eyes, left first."""
    centres = []
    for name in ("eye_left", "eye_right"):
        points = mean[np.unique(topology.triangles[topology.triangle_part == PARTS.index(name)])]
        centres.append(fit_sphere(points[points[:, 2] < np.quantile(points[:, 2], 0.6)])[0])
    return np.array(centres)


def expressions_with_gaze(model: IctModel, topology: Topology, mean: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """(53, V, 3) centimetres: the source's shapes; gaze shapes also turn the eyeballs."""
    shapes = topology.transfer(model.expression).astype(np.float32)
    centres = eye_centres(topology, mean)
    directions = {"Down": (-1, 0), "In": (0, -1), "Out": (0, 1), "Up": (1, 0)}  # up, and away from the nose
    for side, name in enumerate(("eye_left", "eye_right")):
        vertices = np.unique(topology.triangles[topology.triangle_part == PARTS.index(name)])
        arm = mean[vertices] - centres[side]
        for angle, (direction, (up, away)) in zip(angles, directions.items(), strict=True):
            rotation = gaze_rotation(up * angle, (1 if side == 0 else -1) * away * angle)
            shapes[EXPRESSIONS.index(f"eyeLook{direction}_{'LR'[side]}"), vertices] += arm @ rotation.T - arm
    return shapes


def pivots(model: IctModel) -> tuple[np.ndarray, np.ndarray, float]:
    """Neck and jaw pivots (3,) of the neutral head in centimetres, and the jaw's turn at jawOpen = 1 in radians.

    The jaw's pivot is on the axis about which jawOpen turns the lower teeth. The neck's pivot is between the joints
    above and below the atlas: in the middle plane, 3.5 cm below and half a centimetre behind the middle of the ears.
    """
    teeth = np.arange(*model.parts["teeth"])
    opening = model.expression_of("jawOpen")[teeth]
    lower = np.linalg.norm(opening, axis=1) > 0.5
    before = model.neutral[teeth[lower]]
    after = before + opening[lower]
    u, _, vt = np.linalg.svd((after - after.mean(0)).T @ (before - before.mean(0)))
    rotation = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    # The fixed point c of x -> R (x - a) + b solves (I - R) c = b - R a. Any c along the axis (x) is a solution: take
    # 0.
    shift = after.mean(0) - rotation @ before.mean(0)
    jaw = np.linalg.lstsq(np.eye(3) - rotation, shift, rcond=1e-6)[0]
    jaw[0] = 0.0
    head = model.neutral[: model.parts["head_and_neck"][1]]
    ears = head[(np.abs(head[:, 0]) > 8) & (head[:, 1] > -3) & (head[:, 1] < 6)]
    neck = np.array([0.0, ears[:, 1].mean() - 3.5, ears[:, 2].mean() - 0.5])
    return neck, jaw, float(np.arctan2(rotation[2, 1], rotation[1, 1]))


def quantise(basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int16 shapes, and one float32 scale for each: shape i is ``values[i] * scale[i]``."""
    scale = np.abs(basis).max((1, 2)) / 32767
    scale[scale == 0] = 1.0
    return np.round(basis / scale[:, None, None]).astype(np.int16), scale.astype(np.float32)


def build(model: IctModel, topology: Topology, config: HeadModelConfig) -> tuple[dict[str, np.ndarray], BuildFacts]:
    """All tensors of the file, and facts for the card."""
    mean = topology.transfer(model.neutral)
    mean[topology.symmetry] = 0.5 * (mean[topology.symmetry] + mean * (-1.0, 1.0, 1.0))
    face = face_vertices(model, topology)
    identity, variance = estimate_identity(model, topology, face, config.components, config.seed)
    angles = np.radians(config.gaze_degrees)
    neck, jaw, jaw_angle = pivots(model)
    tensors: dict[str, np.ndarray] = {
        "mean": mean.astype(np.float32),
        "triangles": topology.triangles.astype(np.int32),
        "triangle_part": topology.triangle_part.astype(np.uint8),
        "vertex_part": topology.vertex_part.astype(np.uint8),
        "uv": topology.uv.astype(np.float32),
        "triangle_uv": topology.triangle_uv.astype(np.int32),
        "symmetry": topology.symmetry.astype(np.int32),
        "landmarks68": topology.landmarks68.astype(np.int32),
        "mesh468_triangle": np.zeros(468, np.int32),
        "mesh468_weights": np.zeros((468, 3), np.float32),
        "iris_points": topology.iris_points.astype(np.int32),
        "iris_ring": topology.iris_ring.astype(np.int32),
        **{f"contour_{name}": loop.astype(np.int32) for name, loop in topology.contours.items()},
        "eye_centres": eye_centres(topology, mean).astype(np.float32),
        "neck_pivot": neck.astype(np.float32),
        "jaw_pivot": jaw.astype(np.float32),
        "jaw_angle": np.array([jaw_angle], np.float32),
        "gaze_angles": angles.astype(np.float32),
    }
    shapes: dict[str, np.ndarray] = {
        "identity_basis": identity.astype(np.float32),
        "expression_basis": expressions_with_gaze(model, topology, mean, angles).astype(np.float32),
    }
    points = place_points(as_model(tensors | shapes))
    tensors["mesh468_triangle"] = points.triangle.astype(np.int32)
    tensors["mesh468_weights"] = points.weights.astype(np.float32)
    for name, shape in shapes.items():
        tensors[name], tensors[f"{name}_scale"] = quantise(shape)
    facts = BuildFacts(points.heads, float(variance.sum()), float(10 * np.median(points.spread)))
    return tensors, facts


def as_model(tensors: dict[str, np.ndarray]) -> HeadModel:
    """A head model from arrays that are not quantised."""
    fields = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in tensors.items()}
    return HeadModel(**{k: v.float() if v.is_floating_point() else v.long() for k, v in fields.items()})
