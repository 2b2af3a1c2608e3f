"""Held-out errors of the head model relative to the published ICT-FaceKit, and the model's card."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from core.face.face_mesh import FaceMesh
from core.face.fitting import Fitter
from core.face.landmark_model import LandmarkModel
from core.head.head_model import HeadModel
from core.head.rotation import matrix_to_euler

from .build import BuildFacts
from .ict import IctModel
from .identity import random_identities
from .rendered_heads import SIZE, render_random_head
from .surface import closest_on_mesh
from .topology import Topology

HELD_OUT_SEED = 20_001
HEADS = 100
ACTIVE_SHARE = 0.15
"""Probability that an expression is active in a random head. Its weight is then uniform in 0–1."""


@dataclass(frozen=True)
class Errors:
    """Median, mean and 95th percentile in millimetres over all points of all heads."""

    median: float
    mean: float
    p95: float

    @classmethod
    def of(cls, centimetres: np.ndarray) -> Errors:
        """From distances in centimetres."""
        millimetres = 10 * np.asarray(centimetres).reshape(-1)
        return cls(float(np.median(millimetres)), float(millimetres.mean()), float(np.quantile(millimetres, 0.95)))


def random_heads(model: IctModel, heads: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """ICT identity coefficients (heads, 100) ~ N(0, 1) and sparse random expressions (heads, 53)."""
    rng = np.random.default_rng(seed)
    identity = rng.standard_normal((heads, model.identity.shape[0]))
    count = len(model.expression)
    expression = np.where(rng.random((heads, count)) < ACTIVE_SHARE, rng.random((heads, count)), 0.0)
    return identity, expression


def fit_identity(head: HeadModel, shapes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(n, I) coefficients of the neutral heads nearest to shapes (n, V, 3) at the vertices ``rows``, by least
    squares."""
    design = head.identity_basis.numpy()[:, rows].reshape(head.identity_count, -1).T  # (I, r, 3) -> (3r, I)
    target = (shapes[:, rows] - head.mean.numpy()[rows]).reshape(len(shapes), -1).T  # (n, r, 3) -> (3r, n)
    return np.linalg.lstsq(design, target, rcond=None)[0].T


def held_out_errors(
    model: IctModel, topology: Topology, head: HeadModel, heads: int = HEADS, seed: int = HELD_OUT_SEED
) -> dict[str, Errors]:
    """Errors on the face (hairline to below the chin) of random heads that were not used to build the model.

    The 50 identity coefficients of each head are fitted to its neutral shape. The expression's weights are then applied
    unchanged, so that the expression shapes are tested too.

    Returns
    -------
    dict
        ``vertices``: our vertices compared with the same points of the source (errors of fewer components, closures).
        ``points``: every source vertex of the face compared with its fixed place on our mesh (also: the coarser mesh).
        ``surface``: every source vertex of the face compared with the nearest point of our surface.
    """
    identity, expression = random_heads(model, heads, seed)
    first, last = model.parts["face"]
    face_vertices = np.arange(first, last)
    ours = np.flatnonzero((topology.source_vertices[:, 0] >= first) & (topology.source_vertices[:, 0] < last))
    neutral = topology.transfer(model.neutral) + random_identities(model, topology, identity)
    coefficients = fit_identity(head, neutral, ours)
    with torch.no_grad():
        rebuilt = head.vertices(torch.from_numpy(coefficients).float(), torch.from_numpy(expression).float()).numpy()
    exact = neutral + np.tensordot(expression, topology.transfer(model.expression), axes=1)
    errors = {"vertices": Errors.of(np.linalg.norm(rebuilt - exact, axis=-1)[:, ours])}

    source = model.neutral[face_vertices] + np.tensordot(identity, model.identity[:, face_vertices], axes=1)
    source = source + np.tensordot(expression, model.expression[:, face_vertices], axes=1)
    triangles = head.triangles.numpy()
    skin = head.part_triangles("skin", "lips", "mouth_socket", "eye_socket_left", "eye_socket_right").numpy()
    place, weights, _ = closest_on_mesh(model.neutral[face_vertices], topology.transfer(model.neutral), triangles[skin])
    corners = triangles[skin][place]
    points = np.einsum("nk,bnkc->bnc", weights, rebuilt[:, corners])
    errors["points"] = Errors.of(np.linalg.norm(points - source, axis=-1))
    nearest = [closest_on_mesh(source[b], rebuilt[b], triangles[skin])[2] for b in range(0, heads, max(1, heads // 20))]
    errors["surface"] = Errors.of(np.concatenate(nearest))
    return errors


@dataclass(frozen=True)
class PoseErrors:
    """Errors of the fitted head pose in degrees.

    Attributes
    ----------
    pitch_bias
        Mean of fitted minus true pitch.
    pitch_slope
        Slope of fitted pitch over true pitch.
    pitch, yaw
        Median absolute errors.
    residual
        Median landmark residual, divided by the outer-eye distance.
    """

    pitch_bias: float
    pitch_slope: float
    pitch: float
    yaw: float
    residual: float


def pose_errors(head: HeadModel, heads: int = 40, seed: int = HELD_OUT_SEED) -> PoseErrors:
    """Errors of the head pose fitted to pictures of random heads with known poses."""
    rng = np.random.default_rng(seed)
    detector, fitter = FaceMesh(video=False), Fitter(LandmarkModel.face_mesh(head))
    errors, residuals, truth = [], [], []
    for _ in range(heads):
        rendered = render_random_head(head, rng)
        found = detector.detect(rendered.image)
        if len(found) == 1:
            fit = fitter.fit_identity(torch.from_numpy(found[0][None, :, :2]).float(), (SIZE, SIZE))
            errors.append(np.degrees(matrix_to_euler(fit.rotation[0]).numpy() - rendered.rotation))
            residuals.append(float(fit.residual[0]))
            truth.append(np.degrees(rendered.rotation))
    error = np.array(errors)
    return PoseErrors(
        pitch_bias=float(error[:, 0].mean()),
        pitch_slope=float(1 + np.polyfit(np.array(truth)[:, 0], error[:, 0], 1)[0]),
        pitch=float(np.median(np.abs(error[:, 0]))),
        yaw=float(np.median(np.abs(error[:, 1]))),
        residual=float(np.median(residuals)),
    )


def write_card(
    path: Path,
    head: HeadModel,
    errors: dict[str, Errors],
    facts: BuildFacts,
    pose: PoseErrors,
    size: int,
    command: str,
) -> None:
    """Write the card of the weights, in lines of at most 120 characters. ``size`` is that of the file, bytes."""
    rows = {
        "vertices": "our vertices against the same points of the source",
        "points": "every source vertex of the face against its fixed place on our mesh",
        "surface": "every source vertex of the face against the nearest point of our surface",
    }
    table = "\n".join(
        f"| {text} | {errors[key].median:.2f} | {errors[key].mean:.2f} | {errors[key].p95:.2f} |"
        for key, text in rows.items()
    )
    variance = 100 * facts.variance_explained
    paragraphs = (
        "# Head model",
        f"A linear head: a mean, {head.identity_count} identity components and 53 expression shapes on "
        f"{len(head.mean):,} vertices and {len(head.triangles):,} triangles (skin, lips, mouth, eye sockets, "
        "eyeballs, gums, tongue, teeth). It is left/right symmetric and in centimetres. The source has no shape of the "
        "tongue; core/head/tongue.py computes tongueOut and tongueUp from the mean. The file has "
        f"{size / 1e6:.1f} MB: shapes are 16-bit integers with one scale each.",
        "**Source.** ICT-FaceKit (light), © 2020 USC Institute for Creative Technologies, MIT. Mediapipe's 468 "
        f"face-mesh points lie where its network (0.10.21) sees them on {facts.rendered_heads} random heads "
        f"rendered from this model; single heads scatter by {facts.mesh468_spread_mm:.1f} mm (median).",
        f"**Command.** `{command}`",
        "**How.** Half the head is simplified by half-edge collapse, with quadrics summed over 13 expressions, "
        "and then mirrored. Every vertex of skin, mouth and teeth is a vertex of the source. Eyeballs are polar "
        "grids on the source's outer shell. The source has no gaze motion; ours turn by 25° up and down and by "
        "30° sideways at weight 1. Identity components are principal components of 4,000 random ICT identities, "
        f"weighted to the face and scaled to unit variance; they keep {variance:.1f} % of the weighted variance. "
        "Two closures are added. In the source the lips of the neutral head stand 0.8 mm apart and blinks leave "
        "up to 1.3 mm open; here lips meet for every identity and lids meet on the mean head.",
        f"**Held-out errors**, printed by the same command: {HEADS} random ICT identities and sparse random "
        f"expressions that were never used in estimating (seed {HELD_OUT_SEED}), against the source as published, "
        "so the closures count as errors. Face from the hairline to below the chin, millimetres. Identity "
        "coefficients are fitted to the neutral shape; the expression's weights are applied as they are.",
        f"| compared | median | mean | 95 % |\n|---|---|---|---|\n{table}",
        "**Pose through the face mesh**: 40 other rendered heads (yaw within 29°, pitch within 17°), fitted by "
        f"`core/face/fitting.py`. The pitch bias is {pose.pitch_bias:+.1f}°. The median absolute error is "
        f"{pose.pitch:.1f}° in pitch and {pose.yaw:.1f}° in yaw, the median landmark residual "
        f"{100 * pose.residual:.2f} % of the outer-eye distance. Fitted pitch grows by "
        f"{pose.pitch_slope:.2f}° a degree of true pitch: the network draws faces a little toward the front.",
        "**Limits.** Identities are random mixtures of ICT's own components. So the numbers say how well this "
        "model repeats ICT's shape space, not how well it fits scans of people. The rendered heads are plainly "
        "shaded, not photographs. Lids of identities with wider eyes may leave a sliver at eyeBlink = 1. There "
        "are no lashes, no tear line and no hair.",
    )
    wrapped = (p if "|" in p else textwrap.fill(p, 120, break_on_hyphens=False) for p in paragraphs)
    path.write_text("\n\n".join(wrapped) + "\n", encoding="utf-8")
