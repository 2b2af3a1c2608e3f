"""Frames of a take on the scene's timeline: in sync at any rate, for any length."""

import math

import pytest
from soliloquy.addon.sequencer.timing import Timing, scene_rate

RATES = {
    "23.976": scene_rate(24, 1.001),
    "24": 24.0,
    "25": 25.0,
    "29.97": scene_rate(30, 1.001),
    "30": 30.0,
    "50": 50.0,
    "59.94": scene_rate(60, 1.001),
    "60": 60.0,
    "12.5": 12.5,
}
HOUR = 25 * 3600


@pytest.mark.parametrize("rate", RATES.values(), ids=RATES.keys())
@pytest.mark.parametrize("origin", [1.0, 250.0, -13.0, 100.4])
def test_pictures_stay_in_sync_for_an_hour(rate, origin):
    """The middle of each scene frame lies within the take frame that is shown, so no picture is over 20 ms off."""
    timing = Timing(origin, rate)
    first, length = timing.first_frame(), timing.scene_frames(HOUR)
    assert length == math.floor(3600 * rate + 0.5)
    for frame in [*range(first, first + 100), first + length // 3, *range(first + length - 100, first + length)]:
        middle = (frame + 0.5 - origin) / rate
        shown = timing.take_frame(frame, HOUR)
        nearest = min(max(middle, 0.0), 3600 - 1e-9)
        # The take's frame i belongs to [i / 25, (i + 1) / 25). A strip may begin up to half a frame early: clamped.
        assert shown / 25 - 1e-9 <= nearest < (shown + 1) / 25 + 1e-9


def test_at_25_frames_each_is_shown_once():
    timing = Timing(40.0, 25.0)
    assert [timing.take_frame(40 + k, 30) for k in range(30)] == list(range(30))
    assert timing.scene_frames(30) == 30


def test_at_60_frames_each_is_shown_two_or_three_times():
    timing = Timing(1.0, 60.0)
    shown = [timing.take_frame(1 + k, 250) for k in range(timing.scene_frames(250))]
    assert len(shown) == 600
    assert sorted({shown.count(i) for i in range(250)}) == [2, 3]


def test_a_very_short_take_has_a_frame():
    assert Timing(1.0, 24.0).scene_frames(1) == 1
    assert Timing(1.0, 5.0).scene_frames(1) == 1
