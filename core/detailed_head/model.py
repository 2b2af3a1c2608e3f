"""The detailed head: as the head model, on ICT-FaceKit's own quads, with lashes and clear corneas.

Identity coefficients and expressions are those of ``core.head.head_model``, so what was fitted with the head model
needs no other fit. ``training/head/detailed`` makes its file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from .. import places
from ..compute.shards import open_shards
from ..errors import SoliloquyError
from ..head.normals import vertex_normals
from ..motion.channels import EXPRESSIONS
from .parts import DETAILED_PARTS, STEM


@dataclass(frozen=True)
class DetailedHead:
    """All tensors are float32 or int64 on the processor. Lengths are centimetres in head space.

    Attributes
    ----------
    mean
        (V, 3) mean identity with a neutral face.
    identity_basis
        (I, V, 3) at coefficient 1; the coefficients are the head model's.
    expression_basis
        (53, M, 3) at weight 1 of the vertices ``moving`` (M,); all others stay. Eyeballs are turned by bones.
    faces, face_uv
        (Q, 4) vertices and rows of ``uv``, counter-clockwise seen from outside; −1 ends a triangle.
    face_part
        (Q,) rows of ``core.detailed_head.parts.DETAILED_PARTS``.
    uv
        (U, 2) texture coordinates in one unit square, v up. Charts don't overlap.
    symmetry
        (V,) the mirror vertex on the other side.
    landmarks68
        (68,) vertices of the iBUG landmarks.
    contour_eye_left, contour_eye_right
        Loops of vertices along the lids' edges, from the outer corner over the upper lid.
    neck_rim
        (n,) vertices of the edge at which the neck ends.
    game_triangles, game_triangle_uv, game_part
        (G, 3) vertices, (G, 3) rows of ``uv`` and (G,) rows of ``DETAILED_PARTS``: the triangles of the game preset.
    """

    mean: Tensor
    identity_basis: Tensor
    expression_basis: Tensor
    moving: Tensor
    faces: Tensor
    face_uv: Tensor
    face_part: Tensor
    uv: Tensor
    symmetry: Tensor
    landmarks68: Tensor
    contour_eye_left: Tensor
    contour_eye_right: Tensor
    neck_rim: Tensor
    game_triangles: Tensor
    game_triangle_uv: Tensor
    game_part: Tensor

    @classmethod
    def load(cls, folder: Path = places.WEIGHTS) -> DetailedHead:
        """Read the shards. Raises SoliloquyError ``weights_missing``, ``weights_damaged`` or ``weights_version``."""
        with open_shards(STEM, "detailed head", folder) as file:
            facts = json.loads(file.facts.get("detailed_head", "{}"))
            known = facts.get("parts") == list(DETAILED_PARTS) and facts.get("expressions") == list(EXPRESSIONS)
            if not known or "game_triangles" not in file.tensors:
                raise SoliloquyError(
                    "weights_version",
                    "The detailed head's files belong to another version.",
                    "Install the extension again. Developers can also run: python -m training.head.detailed",
                )
            return cls.of(dict(file.tensors))

    @classmethod
    def of(cls, tensors: dict[str, Tensor]) -> DetailedHead:
        """The head of a file's tensors, whose bases are integers with one scale for each shape."""
        for name in ("identity_basis", "expression_basis"):
            scale = tensors.pop(f"{name}_scale")
            tensors[name] = tensors[name].float() * scale[:, None, None]
        return cls(**{n: value if value.is_floating_point() else value.long() for n, value in tensors.items()})

    def neutral(self, identity: Tensor) -> Tensor:
        """(V, 3) centimetres of a person with coefficients (I,) and a neutral face."""
        return self.mean + torch.tensordot(identity, self.identity_basis, dims=1)

    def vertices(self, identity: Tensor, expression: Tensor) -> Tensor:
        """(V, 3) centimetres of a person with coefficients (I,) and expression weights (53,)."""
        out = self.neutral(identity)
        out[self.moving] += torch.tensordot(expression, self.expression_basis, dims=1)
        return out

    def shapes(self) -> Tensor:
        """(53, V, 3) centimetres that each expression adds at weight 1, on all vertices."""
        out = self.mean.new_zeros(len(EXPRESSIONS), len(self.mean), 3)
        out[:, self.moving] = self.expression_basis
        return out

    def normals(self, vertices: Tensor) -> Tensor:
        """Unit normals (V, 3) at vertices (V, 3)."""
        return vertex_normals(vertices, self.triangles)

    @cached_property
    def _split(self) -> tuple[Tensor, Tensor]:
        """(F, 3) corners of triangles in the rows of ``faces``, and (F,) those rows. Mirrored quads are split alike."""
        quad = self.faces[:, 3] >= 0
        # The diagonal starts at the vertex with the least number of its own and of its mirror image.
        key = torch.minimum(torch.arange(len(self.symmetry)), self.symmetry)[self.faces]
        other = quad & (key[:, [1, 3]].amin(1) < key[:, [0, 2]].amin(1))
        first = torch.where(other[:, None], torch.tensor([0, 1, 3]), torch.tensor([0, 1, 2]))
        second = torch.where(other[:, None], torch.tensor([1, 2, 3]), torch.tensor([0, 2, 3]))[quad]
        rows = torch.arange(len(self.faces))
        return torch.cat([first, second]), torch.cat([rows, rows[quad]])

    def _corners(self, values: Tensor) -> Tensor:
        corners, rows = self._split
        return values[rows].gather(1, corners)

    @cached_property
    def triangles(self) -> Tensor:
        """(F, 3) the faces, split into triangles."""
        return self._corners(self.faces)

    @cached_property
    def triangle_uv(self) -> Tensor:
        """(F, 3) rows of ``uv`` at the triangles' corners."""
        return self._corners(self.face_uv)

    @cached_property
    def triangle_part(self) -> Tensor:
        """(F,) rows of ``DETAILED_PARTS``."""
        return self.face_part[self._split[1]]

    @cached_property
    def vertex_part(self) -> Tensor:
        """(V,) the last part in ``DETAILED_PARTS`` of the faces at each vertex."""
        out = torch.zeros(len(self.mean), dtype=torch.long)
        return out.scatter_reduce(
            0, self.triangles.reshape(-1), self.triangle_part.repeat_interleave(3), "amax", include_self=True
        )

    def part_vertices(self, *names: str) -> Tensor:
        """Indices of the vertices of the named parts."""
        wanted = torch.tensor([DETAILED_PARTS.index(name) for name in names])
        return torch.isin(self.vertex_part, wanted).nonzero()[:, 0]

    def part_triangles(self, *names: str) -> Tensor:
        """Indices of the triangles of the named parts."""
        wanted = torch.tensor([DETAILED_PARTS.index(name) for name in names])
        return torch.isin(self.triangle_part, wanted).nonzero()[:, 0]
