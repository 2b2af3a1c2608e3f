"""Splits: fixed, disjoint, of about the promised sizes, and the same as those of all earlier trainings."""

from __future__ import annotations

import numpy as np
import pytest

from training.common.splits import (
    FIRST_HELD_OUT_SEED,
    HELD_OUT_PORTRAITS,
    HELD_OUT_SHARE,
    HELD_OUT_VOICES,
    generator_portrait_split,
    generator_split,
    identity_seed,
    judge_split,
    lips_split,
    portrait_split,
    split,
    talker_split,
    text_split,
    voice_split,
)
from training.speech import synthesis as speech_synthesis

EARLIER = {"bbaf2n": "test", "bbal6n": "test", "bbal7s": "test", "bbaz7a": "test", "bbaf3s": "train", "bbaf5a": "train"}
NAMES = [f"s1_clip{index:04d}" for index in range(3000)]


def test_clips_held_out_by_the_first_release_stay_held_out() -> None:
    """Names and their splits, recorded when the first weights were trained."""
    assert [split(f"address_{i:02d}") for i in (1, 9, 10)] == ["train", "train", "test"]
    assert [split(f"s1_{name}") for name in EARLIER] == list(EARLIER.values())


@pytest.mark.parametrize(
    ("part_of", "share"),
    [
        (split, HELD_OUT_SHARE),
        (portrait_split, HELD_OUT_PORTRAITS),
        (text_split, HELD_OUT_SHARE),
    ],
)
def test_shares_are_as_promised(part_of, share) -> None:
    parts = [part_of(name) for name in NAMES]
    assert set(parts) == {"train", "test"}
    assert abs(np.mean([part == "test" for part in parts]) - share) < 0.02
    assert parts == [part_of(name) for name in NAMES]


def test_splits_are_drawn_independently() -> None:
    """A name that is held out in one split is held out in another no more often than by chance."""
    both = np.mean([split(name) == "test" and portrait_split(name) == "test" for name in NAMES])
    assert abs(both - HELD_OUT_SHARE * HELD_OUT_PORTRAITS) < 0.01


def test_judge_never_trains_on_held_out_clips() -> None:
    for name in [*NAMES, "s4_bbaf2a"]:
        part = judge_split(name)
        assert (part in ("train", "tune")) == (split(name) == "train")
    tuning = np.mean([judge_split(name) == "tune" for name in NAMES if split(name) == "train"])
    assert abs(tuning - HELD_OUT_SHARE) < 0.02
    assert judge_split("s1_clip0001-00012") == judge_split("s1_clip0001-00512")


def test_corpora_of_many_talkers_keep_some_of_them_apart() -> None:
    talkers = [f"id{index:05d}" for index in range(2000)]
    parts = {talker: {talker_split(f"{talker}_{clip:05d}", talker, 2000) for clip in range(30)} for talker in talkers}
    unseen = [talker for talker in talkers if parts[talker] == {"unseen"}]
    assert abs(len(unseen) / 2000 - HELD_OUT_SHARE) < 0.02
    assert all("unseen" not in parts[talker] for talker in set(talkers) - set(unseen))
    assert talker_split("s1_a", "s1", 2) == split("s1_a") and talker_split("s4_a", "s4", 2) == "unseen"


def test_lips_are_trained_on_most_talkers_and_chosen_on_others() -> None:
    chosen_on = ["s32_sbwe5n", "s33_bwwy3s", "s34_lbwh5n", *(f"president_{i:02d}" for i in range(1, 9))]
    assert {lips_split(name) for name in chosen_on} == {"validation"}
    for talker in ("s1", "s4"):
        clips = [f"{talker}_clip{index:04d}" for index in range(2000)]
        parts = [lips_split(name) for name in clips]
        assert abs(np.mean([part == "test" for part in parts]) - HELD_OUT_SHARE) < 0.03
        assert {"train", "test"} == set(parts)
    held_out = [name for name in NAMES if split(name) == "test"]
    assert {lips_split(name) for name in held_out} == {"test"}  # no clip that earlier lips were measured on is trained
    assert {lips_split(f"s5_clip{index}") for index in range(200)} == {"train"}
    assert split("s4_bbaf2a") == "unseen"  # to all other networks


def test_the_generator_is_trained_on_most_talkers_and_chosen_on_others() -> None:
    assert {generator_split(f"s5_clip{index}") for index in range(200)} == {"train"}
    assert {generator_split(f"{talker}_a") for talker in ("s33", "s34")} == {"unseen"}
    assert generator_split("s32_sbwe5n") == "validation"
    addresses = [generator_split(f"president_0{i}-00012") for i in range(1, 9)]
    assert addresses == ["train"] * 4 + ["test"] * 4
    for talker, share in (("s1", HELD_OUT_SHARE), ("s4", 4 * HELD_OUT_SHARE)):
        parts = [generator_split(f"{talker}_clip{index:04d}") for index in range(3000)]
        for part in ("validation", "test"):
            assert abs(np.mean([p == part for p in parts]) - share / 2) < 0.03
    held_out = [name for name in NAMES if split(name) == "test"]
    assert "train" not in {generator_split(name) for name in held_out}  # as for earlier ones


def test_the_generators_portraits_halve_the_held_out_ones() -> None:
    parts = [generator_portrait_split(name) for name in NAMES]
    for name, part in zip(NAMES, parts, strict=True):
        assert (part == "train") == (portrait_split(name) == "train")
    for part in ("validation", "test"):
        assert abs(np.mean([p == part for p in parts]) - HELD_OUT_PORTRAITS / 2) < 0.02


def test_identities_of_training_and_test_never_meet() -> None:
    rng = np.random.default_rng(0)
    train = [identity_seed(rng, "train") for _ in range(200)]
    test = [identity_seed(rng, "test") for _ in range(200)]
    assert max(train) < FIRST_HELD_OUT_SEED <= min(test)
    with pytest.raises(ValueError, match="'tune'"):
        identity_seed(rng, "tune")


def test_voices_and_texts() -> None:
    voices = [voice.name for voice in speech_synthesis.VOICES]
    assert {name for name in voices if voice_split(name) == "test"} == set(HELD_OUT_VOICES)
    assert text_split("Place  red at C nine") == text_split("place red at c nine")
