"""The game preset against the detailed head that it stands for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.detailed_head.game import LEVEL, angle_weighted_normals, coarser, game_arrays, normal_map
from core.detailed_head.hair import COLUMNS, ROWS, HairMesh
from core.detailed_head.hair_texture import LAYERS
from core.detailed_head.parts import DETAILED_PARTS
from core.motion.channels import EXPRESSIONS
from core.portrait.texture import at_texels, texels_in, texels_of

MOST = 8000
SKIN = [DETAILED_PARTS.index(name) for name in ("skin", "lips")]
HAIR = 1344
"""Triangles of the hair of somebody who has it all around."""


@pytest.fixture(scope="module")
def neutral(head):
    return head.neutral(torch.randn(50, generator=torch.Generator().manual_seed(3))).numpy()


def test_it_has_less_than_8000_triangles_with_hair(head):
    assert 5000 < len(head.game_triangles) < MOST - HAIR
    assert set(head.game_part.tolist()) == set(range(len(DETAILED_PARTS))), "no part is missing"


def test_it_is_symmetric_and_its_charts_do_not_overlap(head):
    triangles = head.game_triangles.numpy()
    assert {tuple(sorted(t)) for t in triangles.tolist()} == {
        tuple(sorted(t)) for t in head.symmetry.numpy()[triangles].tolist()
    }
    flat = head.uv.numpy()[head.game_triangle_uv.numpy()].astype(float)
    edges = flat[:, 1:] - flat[:, :1]
    area = 0.5 * np.abs(np.linalg.det(edges)).sum()
    covered = len(texels_in(head.uv, head.game_triangle_uv, 1024).row) / 1024**2
    assert covered == pytest.approx(area, rel=0.02), "each texel belongs to one triangle"


@pytest.mark.parametrize("name", ["", "jawOpen", "mouthSmile_L", "eyeBlink_L", "browInnerUp_R", "mouthPucker"])
def test_a_texel_is_at_the_same_place_of_both_heads(head, neutral, name):
    moved = neutral + (head.shapes().numpy()[EXPRESSIONS.index(name)] if name else 0)
    fine, coarse = texels_of(head, 512), texels_in(head.uv, head.game_triangle_uv, 512)
    fine = fine.only(np.isin(head.triangle_part.numpy()[fine.triangle], SKIN))
    places = np.full((512, 512, 3), np.nan)
    places[fine.row, fine.column] = at_texels(moved, head.triangles.numpy(), fine)
    away = places[coarse.row, coarse.column] - at_texels(moved, head.game_triangles.numpy(), coarse)
    apart = np.linalg.norm(away, axis=1)
    assert np.nanquantile(apart, 0.95) < 0.15 and np.nanmedian(apart) < 0.03


def test_the_normal_map_gives_the_fine_head_its_normals_back(head, neutral):
    size = 512
    picture = normal_map(head, neutral, size).astype(float) / 127.5 - 1
    assert np.allclose(np.linalg.norm(picture, axis=-1), 1, atol=0.03)
    fine = texels_of(head, size).only(np.isin(head.triangle_part.numpy()[texels_of(head, size).triangle], SKIN))
    wanted = np.full((size, size, 3), np.nan)
    wanted[fine.row, fine.column] = at_texels(
        head.normals(torch.from_numpy(neutral)).numpy(), head.triangles.numpy(), fine
    )
    coarse = texels_in(head.uv, head.game_triangle_uv, size)
    normal = at_texels(
        angle_weighted_normals(neutral, head.game_triangles.numpy()), head.game_triangles.numpy(), coarse
    )
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    fine_normal = wanted[coarse.row, coarse.column]
    fine_normal /= np.linalg.norm(fine_normal, axis=1, keepdims=True)
    known = np.isfinite(fine_normal[:, 0])
    off = (normal[known] * fine_normal[known]).sum(1)
    # What the map says along the surface's own normal is the cosine between both normals.
    said = picture[coarse.row, coarse.column, 2][known]
    assert np.quantile(np.abs(said - off), 0.95) < 0.03
    assert np.quantile(off, 0.02) < 0.97, "there is something to say"


def test_a_surface_without_detail_has_a_level_map(head):
    # A ball: the coarse corners have the normals of the fine ones.
    ball = head.mean.numpy() - head.mean.numpy().mean(0)
    ball = ball / np.linalg.norm(ball, axis=1, keepdims=True)
    picture = normal_map(head, ball, 256)
    assert LEVEL == (0.0, 0.0, 1.0) and np.median(picture[..., 2]) > 250


def test_hair_keeps_its_grid():
    row, column, layer = np.meshgrid(np.arange(ROWS), np.arange(COLUMNS + 1), np.arange(LAYERS), indexing="ij")
    uv = np.stack([column / COLUMNS, 1 - (layer + 0.02 + 0.96 * row / (ROWS - 1)) / LAYERS], -1).reshape(-1, 2)
    points = np.stack([row, column, layer], -1).reshape(-1, 3).astype(float)
    here = column.ravel() != 48  # a parting: no hair in one column
    hair = coarser(HairMesh(points[here], np.zeros((0, 4), np.int32), uv[here], np.zeros((4, 4, 4), np.uint8)))
    corners = hair.vertices[hair.faces]
    assert len(hair.faces) == (HAIR // 2) - 2 * 7 * LAYERS
    assert (np.ptp(corners, axis=1) == (5, 3, 0)).all() and len(hair.uv) == len(hair.vertices)


def test_the_file_has_the_preset_s_vertices_alone(head):
    count, faces = len(head.mean), len(head.faces)
    arrays = {
        "vertices": np.arange(3 * (count + 7), dtype=np.float32).reshape(-1, 3),
        "shapes": np.zeros((2, count + 7, 3), np.float32), "weights": np.zeros((count + 7, 6), np.float32),
        "uv": np.zeros((len(head.uv) + 7, 2), np.float32), "other": np.zeros(3),
        "face_material": np.concatenate([head.face_part.numpy() % 5, np.full(4, 6)]).astype(np.int32),
    }  # fmt: skip
    made = game_arrays(head, arrays)
    assert len(arrays["face_material"]) == faces + 4
    assert made["faces"].shape == (len(head.game_triangles), 4) and (made["faces"][:, 3] == -1).all()
    assert (made["vertices"][made["faces"][:, :3], 0] == 3 * head.game_triangles.numpy()).all()
    assert (made["face_material"] == head.game_part.numpy() % 5).all()
    assert made["shapes"].shape[1] == len(made["vertices"]) == len(made["weights"]) and made["other"] is arrays["other"]
