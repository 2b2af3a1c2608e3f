"""The body of takes: made with the motion, kept with it, and kept where a take is made from another one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.motion.body import MEMORY_SECONDS, following
from core.motion.channels import FPS, GROUPS
from core.motion.motion import Motion
from core.takes.body import new_body
from core.wire.protocol import PriorStyle, Render, Resample, UpdateLips
from tests.core.job_runs import contents, run

MEMORY = round(MEMORY_SECONDS * FPS)


def motion(take) -> Motion:
    return Motion.load(take.motion)


def head_of(take) -> np.ndarray:
    return motion(take).group("head")


@pytest.fixture
def first(models, request_):
    return run(replace(request_, takes=1, duration=None)).takes()[0]


def edited(take, path: Path, frames: slice, degrees: float = 8.0) -> str:
    """The take's motion as Blender writes it: without a body, the head turned in some frames."""
    own = motion(take)
    turn = own.rotation.copy()
    turn[frames, 1] += np.radians(degrees)
    Motion(own.expression, turn, own.translation, tongue=own.tongue).save(path)
    return str(path)


def test_shoulders_follow_and_a_breath_is_drawn(first) -> None:
    made = motion(first)
    assert np.allclose(made.body[:, :3], following(made), atol=1e-6)
    assert (made.body[:, 3] > 0).all() and np.ptp(made.body[:, 3]) > 0.02


def test_every_seed_has_its_own_and_the_same_request_the_same(models, request_) -> None:
    one, two = run(request_).takes()
    assert not np.array_equal(motion(one).body[:, 3], motion(two).body[:, 3])
    again = run(replace(request_, out=request_.out + " again")).takes()
    assert [motion(take).body.tobytes() for take in again] == [motion(take).body.tobytes() for take in (one, two)]


def test_off_makes_the_take_of_a_version_without_it(models, request_) -> None:
    on, off = (run(replace(request_, takes=1, body=body)).takes()[0] for body in (1.0, 0.0))
    assert on.job != off.job and not motion(off).body.any()
    assert np.array_equal(motion(on).table(), motion(off).table()), "nothing but the body differs"
    with np.load(off.motion) as stored:
        assert "body" not in stored.files


def test_the_setting_scales_all_of_it(models, request_) -> None:
    usual, half = (motion(run(replace(request_, takes=1, body=body)).takes()[0]).body for body in (1.0, 0.5))
    assert np.allclose(half, 0.5 * usual, atol=1e-6)


def test_a_preview_has_the_body_of_the_whole_take(models, request_) -> None:
    whole = run(replace(request_, takes=1)).takes()[0]
    short = run(replace(request_, takes=1, preview=0.4)).takes()[0]
    assert np.array_equal(motion(short).body, motion(whole).body[:10])


def test_a_loop_has_no_seam(models, request_) -> None:
    take = run(replace(request_, takes=1, style=PriorStyle(loop=True))).takes()[0]
    made = motion(take)
    assert np.allclose(made.body[:, :3], following(made, loop=True), atol=1e-6)
    assert abs(made.body[0, 3] - made.body[-1, 3]) < 0.12


@pytest.mark.parametrize("group", [group for group in GROUPS if group != "head"])
def test_other_groups_sampled_again_keep_it_to_the_bit(first, group) -> None:
    again = run(Resample(job=first.job, take=1, renew=(group,), device="cpu")).takes()[0]
    assert np.array_equal(motion(again).body, motion(first).body)


def test_a_new_head_in_a_range_changes_the_body_there_only(first) -> None:
    request = Resample(job=first.job, take=1, renew=("head",), first_frame=8, last_frame=21, transition=4, device="cpu")
    again, before = motion(run(request).takes()[0]).body, motion(first).body
    assert np.array_equal(np.delete(again, range(8, 22), 0), np.delete(before, range(8, 22), 0))
    assert (again[9:21, :3] != before[9:21, :3]).all() and np.array_equal(again[:, 3], before[:, 3])


def test_a_new_head_to_the_end_is_followed_to_the_end(first) -> None:
    take = run(Resample(job=first.job, take=1, renew=("head",), first_frame=8, device="cpu")).takes()[0]
    moved = following(motion(take)) - following(motion(first))
    assert np.allclose(motion(take).body[:, :3], motion(first).body[:, :3] + moved, atol=1e-5)


def test_new_lips_keep_it_to_the_bit(first) -> None:
    take = run(UpdateLips(job=first.job, take=1, articulation=1.4, device="cpu")).takes()[0]
    assert np.array_equal(motion(take).body, motion(first).body)


def test_edited_curves_get_the_takes_breath_and_shoulders_that_follow_the_new_head(first, tmp_path) -> None:
    path = edited(first, tmp_path / "edited.npz", slice(10, 12))
    take = run(Render(job=first.job, take=1, motion=path, device="cpu")).takes()[0]
    again, before = motion(take), motion(first)
    assert np.array_equal(again.body[:, 3], before.body[:, 3])
    assert np.array_equal(again.body[:10], before.body[:10]) and (again.body[12:, 0] > before.body[12:, 0]).all()


def test_curves_that_nobody_edited_are_the_same_frames(models, first, tmp_path) -> None:
    """They are copied, because nothing of their motion differs."""
    rendered = models.renderer(None, 0, "", "", "").rendered
    path = edited(first, tmp_path / "same.npz", slice(0, 0))
    take = run(Render(job=first.job, take=1, motion=path, device="cpu")).takes()[0]
    assert np.array_equal(motion(take).body, motion(first).body)
    assert models.renderer(None, 0, "", "", "").rendered == rendered
    assert len(contents(Path(take.frames))) == first.frame_count


def test_frames_whose_body_alone_differs_are_rendered_again(models, first, tmp_path) -> None:
    rendered = models.renderer(None, 0, "", "", "").rendered
    own = motion(first)
    body = own.body.copy()
    body[20, 3] += 0.1
    Motion.from_table(own.table(), body=body).save(tmp_path / "deeper.npz")
    take = run(Render(job=first.job, take=1, motion=str(tmp_path / "deeper.npz"), device="cpu")).takes()[0]
    assert np.array_equal(motion(take).body, body), "a motion that has a body brings its own"
    assert models.renderer(None, 0, "", "", "").rendered == rendered + 1, "frame 20"


def test_edited_curves_of_another_length_breathe_to_their_end(first, tmp_path) -> None:
    own = motion(first)
    table = np.concatenate([own.table(), own.table()])
    Motion.from_table(table).save(tmp_path / "longer.npz")
    take = run(Render(job=first.job, take=1, motion=str(tmp_path / "longer.npz"), device="cpu")).takes()[0]
    assert (motion(take).body[:, 3] > 0).all() and len(motion(take)) == 2 * len(own)


def test_takes_whose_body_rests_go_on_resting(models, request_, tmp_path) -> None:
    first = run(replace(request_, takes=1, body=0.0)).takes()[0]
    again = run(Resample(job=first.job, take=1, renew=("head",), device="cpu")).takes()
    path = edited(first, tmp_path / "edited.npz", slice(5, 9))
    again += run(Render(job=first.job, take=1, motion=path, device="cpu")).takes()
    again += run(Resample(job=first.job, device="cpu")).takes()
    assert len(again) == 3 and not any(motion(take).body.any() for take in again)
    assert not np.array_equal(head_of(again[0]), head_of(first))


def test_who_says_nothing_breathes_too() -> None:
    body = new_body(Motion.zeros(500), 3, None, 1.0, loop=False)
    assert not body[:, :3].any() and 0.3 < np.ptp(body[:, 3]) <= 1.0
