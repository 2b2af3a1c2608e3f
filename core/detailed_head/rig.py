"""The detailed head as data for Blender: one npz, and the textures of skin and hair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..files import written_beside
from ..head.head_model import HeadModel
from ..head.tongue import tongue_shapes
from ..motion.channels import SHAPES
from ..neural_head.portrait_hair import portrait_hair
from ..neural_head.regions import find_regions
from ..portrait.portrait import Portrait
from ..portrait.rig import jaw_angles, joints_of, skin_weights, write_texture
from ..wire.names import HEAD_FILES, HEAD_MATERIALS, JOINTS, WRINKLE_FILES
from .brows import Strands, grow_brows
from .game import coarser, game_arrays, normal_map
from .hair import HairMesh, make_hair
from .model import DetailedHead
from .parts import DETAILED_PARTS
from .texture import paint_texture
from .wrinkles import wrinkle_maps

TEXTURE = 2048
"""Side of the skin's texture in texels, if none is asked for."""
EYES = (("eye_left", "cornea_left"), ("eye_right", "cornea_right"))
MATERIALS = {
    "skin": ("skin", "lips", "eye_socket_left", "eye_socket_right"),
    "mouth": ("mouth_socket", "gums_upper", "gums_lower", "tongue"),
    "teeth": ("teeth_upper", "teeth_lower"),
    "eyes": ("eye_left", "eye_right"),
    "cornea": ("cornea_left", "cornea_right"),
    "lashes": ("lashes_left", "lashes_right"),
    "brows": (),
}
"""The parts of each of ``core.wire.names.HEAD_MATERIALS``; brows are no part of the model."""
LASH_DARK = 0.45
"""Brightness of lashes relative to brows."""
DARK = (38.0, 28.0, 24.0)
"""sRGB colour of lashes and brows where the photograph shows none."""


def write_detailed_head(
    model: HeadModel, portrait: Portrait, folder: Path, texture_size: int | None = None, *, game: bool = False
) -> dict[str, Path]:
    """Write a portrait's detailed head, or its game preset, into a folder; returns the files by their content.

    - ``mesh``, ``texture``: ``head.npz`` (no pickle), ``head.png``.
    - ``hair``: ``hair.png``, only if the photograph shows hair.
    - ``normals``: ``normals.png``, the tangent-space normal map of the game preset.
    - ``wrinkles_upper``, ``wrinkles_lower``: PNGs of three wrinkle maps each, only without ``game``.

    The npz has the keys of ``core.portrait.rig.write_head``, but instead of triangles and their parts:

    - ``faces``, ``face_uv`` (Q, 4) int32: vertices and rows of ``uv``, counter-clockwise from outside; −1 ends a
      triangle.
    - ``face_material`` (Q,) int32, rows of ``material_names`` (= ``core.wire.names.HEAD_MATERIALS``).
    - ``brow_colour``, ``lash_colour`` (3,) float32 sRGB 0–1.
    - Only if the photograph shows hair: ``hair_vertices`` (H, 3) float32 centimetres, ``hair_faces`` (n, 4) int32,
      ``hair_uv`` (H, 2) float32, ``hair_weights`` (H, 6) float32 as ``weights``.

    ``texture_size`` is the side of the skin's texture in texels; the other pictures have sizes of their own. Raises
    SoliloquyError as ``write_head``, and ``weights_missing``, ``weights_damaged`` or ``weights_version``.
    """
    head, model = DetailedHead.load(), model.to("cpu")
    identity = torch.from_numpy(np.asarray(portrait.identity)).float()
    pictures = {}
    with torch.no_grad():
        regions = find_regions(portrait)
        pictures["texture"] = paint_texture(head, model, portrait, regions, texture_size or TEXTURE)
        neutral = head.neutral(identity).numpy()
        brows = grow_brows(head, neutral, pictures["texture"])
        arrays = _arrays(head, model, identity, neutral, brows)
        if game:
            arrays = game_arrays(head, arrays)
            pictures["normals"] = normal_map(head, neutral)
        else:
            pictures |= zip(WRINKLE_FILES, wrinkle_maps(head, neutral), strict=True)
    volume = portrait_hair(portrait, regions, model)
    hair = None if volume is None else make_hair(head, portrait, regions, neutral, volume)
    if game and hair is not None:
        hair = coarser(hair)
    if hair is not None:
        arrays |= _hair_arrays(hair)
        pictures["hair"] = hair.texture
    files = {content: folder / HEAD_FILES[content] for content in ("mesh", *pictures)}
    for content, picture in pictures.items():
        write_texture(files[content], picture)
    with written_beside(files["mesh"]) as path:
        np.savez(path, **arrays)
    return files


def _arrays(
    head: DetailedHead, model: HeadModel, identity: torch.Tensor, neutral: np.ndarray, brows: Strands | None
) -> dict[str, np.ndarray]:
    shapes = torch.cat([head.shapes(), tongue_shapes(head)]).numpy()
    weights = skin_weights(head, EYES)
    faces, face_uv, uv, vertices = head.faces.numpy(), head.face_uv.numpy(), head.uv.numpy(), neutral
    part = head.face_part.numpy()
    material = np.zeros(len(faces), np.int32)
    for row, name in enumerate(HEAD_MATERIALS):
        material[np.isin(part, [DETAILED_PARTS.index(one) for one in MATERIALS[name]])] = row
    colour = np.array(DARK)
    if brows is not None:
        colour = brows.colour
        count, uv_count = len(vertices), len(uv)
        follow = np.einsum("nk,snkc->snc", brows.weights, shapes[:, brows.anchors])
        shapes = np.concatenate([shapes, follow], 1)
        weights = np.concatenate([weights, np.einsum("nk,nkj->nj", brows.weights, weights[brows.anchors])])
        vertices, uv = np.concatenate([vertices, brows.vertices]), np.concatenate([uv, brows.uv])
        faces = np.concatenate([faces, brows.quads + count])
        face_uv = np.concatenate([face_uv, brows.quads + uv_count])
        material = np.concatenate([material, np.full(len(brows.quads), HEAD_MATERIALS.index("brows"), np.int32)])
    return {
        "vertices": vertices.astype(np.float32),
        "faces": faces.astype(np.int32),
        "face_uv": face_uv.astype(np.int32),
        "face_material": material,
        "material_names": np.array(HEAD_MATERIALS),
        "uv": uv.astype(np.float32),
        "shapes": shapes.astype(np.float32),
        "shape_names": np.array(SHAPES),
        "weights": weights.astype(np.float32),
        "joint_names": np.array(JOINTS),
        "joints": joints_of(model, identity),
        "gaze_angles": model.gaze_angles.numpy().astype(np.float32),
        "jaw_angles": jaw_angles(model),
        "brow_colour": (colour / 255).astype(np.float32),
        "lash_colour": (np.minimum(LASH_DARK * colour, DARK) / 255).astype(np.float32),
    }


def _hair_arrays(hair: HairMesh) -> dict[str, np.ndarray]:
    weights = np.zeros((len(hair.vertices), len(JOINTS)), np.float32)
    weights[:, JOINTS.index("head")] = 1
    return {
        "hair_vertices": hair.vertices.astype(np.float32),
        "hair_faces": hair.faces.astype(np.int32),
        "hair_uv": hair.uv.astype(np.float32),
        "hair_weights": weights,
    }
