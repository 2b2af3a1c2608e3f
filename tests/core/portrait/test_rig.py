"""The head for Blender: the written arrays, and a texture that shows the photograph at the right places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import BadInputError
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS, SHAPES, TONGUE
from core.motion.rotations import euler_to_matrix
from core.portrait.portrait import Portrait
from core.portrait.rig import jaw_angles, joints_of, skin_weights, write_head
from core.portrait.texture import diffuse, mirrored_triangles
from core.wire.names import JOINTS
from core.wire.protocol import version

SIDE, FOCAL = 400, 1500.0


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel.load()


def portrait_of(image: np.ndarray, rotation: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Portrait:
    """A portrait with a known fit: a random identity, and a camera one metre away."""
    return Portrait(
        image=image,
        landmarks=np.zeros((478, 3), np.float32),
        identity=np.random.default_rng(3).normal(size=50).astype(np.float32) * 0.5,
        expression=np.zeros(53, np.float32),
        rotation=np.array(rotation, np.float32),
        translation=np.array([0.5, 0.0, -105.0], np.float32),
        focal=FOCAL,
        centre=np.array([SIDE / 2, SIDE / 2], np.float32),
        crop=(0.0, 0.0, float(SIDE)),
        residual=0.0,
        digest="",
    )


def gradient() -> np.ndarray:
    """A picture in which red encodes the column and green the row."""
    ramp = np.linspace(20, 235, SIDE)
    return np.stack(
        [np.tile(ramp, (SIDE, 1)), np.tile(ramp[:, None], (1, SIDE)), np.full((SIDE, SIDE), 90)], -1
    ).astype(np.uint8)


@pytest.fixture(scope="module")
def written(head, tmp_path_factory) -> tuple[dict[str, np.ndarray], np.ndarray, Portrait]:
    folder = tmp_path_factory.mktemp("Käte 头 rig")
    portrait = portrait_of(gradient())
    write_head(head, portrait, folder / "head.npz", folder / "head.png", 512)
    with np.load(folder / "head.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    assert not list(folder.glob(".*"))
    return arrays, np.asarray(Image.open(folder / "head.png")), portrait


def test_arrays_are_complete(head, written):
    arrays, texture, _ = written
    assert texture.shape == (512, 512, 3)
    assert tuple(arrays["shape_names"]) == SHAPES == (*EXPRESSIONS, *TONGUE) and tuple(arrays["joint_names"]) == JOINTS
    count = len(head.mean)
    assert arrays["vertices"].shape == (count, 3) and arrays["shapes"].shape == (55, count, 3)
    moved = np.abs(arrays["shapes"][53:]).max(2) > 0
    assert set(np.flatnonzero(moved.any(0))) <= set(head.part_vertices("tongue").tolist()) and moved.any(1).all()
    assert arrays["triangles"].max() == count - 1 and arrays["triangle_uv"].max() == len(arrays["uv"]) - 1
    assert all(np.isfinite(a).all() for a in arrays.values() if a.dtype.kind == "f")


def test_the_texture_shows_the_pixels_at_the_landmarks(head, written):
    arrays, texture, portrait = written
    camera = arrays["vertices"] @ euler_to_matrix(portrait.rotation).T + portrait.translation
    pixel = portrait.centre + FOCAL * camera[:, :2] * (1, -1) / -camera[:, 2:]
    checked = 0
    for landmark in (28, 30, 21, 22, 50, 57, 8, 2, 14):
        vertex = int(head.landmarks68[landmark])
        row, corner = np.argwhere(arrays["triangles"] == vertex)[0]
        u, v = arrays["uv"][arrays["triangle_uv"][row, corner]]
        found = texture[int((1 - v) * 512), int(u * 512)].astype(float)
        expected = [20 + 215 * pixel[vertex, 0] / SIDE, 20 + 215 * pixel[vertex, 1] / SIDE, 90]
        if landmark not in (2, 14, 8):  # these face away from the camera, so their colours are mixed
            np.testing.assert_allclose(found, expected, atol=6)
            checked += 1
    assert checked == 6


def test_the_hidden_side_gets_the_colour_of_the_visible_one(head, tmp_path):
    image = np.full((SIDE, SIDE, 3), (200, 120, 60), np.uint8)
    write_head(head, portrait_of(image, (0.0, 0.6, 0.0)), tmp_path / "a.npz", tmp_path / "a.png", 256)
    texture = np.asarray(Image.open(tmp_path / "a.png")).astype(int)
    uv = head.uv[head.triangle_uv[head.part_triangles("skin", "lips")]].mean(1).numpy()
    colours = texture[((1 - uv[:, 1]) * 256).astype(int), (uv[:, 0] * 256).astype(int)]
    assert np.abs(np.median(colours, axis=0) - (200, 120, 60)).max() <= 2
    assert np.quantile(np.abs(colours - (200, 120, 60)).max(1), 0.97) <= 4


def test_the_same_input_gives_the_same_bytes(head, tmp_path):
    for name in ("a", "b"):
        write_head(head, portrait_of(gradient()), tmp_path / f"{name}.npz", tmp_path / f"{name}.png", 128)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_texture_says_that_it_is_synthetic(head, tmp_path):
    write_head(head, portrait_of(gradient()), tmp_path / "a.npz", tmp_path / "a.png", 64)
    with Image.open(tmp_path / "a.png") as texture:
        assert texture.text["Source"] == "synthetic" and texture.text["Software"] == f"Soliloquy {version()}"
        assert texture.text["Description"].startswith("Synthetic picture")


def test_weights(head):
    weights = skin_weights(head)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    assert weights.min() >= 0
    assert np.all(weights[:, JOINTS.index("jaw")] == 0)
    assert np.all(weights[head.part_vertices("eye_left").numpy(), JOINTS.index("eye.L")] == 1)
    assert np.all(weights[head.landmarks68.numpy(), JOINTS.index("head")] == 1)
    lowest = int(head.mean[:, 1].argmin())
    assert weights[lowest, JOINTS.index("root")] == 1


def test_only_bones_turn_the_eyeballs(head, written):
    arrays, _, _ = written
    eyes = head.part_vertices("eye_left", "eye_right").numpy()
    assert np.all(arrays["shapes"][:, eyes] == 0)
    lids = arrays["shapes"][EXPRESSIONS.index("eyeLookDown_L")]
    assert np.abs(lids).max() > 0.1


def test_joints(head):
    joints = dict(zip(JOINTS, joints_of(head, torch.zeros(50)), strict=True))
    np.testing.assert_allclose(joints["neck"], head.neck_pivot.numpy())
    np.testing.assert_allclose(joints["eye.L"], head.eye_centres[0].numpy(), atol=1e-4)
    assert joints["eye.L"][0] > 0 > joints["eye.R"][0]
    assert joints["root"][1] < joints["neck"][1] < joints["head"][1]
    turn, sideways = np.degrees(jaw_angles(head))
    assert 20 < turn < 32 and 2 < sideways < 12


def test_jaw_joint_is_the_hinge_of_the_lower_teeth(head):
    """Turning the lower teeth about the jaw's joint by its angle gives the shape jawOpen, within 0.6 millimetres."""
    teeth = head.part_vertices("teeth_lower")
    before = head.mean[teeth].numpy()
    after = before + head.expression_basis[EXPRESSIONS.index("jawOpen"), teeth].numpy()
    pivot = head.jaw_pivot.numpy()
    rotation = euler_to_matrix(np.array([float(head.jaw_angle[0]), 0.0, 0.0]))
    assert np.abs((before - pivot) @ rotation.T + pivot - after).max() < 0.06


def test_a_folder_that_cannot_be_written_is_an_error(head, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(BadInputError):
        write_head(head, portrait_of(gradient()), tmp_path / "file" / "head.npz", tmp_path / "file" / "head.png", 64)


def test_mirrored_triangles_pair_up(head):
    partner, corner = mirrored_triangles(head)
    np.testing.assert_array_equal(partner[partner], np.arange(len(partner)))
    triangles = head.triangles.numpy()
    mirrored = np.take_along_axis(triangles[partner], corner, axis=1)
    np.testing.assert_array_equal(mirrored, head.symmetry.numpy()[triangles])


def test_diffusion_is_harmonic():
    """Between two given ends of a strip the colours change evenly, and the given colours stay."""
    count = 21
    top, bottom = np.arange(count), count + np.arange(count)
    triangles = np.array(
        [(top[i], bottom[i], top[i + 1]) for i in range(count - 1)]
        + [(top[i + 1], bottom[i], bottom[i + 1]) for i in range(count - 1)]
    )
    colours, confidence = np.zeros((2 * count, 3)), np.zeros(2 * count)
    ends = [0, count - 1, count, 2 * count - 1]
    colours[[count - 1, 2 * count - 1]] = 200.0
    confidence[ends] = 1e3
    filled = diffuse(colours, confidence, triangles)
    np.testing.assert_allclose(filled[ends], colours[ends], atol=0.5)
    np.testing.assert_allclose(filled[:count, 0], np.linspace(0, 200, count), atol=6)


def test_path_types(head, tmp_path):
    write_head(head, portrait_of(gradient()), Path(tmp_path) / "x.npz", Path(tmp_path) / "x.png", 64)
    assert Image.open(tmp_path / "x.png").size == (64, 64)
