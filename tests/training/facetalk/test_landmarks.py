"""Films, real and simulated: what is seen of a motion, readers and their comparison, windows with landmarks as cues."""

import dataclasses

import numpy as np
import pytest
import torch

from core.face.landmark_model import LandmarkModel
from core.facetalk.expression_code import MOVEMENTS, ExpressionCode
from core.facetalk.model import FaceTalkMotion
from core.head.camera import Fit, project
from core.head.head_model import HeadModel
from core.head.rotation import euler_to_matrix
from core.motion.channels import CHANNELS, EXPRESSIONS, LIP_CHANNELS
from training.facetalk.code_fit import CodeFitSettings, read_codes
from training.facetalk.diffusion import Lesson, TrainConfig
from training.facetalk.film import Film
from training.facetalk.landmarks import LandmarkWindows, Watched, read_landmarks
from training.facetalk.readings import COLUMNS, known, numbers, reading_table
from training.facetalk.sight import NUMBERS, POINTS, Camera, filmed_sight

from .test_windows import recording

FRAMES = 40
JAW, YAW = EXPRESSIONS.index("jawOpen"), CHANNELS.index("headYaw")
CONFIG = TrainConfig(size="tiny", watches=True)


@pytest.fixture(scope="module")
def head():
    return HeadModel.load()


@pytest.fixture(scope="module")
def code(head):
    return ExpressionCode.of(head)


def motion(frames=FRAMES):
    """A face that opens its mouth, blinks once, and looks about."""
    channels = np.zeros((frames, len(CHANNELS)), np.float32)
    time = np.arange(frames)
    channels[:, JAW] = 0.25 * (1.0 - np.cos(time / 3.0))
    channels[20:23, [EXPRESSIONS.index(f"eyeBlink_{side}") for side in "LR"]] = 0.9
    channels[:, YAW] = 0.15 * np.sin(time / 6.0)
    return channels


@pytest.fixture(scope="module")
def film(head):
    """A film of a person of the head model, whose landmarks are exact."""
    rng = np.random.default_rng(3)
    model, channels = LandmarkModel.face_mesh(head), torch.from_numpy(motion())
    turned = euler_to_matrix(channels[:, 53:56])
    fit = Fit(
        identity=torch.from_numpy(0.7 * rng.standard_normal(head.identity_count, np.float32)),
        focal=torch.tensor(1200.0),
        centre=torch.tensor([320.0, 240.0]),
        expression=channels[:, :53],
        rotation=turned,
        translation=head.neck_pivot - turned @ head.neck_pivot + torch.tensor([0.0, 0.0, -90.0]),
    )
    return Film.read("ann_0", project(model.positions(fit.identity, fit.expression), fit), (640.0, 480.0), head)


def test_a_film_shows_the_motion_that_is_read_in_it(film):
    away = (film.shown(film.channels) - film.landmarks).norm(dim=-1) / film.talker.fitter.eye_distance(film.landmarks)[
        :, None
    ]
    assert float(away.mean()) < 0.012
    assert np.corrcoef(film.channels[:, YAW], motion()[:, YAW])[0, 1] > 0.99
    still = film.shown(np.zeros_like(film.channels))
    torch.testing.assert_close(still, still[:1].expand_as(still))


def test_sights_are_relative_to_the_face_at_rest(film):
    seen = filmed_sight(film)
    assert seen.numbers().shape == (FRAMES, NUMBERS) and seen.moved.shape == (FRAMES, len(POINTS), 2)
    still = dataclasses.replace(film, landmarks=film.shown(np.zeros_like(film.channels)))
    assert float(filmed_sight(still).moved.abs().max()) < 1e-4
    assert float(seen.moved[:, :, 1].abs().max()) > 0.05  # the chin goes down


def test_a_mirror_swaps_the_sides(head, film):
    opposite = Camera(head).opposite
    torch.testing.assert_close(opposite[opposite], torch.arange(len(POINTS)))
    seen = filmed_sight(film)
    mirrored = seen.mirrored(opposite)
    torch.testing.assert_close(mirrored.mirrored(opposite).moved, seen.moved)
    nose = POINTS.index(1)
    torch.testing.assert_close(mirrored.moved[:, nose, 0], -seen.moved[:, nose, 0])


def test_a_camera_sees_what_moves(head):
    camera, channels = Camera(head), torch.from_numpy(motion())
    seen, again, other = (camera.film(channels, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert torch.equal(seen.moved, again.moved) and not torch.equal(seen.moved, other.moved)
    chin = POINTS.index(17)  # the lower lip
    drop = seen.moved[:, chin, 1] - seen.moved[:, POINTS.index(1), 1]
    assert np.corrcoef(drop.numpy(), motion()[:, JAW])[0, 1] > 0.95
    nose = seen.moved[:, POINTS.index(1), 0]
    assert np.corrcoef(nose.numpy(), motion()[:, YAW])[0, 1] > 0.95  # towards the person's left, right in the picture


def test_windows_give_films_as_they_are_and_voices_through_a_camera(film, code):
    watched, voice = Watched.of(film), recording("voice_0", filmed=False)
    real, simulated = (
        LandmarkWindows([watched, voice], code, 30, share, 0.25, (0.5, 2.0)).draw(20, np.random.default_rng(0))
        for share in (0.0, 1.0)
    )
    assert real.cues[0].shape == simulated.cues[0].shape == (20, 30, NUMBERS)
    jaws = code.decode(real.motion[..., :MOVEMENTS])[..., JAW]
    assert float(jaws.max()) <= float(film.channels[:, JAW].max()) + 1e-3  # neither scaled nor explored
    weights = code.decode(simulated.motion[..., :MOVEMENTS])
    assert float(weights.min()) > -1e-3 and float(weights.max()) < 1.001
    assert (weights.std(1) > 0.02).sum(1).max() > 5  # some explore what faces can do


def decoder(code):
    torch.manual_seed(0)
    lesson = Lesson(CONFIG.network())
    torch.nn.init.normal_(lesson.network.out.weight, 0.0, 0.2)
    rest = torch.zeros(len(LIP_CHANNELS))
    return FaceTalkMotion(lesson.network, lesson.mean, lesson.deviation, rest, code)


def test_a_decoder_follows_what_it_sees(film, code):
    network = decoder(code)
    read = read_landmarks(network, film)
    assert read.shape == film.channels.shape and read[:, :53].min() >= 0.0 and read[:, :53].max() <= 1.0
    np.testing.assert_array_equal(read, read_landmarks(network, film))
    other = dataclasses.replace(film, landmarks=film.landmarks.flip(0))
    assert not np.allclose(read, read_landmarks(network, other), atol=1e-3)


def test_codes_over_windows_are_calmer_than_frame_by_frame_and_keep_the_mouth(film, code):
    noise = torch.from_numpy(np.random.default_rng(5).normal(0.0, 0.6, film.landmarks.shape)).float()
    noisy = dataclasses.replace(film, landmarks=film.landmarks + noise)
    alone, windows = (read_codes(noisy, code, CodeFitSettings(temporal=weight)) for weight in (0.0, 10.0))
    trembling = [float(np.square(np.diff(one[:, :53], 2, axis=0)).sum()) for one in (alone, windows)]
    assert trembling[1] < 0.7 * trembling[0]
    assert np.corrcoef(windows[:, JAW], motion()[:, JAW])[0, 1] > 0.95
    np.testing.assert_array_equal(windows[:, 53:], film.channels[:, 53:])


def test_readers_are_compared_with_landmarks_and_with_a_known_motion(film, head, code):
    simulated = [known(film, head, 0)]
    good = numbers(lambda one: one.channels, [film], simulated, code)
    still = numbers(lambda one: np.zeros_like(one.channels), [film], simulated, code)
    assert tuple(good) == COLUMNS
    for column in ("landmarks (%)", "lips (%)", "face off (mm)", "head off (°)"):
        assert good[column] < 0.5 * still[column]
    assert still["speed (mm)"] == still["acceleration (mm)"] == 0.0 < good["speed (mm)"]
    table = reading_table([film], {"the product's reading": lambda one: one.channels}, code, "a command")
    assert table.rows[0][0] == "the product's reading" and len(table.rows[0]) == 1 + len(COLUMNS)
