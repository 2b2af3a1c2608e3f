"""Identity components of the head model, estimated from random heads of ICT-FaceKit."""

from __future__ import annotations

import numpy as np

from .ict import IctModel
from .topology import Topology

SAMPLES = 4000
"""Number of random identities from which the components are estimated."""


def random_identities(model: IctModel, topology: Topology, coefficients: np.ndarray) -> np.ndarray:
    """(n, V, 3) float32 differences from the neutral head, on our topology, for ICT coefficients (n, 100)."""
    return np.tensordot(coefficients, topology.transfer(model.identity), axes=1).astype(np.float32)


def region_weights(topology: Topology, vertices: np.ndarray, face: np.ndarray) -> np.ndarray:
    """(V,) weight of each vertex in the analysis: the area around it; outside the face a tenth of it."""
    corners = vertices[topology.triangles]  # (F, 3, 3)
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    weight = np.zeros(len(vertices))
    np.add.at(weight, topology.triangles, area[:, None] / 3)
    return weight * np.where(face, 1.0, 0.1)


def estimate_identity(
    model: IctModel, topology: Topology, face: np.ndarray, components: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Principal components of random identities, weighted to the face, and scaled so that coefficients are ~N(0, 1).

    Parameters
    ----------
    face
        (V,) bool: vertices of the face.
    components
        Number I of components.
    seed
        Seed of the random identities; evaluation must use another seed.

    Returns
    -------
    basis, variance
        (I, V, 3) centimetres, and (I,) share of the weighted variance explained by each component.
    """
    rng = np.random.default_rng(seed)
    coefficients = rng.standard_normal((SAMPLES, model.identity.shape[0]))
    shapes = random_identities(model, topology, coefficients).reshape(SAMPLES, -1)  # (n, V, 3) -> (n, 3V)
    weight = np.repeat(region_weights(topology, topology.transfer(model.neutral), face), 3)
    weighted = shapes * np.sqrt(weight).astype(np.float32)
    # The mean identity is ICT's neutral head (coefficients have mean zero), so these are second moments, not
    # covariances. The samples span at most 100 dimensions, so the Gram matrix of the samples gives the exact
    # components.
    gram = weighted @ weighted.T / SAMPLES
    values, vectors = np.linalg.eigh(gram.astype(np.float64))
    order = np.argsort(values)[::-1][:components]
    scores = vectors[:, order] * np.sqrt(SAMPLES)  # (n, I), unit second moment
    basis = (scores.T @ shapes / SAMPLES).reshape(components, -1, 3)  # (I, 3V) -> (I, V, 3)
    # Signs are arbitrary: choose them so that most motion is outward from the middle of the head.
    centre = topology.transfer(model.neutral).mean(0)
    direction = topology.transfer(model.neutral) - centre
    outward = (basis * direction).sum((1, 2))
    return basis * np.sign(outward)[:, None, None], values[order] / values.sum()
