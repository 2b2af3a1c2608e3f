"""From probabilities to a mask: hysteresis, soft edges, and what counts only near sure speech."""

from __future__ import annotations

import numpy as np
import pytest

from core.sound.presence import (
    HANG_SECONDS,
    LEAD_SECONDS,
    NEAR_SECONDS,
    of_frames,
    per_sample,
    presence,
    step_rms,
)
from core.sound.speech_detector import STEP, STEPS_PER_SECOND

COUNT = 400
LEAD, HANG = (round(seconds * STEPS_PER_SECOND) for seconds in (LEAD_SECONDS, HANG_SECONDS))


def curve(*parts: tuple[int, int, float]) -> np.ndarray:
    out = np.zeros(COUNT)
    for first, last, value in parts:
        out[first:last] = value
    return out


def mask(known: np.ndarray, fresh: np.ndarray | None = None) -> np.ndarray:
    return presence(np.stack([known, known if fresh is None else fresh]))


def test_sure_speech_has_soft_edges_before_and_after() -> None:
    found = mask(curve((100, 150, 1.0)))
    assert np.all(found[100:150] == 1.0)
    assert np.all(found[: 100 - LEAD - 5] == 0.0) and np.all(found[150 + HANG + 5 :] == 0.0)
    assert np.all(np.abs(np.diff(found)) < 0.3)
    assert found[100 - LEAD // 3] == 1.0 and found[150 + HANG // 2] == 1.0


def test_speech_stays_while_it_is_not_sure_any_more() -> None:
    assert np.all(mask(curve((100, 130, 1.0), (130, 200, 0.2)))[100:200] == 1.0)


def test_what_is_only_likely_counts_near_sure_speech() -> None:
    assert not mask(curve((100, 130, 0.5))).any()
    near = 130 + round(0.7 * NEAR_SECONDS * STEPS_PER_SECOND)
    assert mask(curve((100, 130, 1.0), (near, near + 9, 0.5)))[near + 8] == 1.0
    assert mask(curve((100, 130, 1.0), (250, 259, 0.5)))[254] == 0.0


def test_fresh_probabilities_count_only_near_sure_speech() -> None:
    sure = curve((100, 150, 1.0))
    assert not mask(curve(), curve((0, COUNT, 1.0))).any()
    found = mask(sure, sure + curve((80, 100, 0.6), (300, 330, 0.6)))
    assert found[80] == 1.0 and not found[300:330].any()


def test_in_a_short_sound_what_is_likely_is_enough() -> None:
    likely = np.full(40, 0.5)
    assert presence(np.stack([likely, likely])).min() == 1.0
    assert presence(np.zeros((2, 0))).shape == (0,)


@pytest.mark.parametrize("count", [1, 511, 512, 513, 5000])
def test_curves_of_steps_become_samples_and_frames(count: int) -> None:
    rms = step_rms(np.full(count, 0.5, np.float32))
    assert len(rms) == -(-count // STEP)
    whole = per_sample(rms, 0, count)
    assert len(whole) == count
    assert np.array_equal(np.concatenate([whole[:300], per_sample(rms, min(300, count), count)])[:count], whole)
    assert of_frames(rms, 7).shape == (7,)
