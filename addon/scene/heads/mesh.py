"""Meshes of a head and of its hair."""

from __future__ import annotations

import bpy
import numpy as np

from .file import to_blender


def head_mesh(name: str, data: dict[str, np.ndarray]) -> bpy.types.Mesh:
    """The mesh of the head in a file's arrays; a detailed one has the number of its material on each face."""
    if "faces" not in data:
        return _mesh(name, data["vertices"], data["triangles"], data["uv"][data["triangle_uv"]])
    mesh = _mesh(name, data["vertices"], data["faces"], data["uv"][data["face_uv"]])
    mesh.polygons.foreach_set("material_index", data["face_material"].astype(np.int32))
    return mesh


def hair_mesh(name: str, data: dict[str, np.ndarray]) -> bpy.types.Mesh:
    """The mesh of the hair."""
    return _mesh(name, data["hair_vertices"], data["hair_faces"], data["hair_uv"][data["hair_faces"]])


def _mesh(name: str, vertices: np.ndarray, faces: np.ndarray, uv: np.ndarray) -> bpy.types.Mesh:
    """Vertices (V, 3) in head space, faces (F, 3) or (F, 4) where −1 ends a triangle, corners' uv (F, 3 or 4, 2)."""
    used = faces >= 0
    size = used.sum(axis=1)
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", to_blender(vertices).astype(np.float32).ravel())
    mesh.loops.add(int(size.sum()))
    mesh.loops.foreach_set("vertex_index", faces[used].astype(np.int32))
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", (np.cumsum(size) - size).astype(np.int32))
    layer = mesh.uv_layers.new(name="UVMap")
    layer.data.foreach_set("uv", uv[used].astype(np.float32).ravel())
    mesh.update(calc_edges=True)
    mesh.shade_smooth()
    return mesh
