"""Filmed pairs: which frames are chosen, which clips belong to which set, and runs of neighbouring frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.motion.channels import EXPRESSIONS
from tests.training.corpus.pairs.made_up_pairs import made_up
from training.common.splits import generator_split
from training.corpus.pairs import films, sets
from training.corpus.pairs.dataset import ReenactmentPairs
from training.corpus.pairs.films import ClipFrames, blinks, peaks, sittings, truth_frames
from training.corpus.pairs.pair import Pair
from training.corpus.pairs.sets import BLINKS, OPEN_MOUTHS, PairSet
from training.corpus.pairs.store import write_pairs


def film_pair(number: int, frame: int, talker: str = "s1", source: int = 0) -> Pair:
    pair = made_up("films", number)
    facts = {"name": f"{talker}_a", "source": str(source), "clip": f"{talker}_a", "frame": str(frame)}
    return replace(pair, facts=pair.facts | facts)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Frames 3 to 6 of one source, 7 of another one, 9 to 11 of another talker, and a portrait."""
    pairs = [film_pair(k, frame) for k, frame in enumerate((3, 4, 5, 6))] + [film_pair(4, 7, source=1)]
    pairs += [film_pair(k, frame, "s4") for k, frame in ((5, 9), (6, 10), (7, 11))]
    write_pairs(tmp_path / "films" / "train" / "0000.safetensors", pairs, {})
    write_pairs(tmp_path / "portraits" / "train" / "0000.safetensors", [made_up("portraits", 9)], {})
    return tmp_path


def test_runs_are_neighbouring_frames_of_one_source(folder: Path):
    pairs = ReenactmentPairs.open(folder)
    assert [pairs.facts(i)["frame"] for i in pairs.runs] == ["4", "5", "10"]
    drawn = [pairs.run(np.random.default_rng(seed)) for seed in range(20)]
    found = {tuple(facts["frame"] for facts in run.facts) for run in drawn if run is not None}
    assert found == {("3", "4", "5"), ("4", "5", "6"), ("9", "10", "11")}
    assert ReenactmentPairs.open(folder, kinds=("portraits",)).run(np.random.default_rng(0)) is None


def test_a_set_holds_the_talkers_and_moments_that_it_names(folder: Path, monkeypatch: pytest.MonkeyPatch):
    assert len(PairSet("films", ("train", "unseen")).pairs(folder, 100)) == 8
    of_s4 = PairSet("films", ("train",), ("s4",)).pairs(folder, 100)
    assert [pair.facts["frame"] for pair in of_s4] == ["9", "10", "11"]
    assert [pair.facts["frame"] for pair in PairSet("films", ("train",)).pairs(folder, 2)] == ["3", "11"]
    runs = PairSet("films", ("train",), ("s4",)).runs(folder, 5)
    assert [[pair.facts["frame"] for pair in run] for run in runs] == [["9", "10", "11"]]
    assert PairSet("films", ("test",)).pairs(folder, 5) == []


def test_blinks_and_open_mouths_are_told_by_lids_and_lips():
    pair = made_up("films", 0)
    pair.expression[:] = 0
    pair.landmarks[:] = 0
    pair.landmarks[263] = 100, 0  # the outer corners of the eyes are 100 pixels apart
    assert not sets.shows(pair, BLINKS) and not sets.shows(pair, OPEN_MOUTHS)
    pair.expression[[EXPRESSIONS.index(f"eyeBlink_{side}") for side in "LR"]] = 0.5
    assert sets.shows(pair, BLINKS) and not sets.shows(pair, OPEN_MOUTHS)
    pair.landmarks[[87, 14, 317]] = 0, 20  # the lower lip
    assert sets.shows(pair, OPEN_MOUTHS)


def test_every_reported_set_is_held_out():
    splits = {split for kind in sets.SETS.values() for of_set in kind.values() for split in of_set.splits}
    assert "train" not in splits
    assert all(of_set.splits == ("validation",) for of_set in sets.VALIDATION.values())


def test_a_blink_reaches_from_open_to_open():
    lids = np.array([1, 1, 0.9, 0.6, 0.2, 0.1, 0.5, 0.9, 1, 1, 1, 1, 0.7, 1])
    assert blinks(lids) == [range(2, 8)]
    always = np.full(30, 0.3)
    assert all(len(blink) <= 2 * films.REACH + 1 for blink in blinks(always)) and blinks(always)
    assert blinks(np.ones(20)) == []


def test_peaks_keep_their_distance():
    values = np.zeros(30)
    values[[4, 6, 20]] = 3, 2, 1
    assert peaks(values, 2) == [4, 20]
    assert len(peaks(np.ones(7), 5)) == 2


def test_truths_are_runs_around_the_moments_that_change_most():
    rng = np.random.default_rng(0)
    landmarks = np.zeros((60, 478, 3), np.float32)
    landmarks[50] = 9
    opening, width, lids = np.zeros(60), np.ones(60), np.ones(60)
    opening[10], opening[30], width[40], width[45], lids[20] = 1, 0.9, 2, 0.5, 0.1
    clip = ClipFrames("s1_a", np.zeros((60, 1, 1, 3), np.uint8), landmarks, opening, width, lids)
    chosen = truth_frames(clip, 11, rng)
    assert list(chosen) == sorted(chosen) and 11 not in chosen
    for middle, what in ((30, "wide mouth"), (40, "broadest mouth"), (45, "narrowest mouth"), (50, "farthest")):
        assert [chosen[i] for i in (middle - 1, middle, middle + 1)] == [what] * 3
    assert {chosen[i] for i in (19, 20, 21)} == {"blink"}


def test_sources_of_a_talker_take_turns_over_his_clips(tmp_path: Path):
    for talker, names in (("s1", "abcdefgh"), ("s4", "abcd")):
        for name in names:
            path = tmp_path / "grid" / talker / f"{name}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    (tmp_path / "addresses").mkdir()
    for number in (1, 2, 8):
        (tmp_path / "addresses" / f"president_0{number}.mp4").touch()
    found = {part: sittings(tmp_path, part) for part in ("train", "validation", "test", "unseen")}
    for part, of_part in found.items():
        assert all(generator_split(film.name) == part for film, _, _ in of_part.values())
    train = found["train"]
    per_clip = [film.name for film, _, _ in train.values()]
    assert {per_clip.count(name) for name in per_clip} == {films.SOURCES_OF_CLIP}
    assert all(other is None for film, other, _ in train.values() if film.corpus == "addresses")
    assert all(
        other is not None and other.name != film.name for film, other, _ in train.values() if film.name[:2] == "s1"
    )
