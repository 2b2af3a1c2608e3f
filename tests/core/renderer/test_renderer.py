"""The renderer on scikit-image's test photograph: the right parts move, the rest stays, and results are repeatable.

The face mesh judges the pictures. It is independent of the head model and the flow.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from core.face.face_mesh import FaceMesh
from core.face.points import LID_RINGS
from core.head.expression import target_expression
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.motion.motion import Motion
from core.portrait.fit import fit_portrait
from core.portrait.load import load_portrait
from core.renderer import Renderer
from core.renderer.fields import blur, dilate, fill_smoothly, largest_of, sample
from core.renderer.framing import frame_portrait
from core.renderer.masks import polygon

DATA = Path(os.environ.get("SOLILOQUY_DATA", Path(__file__).resolve().parents[3].parent / "shared" / "data"))


@pytest.fixture(scope="module")
def portrait():
    data = pytest.importorskip("skimage.data")
    return fit_portrait(data.astronaut())


@pytest.fixture(scope="module")
def model():
    return HeadModel.load()


@pytest.fixture(scope="module")
def renderer(model, portrait):
    return Renderer(model, portrait, 256, framing="crop")


def motion_of(*frames: dict[str, float], rotation=None) -> Motion:
    """A motion with one frame for each set of weights. A name without a side means both sides."""
    expression = np.zeros((len(frames), len(EXPRESSIONS)), np.float32)
    for row, weights in enumerate(frames):
        for name, value in weights.items():
            for full in (name, f"{name}_L", f"{name}_R"):
                if full in EXPRESSIONS:
                    expression[row, EXPRESSIONS.index(full)] = value
    turn = np.zeros((len(frames), 3), np.float32) if rotation is None else np.asarray(rotation, np.float32)
    return Motion(expression, turn, np.zeros((len(frames), 3), np.float32), 25.0)


def landmarks(frames) -> np.ndarray:
    """(T, 478, 2) landmarks detected in frames, in units of the outer-eye distance."""
    with FaceMesh(video=False) as mesh:
        found = [mesh.detect(frame) for frame in frames]
    assert all(len(faces) == 1 for faces in found)
    points = np.stack([faces[0][:, :2] for faces in found])
    return points / np.linalg.norm(points[:, 33] - points[:, 263], axis=1)[:, None, None]


def lip_gap(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, 13] - points[:, 14], axis=1)


def eye_gap(points: np.ndarray) -> np.ndarray:
    return np.stack([np.linalg.norm(points[:, a] - points[:, b], axis=1) for a, b in ((386, 374), (159, 145))], 1)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.square(a.astype(float) - b.astype(float)).mean())


def own_frame(renderer: Renderer, portrait) -> np.ndarray:
    """The frame of the portrait in its own expression and pose."""
    own = torch.from_numpy(np.asarray(portrait.expression, np.float32))[None]
    picture = renderer.warp(own, torch.zeros(1, 3), torch.zeros(1, 3), absolute=True).picture
    return (picture[0] * 255 + 0.5).clamp(0, 255).byte().permute(1, 2, 0).numpy()


def test_own_expression_and_pose_reproduce_the_photograph(renderer, portrait):
    """Teeth and eyes are redrawn; all the rest must be equal to the photograph."""
    frame = own_frame(renderer, portrait)
    assert psnr(frame, renderer.framing.crop) > 33
    face = renderer.framing.to_crop(portrait.landmarks)
    x0, y0, x1 = int(face[:, 0].min()), int(face[:, 1].min()), int(face[:, 0].max())
    brow = slice(y0, int(face[168, 1]) - 25)
    assert psnr(frame[brow, x0:x1], renderer.framing.crop[brow, x0:x1]) > 38


def test_same_bytes_again_from_another_renderer_and_in_any_batch(model, portrait, renderer):
    rng = np.random.default_rng(4)
    motion = motion_of(*({"jawOpen": float(v), "eyeBlink": float(1 - v)} for v in rng.uniform(0, 1, 5)))
    motion = Motion(motion.expression, rng.normal(0, 0.08, (5, 3)).astype(np.float32), motion.translation, 25.0)
    first = [frame.tobytes() for frame in renderer.render(motion, batch=5)]
    assert [frame.tobytes() for frame in renderer.render(motion, batch=1)] == first
    again = Renderer(model, portrait, 256, framing="crop")
    assert [frame.tobytes() for frame in again.render(motion, batch=2)] == first


def test_jaw_opens_the_mouth_in_order(renderer):
    frames = list(renderer.render(motion_of({}, {"jawOpen": 0.25}, {"jawOpen": 0.6})))
    gap = lip_gap(landmarks(frames))
    assert gap[0] + 0.05 < gap[1] and gap[1] + 0.08 < gap[2]


def test_teeth_darken_only_behind_rounded_lips(renderer):
    motion = motion_of(
        {"jawOpen": 0.5},
        {"jawOpen": 0.1, "mouthLowerDown": 0.4, "mouthUpperUp": 0.3},
        {"jawOpen": 0.12, "mouthPucker": 0.4, "mouthFunnel": 0.2},
        {"jawOpen": 0.12, "mouthPucker": 0.8, "mouthFunnel": 0.3},
    )
    expression, rotation = torch.tensor(motion.expression), torch.tensor(motion.rotation)
    heads = renderer.geometry.pose(expression, rotation, torch.zeros(4, 3))
    light = renderer.mouth.interior.light_within(heads)[:, 1, 0, 0]
    assert float(light[:2].min()) > 0.95
    assert float(light[3]) < float(light[2]) - 0.05 < 0.9


def test_rest_closes_the_smiling_mouth(renderer):
    """The photograph shows a smile with open lips; a motion at rest must close them."""
    source, rest = lip_gap(landmarks([renderer.framing.crop, *renderer.render(motion_of({}))]))
    assert rest < 0.35 * source


def test_a_blink_closes_both_eyes_and_a_wink_one(renderer):
    frames = list(renderer.render(motion_of({}, {"eyeBlink": 1.0}, {"eyeBlink_L": 1.0})))
    gap = eye_gap(landmarks(frames))
    assert (gap[1] < 0.45 * gap[0]).all()
    assert gap[2, 0] < 0.5 * gap[0, 0] and gap[2, 1] > 0.75 * gap[0, 1]


def test_eyes_that_the_photograph_shows_shut_open_as_eyes(model, renderer):
    """The photograph doesn't show these eyes. They get a plain iris in white, not a dark hole in the lashes' colour."""
    (shut,) = renderer.render(motion_of({"eyeBlink": 1.0}))
    asleep = Renderer(model, fit_portrait(shut), 256, framing="crop")
    (awake,) = asleep.render(motion_of({"eyeWide": 1.0}))
    with FaceMesh(video=False) as mesh:
        (face,) = mesh.detect(awake)
    skin = awake[int(face[168, 1]), int(face[168, 0])].mean()  # between the eyes
    for ring in LID_RINGS:
        eye = awake.mean(-1)[polygon(face[list(ring)], awake.shape[0])[0, 0].numpy() > 0.9]
        dark, light = np.quantile(eye, (0.1, 0.9))
        assert light > 0.45 * skin and dark < 0.55 * light, (dark, light, skin)


def test_gaze_moves_both_irises_the_same_way(renderer):
    """A look to the person's left is a look to the right of the picture."""
    left = {"eyeLookOut_L": 0.7, "eyeLookIn_R": 0.7}
    right = {"eyeLookIn_L": 0.7, "eyeLookOut_R": 0.7}
    points = landmarks(renderer.render(motion_of(left, right)))
    middle = (points[:, 33] + points[:, 263]) / 2
    shift = (points[0, [468, 473]] - middle[0]) - (points[1, [468, 473]] - middle[1])
    assert (shift[:, 0] > 0.01).all()


@pytest.mark.parametrize(("yaw", "sign"), [(12, 1), (-12, -1)])
def test_turning_moves_the_nose_and_leaves_the_corners(renderer, yaw, sign):
    rotation = np.radians([[0, 0, 0], [0, yaw, 0]])
    rest, turned = renderer.render(motion_of({}, {}, rotation=rotation))
    points = landmarks([rest, turned])
    nose = points[:, 4] - (points[:, 33] + points[:, 263]) / 2
    assert sign * (nose[1, 0] - nose[0, 0]) > 0.1
    crop = renderer.framing.crop.astype(int)
    for rows in (slice(0, 12), slice(-12, None)):
        for columns in (slice(0, 12), slice(-12, None)):
            assert np.abs(turned[rows, columns].astype(int) - crop[rows, columns]).max() <= 3


def test_whole_photograph_changes_only_in_its_square(model, portrait):
    renderer = Renderer(model, portrait, 256)
    height, width = renderer.frame_shape
    assert height % 2 == 0 and width % 2 == 0
    (frame,) = renderer.render(motion_of({"jawOpen": 0.5}))
    assert frame.shape == (height, width, 3) and frame.dtype == np.uint8
    x, y, side = renderer.framing.paste
    outside = np.ones((height, width), bool)
    outside[max(y, 0) : y + side, max(x, 0) : x + side] = False
    assert outside.any() and (frame[outside] == renderer.framing.frame[outside]).all()
    assert (frame != renderer.framing.frame).any()


def test_the_square_is_pasted_where_it_was_cut(portrait):
    """Pasting the unchanged square gives the frame again, and points are converted like pixels."""
    framing = frame_portrait(portrait, 256, "portrait")
    np.testing.assert_array_equal(framing.compose(framing.crop), framing.frame)
    nose = framing.to_crop(portrait.landmarks[4:5])[0]
    assert (np.abs(nose - 128) < 64).all()
    focal, (cx, cy) = framing.camera(portrait)
    assert focal == pytest.approx(portrait.focal * framing.scale)
    back = (np.array([cx, cy]) + framing.origin) / framing.scale
    np.testing.assert_allclose(back, portrait.centre, atol=1e-3)
    with pytest.raises(ValueError, match="framing"):
        frame_portrait(portrait, 256, "wide")


def test_lips_follow_the_motion_and_the_rest_adds_up():
    own = torch.full((len(EXPRESSIONS),), 0.4)
    motion = torch.zeros(1, len(EXPRESSIONS))
    motion[0, EXPRESSIONS.index("browInnerUp_L")] = 0.8
    shown = target_expression(own, motion)[0]
    assert shown[EXPRESSIONS.index("jawOpen")] == 0
    assert shown[EXPRESSIONS.index("browInnerUp_L")] == 1
    assert shown[EXPRESSIONS.index("browDown_L")] == pytest.approx(0.4)
    assert 0 < shown[EXPRESSIONS.index("mouthSmile_L")] < 0.4
    motion[0, EXPRESSIONS.index("mouthPucker")] = 1
    assert target_expression(own, motion)[0, EXPRESSIONS.index("mouthSmile_L")] == 0


def test_parts_and_normals_of_a_frame(renderer):
    heads = renderer.warp(torch.zeros(1, 53), torch.zeros(1, 3), torch.zeros(1, 3)).heads
    parts, normals = renderer.surfaces(heads)
    seen = parts >= 0
    assert 0.1 < seen.float().mean() < 0.9
    lengths = normals.norm(dim=1)
    assert torch.allclose(lengths[seen], torch.ones(int(seen.sum())), atol=1e-4)
    nose = heads.pixels[0, renderer.geometry.model.landmarks68[30], :2].long()
    assert normals[0, 2, nose[1], nose[0]] > 0.7


def test_filling_keeps_known_pixels_and_blurring_keeps_constants():
    field = torch.rand((1, 2, 37, 29), generator=torch.Generator().manual_seed(1))
    known = (torch.rand((1, 1, 37, 29), generator=torch.Generator().manual_seed(2)) > 0.6).float()
    filled = fill_smoothly(field, known)
    assert torch.allclose(filled * known, field * known)
    assert filled.min() >= field.min() - 1e-5 and filled.max() <= field.max() + 1e-5
    flat = torch.full((1, 1, 11, 13), 0.37)
    assert torch.allclose(blur(flat, 3), flat, atol=1e-6)
    assert torch.allclose(fill_smoothly(flat, torch.zeros_like(flat).index_fill(2, torch.tensor([4]), 1.0)), flat)


@pytest.mark.parametrize("radius", [1, 2, 3, 5, 8])
def test_running_means_and_maxima_are_those_of_pooling(radius):
    field, side = torch.rand((2, 3, 19, 23), generator=torch.Generator().manual_seed(4)), 2 * radius + 1
    assert torch.equal(dilate(field, radius), F.max_pool2d(field, side, 1, radius))
    padded = F.pad(field, (radius,) * 4, mode="replicate")
    torch.testing.assert_close(blur(field, radius, 1), F.avg_pool2d(padded, side, 1), rtol=0, atol=1e-5)
    padded = F.pad(field, (2 * radius,) * 4, mode="replicate")
    twice = F.avg_pool2d(F.avg_pool2d(padded, side, 1), side, 1)
    torch.testing.assert_close(blur(field, radius, 2), twice, rtol=0, atol=1e-5)
    assert torch.equal(largest_of(field, radius, 3), F.max_pool2d(field, (1, radius), 1))


def test_sampling_at_pixel_centres_returns_the_picture():
    picture = torch.rand((1, 3, 9, 7), generator=torch.Generator().manual_seed(3))
    y, x = torch.meshgrid(torch.arange(9) + 0.5, torch.arange(7) + 0.5, indexing="ij")
    assert torch.allclose(sample(picture, torch.stack([x, y], -1)[None]), picture, atol=1e-5)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["B001306", "M001160", "R000395", "B001230"])
def test_real_portraits(model, name):
    """Several ages and skin colours, glasses, a small picture: the face is kept, the mouth opens, the eyes close."""
    path = DATA / "portraits" / f"{name}.jpg"
    if not path.is_file():
        pytest.skip("the real portraits are not here (SOLILOQUY_DATA or ../shared/data)")
    portrait = load_portrait(path)
    renderer = Renderer(model, portrait, 256, framing="crop")
    assert psnr(own_frame(renderer, portrait), renderer.framing.crop) > 30
    frames = list(renderer.render(motion_of({}, {"jawOpen": 0.5}, {"eyeBlink": 1.0})))
    points = landmarks(frames)
    assert lip_gap(points)[1] > lip_gap(points)[0] + 0.1
    assert (eye_gap(points)[2] < 0.75 * eye_gap(points)[0]).all()
