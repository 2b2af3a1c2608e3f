"""The shipped head model: linearity, anatomy, symmetry, quality of the mesh, and files."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh
from safetensors.torch import save_file
from scipy.spatial.transform import Rotation

from core.errors import SoliloquyError
from core.head.head_model import PARTS, HeadModel
from core.head.raster import rasterise
from core.motion.channels import EXPRESSIONS

FLIP = torch.tensor([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel.load()


def weights(**values: float) -> torch.Tensor:
    expression = torch.zeros(len(EXPRESSIONS))
    for name, value in values.items():
        expression[EXPRESSIONS.index(name)] = value
    return expression


def both(name: str, value: float = 1.0) -> torch.Tensor:
    return weights(**{f"{name}_L": value, f"{name}_R": value})


def lip_gap(head: HeadModel, vertices: torch.Tensor) -> torch.Tensor:
    """Height in centimetres of the opening in the middle of the inner lips."""
    upper, lower = head.landmarks68[62], head.landmarks68[66]
    return vertices[..., upper, 1] - vertices[..., lower, 1]


def test_vertices_are_the_linear_sum(head):
    generator = torch.Generator().manual_seed(0)
    identity = torch.randn(3, 7, generator=generator)
    expression = torch.rand(3, 53, generator=generator)
    expected = (
        head.mean.double()
        + torch.einsum("bi,ivc->bvc", identity.double(), head.identity_basis[:7].double())
        + torch.einsum("be,evc->bvc", expression.double(), head.expression_basis.double())
    )
    torch.testing.assert_close(head.vertices(identity, expression).double(), expected, atol=1e-4, rtol=1e-5)
    one_person = head.vertices(identity[:1], expression)
    torch.testing.assert_close(one_person[2], head.vertices(identity[0], expression[2]), atol=1e-4, rtol=1e-5)


def test_too_many_coefficients_are_refused(head):
    with pytest.raises(ValueError, match="51"):
        head.neutral(torch.zeros(51))


def test_pose_is_scipys_rotation_about_the_neck(head):
    angles, shift = np.array([0.2, -0.4, 0.1]), np.array([1.0, -2.0, 0.5])
    moved = head.pose(head.mean, torch.tensor(angles).float(), torch.tensor(shift).float()).numpy()
    rotation = Rotation.from_euler("YXZ", angles[[1, 0, 2]])
    pivot = head.neck_pivot.numpy()
    np.testing.assert_allclose(moved, rotation.apply(head.mean.numpy() - pivot) + pivot + shift, atol=1e-4)


def test_left_and_right_mirror_each_other(head):
    everything = torch.arange(len(head.mean))
    assert torch.equal(head.symmetry[head.symmetry], everything)
    torch.testing.assert_close(head.mean[head.symmetry] * FLIP, head.mean, atol=0.02, rtol=0)
    triangles = {tuple(np.roll(t, -int(np.argmin(t)))) for t in head.triangles.numpy()}
    mirrored = head.symmetry[head.triangles].numpy()[:, ::-1]
    assert {tuple(np.roll(t, -int(np.argmin(t)))) for t in mirrored} == triangles
    smile_left, smile_right = (head.expression_basis[EXPRESSIONS.index(f"mouthSmile_{side}")] for side in ("L", "R"))
    assert (smile_left[head.symmetry] * FLIP - smile_right).norm(dim=-1).max() < 0.15 * smile_left.norm(dim=-1).max()
    assert head.landmarks68[0] == head.symmetry[head.landmarks68[16]]
    assert head.mean[head.landmarks68[0], 0] < 0 < head.mean[head.landmarks68[16], 0]


def test_mesh_is_clean(head):
    mesh = trimesh.Trimesh(head.mean.numpy(), head.triangles.numpy(), process=False)
    assert mesh.is_winding_consistent
    assert mesh.area_faces.min() > 1e-6
    assert np.bincount(mesh.edges_unique_inverse).max() == 2
    assert len(np.unique(head.triangles)) == len(head.mean)
    for name in ("eye_left", "eye_right", "teeth_upper", "teeth_lower"):
        part = mesh.submesh([head.part_triangles(name).numpy()], append=True)
        assert part.is_watertight and part.volume > 0, name
    assert 4000 <= len(head.mean) <= 6000
    assert set(head.triangle_part.tolist()) == set(range(len(PARTS)))


def test_normals_point_out_of_the_eyeballs(head):
    for side, name in enumerate(("eye_left", "eye_right")):
        rows = head.part_vertices(name)
        outward = torch.nn.functional.normalize(head.mean[rows] - head.eye_centres[side], dim=-1)
        assert (head.normals(head.mean)[rows] * outward).sum(-1).min() > 0.9


def test_jaw_opens_and_lips_meet_for_everyone(head):
    people = torch.randn(20, head.identity_count, generator=torch.Generator().manual_seed(4))
    closed = lip_gap(head, head.neutral(people))
    assert closed.abs().max() < 0.05
    opened = lip_gap(head, head.vertices(people, weights(jawOpen=1)))
    assert opened.min() > 2.5
    torch.testing.assert_close(lip_gap(head, head.vertices(people, weights(jawOpen=0.5))), (opened + closed) / 2)


def test_blink_shuts_the_lids(head):
    shut = head.vertices(torch.zeros(1), both("eyeBlink"))
    for landmarks in ((37, 41), (38, 40), (43, 47), (44, 46)):
        upper, lower = head.landmarks68[list(landmarks)]
        assert head.mean[upper, 1] - head.mean[lower, 1] > 0.5
        assert shut[upper, 1] - shut[lower, 1] < 0.12
    seen = set(seen_parts(head, shut))
    assert not seen & {"eye_left", "eye_right"}
    assert {"eye_left", "eye_right"} <= set(seen_parts(head, head.mean))


def seen_parts(head: HeadModel, vertices: torch.Tensor) -> list[str]:
    """Parts with more than a few pixels in a picture from the front, at 1 mm per pixel."""
    pixels = torch.stack([160 + 10 * vertices[:, 0], 160 - 10 * vertices[:, 1], -vertices[:, 2]], dim=-1)
    found = rasterise(pixels[None], head.triangles, 320, 320).triangle[0]
    count = torch.bincount(head.triangle_part[found[found >= 0]], minlength=len(PARTS))
    return [name for name, pixels_seen in zip(PARTS, count.tolist(), strict=True) if pixels_seen > 8]


def test_teeth_stay_behind_closed_lips(head):
    inside = {"teeth_upper", "teeth_lower", "gums_upper", "gums_lower", "tongue"}
    assert not set(seen_parts(head, head.mean)) & inside
    smile = seen_parts(head, head.vertices(torch.zeros(1), both("mouthUpperUp") + both("mouthLowerDown")))
    assert {"teeth_upper", "teeth_lower"} <= set(smile)


@pytest.mark.parametrize(
    ("shape", "axis", "sign", "angle_index"),
    [
        ("eyeLookDown_L", 1, -1, 0),
        ("eyeLookIn_L", 0, -1, 1),
        ("eyeLookOut_L", 0, 1, 2),
        ("eyeLookUp_L", 1, 1, 3),
        ("eyeLookIn_R", 0, 1, 1),
    ],
)
def test_gaze_turns_the_eyeball(head, shape, axis, sign, angle_index):
    side = 0 if shape.endswith("L") else 1
    moved = head.vertices(torch.zeros(1), weights(**{shape: 1.0}))
    sight = moved[head.iris_points[side]] - head.eye_centres[side]
    rest = head.mean[head.iris_points[side]] - head.eye_centres[side]
    cosine = torch.nn.functional.cosine_similarity(sight, rest, dim=0)
    assert sign * (sight - rest)[axis] > 0.3
    assert float(torch.acos(cosine)) == pytest.approx(float(head.gaze_angles[angle_index]), abs=0.02)


def test_eye_centres_follow_the_person(head):
    identity = torch.randn(head.identity_count, generator=torch.Generator().manual_seed(8))
    neutral = head.neutral(identity)
    for side, name in enumerate(("eye_left", "eye_right")):
        white = neutral[head.part_vertices(name)]
        distance = (white - head.eye_centres_of(identity)[side]).norm(dim=-1)
        assert distance.std() / distance.mean() < 0.08


def test_face_mesh_points(head):
    points = head.mesh468(head.mean)
    assert torch.all(head.mesh468_weights >= 0)
    torch.testing.assert_close(head.mesh468_weights.sum(-1), torch.ones(468))
    for right, left in ((33, 263), (61, 291), (78, 308), (105, 334), (234, 454), (50, 280)):
        torch.testing.assert_close(points[right] * FLIP, points[left], atol=0.01, rtol=0)
    nose, chin, brow = points[1], points[152], points[105]
    assert nose[2] > points[:, 2].max() - 0.5
    assert chin[1] < points[:, 1].min() + 1.0 and brow[1] > points[33, 1]
    # The points of the inner lips lie on the lips' contours, so they separate when the jaw opens.
    opened = head.mesh468(head.vertices(torch.zeros(1), weights(jawOpen=1)))
    assert (points[13] - points[14]).norm() < 0.1 and (opened[13] - opened[14]).norm() > 2.5
    shut = head.mesh468(head.vertices(torch.zeros(1), both("eyeBlink")))
    assert (points[159, 1] - points[145, 1]) > 0.6 and abs(shut[159, 1] - shut[145, 1]) < 0.12


def test_texture_coordinates_do_not_overlap(head):
    uv = head.uv[head.triangle_uv]  # (F, 3, 2)
    assert uv.min() >= 0 and uv.max() <= 1
    a, b = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    area = 0.5 * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).abs().sum()
    size = 1024
    flat = torch.cat([head.uv * size, torch.zeros(len(head.uv), 1)], dim=-1)
    covered = rasterise(flat[None], head.triangle_uv, size, size).covered.float().mean()
    assert float(area) == pytest.approx(float(covered), rel=0.01)


@pytest.mark.parametrize("ending", ["obj", "glb"])
def test_export_is_read_back(head, tmp_path, ending):
    path = tmp_path / f"head.{ending}"
    vertices = head.vertices(torch.zeros(1), weights(jawOpen=0.5))
    head.export(path, vertices)
    mesh = trimesh.load(path, force="mesh", process=False)
    assert len(mesh.faces) == len(head.triangles)
    np.testing.assert_allclose(mesh.bounds, [vertices.amin(0), vertices.amax(0)], atol=1e-3)
    with pytest.raises(ValueError, match="only"):
        head.export(tmp_path / "head.stl")


def test_missing_and_foreign_files_are_named(tmp_path):
    with pytest.raises(SoliloquyError, match="missing"):
        HeadModel.load(path=tmp_path / "none.safetensors")
    save_file({"mean": torch.zeros(3, 3)}, tmp_path / "other.safetensors")
    with pytest.raises(SoliloquyError, match="another version"):
        HeadModel.load(path=tmp_path / "other.safetensors")
