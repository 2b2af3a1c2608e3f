"""The tongue of takes: it follows the phones, is made again with the lips, and is kept with them."""

from __future__ import annotations

import numpy as np
import pytest

from core.motion.channels import GROUPS, LIP_GROUPS
from core.motion.live_link import VALUE_COLUMNS, read_live_link_csv, to_values
from core.motion.motion import Motion
from core.phones.documents import EDITED, PhoneDocument
from core.phones.phone_set import Segment
from core.phones.tongue import tongue_of_segments
from core.wire.protocol import Render, Resample, UpdateLips
from tests.core.job_runs import run

FRAMES = 30
THEL = [Segment("TH", 0.2, 0.4), Segment("EH", 0.4, 0.6), Segment("L", 0.6, 0.8)]


def motion(take) -> Motion:
    return Motion.load(take.motion)


@pytest.fixture
def first(models, request_):
    """A take of noise, in which nobody speaks."""
    return run(request_).takes()[0]


@pytest.fixture
def spoken(first, tmp_path):
    """The same take that says “thel”."""
    PhoneDocument.of(EDITED, FRAMES / 25, THEL).write(tmp_path / "edited.json")
    return run(UpdateLips(job=first.job, take=1, phones=str(tmp_path / "edited.json"), device="cpu")).takes()[0]


def test_the_tongue_rests_where_nobody_speaks(first) -> None:
    assert not motion(first).tongue.any()


def test_new_phones_move_the_tongue_in_the_motion_and_in_the_curves(first, spoken) -> None:
    take = motion(spoken)
    out, up = take.tongue.T
    assert out[7] == pytest.approx(0.33, abs=0.02) and up[17] == pytest.approx(1.0, abs=0.02)
    assert np.allclose(take.tongue[7:18], tongue_of_segments(THEL, FRAMES)[7:18])
    assert not take.tongue[25:].any()
    curves = read_live_link_csv(spoken.curves)
    assert np.allclose(curves.tongue[:, 0], out, atol=1e-6)
    assert np.allclose(to_values(take)[:, VALUE_COLUMNS.index("TongueOut")], out)


def test_articulation_moves_the_tongue_half_as_much_as_the_lips(spoken) -> None:
    weak = run(UpdateLips(job=spoken.job, take=spoken.index, articulation=0.5, device="cpu")).takes()[0]
    assert np.allclose(motion(weak).tongue, 0.75 * tongue_of_segments(THEL, FRAMES), atol=1e-6)


@pytest.mark.parametrize("group", [group for group in GROUPS if group not in LIP_GROUPS])
def test_other_groups_sampled_again_keep_the_tongue_to_the_bit(spoken, group) -> None:
    again = run(Resample(job=spoken.job, take=spoken.index, renew=(group,), device="cpu")).takes()[0]
    assert np.array_equal(motion(again).tongue, motion(spoken).tongue)


def test_lips_sampled_again_bring_the_tongue_of_the_sound_in_their_range_only(spoken) -> None:
    request = Resample(job=spoken.job, take=spoken.index, renew=("lips",), first_frame=10, last_frame=19, device="cpu")
    tongue = motion(run(request).takes()[0]).tongue
    assert not tongue[10:20].any(), "the sound is silent"
    assert np.array_equal(np.delete(tongue, range(10, 20), 0), np.delete(motion(spoken).tongue, range(10, 20), 0))


def test_frames_of_another_motion_keep_its_tongue(spoken, tmp_path) -> None:
    wagging = Motion.from_channels(motion(spoken).channels(), tongue=np.random.default_rng(0).random((FRAMES, 2)))
    wagging.save(tmp_path / "edited.npz")
    take = run(Render(job=spoken.job, take=1, motion=str(tmp_path / "edited.npz"), device="cpu")).takes()[0]
    assert np.array_equal(motion(take).tongue, wagging.tongue)
