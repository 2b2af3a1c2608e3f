"""The recordings that the lip model learns from: which are held out, and what is known of each."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.phones.phone_set import PHONES, Segment
from core.sound.audio import load_audio
from core.sound.mel import log_mel
from core.sound.whisper.front_end import SILENCE, whisper_mel
from training.common.splits import VALIDATION_TALKERS, lips_split
from training.lips import data as lips_data
from training.lips import train as lips_train
from training.lips.data import filmed_utterances, grid_utterances, quiet_utterances, recorded_utterances
from training.lips.hearing import Version
from training.speech import phones
from training.speech.visemes import hand_targets

NAMES = {
    "grid": [*(f"s1_bbaf{digit}n" for digit in "123456789z"), "s1_lgwm5a", "s4_bbaf2a", "s4_swwz3p"],
    "talkers": ["s2_bbaf2n", "s5_lgwm5a", "s32_bbaf2n", "s33_swwz3p", "s34_lgwm5a"],
    "addresses": [f"president_{number:02d}" for number in range(1, 9)],
}


class Ear:
    """Hears nothing, and remembers what it was asked for."""

    def __init__(self, *_: object) -> None:
        self.asked: list[tuple[str, str, int]] = []

    def versions(self, path: Path, corpus: str, frames: int) -> tuple[Version, ...]:
        self.asked.append((path.stem, corpus, frames))
        return (Version(np.zeros((2 * frames, 4), np.float16), 1.0),)

    def version_of(self, mel: np.ndarray) -> Version:
        return Version(mel[::2], 1.0)


class Eye:
    """Sees the number of each frame, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def f_v(self, track: Path, corpus: str) -> np.ndarray:
        self.asked.append((track.stem, corpus))
        return np.arange(75, dtype=np.float16)[:, None]


@pytest.fixture
def tracks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracks of all corpora, without sound."""
    monkeypatch.setattr(lips_data.folders, "TRACKS", tmp_path)
    monkeypatch.setattr(phones, "CACHE", tmp_path / "phones")
    silence = np.zeros((300, 80), np.float16)
    monkeypatch.setattr(lips_data, "_sound", lambda path, corpus, frames=None: (silence, silence))
    for corpus, names in NAMES.items():
        (tmp_path / corpus).mkdir()
        for name in names:
            fields = {"expression": np.zeros((75, 53), np.float32), "opening": np.zeros(75, np.float32)}
            np.savez(tmp_path / corpus / f"{name}.npz", **fields)


def test_every_filmed_clip_has_one_part(tracks: None) -> None:
    parts = {which: [u.name for u in filmed_utterances(which)] for which in ("train", "test", "validation")}
    assert sorted(chain(*parts.values())) == sorted(chain(*NAMES.values()))
    assert parts["validation"] == [*NAMES["talkers"][2:], *NAMES["addresses"]]
    assert all(lips_split(name) == which for which, names in parts.items() for name in names)
    assert {"s2_bbaf2n", "s5_lgwm5a"} <= set(parts["train"]) and parts["test"]


def test_no_held_out_talker_or_clip_trains(tracks: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The whole corpus of a run is made, with an ear and an eye that remember what they hear and see."""
    ear, eye = Ear(), Eye()
    monkeypatch.setattr(lips_train, "Hearing", lambda data: ear)
    monkeypatch.setattr(lips_data, "SPEECH", tmp_path / "none")
    monkeypatch.setattr(lips_train, "viseme_table", lambda clips: hand_targets())
    corpus = lips_train.load_corpus(tmp_path / "none", eye)
    filmed = [u for u in corpus if u.source == "grid"]
    assert filmed and {u.name for u in filmed} == {name for name, _, _ in ear.asked}
    assert {u.name for u in filmed} == {name for name, _ in eye.asked}
    assert all((u.f_v is not None) == (u.source == "grid") for u in corpus)
    assert {lips_split(u.name) for u in filmed} == {"train"}
    assert not [u for u in filmed if u.name.split("_")[0] in VALIDATION_TALKERS]
    assert {u.name.split("_")[0] for u in filmed} >= {"s1", "s2", "s5"}
    assert all(u.versions for u in corpus) and {u.source for u in corpus} == {"grid", "quiet"}


def test_nobody_is_seen_unless_asked_for(tracks: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """E_v is trained after the lips, so the lips do without it, unless L_cl is wanted."""
    monkeypatch.setattr(lips_train, "Hearing", lambda data: Ear())
    monkeypatch.setattr(lips_data, "SPEECH", tmp_path / "none")
    monkeypatch.setattr(lips_train, "viseme_table", lambda clips: hand_targets())
    corpus = lips_train.load_corpus(tmp_path / "none")
    assert all(u.f_v is None for u in corpus) and any(u.source == "grid" for u in corpus)


def test_faces_are_seen_when_their_sound_is_heard(tracks: None, tmp_path: Path) -> None:
    """The sound of an address may be late; then the face of an earlier frame belongs to it."""
    late = {"president_03": 0.08}
    (tmp_path / "addresses" / "sound_offsets.json").write_text(json.dumps(late))
    clips = {u.name: u.f_v for u in filmed_utterances("validation", None, Eye())}
    assert clips["president_03"] is not None and clips["president_03"][:, 0].tolist() == [0, 0, *range(73)]
    assert clips["president_04"] is not None and clips["president_04"][:, 0].tolist() == list(range(75))


def test_the_talkers_of_other_networks_are_split_as_before(tracks: None) -> None:
    parts = {which: {u.name for u in grid_utterances(which)} for which in ("train", "test", "unseen")}
    assert set.union(*parts.values()) == set(NAMES["grid"]) and sum(map(len, parts.values())) == len(NAMES["grid"])
    assert parts["unseen"] == {"s4_bbaf2a", "s4_swwz3p"}


def test_a_recording_has_both_spectrograms_phones_and_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phones, "CACHE", tmp_path / "phones")
    monkeypatch.setattr(lips_data, "SOUNDS", tmp_path / "sounds")
    (tmp_path / "speech").mkdir()
    name = next(f"{n}-1-0" for n in range(100) if lips_data.split(f"{n}-1-0") == "train")
    held_out = next(f"{n}-1-0" for n in range(100) if lips_data.split(f"{n}-1-0") == "test")
    unheard = name.replace("-1-0", "-1-1")
    for stem in (name, held_out, unheard):
        noise = np.random.default_rng(0).normal(0, 0.1, 32_000)
        soundfile.write(tmp_path / "speech" / f"{stem}.flac", noise, 16_000)
    segments = [Segment("B", 0.2, 0.3), Segment("AA", 0.3, 0.6)]
    for stem in (name, held_out):
        phones.save(tmp_path / "phones" / "speech" / f"{stem}.json", segments, "")
    ear = Ear()
    for _ in range(2):  # the second time from the cache
        (found,) = recorded_utterances(tmp_path, hand_targets(), False, ear)
        samples = load_audio(tmp_path / "speech" / f"{name}.flac").samples
        assert (found.name, found.source, found.frames, found.opening) == (name, "recorded", 50, None)
        np.testing.assert_allclose(found.mel, log_mel(samples, 50), atol=5e-3)
        np.testing.assert_allclose(found.whisper_mel, whisper_mel(samples, 50), atol=5e-3)
        assert (found.phones[20:30] == PHONES.index("B")).all() and (found.phones[30:60] == PHONES.index("AA")).all()
        assert len(found.versions) == 1 and ear.asked[-1] == (name, "speech", 50)
    assert [u.name for u in recorded_utterances(tmp_path, hand_targets(), True)] == [held_out]


def test_quiet_rooms_rest() -> None:
    rooms = quiet_utterances(8, 0, Ear())
    assert len(rooms) == 8 and all(u.source == "quiet" and u.frames == 100 for u in rooms)
    assert not any(u.mouth.any() or u.phones.any() or u.gestures.any() for u in rooms)
    assert all(np.allclose(rooms[k].whisper_mel, SILENCE, atol=1e-3) for k in (0, 4))
    assert max(float(u.whisper_mel.max()) for u in rooms) > SILENCE + 0.2
    assert all(np.allclose(u.versions[0].heard, u.whisper_mel[::2], atol=2e-3) for u in rooms)
    other = quiet_utterances(8, 1)
    assert not np.array_equal(other[1].mel, rooms[1].mel) and other[1].versions == ()
