"""Normals of triangle meshes."""

from __future__ import annotations

import torch
from torch import Tensor


def vertex_normals(vertices: Tensor, triangles: Tensor) -> Tensor:
    """Unit normals (..., V, 3) at vertices (..., V, 3): means of the triangles' (F, 3) normals, weighted by area."""
    flat = vertices.reshape(-1, 3)  # (..., V, 3) -> (B·V, 3)
    first = torch.arange(0, len(flat), vertices.shape[-2], device=flat.device)[:, None]
    corners = [(first + corner).reshape(-1) for corner in triangles.T]  # (B, F) -> (B·F,)
    a, b, c = (flat.index_select(0, corner) for corner in corners)
    faces = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(flat)
    for corner in corners:
        total.index_add_(0, corner, faces)
    return torch.nn.functional.normalize(total, dim=-1).reshape(vertices.shape)
