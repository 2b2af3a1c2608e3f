"""Synthetic talkers: ground truth that agrees with the pictures, light, meshes, splits."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch
import torch.nn.functional as F

from core.face.face_view import ANCHORS, anchor_points, clip_similarity, to_view
from core.head.head_model import PARTS, HeadModel
from core.head.rotation import euler_to_matrix
from core.motion.channels import EXPRESSIONS, LIP_COLUMNS
from training.common.splits import FIRST_HELD_OUT_SEED, identity_seed
from training.corpus.synthetic import props
from training.corpus.synthetic.clips import SyntheticClips
from training.corpus.synthetic.light import Lights, harmonic_terms
from training.corpus.synthetic.motions import GAZE_FULL, MotionBank, gaze_of, set_gaze
from training.corpus.synthetic.person import surface_normals
from training.corpus.synthetic.skins import Skin, Surface, _light, procedural_skin
from training.corpus.synthetic.talkers import HIDDEN, SyntheticTalkers, view_similarities
from training.lips.data import Utterance


@pytest.fixture(scope="module")
def talkers(tmp_path_factory) -> SyntheticTalkers:
    folder = tmp_path_factory.mktemp("skins")
    surface = Surface(HeadModel.load(), 256)
    for seed in (1, 2):
        procedural_skin(surface, seed).save(folder / "train" / f"procedural-{seed}.safetensors")
    made = SyntheticTalkers("train", size=96, samples=1.5, cache=folder)
    made.motions = MotionBank(np.zeros((0, 53), np.float32), np.zeros((0, 3), np.float32))  # whatever was tracked here
    return made


@pytest.fixture(scope="module")
def batch(talkers) -> dict[str, torch.Tensor]:
    return talkers.batch(6, np.random.default_rng(5), pairs=True)


def test_a_skin_file_is_read_back_unchanged(tmp_path):
    texture = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    skin = Skin("x", texture, np.array([0.1, 0.2, 0.3], np.float32), np.array([0.4, 0.5, 0.6], np.float32))
    skin.save(tmp_path / "a" / "x.safetensors")
    again = Skin.load(tmp_path / "a" / "x.safetensors")
    assert again.name == "x"
    assert (again.texture == texture).all() and (again.hair == skin.hair).all()


def test_the_light_of_a_photograph_is_found_from_the_shading_of_skin():
    rng = np.random.default_rng(1)
    normal = rng.normal(size=(4000, 3)) * (1, 1, 0.4) + (0, 0, 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    true = 0.7 + normal @ (0.25, 0.1, 0.3)
    colour = np.array([200, 150, 120]) * true[:, None]
    found = _light(normal, colour, np.ones(4000, bool))
    assert np.corrcoef(found, true)[0, 1] > 0.99
    # The ridge penalty makes the light a little too even.
    assert np.abs(found - true / true[normal[:, 2].argmax()]).max() < 0.12


def test_pictures_depend_only_on_the_random_numbers(talkers):
    first = talkers.batch(2, np.random.default_rng(3))
    second = talkers.batch(2, np.random.default_rng(3))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_landmarks_are_the_posed_head_in_the_given_camera(talkers, batch):
    points = talkers.points
    shape = points.mean + torch.einsum("bi,ipk->bpk", batch["identity"], points.identity)
    shape = shape + torch.einsum("be,epk->bpk", batch["expression"], points.expression)
    camera = shape @ euler_to_matrix(batch["rotation"]).mT + batch["translation"][:, None]
    x = batch["centre"][:, None, 0] + batch["focal"][:, None] * camera[..., 0] / -camera[..., 2]
    y = batch["centre"][:, None, 1] + batch["focal"][:, None] * camera[..., 1] / camera[..., 2]
    assert torch.allclose(torch.stack([x, y], -1), batch["landmarks"], atol=2e-2)


def parts_near(parts, landmark) -> set[str]:
    """Names of the head's parts in the 7 by 7 pixels around a landmark."""
    x, y = landmark.round().int().tolist()
    near = parts[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4]
    return {PARTS[part] for part in near.flatten().tolist() if part >= 0}


def test_lips_are_drawn_where_the_landmarks_say(batch):
    middles = batch["landmarks"][:, 0]  # of the upper lip's edge
    assert sum("lips" in parts_near(*one) for one in zip(batch["parts"], middles, strict=True)) >= 5


@pytest.mark.parametrize(("side", "pupil"), [("left", 473), ("right", 468)])
def test_eyes_are_drawn_where_the_landmarks_say_and_only_when_open(batch, side, pupil):
    closed = batch["expression"][:, EXPRESSIONS.index(f"eyeBlink_{side[0].upper()}")]
    seen = [f"eye_{side}" in parts_near(*one) for one in zip(batch["parts"], batch["landmarks"][:, pupil], strict=True)]
    open_eyes = [there for there, lid in zip(seen, closed, strict=True) if lid < 0.2]
    shut_eyes = [there for there, lid in zip(seen, closed, strict=True) if lid > 0.9]
    assert len(open_eyes) >= 2 and all(open_eyes)
    assert len(shut_eyes) >= 2 and not any(shut_eyes)


def test_view_framing_is_the_face_view(talkers):
    landmarks = torch.rand(5, 478, 2, generator=torch.Generator().manual_seed(0)) * 80
    a, target = view_similarities(landmarks)
    for k in range(5):
        similarity = clip_similarity(landmarks[k].numpy())
        assert np.allclose(complex(a[k]), similarity[0, 0] + 1j * similarity[1, 0], atol=1e-5)
        middle = to_view(anchor_points(landmarks[k].numpy()).mean(0), similarity, 1)
        assert np.allclose([target[k].real, target[k].imag], middle, atol=1e-5)
    assert np.allclose(ANCHORS.mean(0), middle, atol=1e-5)


def test_faces_are_at_the_place_that_the_view_needs(batch):
    middle = torch.from_numpy(anchor_points(batch["landmarks"].numpy())).mean(1) / 96
    assert (middle - torch.tensor(ANCHORS.mean(0))).abs().median() < 0.06


def test_flow_carries_landmarks_to_the_source(batch):
    inner = [1, 4, 5, 6, 168, 197, 50, 280, 205, 425]  # nose and cheeks: on the surface, seldom hidden
    distances = []
    for k in range(len(batch["flow"])):
        for index in inner:
            x, y = batch["landmarks"][k, index].tolist()
            if 1 < x < 94 and 1 < y < 94:
                there = batch["flow"][k, int(y), int(x)]
                if there[0] > HIDDEN:
                    distances.append(float((there - batch["source_landmarks"][k, index]).norm()))
    assert len(distances) > 20
    assert np.median(distances) < 1.5


def test_flow_from_a_picture_to_itself_is_zero(talkers):
    rng = np.random.default_rng(8)
    people = talkers.casting.draw([4])
    pose = talkers.draw_poses(1, rng)
    camera, pose = talkers.aim(people, pose, pose, rng)
    lights = Lights(torch.ones(1, 3), torch.tensor([[[0.0, 0.0, 1.0]]]), torch.zeros(1, 1, 3))
    _, frames = talkers.shoot(people, pose, camera, lights, torch.zeros(1, 3, 96, 96))
    flow = talkers._flow(frames, frames)[0]
    y, x = torch.meshgrid(torch.arange(96) + 0.5, torch.arange(96) + 0.5, indexing="ij")
    seen = flow[..., 0] > HIDDEN
    assert seen.float().mean() > 0.2
    assert (flow - torch.stack([x, y], -1))[seen].abs().max() < 0.05


def test_harmonics_are_lambert_light_to_second_order():
    generator = torch.Generator().manual_seed(2)
    towards = F.normalize(torch.randn(1, 3, 3, generator=generator), dim=-1)
    colour = torch.rand(1, 3, 3, generator=generator)
    lights = Lights(torch.full((1, 3), 0.2), towards, colour)
    normal = F.normalize(torch.randn(500, 3, generator=generator), dim=-1)
    found = harmonic_terms(normal) @ lights.harmonics()[0]
    true = 0.2 + (normal @ towards[0].T).clamp_min(0) @ colour[0]
    assert (found - true).abs().max() < 0.1 * colour.sum(1).max()  # a lamp's own error stays under 1/16
    assert (found - true).abs().mean() < 0.03 * colour.sum(1).max()


def test_gaze_weights_and_angles_invert_each_other():
    rng = np.random.default_rng(0)
    for _ in range(20):
        gaze = rng.uniform(-1, 1, (2, 2))
        weights = np.zeros(len(EXPRESSIONS), np.float32)
        set_gaze(weights, gaze)
        assert np.allclose(gaze_of(weights), gaze * GAZE_FULL, atol=1e-6)


@pytest.mark.parametrize("gaze", [(0.6, 0.0), (-0.6, 0.0), (0.0, 0.6), (0.0, -0.6)])
def test_gaze_is_the_direction_of_the_eyeballs(gaze):
    model = HeadModel.load()
    weights = np.zeros(len(EXPRESSIONS), np.float32)
    set_gaze(weights, np.array([gaze, gaze]))
    moved = model.vertices(torch.zeros(50), torch.from_numpy(weights))
    for side in (0, 1):
        before = model.mean[model.iris_points[side]] - model.eye_centres[side]
        after = moved[model.iris_points[side]] - model.eye_centres[side]
        yaw = torch.atan2(after[0], after[2]) - torch.atan2(before[0], before[2])
        pitch = -torch.atan2(after[1], after[2]) + torch.atan2(before[1], before[2])
        expected = torch.tensor(gaze) * torch.tensor(GAZE_FULL, dtype=torch.float32)
        assert torch.allclose(torch.stack([yaw, pitch]), expected.float(), atol=np.deg2rad(2.5))


def test_drawn_faces_stay_within_their_weights():
    bank = MotionBank(np.zeros((0, 53), np.float32), np.zeros((0, 3), np.float32))
    rng = np.random.default_rng(0)
    drawn = np.stack([bank.draw_expression(rng) for _ in range(300)])
    assert drawn.min() >= 0 and drawn.max() <= 1
    jaw, close = (drawn[:, EXPRESSIONS.index(name)] for name in ("jawOpen", "mouthClose"))
    assert (close <= jaw + 1e-6).all()
    assert 0.05 < (drawn[:, EXPRESSIONS.index("eyeBlink_L")] > 0.9).mean() < 0.35


def test_a_person_does_not_depend_on_the_rest_of_the_batch(talkers):
    alone, among = talkers.casting.draw([7]), talkers.casting.draw([1, 7, 9])
    assert torch.allclose(alone.identity[0], among.identity[1])
    assert torch.allclose(alone.lift[0], among.lift[1], atol=1e-5)
    assert torch.equal(torch.isnan(alone.glasses[0]), torch.isnan(among.glasses[1]))


def test_people_of_training_and_test_come_from_different_seeds():
    rng = np.random.default_rng(0)
    train = {identity_seed(rng, "train") for _ in range(200)}
    test = {identity_seed(rng, "test") for _ in range(200)}
    assert max(train) < FIRST_HELD_OUT_SEED <= min(test)


def _volume(vertices: torch.Tensor, triangles: torch.Tensor) -> float:
    a, b, c = vertices[triangles].unbind(1)
    return float((a * torch.linalg.cross(b, c)).sum() / 6)


def test_props_face_outward():
    one = torch.ones(1)
    eyes = torch.tensor([[[3.1, 3.6, 7.9], [-3.1, 3.6, 7.9]]])
    ears = torch.tensor([[[7.8, 3.4, -0.6], [-7.8, 3.4, -0.6]]])
    rims = props.glasses(eyes, ears, torch.tensor([[2.4, 1.8]]), 2.5 * one, 0.1 * one)[0]
    triangles = props.glasses_triangles()
    ring = triangles[: 2 * props.RIM_POINTS * props.SIDES]
    # A torus of the rim's length and the tube's square section.
    assert _volume(rims, ring) > 0.1
    wave = torch.zeros(1, props.CURTAIN_ROWS, props.CURTAIN_AROUND)
    hair = props.curtain(20 * one, 2 * one, 2 * one, 0.5 * one, one, wave)[0]
    normals = surface_normals(hair, props.curtain_triangles()).reshape(props.CURTAIN_ROWS, props.CURTAIN_AROUND, 3)
    outside = hair.reshape(props.CURTAIN_ROWS, props.CURTAIN_AROUND, 3)[:, 8:12]
    radial = F.normalize(outside * torch.tensor([1.0, 0.0, 1.0]), dim=-1)
    assert (normals[2:-2, 8:12] * radial[2:-2]).sum(-1).min() > 0.5


def test_spoken_clips_show_the_motion_that_they_contain(talkers, tmp_path):

    rng = np.random.default_rng(0)
    frames = 50
    loud = np.repeat(rng.random(10), 3200) * np.sin(np.arange(32000) * 0.05)
    (tmp_path / "voice").mkdir()
    soundfile.write(tmp_path / "voice" / "0001.wav", 0.3 * loud, 16000)
    mouth = np.abs(np.sin(np.arange(frames)[:, None] * np.linspace(0.1, 0.4, 27))).astype(np.float32)
    mel, phones = np.zeros((4 * frames, 80), np.float16), np.zeros(4 * frames, np.int64)
    speech = Utterance("voice_0001", "synthetic", mel, mel, phones, phones > 0, mouth, None, ())
    clips = SyntheticClips("train", talkers=talkers, utterances=[speech], speech=tmp_path)
    motion = clips[0]
    assert motion.frames == frames and motion.mel.shape == (4 * frames, 80) and motion.voice == "voice"
    assert np.array_equal(motion.expression[:, LIP_COLUMNS], mouth)
    assert np.array_equal(motion.rotation, clips[0].rotation)  # the same at each call
    scene = clips.scene(np.random.default_rng(1))
    shown = clips.pictures(scene, motion, [0, 20, 40])
    assert shown["picture"].shape == (3, 3, 96, 96)
    rest = euler_to_matrix(scene.rotation)
    relative = rest.mT @ euler_to_matrix(shown["rotation"])
    assert torch.allclose(relative, euler_to_matrix(torch.from_numpy(motion.rotation[[0, 20, 40]])), atol=1e-5)
    assert torch.equal(shown["expression"], torch.from_numpy(motion.expression[[0, 20, 40]]))
    assert torch.equal(shown["identity"][0], shown["identity"][2])
