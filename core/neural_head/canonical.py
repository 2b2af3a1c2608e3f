"""The head model in the canonical pose as a solid, the box in which its fields are known, and its anchors.

All is in head space, centimetres: x to the person's left, y up, z out of the face.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..head.canonical_pose import canonical
from ..head.head_model import HeadModel

LOW, HIGH = (-13.0, -15.0, -13.5), (13.0, 18.0, 14.5)
"""Corners of the box, centimetres."""
ANCHORS = (
    (3.2, 3.4, 9.0),
    (1.4, 0.2, 11.8),
    (2.4, -3.6, 10.4),
    (1.6, -8.2, 9.6),
    (7.2, 0.5, 1.5),
    (3.6, 8.5, 8.6),
    (4.5, 11.0, -3.0),
    (4.5, -7.5, -2.5),
)
"""Places on the mean head of the person's left anchors: eye, nose, corner of the mouth, chin, ear, forehead, crown,
nape. The right ones are their mirror images. An anchor is the vertex of the skin next to its place."""
NECK_LENGTH_CM = 8.0
"""How far the open edge of the neck is drawn down, beyond the box."""
EYE_BULGE_CM = 0.35
"""How far the middle of the surface that closes an eye lies in front of the lids' margin."""


@dataclass(frozen=True)
class Solid:
    """The skin of the head model as the surface of a solid, for any identity.

    Attributes
    ----------
    triangles
        (F, 3) vertices, counter-clockwise from outside: skin, lips, the inside of the mouth, a fan over each eye, and
        the neck drawn down beyond the box. Its only edge lies below the box.
    part
        (F,) rows of ``core.head.head_model.PARTS``; the fans over the eyes count as eyeballs.
    """

    triangles: np.ndarray
    part: np.ndarray
    _eyes: tuple[np.ndarray, np.ndarray]
    _edge: np.ndarray

    @classmethod
    def of(cls, head: HeadModel) -> Solid:
        """The solid of a head model."""
        kept = head.part_triangles("skin", "lips", "mouth_socket")
        triangles, part = head.triangles[kept].numpy(), head.triangle_part[kept].numpy()
        count = len(head.mean)
        loops = sorted(_open_loops(triangles), key=lambda loop: float(head.mean[loop, 1].mean()))
        neck, eyes = loops[0], sorted(loops[1:], key=lambda loop: -float(head.mean[loop, 0].mean()))
        added, labels = [triangles], [part]
        for side, loop in enumerate(eyes):
            middle = np.full(len(loop), count + side)
            added.append(np.stack([np.roll(loop, -1), loop, middle], 1))
            labels.append(np.full(len(loop), _EYES[side]))
        low = count + 2 + np.arange(len(neck))
        following = np.roll(neck, -1)
        added += [np.stack([following, neck, low], 1), np.stack([following, low, np.roll(low, -1)], 1)]
        labels += [np.zeros(2 * len(neck), np.int64)]
        return cls(np.concatenate(added), np.concatenate(labels), (eyes[0], eyes[1]), neck)

    def vertices(self, vertices: np.ndarray) -> np.ndarray:
        """Head model's vertices (V, 3) and after them those that the solid adds, centimetres."""
        middles = np.stack([vertices[loop].mean(0) + np.array([0, 0, EYE_BULGE_CM]) for loop in self._eyes])
        return np.concatenate([vertices, middles, vertices[self._edge] - (0, NECK_LENGTH_CM, 0)]).astype(np.float32)


_EYES = (5, 6)
"""Rows of PARTS of the left and the right eyeball."""


def _open_loops(triangles: np.ndarray) -> list[np.ndarray]:
    """The edges of a surface that only one triangle has, as closed loops of vertices in the triangles' direction."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).tolist()
    known = set(map(tuple, edges))
    following = {a: b for a, b in edges if (b, a) not in known}
    loops = []
    while following:
        first, place = following.popitem()
        loop = [first]
        while place != first:
            loop.append(place)
            place = following.pop(place)
        loops.append(np.array(loop))
    return loops


def anchor_vertices(head: HeadModel) -> Tensor:
    """(16,) vertices of the anchors: the person's left ones, then their mirror images in the same order."""
    skin = head.part_vertices("skin")
    mean = canonical(head, torch.zeros(1))
    left = skin[torch.cdist(torch.tensor(ANCHORS), mean[skin]).argmin(1)]
    return torch.cat([left, head.symmetry[left]])
