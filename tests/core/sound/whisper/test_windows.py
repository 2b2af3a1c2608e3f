"""Windows of a long sound: they keep every frame once, and hear enough around what they keep."""

from __future__ import annotations

import itertools

import pytest

from core.sound.whisper.encoder import OUTPUTS_PER_FRAME, WhisperConfig
from core.sound.whisper.windows import MARGIN_FRAMES, STEP_FRAMES, windows

STEPS = [(STEP_FRAMES, MARGIN_FRAMES), (10, 3), (1, 0), (7, 20)]
LONGEST = STEP_FRAMES + 2 * MARGIN_FRAMES


@pytest.mark.parametrize(("step", "margin"), STEPS)
@pytest.mark.parametrize("frames", [0, 1, 9, 16, 17, 35, 500, 501, 1200, 4000])
def test_every_frame_is_kept_once_in_order(frames: int, step: int, margin: int) -> None:
    kept = [range(window.first, window.last) for window in windows(frames, step, margin)]
    assert list(itertools.chain(*kept)) == list(range(frames))
    assert all(len(part) > 0 for part in kept)


@pytest.mark.parametrize(("step", "margin"), STEPS)
@pytest.mark.parametrize("frames", [17, 501, 1200, 4000])
def test_a_margin_is_heard_on_both_sides_unless_the_sound_ends(frames: int, step: int, margin: int) -> None:
    for window in windows(frames, step, margin):
        assert window.begin == max(0, window.first - margin)
        assert window.end == min(frames, window.last + margin)
        assert window.end - window.begin <= step + 2 * margin


def test_a_short_sound_is_heard_as_a_whole_and_a_longer_one_in_parts() -> None:
    (whole,) = windows(LONGEST)
    assert (whole.begin, whole.end, whole.first, whole.last) == (0, LONGEST, 0, LONGEST)
    assert len(list(windows(LONGEST + 1))) == 2
    assert not list(windows(0))


def test_no_window_is_longer_than_the_encoder_hears() -> None:
    longest = max(w.end - w.begin for frames in (499, 500, 501, 900, 3000) for w in windows(frames))
    assert longest == LONGEST
    for config in (WhisperConfig(), WhisperConfig.tiny()):
        assert OUTPUTS_PER_FRAME * longest <= config.longest
