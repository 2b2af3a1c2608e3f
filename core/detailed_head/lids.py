"""Where on the detailed head an open eye's photograph can't be used for a lid."""

from __future__ import annotations

import numpy as np

from .model import DetailedHead

UPPER_CM, LOWER_CM = (0.5, 0.8), (0.12, 0.3)
"""Distance from the edge of the upper and of the lower lid up to which the photograph shows lashes, the fold or the
eye, and from which it shows skin alone."""


def lid_zone(head: DetailedHead) -> np.ndarray:
    """(V,) 0..1: how far a vertex belongs to the lids, on the mean head."""
    points = head.mean.numpy()
    zone = np.zeros(len(points))
    skin = head.part_vertices("skin", "eye_socket_left", "eye_socket_right").numpy()
    for loop in (head.contour_eye_left.numpy(), head.contour_eye_right.numpy()):
        edge = points[loop]
        inner = int(np.abs(edge[:, 0]).argmin())
        upper, lower = edge[: inner + 1], np.concatenate([edge[inner:], edge[:1]])
        near = skin[np.linalg.norm(points[skin] - edge.mean(0), axis=1) < 4]
        to_upper, to_lower = (
            np.linalg.norm(points[near][:, None] - side[None], axis=-1).min(1) for side in (upper, lower)
        )
        # Above or below the line between the corners.
        start, end = edge[0], edge[inner]
        across = np.clip((points[near, 0] - start[0]) / (end[0] - start[0]), 0, 1)
        above = points[near, 1] > start[1] + across * (end[1] - start[1])
        reach = np.where(above[:, None], UPPER_CM, LOWER_CM)
        distance = np.where(above, to_upper, to_lower)
        t = np.clip((reach[:, 1] - distance) / (reach[:, 1] - reach[:, 0]), 0, 1)
        zone[near] = np.maximum(zone[near], t * t * (3 - 2 * t))
    for name in ("eye_socket_left", "eye_socket_right"):
        zone[head.part_vertices(name).numpy()] = 1
    return zone
