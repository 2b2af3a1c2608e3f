"""The same speech in another place: each change does what it says."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import soundfile

from core.places import ROOT
from training.speech.places import clipped, coloured_noise, elsewhere, faster, reverberated, with_sound

RATE = 16_000


def speech(seconds: float = 3.0) -> np.ndarray:
    path = ROOT / "tools" / "assets" / "demo_speech.flac"
    return soundfile.read(path, dtype="float32", frames=int(seconds * RATE))[0]


def rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


def share_between(sound: np.ndarray, low: float, high: float) -> float:
    """Share of the power between two frequencies."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    places = np.fft.rfftfreq(len(sound), 1 / RATE)
    return float(power[(places >= low) & (places < high)].sum() / power.sum())


@pytest.mark.parametrize("db", [-5.0, 0.0, 12.0])
def test_another_sound_has_the_level_that_is_asked(db: float) -> None:
    voice, hum = speech(), np.sin(2 * np.pi * 100 * np.arange(5000) / RATE)
    out = with_sound(voice, hum, db)
    assert out.dtype == np.float32 and out.shape == voice.shape
    assert 20 * np.log10(rms(voice) / rms(out - voice)) == pytest.approx(db, abs=0.05)
    added = out - voice
    np.testing.assert_allclose(added[:5000], added[5000:10000], atol=1e-5)  # it begins again
    assert np.array_equal(with_sound(voice, np.zeros(10), db), voice)


@pytest.mark.parametrize("share", [0.001, 0.02, 0.15])
def test_clipping_cuts_off_the_share_that_is_asked(share: float) -> None:
    voice = speech()
    out = clipped(voice, share)
    limit = np.abs(out).max()
    assert (np.abs(voice) > limit).mean() == pytest.approx(share, rel=0.05)
    inside = np.abs(voice) < limit
    assert np.array_equal(out[inside], voice[inside]) and np.array_equal(np.sign(out), np.sign(voice))


@pytest.mark.parametrize(("seconds", "share"), [(0.2, 0.1), (0.8, 0.6)])
def test_reverberation_keeps_the_onset_and_fades(seconds: float, share: float) -> None:
    click = np.zeros(2 * RATE, np.float32)
    click[1000] = 1.0
    out = reverberated(click, seconds, share, np.random.default_rng(0))
    assert out.shape == click.shape and out.dtype == np.float32
    assert np.abs(out[:1000]).max() < 1e-5 and out[1000] == pytest.approx(1.0, abs=1e-4)
    assert np.abs(out[1001:1080]).max() < 1e-5, "the room answers after 5 ms"
    tail = out[1001:].astype(float)
    assert np.square(tail).sum() == pytest.approx(share, rel=0.01)
    count = int(seconds * RATE)
    assert np.abs(tail[count:]).max() < 1e-5
    early, late = rms(tail[count // 4 : count // 2]), rms(tail[3 * count // 4 : count])
    assert 20 * np.log10(early / late) == pytest.approx(30.0, abs=4.0)


@pytest.mark.parametrize("speed", [0.84, 1.0, 1.2])
def test_another_speed_changes_tempo_and_pitch_together(speed: float) -> None:
    tone = np.sin(2 * np.pi * 500 * np.arange(2 * RATE) / RATE).astype(np.float32)
    out = faster(tone, speed)
    assert out.dtype == np.float32 and len(out) == pytest.approx(len(tone) / speed, abs=1)
    pitch = np.abs(np.fft.rfft(out)).argmax() * RATE / len(out)
    assert pitch == pytest.approx(500 * speed, abs=2)


def test_noise_falls_by_zero_to_nine_db_an_octave() -> None:
    slopes = []
    for seed in range(40):
        noise = coloured_noise(4 * RATE, np.random.default_rng(seed))
        assert noise.shape == (4 * RATE,)
        frequencies, power = scipy.signal.welch(noise, RATE, nperseg=2048)
        kept = (frequencies > 100) & (frequencies < 6000)
        slopes.append(np.polyfit(np.log2(frequencies[kept]), 10 * np.log10(power[kept]), 1)[0])
    assert -9.5 < min(slopes) < -7.0 and -2.0 < max(slopes) < 0.5


class Chosen:
    """Instead of a generator: takes the steps of ``elsewhere`` that a test asks for."""

    def __init__(
        self, kind: str, *, room: bool = False, filtered: bool = False, telephone: bool = False, clipping: bool = False
    ) -> None:
        self._kind = kind
        self._steps = iter([room, filtered, telephone, clipping])
        self._rng = np.random.default_rng(0)

    def random(self) -> float:
        return 0.0 if next(self._steps) else 0.99

    def choice(self, values, p=None) -> str:
        return self._kind if p is not None else self._rng.choice(values)

    def __getattr__(self, name: str):
        return getattr(self._rng, name)


def test_nothing_chosen_changes_nothing() -> None:
    assert np.array_equal(elsewhere(speech(), [speech()], Chosen("none")), speech())


def test_a_telephone_has_its_band() -> None:
    out = elsewhere(speech(), [], Chosen("none", telephone=True))
    assert share_between(out, 280, 3500) > 0.95
    assert share_between(out, 4500, 8001) < 0.01 and share_between(out, 0, 150) < 0.01
    assert share_between(speech(), 0, 250) > 0.05


@pytest.mark.parametrize("kind", ["noise", "babble", "music"])
def test_other_sounds_are_added_to_the_speech(kind: str) -> None:
    voice = speech()
    out = elsewhere(voice, [speech(1.0)[::-1], speech(2.0)], Chosen(kind))
    added = out - voice
    ratio = 20 * np.log10(rms(voice) / rms(added))
    low, high = {"noise": (0.0, 30.0), "babble": (-6.0, 12.0), "music": (-3.0, 18.0)}[kind]
    assert low - 0.1 <= ratio <= high + 0.1 and out.shape == voice.shape


@pytest.mark.parametrize("step", ["room", "filtered", "clipping"])
def test_rooms_and_microphones_change_the_speech_but_not_its_times(step: str) -> None:
    voice = speech()
    out = elsewhere(voice, [], Chosen("none", **{step: True}))
    assert not np.array_equal(out, voice) and out.shape == voice.shape and out.dtype == np.float32
    curves = [np.sqrt(np.square(sound[: 300 * 160]).reshape(300, 160).mean(1)) for sound in (voice, out)]
    likeness = [np.corrcoef(curves[0][3:-3], np.roll(curves[1], shift)[3:-3])[0, 1] for shift in (-3, 0, 3)]
    assert likeness[1] > 0.8 and likeness[1] == max(likeness)


def test_a_seed_always_leads_to_the_same_place_and_all_places_are_finite() -> None:
    voice, other = speech(1.0), [speech(2.0)]
    before = other[0].copy()
    places = [elsewhere(voice, other, np.random.default_rng(seed)) for seed in range(40)]
    assert np.array_equal(places[3], elsewhere(voice, other, np.random.default_rng(3)))
    assert all(np.isfinite(p).all() and p.shape == voice.shape and p.dtype == np.float32 for p in places)
    assert len({p.tobytes() for p in places}) > 30 and np.array_equal(voice, speech(1.0))
    assert np.array_equal(other[0], before)
