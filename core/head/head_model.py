"""The linear head model (3DMM): vertices = mean + identity basis · β + expression basis · w, then a rigid pose.

Head space is right-handed, in centimetres: x to the person's left, y up, z out of the face. ``training/head/build.py``
learns the model from ICT-FaceKit (© 2020 USC Institute for Creative Technologies, MIT; see NOTICE).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from .. import places
from ..compute.weight_files import INSTALL_AGAIN, open_weights
from ..errors import SoliloquyError
from ..motion.channels import EXPRESSIONS
from .normals import vertex_normals
from .rotation import euler_to_matrix

if TYPE_CHECKING:
    import trimesh

WEIGHTS = places.WEIGHTS / "head_model.safetensors"
PARTS = (
    "skin",
    "lips",
    "mouth_socket",
    "eye_socket_left",
    "eye_socket_right",
    "eye_left",
    "eye_right",
    "gums_upper",
    "gums_lower",
    "tongue",
    "teeth_upper",
    "teeth_lower",
)
"""Names of the part labels. Left and right are the person's own. Lips include their wet inner side."""
UNTEXTURED = 180
"""Grey level of an exported mesh without a texture."""


@dataclass(frozen=True)
class HeadModel:
    """A head: shape space, mesh, and named points for other modules. All tensors are float32 or int64 on one device.

    Attributes
    ----------
    mean
        (V, 3) centimetres: mean identity with a neutral face.
    identity_basis
        (I, V, 3) centimetres, ordered by variance. Coefficients β of real faces are distributed about as N(0, 1).
    expression_basis
        (53, V, 3) centimetres at weight 1, in the order of ``core.motion.channels.EXPRESSIONS``. Gaze shapes turn the
        eyeballs (linearly) as well as the lids.
    triangles
        (F, 3) vertices, counter-clockwise seen from outside.
    triangle_part, vertex_part
        (F,) and (V,) indices into ``PARTS``.
    uv, triangle_uv
        (U, 2) texture coordinates in one unit square, v up, and (F, 3) their rows at each triangle's corners.
    symmetry
        (V,) the mirror vertex on the other side; ``symmetry[symmetry] == arange(V)``. Triangles are symmetric too.
    landmarks68
        (68,) vertices of the iBUG landmarks: jaw from the person's right, brows, nose, eyes, outer and inner lips.
    mesh468_triangle, mesh468_weights
        (468,) triangle and (468, 3) barycentric weights of each point of mediapipe's face mesh.
    iris_points, iris_ring
        (2,) vertex in the middle of the pupil, and (2, K) vertices around the edge of the iris; the person's left eye
        first. The ring starts at the person's left and runs counter-clockwise for the left eye; the right eye's ring
        is its mirror image.
    contour_lips_outer, contour_lips_inner
        Closed loops of vertices from the person's right mouth corner along the upper lip and back along the lower lip.
    contour_eye_left, contour_eye_right
        Closed loops of vertices along the lid margins from the outer corner, the upper lid first.
    eye_centres
        (2, 3) centimetres: centres of the mean head's eyeballs, left first; see :meth:`eye_centres_of`.
    neck_pivot, jaw_pivot
        (3,) centimetres: points about which head and jaw of the mean head turn.
    jaw_angle
        (1,) radians: rotation of the lower teeth about ``jaw_pivot`` at jawOpen = 1.
    gaze_angles
        (4,) radians: rotation of an eyeball at weight 1 of eyeLookDown, eyeLookIn, eyeLookOut and eyeLookUp.
    """

    mean: Tensor
    identity_basis: Tensor
    expression_basis: Tensor
    triangles: Tensor
    triangle_part: Tensor
    vertex_part: Tensor
    uv: Tensor
    triangle_uv: Tensor
    symmetry: Tensor
    landmarks68: Tensor
    mesh468_triangle: Tensor
    mesh468_weights: Tensor
    iris_points: Tensor
    iris_ring: Tensor
    contour_lips_outer: Tensor
    contour_lips_inner: Tensor
    contour_eye_left: Tensor
    contour_eye_right: Tensor
    eye_centres: Tensor
    neck_pivot: Tensor
    jaw_pivot: Tensor
    jaw_angle: Tensor
    gaze_angles: Tensor

    @classmethod
    def load(cls, device: str | torch.device = "cpu", path: Path = WEIGHTS) -> HeadModel:
        """Read the model. Raises SoliloquyError ``weights_missing``, ``weights_damaged`` or ``weights_version``."""
        hint = f"{INSTALL_AGAIN} Developers can also run: python -m training.head"
        with open_weights(path, "head model", hint, device) as file:
            facts = json.loads(file.facts.get("head_model", "{}"))
            if facts.get("parts") != list(PARTS) or facts.get("expressions") != list(EXPRESSIONS):
                raise SoliloquyError("weights_version", "The head model's file belongs to another version.", hint)
            tensors = dict(file.tensors)
            for name in ("identity_basis", "expression_basis"):
                scale = tensors.pop(f"{name}_scale")
                tensors[name] = tensors[name].float() * scale[:, None, None]
            return cls(
                **{name: value if value.is_floating_point() else value.long() for name, value in tensors.items()}
            )

    def to(self, device: str | torch.device) -> HeadModel:
        """The same model on another device."""
        return replace(self, **{name: value.to(device) for name, value in vars(self).items()})

    @property
    def device(self) -> torch.device:
        """Device of the tensors."""
        return self.mean.device

    @property
    def identity_count(self) -> int:
        """Number of identity components I."""
        return self.identity_basis.shape[0]

    def neutral(self, identity: Tensor) -> Tensor:
        """Heads (..., V, 3) in centimetres with neutral faces. ``identity`` is (..., n) with n ≤ I."""
        n = identity.shape[-1]
        if n > self.identity_count:
            raise ValueError(f"{n} identity coefficients given, the model has {self.identity_count}")
        flat = identity @ self.identity_basis[:n].reshape(n, -1)  # (n, V, 3) -> (n, 3V)
        return self.mean + flat.reshape(*identity.shape[:-1], -1, 3)

    def expression_offsets(self, expression: Tensor) -> Tensor:
        """Offsets (..., V, 3) in centimetres that expression weights (..., 53) add."""
        flat = expression @ self.expression_basis.reshape(len(EXPRESSIONS), -1)  # (53, V, 3) -> (53, 3V)
        return flat.reshape(*expression.shape[:-1], -1, 3)

    def vertices(self, identity: Tensor, expression: Tensor) -> Tensor:
        """Vertices (..., V, 3) in head space, centimetres.

        Parameters
        ----------
        identity
            (..., n ≤ I) coefficients; leading dimensions broadcast against the expression's.
        expression
            (..., 53) weights, 0–1, in the order of ``core.motion.channels.EXPRESSIONS``.
        """
        return self.neutral(identity) + self.expression_offsets(expression)

    def pose(self, vertices: Tensor, rotation: Tensor, translation: Tensor, pivot: Tensor | None = None) -> Tensor:
        """Turn vertices about a pivot, then move them: R (x − pivot) + pivot + t.

        Parameters
        ----------
        vertices
            (..., n, 3) centimetres.
        rotation, translation
            (..., 3) pitch, yaw, roll in radians (``core.head.rotation``) and centimetres.
        pivot
            (3,) or (..., 3) centimetres; ``neck_pivot`` by default.
        """
        pivot = (self.neck_pivot if pivot is None else pivot)[..., None, :]
        turned = (vertices - pivot) @ euler_to_matrix(rotation).transpose(-1, -2)
        return turned + pivot + translation[..., None, :]

    def mesh468(self, vertices: Tensor) -> Tensor:
        """Points (..., 468, 3) of mediapipe's face mesh on given vertices (..., V, 3)."""
        corners = vertices[..., self.triangles[self.mesh468_triangle], :]  # (..., 468, 3, 3)
        return (corners * self.mesh468_weights[..., None]).sum(-2)

    def eye_centres_of(self, identity: Tensor) -> Tensor:
        """Centres (..., 2, 3) of a person's eyeballs in cm. They move like the mean of the eyeball's vertices."""
        neutral = self.neutral(identity)
        moved = [(neutral - self.mean)[..., self.part_vertices(name), :].mean(-2) for name in ("eye_left", "eye_right")]
        return self.eye_centres + torch.stack(moved, dim=-2)

    def part_vertices(self, *names: str) -> Tensor:
        """Indices of the vertices of the named parts."""
        wanted = torch.tensor([PARTS.index(name) for name in names], device=self.device)
        return torch.isin(self.vertex_part, wanted).nonzero()[:, 0]

    def part_triangles(self, *names: str) -> Tensor:
        """Indices of the triangles of the named parts."""
        wanted = torch.tensor([PARTS.index(name) for name in names], device=self.device)
        return torch.isin(self.triangle_part, wanted).nonzero()[:, 0]

    def normals(self, vertices: Tensor) -> Tensor:
        """Unit normals (..., V, 3) at the vertices: means of the triangles' normals, weighted by their areas."""
        return vertex_normals(vertices, self.triangles)

    def to_trimesh(
        self, vertices: Tensor | np.ndarray | None = None, image: np.ndarray | None = None
    ) -> trimesh.Trimesh:
        """A trimesh with texture coordinates. Its vertices are split at the seams of the texture.

        Parameters
        ----------
        vertices
            (V, 3) centimetres; the mean head by default.
        image
            (H, W, 3) uint8 texture; plain grey by default.
        """
        import trimesh
        from PIL import Image

        points = self.mean if vertices is None else torch.as_tensor(vertices)
        corner_vertex, corner_uv = self.triangles.reshape(-1), self.triangle_uv.reshape(-1)  # (F, 3) -> (3F,)
        pairs, inverse = torch.unique(torch.stack([corner_vertex, corner_uv], 1), dim=0, return_inverse=True)
        picture = np.full((4, 4, 3), UNTEXTURED, np.uint8) if image is None else image
        material = trimesh.visual.material.PBRMaterial(
            baseColorTexture=Image.fromarray(picture), metallicFactor=0.0, roughnessFactor=0.6
        )
        return trimesh.Trimesh(
            vertices=points.detach().cpu().numpy()[pairs[:, 0].cpu().numpy()],
            faces=inverse.reshape(-1, 3).cpu().numpy(),  # (3F,) -> (F, 3)
            visual=trimesh.visual.TextureVisuals(uv=self.uv[pairs[:, 1]].cpu().numpy(), material=material),
            process=False,
        )

    def export(self, path: Path, vertices: Tensor | None = None, image: np.ndarray | None = None) -> None:
        """Write an OBJ or GLB file, chosen by its ending, with trimesh; see :meth:`to_trimesh`."""
        if Path(path).suffix.lower() not in (".obj", ".glb"):
            raise ValueError(f"{Path(path).name}: only .obj and .glb are written")
        self.to_trimesh(vertices, image).export(str(path))
