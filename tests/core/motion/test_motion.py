"""core.motion.motion: values, shapes, files and resampling of a Motion."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadInputError
from core.motion.channels import BODY, CHANNELS, GROUPS, HEAD, SHAPES, TONGUE
from core.motion.motion import Motion, about_file, frames_at, group_indices
from core.provenance import SYNTHETIC_MOTION

RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(60)]


def random_motion(frames: int, seed: int = 0, fps: float = 25.0) -> Motion:
    generator = np.random.default_rng(seed)
    channels = np.concatenate([generator.random((frames, 53)), generator.normal(0, 0.2, (frames, 6))], axis=1)
    return Motion.from_channels(channels, fps, generator.random((frames, 2)))


def same(a: Motion, b: Motion) -> bool:
    """Whether two motions are equal in every bit of all that moves."""
    return a.fps == b.fps and np.array_equal(a.table(), b.table())


def test_channels_round_trip_bit_for_bit() -> None:
    motion = random_motion(40)
    again = Motion.from_channels(motion.channels(), motion.fps, motion.tongue)
    assert same(again, motion) and not Motion.from_channels(motion.channels()).tongue.any()
    assert motion.channels().shape == (40, 59)
    assert np.array_equal(again.channels(), motion.channels())


def test_saved_motion_is_bit_identical_and_so_is_its_file(tmp_path) -> None:
    motion = random_motion(33, fps=24000 / 1001)
    first, second = tmp_path / "größe 頭.npz", tmp_path / "b.npz"
    motion.save(first)
    motion.save(second)
    loaded = Motion.load(first)
    assert loaded.fps == motion.fps
    assert same(loaded, motion) and loaded.tongue.any()
    assert first.read_bytes() == second.read_bytes() == motion.to_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.npz", "größe 頭.npz"]


def test_a_file_can_say_where_its_motion_comes_from(tmp_path) -> None:
    motion, path = random_motion(5), tmp_path / "motion.npz"
    motion.save(path, SYNTHETIC_MOTION)
    assert about_file(path) == SYNTHETIC_MOTION
    assert np.array_equal(Motion.load(path).channels(), motion.channels())
    assert path.read_bytes() == motion.to_bytes(SYNTHETIC_MOTION) != motion.to_bytes()
    with np.load(path, allow_pickle=False) as stored, np.load(io.BytesIO(motion.to_bytes())) as silent:
        assert set(stored.files) == {*silent.files, "about"}, "readers of earlier versions find all that they need"
        assert all(np.array_equal(stored[name], silent[name]) for name in silent.files)


@pytest.mark.parametrize("about", [None, np.zeros(3), np.array(7), np.array(["a", "b"])])
def test_a_file_that_does_not_say_it_is_silent(tmp_path, about) -> None:
    path = tmp_path / "motion.npz"
    with np.load(io.BytesIO(random_motion(5).to_bytes())) as stored:
        np.savez(path, **stored, **({} if about is None else {"about": about}))
    assert about_file(path) == "" and len(Motion.load(path)) == 5
    path.write_bytes(b"PK")
    with pytest.raises(BadInputError):
        about_file(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"hello"])
def test_a_damaged_file_is_a_sentence(tmp_path, content) -> None:
    path = tmp_path / "motion.npz"
    path.write_bytes(content)
    with pytest.raises(BadInputError) as caught:
        Motion.load(path)
    assert caught.value.code == "motion_unreadable"


def test_a_pickle_is_never_loaded(tmp_path) -> None:
    path = tmp_path / "motion.npz"
    np.savez(path, names=np.array([{"a": 1}], dtype=object))
    with pytest.raises(BadInputError):
        Motion.load(path)


def test_a_missing_file_is_a_sentence(tmp_path) -> None:
    with pytest.raises(BadInputError) as caught:
        Motion.load(tmp_path / "none.npz")
    assert caught.value.code == "motion_missing"


def test_wrong_shapes_and_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="expression"):
        Motion(np.zeros((4, 52)), np.zeros((4, 3)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="rotation"):
        Motion(np.zeros((4, 53)), np.zeros((3, 3)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="finite"):
        Motion(np.zeros((4, 53)), np.full((4, 3), np.nan), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="fps"):
        Motion.zeros(4, fps=0.0)


def test_a_motion_can_not_be_changed_from_outside() -> None:
    source = np.zeros((4, 53), dtype=np.float32)
    motion = Motion(source, np.zeros((4, 3)), np.zeros((4, 3)))
    source[:] = 1.0
    assert motion.expression.max() == 0.0
    with pytest.raises(ValueError):
        motion.expression[0, 0] = 1.0


@pytest.mark.parametrize("group", GROUPS)
def test_with_group_changes_only_that_group(group) -> None:
    motion = random_motion(10)
    columns = group_indices(group)
    changed = motion.with_group(group, np.full((10, len(columns)), 0.5)).channels()
    others = [i for i in range(len(CHANNELS)) if i not in columns]
    assert np.array_equal(changed[:, others], motion.channels()[:, others])
    assert (changed[:, columns] == 0.5).all()
    assert [CHANNELS[i] for i in columns] == list(GROUPS[group])


@settings(deadline=None, max_examples=60)
@given(frames=st.integers(1, 400), rate=st.sampled_from(RATES))
def test_resampling_keeps_length_and_range(frames, rate) -> None:
    motion = random_motion(frames, seed=frames)
    other = motion.resampled(float(rate))
    assert len(other) == int(Fraction(frames) / 25 * rate + Fraction(1, 2))
    assert abs(other.seconds - motion.seconds) <= 0.5 / float(rate) + 1e-9
    if len(other):
        assert (other.channels().max(0) <= motion.channels().max(0) + 1e-6).all()
        assert (other.channels().min(0) >= motion.channels().min(0) - 1e-6).all()


@pytest.mark.parametrize("rate", RATES)
def test_no_drift_over_two_hours(rate) -> None:
    """A channel whose value is the time must give the exact time of every output frame."""
    frames = 2 * 3600 * 25
    channels = np.zeros((frames, 59))
    channels[:, CHANNELS.index("headX")] = np.arange(frames) / frames  # float32 steps of 6e-8 at 1: below a frame
    resampled = Motion.from_channels(channels).resampled(float(rate))
    seconds = resampled.translation[:, 0].astype(np.float64) * frames / 25
    exact = np.array([float(j / rate) for j in (0, 1000, len(resampled) // 2, len(resampled) - 4)])
    assert np.allclose(seconds[[0, 1000, len(resampled) // 2, len(resampled) - 4]], exact, atol=0.002)


def test_resampling_up_and_down_again_returns_the_motion() -> None:
    motion = random_motion(100)
    assert np.allclose(motion.resampled(50.0).resampled(25.0).channels(), motion.channels(), atol=1e-6)
    assert motion.resampled(25.0) is motion


@given(seconds=st.floats(0, 36000), fps=st.floats(1, 240))
def test_frames_at_is_the_nearest_count(seconds, fps) -> None:
    assert abs(frames_at(seconds, fps) - seconds * fps) <= 0.5 + 1e-6


def test_empty_motion_resamples_to_empty() -> None:
    assert len(Motion.zeros(0).resampled(30.0)) == 0


def ramp(top: float) -> Motion:
    """Ten frames whose channels all rise evenly from 0 to ``top``."""
    values = np.linspace(0.0, top, 10)[:, None]
    return Motion(np.tile(values, 53), np.tile(values, 3), np.tile(values, 3))


def test_sampling_interpolates_each_time_from_the_time_itself() -> None:
    sampled = ramp(9.0).sampled(np.array([-1.0, 0.0, 0.1, 0.31, 9.0]), fps=24.0)
    assert np.allclose(sampled.channels(), np.array([0.0, 0.0, 2.5, 7.75, 9.0])[:, None], atol=1e-6)
    assert sampled.fps == 24.0


def test_sampling_takes_a_step_for_each_channel() -> None:
    motion, seconds = random_motion(50), np.arange(60) / 30.0
    assert sum(1 for _ in motion.sampling(seconds, 30.0)) == len(CHANNELS) + len(TONGUE) + len(BODY)
    assert np.allclose(motion.sampled(seconds, 30.0).table(), motion.resampled(30.0).table(), rtol=0, atol=1e-6)


def test_sampling_keeps_weights_beyond_one_and_resampling_clips_them() -> None:
    motion = ramp(1.5)
    assert motion.sampled(np.array([9 / 25]), 25.0).expression.max() == 1.5
    assert motion.resampled(50.0).expression.max() == 1.0


def test_nothing_can_be_sampled_from_an_empty_motion() -> None:
    with pytest.raises(ValueError, match="without frames"):
        Motion.zeros(0).sampled(np.zeros(1), 25.0)


def test_times_on_frames_give_the_frames_bit_for_bit() -> None:
    motion = random_motion(1000)
    assert same(motion.sampled(np.arange(1000) / 25.0, 25.0), motion)


def test_other_channels_are_refused(tmp_path) -> None:
    path = tmp_path / "motion.npz"
    arrays = {"expression": np.zeros((2, 53)), "rotation": np.zeros((2, 3)), "translation": np.zeros((2, 3))}
    np.savez(path, **arrays, fps=25.0, names=np.array(CHANNELS[::-1]))
    with pytest.raises(BadInputError, match="other channels"):
        Motion.load(path)


def test_slice_takes_the_frames_asked_for() -> None:
    motion = random_motion(20)
    assert np.array_equal(motion.slice(5, 9).channels(), motion.channels()[5:9])


# ------------------------------------------------------------------------------------------------------- the tongue
def test_the_table_holds_all_that_moves_and_gives_the_motion_again() -> None:
    motion = random_motion(12, fps=30.0)
    table = motion.table()
    assert table.shape == (12, len(SHAPES) + len(HEAD)) and table.dtype == np.float32
    assert np.array_equal(table[:, SHAPES.index("tongueOut")], motion.tongue[:, 0])
    assert np.array_equal(table[:, SHAPES.index("tongueUp")], motion.tongue[:, 1])
    assert np.array_equal(np.delete(table, [53, 54], axis=1), motion.channels())
    assert same(Motion.from_table(table, 30.0), motion)


@settings(deadline=None, max_examples=40)
@given(frames=st.integers(2, 60), rate=st.sampled_from(RATES), seed=st.integers(0, 99), cut=st.integers(0, 60))
def test_whatever_copies_a_motion_carries_the_tongue(frames, rate, seed, cut) -> None:
    """A tongue that moves as the jaw does must go on doing so, through every way to make a motion of another one."""
    first = random_motion(frames, seed)
    jaw = first.expression[:, CHANNELS.index("jawOpen"), None]
    motion = Motion(first.expression, first.rotation, first.translation, 25.0, np.concatenate([jaw, 1 - jaw], 1))
    seconds = np.linspace(-0.1, motion.seconds + 0.1, 17)
    copies = [motion.slice(0, cut), motion.resampled(float(rate)), motion.sampled(seconds, 30.0)]
    copies += [motion.with_group(group, motion.group(group) * 0.5) for group in GROUPS if group != "jaw"]
    for copy in copies:
        moved = copy.expression[:, CHANNELS.index("jawOpen")]
        assert np.allclose(copy.tongue[:, 0], moved, atol=1e-6) and np.allclose(copy.tongue[:, 1], 1 - moved, atol=1e-6)


def test_a_resting_tongue_leaves_the_file_as_earlier_versions_wrote_it(tmp_path) -> None:
    motion = random_motion(9)
    resting = Motion.from_channels(motion.channels())
    with np.load(io.BytesIO(resting.to_bytes())) as stored:
        assert set(stored.files) == {"expression", "rotation", "translation", "fps", "names"}
    with np.load(io.BytesIO(motion.to_bytes())) as stored:
        assert set(stored.files) == {"expression", "rotation", "translation", "fps", "names", "tongue"}
    resting.save(tmp_path / "old.npz")
    loaded = Motion.load(tmp_path / "old.npz")
    assert loaded.tongue.shape == (9, 2) and same(loaded, resting)
    assert loaded.to_bytes() == (tmp_path / "old.npz").read_bytes(), "such a file keeps its digest when saved again"


@pytest.mark.parametrize("tongue", [np.zeros((3, 2)), np.zeros((4, 1)), np.full((4, 2), np.nan)])
def test_a_wrong_tongue_is_refused(tmp_path, tongue) -> None:
    with pytest.raises(ValueError, match="tongue"):
        Motion(np.zeros((4, 53)), np.zeros((4, 3)), np.zeros((4, 3)), 25.0, tongue)
    with np.load(io.BytesIO(Motion.zeros(4).to_bytes())) as stored:
        np.savez(tmp_path / "motion.npz", **stored, tongue=tongue)
    with pytest.raises(BadInputError, match="tongue"):
        Motion.load(tmp_path / "motion.npz")


def test_values_that_no_tongue_has_are_refused(tmp_path) -> None:
    with np.load(io.BytesIO(Motion.zeros(4).to_bytes())) as stored:
        np.savez(tmp_path / "motion.npz", **stored, tongue=np.full((4, 2), 1e6))
    with pytest.raises(BadInputError, match="far beyond"):
        Motion.load(tmp_path / "motion.npz")
