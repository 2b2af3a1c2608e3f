"""Takes whose head and lids follow a film: exact values, every motion source, kept parts, performance settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadInputError
from core.motion.channels import CHANNELS, EXPRESSIONS, FPS, GROUPS, LIP_COLUMNS, NONLIP_COLUMNS
from core.motion.motion import Motion, group_indices
from core.motion.turning import TurningLimits
from core.prior.features import features_from_channels
from core.prior.sampling import Sampling
from core.prior.styling import Styling
from core.systems import choice
from core.systems.motion_source import KeptTake, Wish
from core.systems.reference import Reference, with_reference
from core.takes import films
from core.takes.job import Job
from core.wire.poses import PoseAt
from core.wire.protocol import Generate, PriorStyle, Progress, Resample
from tests.core.job_runs import contents, run

FRAMES = 200
NONE = {"pose_video": "", "blink_video": ""}
HEAD, GAZE = group_indices("head"), group_indices("gaze")
LIDS = [CHANNELS.index("eyeBlink_L"), CHANNELS.index("eyeBlink_R")]
OTHERS = [i for i in range(len(CHANNELS)) if i not in HEAD + GAZE + LIDS]


def filmed(frames: int = FRAMES) -> Motion:
    """A head that sways by up to 6° and 0.5 cm, and a blink, of which one eye is late, every 1.6 s."""
    time = np.arange(frames)[:, None] / FPS
    expression = np.zeros((frames, len(EXPRESSIONS)), np.float32)
    for begin in range(20, frames - 6, 40):
        for lid, late in zip(("eyeBlink_L", "eyeBlink_R"), (0, 1), strict=True):
            expression[begin + late : begin + late + 4, EXPRESSIONS.index(lid)] = (0.3, 1.0, 1.0, 0.3)
    turns = np.deg2rad(6.0) * np.sin(2.1 * time + np.arange(3))
    return Motion(expression, turns, 0.5 * np.sin(1.3 * time + np.arange(3)))


def sampled() -> np.ndarray:
    """(T, 59) what a source made: everything moves."""
    time = np.arange(FRAMES)[:, None] / FPS
    channels = 0.15 + 0.1 * np.sin(1.7 * time + np.arange(len(CHANNELS)))
    channels[:, GAZE] = 0.0
    channels[:, CHANNELS.index("eyeLookDown_L")] = channels[:, CHANNELS.index("eyeLookDown_R")] = 0.1
    return channels.astype(np.float32)


def wish(kept: KeptTake | None = None, turning: TurningLimits | None = None, transition: int = 8, **style) -> Wish:
    sampling = Sampling(style=PriorStyle(**style), turning=turning, transition=transition)
    unasked = dict.fromkeys(("speech", "lips", "spoken", "reference"))  # the source alone needs them
    return Wish(**unasked, seed=0, sampling=sampling, kept=kept)


def both(film: Motion | None = None) -> Reference:
    film = filmed() if film is None else film
    return Reference(film, film)


def head_of(film: Motion) -> np.ndarray:
    return np.hstack([film.rotation, film.translation])


def test_head_and_lids_are_the_films_and_all_else_is_the_sources() -> None:
    made, film = with_reference(sampled(), wish(), both()), filmed()
    np.testing.assert_array_equal(made[:, HEAD], head_of(film))
    np.testing.assert_array_equal(made[:, LIDS], film.channels()[:, LIDS])
    np.testing.assert_array_equal(made[:, OTHERS], sampled()[:, OTHERS])


def test_each_film_changes_only_its_own() -> None:
    lids = with_reference(sampled(), wish(), Reference(blinks=filmed()))
    rest = [i for i in range(len(CHANNELS)) if i not in LIDS]
    np.testing.assert_array_equal(lids[:, rest], sampled()[:, rest])
    pose = with_reference(sampled(), wish(), Reference(pose=filmed()))
    rest = [i for i in range(len(CHANNELS)) if i not in HEAD + GAZE]
    np.testing.assert_array_equal(pose[:, rest], sampled()[:, rest])
    np.testing.assert_array_equal(with_reference(sampled(), wish(), Reference()), sampled())


def test_the_eyes_look_where_they_looked() -> None:
    made = with_reference(sampled(), wish(), both())
    styling = Styling(PriorStyle(), len(made))
    before, after = (styling.looks(features_from_channels(each[:, NONLIP_COLUMNS])) for each in (sampled(), made))
    assert not np.allclose(made[:, GAZE], sampled()[:, GAZE], atol=0.05)
    np.testing.assert_allclose(after, before, atol=1e-3)


def test_a_film_that_is_too_short_has_no_seam() -> None:
    short = filmed(70)
    made = with_reference(sampled(), wish(), both(short))
    np.testing.assert_array_equal(made[:60, HEAD], head_of(short)[:60])
    speed = np.abs(np.diff(made[:, HEAD], axis=0)).max(0)
    assert (speed <= np.abs(np.diff(head_of(short), axis=0)).max(0) + 1e-6).all()
    # The lids blink as from the film's beginning.
    np.testing.assert_array_equal(made[70:140, LIDS], short.channels()[:, LIDS])


def test_the_performance_settings_hold() -> None:
    half = with_reference(sampled(), wish(head_amplitude=0.5), both())
    np.testing.assert_allclose(half[:, HEAD], 0.5 * head_of(filmed()), atol=1e-6)
    assert not with_reference(sampled(), wish(head_amplitude=0.0), both())[:, HEAD].any()
    many = with_reference(sampled(), wish(blink_rate=50.0), both())
    np.testing.assert_array_equal(many[:, LIDS], filmed().channels()[:, LIDS])
    posed = with_reference(sampled(), wish(start_pose=(0.0, 10.0, 0.0), end_pose=(-5.0, 0.0, 0.0)), both())
    turns = np.rad2deg(posed[:, HEAD[:3]])
    np.testing.assert_allclose(turns[[0, -1]], [(0.0, 10.0, 0.0), (-5.0, 0.0, 0.0)], atol=1e-4)
    assert np.abs(np.diff(turns, axis=0)).max() < 1.5
    np.testing.assert_allclose(posed[60:140, HEAD], head_of(filmed())[60:140], atol=1e-6)


def test_a_filmed_head_goes_through_poses_at_times() -> None:
    """It moves about the path through them as a sampled head does, and far from them as without poses."""
    posed = with_reference(sampled(), wish(poses=(PoseAt(seconds=4.0, yaw=12.0),)), both())
    turns = np.rad2deg(posed[:, HEAD[:3]])
    np.testing.assert_allclose(turns[100], (0.0, 12.0, 0.0), atol=1e-4)
    assert np.abs(np.diff(turns, axis=0)).max() < 1.5
    np.testing.assert_allclose(posed[160:, HEAD], head_of(filmed())[160:], atol=1e-5)
    np.testing.assert_array_equal(posed[:, LIDS], filmed().channels()[:, LIDS])


def test_a_loop_runs_into_its_beginning() -> None:
    film = filmed()
    open_ended = with_reference(sampled(), wish(), both(film))[:, HEAD]
    looped = with_reference(sampled(), wish(loop=True), both(film))
    usual = np.abs(np.diff(looped[:, HEAD], axis=0)).max(0)
    assert (np.abs(looped[0, HEAD] - looped[-1, HEAD]) <= usual + 1e-6).all()
    assert (np.abs(open_ended[0] - open_ended[-1]) > usual).any(), "otherwise this shows nothing"
    assert not looped[[0, -1]][:, LIDS].any()


def test_in_pictures_a_head_turns_and_moves_only_so_far() -> None:
    far = Motion(filmed().expression, 5.0 * filmed().rotation, 60.0 * filmed().translation)
    limits = TurningLimits((-0.3, 0.3), (-0.2, 0.2))
    made = with_reference(sampled(), wish(turning=limits), both(far))
    assert np.abs(made[:, HEAD[1]]).max() <= 0.2 and np.abs(made[:, HEAD[0]]).max() <= 0.3
    assert 3.0 < np.abs(made[:, HEAD[3:]]).max() <= 6.0
    free = with_reference(sampled(), wish(), both(far))
    np.testing.assert_array_equal(free[:, HEAD], head_of(far))


def test_what_is_kept_stays_bit_for_bit_and_is_joined_without_a_jump() -> None:
    """Head and lids are sampled again in the middle of a take that no film moved."""
    mask = np.ones((FRAMES, len(CHANNELS)), bool)
    mask[60:140, HEAD + LIDS] = False
    kept = KeptTake(Motion.from_channels(sampled()), mask)
    made = with_reference(sampled(), wish(kept), both())
    np.testing.assert_array_equal(made[mask], sampled()[mask])
    np.testing.assert_allclose(made[70:130, HEAD], head_of(filmed())[70:130], atol=1e-6)
    at_seams = np.abs(np.diff(made[:, HEAD[:3]], axis=0))[[59, 60, 139]]
    assert at_seams.max() < np.deg2rad(2.5) < np.abs(sampled()[60, HEAD[:3]] - filmed().rotation[60]).max()


# --- jobs ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(request_: Generate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generate:
    """Motion that follows a film, which is known and needn't be read."""
    (tmp_path / "film.mp4").write_bytes(b"stands for a film")
    monkeypatch.setattr(films, "steps_to_read", lambda path, frames: 2 * frames)

    def read(path, digest, frames, progress, cache):
        progress(2 * frames)
        return filmed()

    monkeypatch.setattr(films, "read_film", read)
    film = str(tmp_path / "film.mp4")
    return replace(request_, motion_only=True, preview=None, pose_video=film, blink_video=film)


@pytest.mark.parametrize("source", choice.SOURCES)
def test_every_motion_source_follows_a_film(asked: Generate, source: str) -> None:
    [take] = run(replace(asked, source=source)).takes()
    plain = Motion.load(run(replace(asked, source=source, **NONE)).takes()[0].motion)
    made = Motion.load(take.motion)
    np.testing.assert_array_equal(made.channels()[:, HEAD], head_of(filmed())[: len(made)])
    np.testing.assert_array_equal(made.channels()[:, LIDS], filmed().channels()[: len(made), LIDS])
    np.testing.assert_array_equal(made.channels()[:, LIP_COLUMNS], plain.channels()[:, LIP_COLUMNS])
    np.testing.assert_array_equal(made.channels()[:, OTHERS], plain.channels()[:, OTHERS])


@pytest.mark.parametrize("source", choice.SOURCES)
def test_takes_are_resampled_without_the_film(asked: Generate, source: str) -> None:
    [take] = run(replace(asked, source=source)).takes()
    Path(asked.pose_video).unlink()
    [again] = run(Resample(job=take.job, seed=take.seed, device="cpu")).takes()
    assert Path(again.motion).read_bytes() == Path(take.motion).read_bytes()
    [part] = run(Resample(job=take.job, seed=9, take=1, renew=("brows",), device="cpu")).takes()
    before, after = (Motion.load(each.motion).channels() for each in (take, part))
    rest = [i for i, name in enumerate(CHANNELS) if name not in GROUPS["brows"]]
    np.testing.assert_array_equal(after[:, rest], before[:, rest])


def test_the_job_remembers_its_films_by_their_content(asked: Generate, tmp_path: Path) -> None:
    [take] = run(asked).takes()
    facts = Job.open(take.job).facts
    assert facts.pose_video is not None and facts.pose_video.path == asked.pose_video
    assert facts.pose_video.sha256 == films.file_digest(asked.pose_video)
    (tmp_path / "moved.mp4").write_bytes(b"stands for a film")
    moved = replace(asked, pose_video=str(tmp_path / "moved.mp4"))
    assert run(moved).takes()[0].job == take.job, "the same film at another place is the same job"
    others = [
        replace(asked, pose_video=""),
        replace(asked, blink_video=""),
        replace(asked, **NONE),
    ]
    (tmp_path / "moved.mp4").write_bytes(b"stands for another film")
    assert len({run(each).takes()[0].job for each in (asked, moved, *others)}) == 5


def test_a_damaged_reading_in_a_job_is_one_sentence_and_comes_back(asked: Generate) -> None:
    [take] = run(asked).takes()
    kept = Path(take.job) / "pose_video.npz"
    content = kept.read_bytes()
    kept.write_bytes(b"damaged")
    with pytest.raises(BadInputError, match=r"motion file .*pose_video\.npz can't be read.* Generate the take again"):
        run(Resample(job=take.job, seed=9, device="cpu"))
    run(asked)
    assert kept.read_bytes() == content
    assert len(run(Resample(job=take.job, seed=9, device="cpu")).takes()) == 1


def test_a_job_without_films_has_no_files_of_films(asked: Generate) -> None:
    [take] = run(replace(asked, **NONE)).takes()
    assert not [name for name in contents(Path(take.job)) if "video" in name]


def test_watching_a_film_is_a_stage_of_the_job(asked: Generate) -> None:
    told = [event for event in run(asked) if isinstance(event, Progress)]
    assert [event.stage for event in told if event.stage == "film"], "it is told"
    shares = [event.share for event in told if event.share is not None]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert next(event.share for event in reversed(told) if event.stage == "film") < 0.99, "the takes are still to come"


def test_a_film_that_is_not_there_is_one_sentence(asked: Generate) -> None:
    with pytest.raises(
        BadInputError, match=r"There is no video file at .*none\.mp4\. Choose a video file that exists\."
    ):
        run(replace(asked, pose_video=str(Path(asked.out) / "none.mp4")))
    assert not Path(asked.out).exists(), "nothing was begun"
