"""Resample: the frames of a range; the rest of the take stays bit-identical."""

import bpy
import numpy as np
import pytest
from soliloquy.addon import compat
from soliloquy.addon.animation.motion_file import load_motion
from soliloquy.addon.sequencer import ranges, strips
from soliloquy.addon.sequencer.timing import Timing
from soliloquy.core.errors import BadInputError
from soliloquy.core.motion.channels import CHANNELS, GROUPS

WORDS = {"PREVIEW": "preview range", "MARKERS": "markers", "STRIP": "strip", "FRAMES": "comes before"}


@pytest.fixture
def taken(scene, sound, portrait, speaks):
    """A scene with one take of two seconds from scene frame 11 on."""
    from soliloquy.addon.sequencer import speech

    scene.soliloquy.portrait_file = str(portrait())
    spoken = speech.Speech(sound, 0.0, None, 11, "", 1)
    speaks(spoken)
    assert bpy.ops.soliloquy.generate() == {"FINISHED"}
    return scene


def channels_of(take):
    loaded = load_motion(take.path() / "motion.npz")
    return np.concatenate([loaded.expression, loaded.rotation, loaded.translation], axis=1)


def set_range(scene, kind):
    """Scene frames 21 to 30, chosen in each of the ways."""
    scene.soliloquy.range_kind = kind
    if kind == "PREVIEW":
        scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 21, 30
    elif kind == "MARKERS":
        for frame in (21, 30):
            scene.timeline_markers.new(str(frame), frame=frame).select = True
    elif kind == "STRIP":
        strip = strips.find_strip(scene, scene.soliloquy.takes[0].image_strip)
        compat.set_handles(strip, 21, 31)
    else:
        scene.soliloquy.range_first, scene.soliloquy.range_last = 21, 30


@pytest.mark.parametrize("kind", ["PREVIEW", "MARKERS", "STRIP", "FRAMES"])
def test_only_the_chosen_groups_in_the_chosen_range_change(taken, kind):
    set_range(taken, kind)
    taken.soliloquy.renew = {"head", "blink"}
    assert bpy.ops.soliloquy.resample() == {"FINISHED"}
    old, new = (channels_of(take) for take in taken.soliloquy.takes)
    columns = [name in GROUPS["head"] + GROUPS["blink"] for name in CHANNELS]
    free = np.zeros(old.shape, bool)
    free[10:20, columns] = True
    assert np.array_equal(new[~free], old[~free]), "bit-identical"
    assert (new[10:20, -6:] != old[10:20, -6:]).all()
    assert taken.soliloquy.takes[1].note == "Take 1 with new blink, head, frames 21–30"
    assert len(taken.soliloquy.takes) == 2, "the old one is still there"


def test_between_the_markers_around_the_playhead(scene):
    for frame in (5, 40, 80):
        scene.timeline_markers.new(str(frame), frame=frame).select = False
    scene.frame_current = 50
    assert ranges.scene_frames(scene, "MARKERS", "", (0, 0)) == (40, 79)


@pytest.mark.parametrize("kind", ["PREVIEW", "MARKERS", "STRIP", "FRAMES"])
def test_a_missing_range_is_reported(scene, kind):
    with pytest.raises(BadInputError) as raised:
        ranges.scene_frames(scene, kind, "", (9, 3))
    assert WORDS[kind] in str(raised.value) and raised.value.hint


@pytest.mark.parametrize(("rate", "first", "last"), [(25.0, 21, 30), (24.0, 30, 41), (60.0, 11, 11), (30.0, 5, 500)])
def test_take_frames_are_those_heard_in_the_scene_frames(rate, first, last):
    timing = Timing(11.0, rate)
    try:
        start, end = ranges.take_frames(timing, 50, first, last)
    except BadInputError:
        pytest.fail("the range is part of the take")
    heard = [
        i for i in range(50) if timing.seconds(first) <= i / 25 + 1e-9 and i / 25 < timing.seconds(last + 1) - 1e-9
    ]
    assert (start, end) == (heard[0], heard[-1])


def test_a_range_outside_the_take_is_reported():
    with pytest.raises(BadInputError, match="not part of the take") as raised:
        ranges.take_frames(Timing(11.0, 25.0), 50, 100, 120)
    assert "11 to 60" in raised.value.hint


def test_nothing_to_resample_is_reported(taken):
    taken.soliloquy.renew = set()
    assert not bpy.ops.soliloquy.resample.poll()
