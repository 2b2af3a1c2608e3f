"""The level follows the speech: nothing before, beside or under it changes the mouth, and other sounds keep it shut.

The right values are those of the mouth for the plain sound: its jaw curve correlates by more than 0.95 and is between
0.9 and 1.1 times as large, in every part.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import soundfile

from core.motion.channels import LIP_CHANNELS
from core.places import ROOT
from core.sound import level, presence
from core.sound.level import TARGET_DB, Level, level_speech
from core.sound.lips import LipModel
from core.sound.presence import of_frames
from core.sound.speech_detector import BLOCK_SAMPLES
from core.sound.whisper.front_end import whisper_mel
from training.speech.other_sounds import MUSIC, NOISES, at_loudness, held_tones, pink_noise, singing, whispered

SPEECH = ROOT / "tools" / "assets" / "demo_speech.flac"
JAW_OPEN = LIP_CHANNELS.index("jawOpen")
RATE = 16000
Change = Callable[[np.ndarray], tuple[np.ndarray, list[int]]]
"""A function of the plain sound that gives the changed one and the samples where copies of the plain one begin."""


@cache
def speech() -> np.ndarray:
    """Five seconds; they begin and end within words."""
    samples, _ = soundfile.read(SPEECH, dtype="float32", frames=5 * RATE)
    return samples


@cache
def lips() -> LipModel:
    return LipModel.load()


def levelled(samples: np.ndarray) -> tuple[np.ndarray, Level]:
    out = samples.astype(np.float32)
    return out, level_speech(out)


def jaw(samples: np.ndarray) -> np.ndarray:
    """Jaw curve of a sound as a take has it."""
    out, found = levelled(samples)
    frames = round(len(out) / 640)
    return lips().hear_and_predict(whisper_mel(out, frames), of_frames(found.mouth, frames))[:, JAW_OPEN]


@cache
def plain_jaw() -> np.ndarray:
    """Jaw curve of the plain sound with one gain for the whole of it."""
    return lips().hear_and_predict(whisper_mel(at_loudness(speech(), TARGET_DB), 125))[:, JAW_OPEN]


def bits(samples: np.ndarray, depth: int) -> np.ndarray:
    steps = 2.0 ** (depth - 1)
    return np.round(samples * steps) / steps


def after(loud: np.ndarray, loudness: float) -> Change:
    return lambda x: (np.concatenate([loud, at_loudness(x, loudness)]), [len(loud)])


def times(*factors: float) -> Change:
    return lambda x: (np.concatenate([x * f for f in factors]), [k * len(x) for k in range(len(factors))])


def rumble(frequency: float, size: float) -> np.ndarray:
    return size * np.sin(2 * np.pi * frequency * np.arange(5 * RATE) / RATE)


CHANGES: dict[str, Change] = {
    "as it is": lambda x: (x, [0]),
    "offset": lambda x: (x + 0.1, [0]),
    "large offset": lambda x: (x + 0.3, [0]),
    "quiet with an offset": lambda x: (at_loudness(x, -45.0) + 0.3, [0]),
    "rumble": lambda x: (x + rumble(30.0, 0.3), [0]),
    "deep rumble": lambda x: (x + rumble(12.0, 0.5), [0]),
    "after a jingle": after(at_loudness(held_tones(3.0), -9.0), -30.0),
    "after a louder jingle": after(at_loudness(held_tones(3.0), -5.0), -45.0),
    "after music": after(at_loudness(MUSIC["guitar and drums"](3.0, 0), -9.0), -30.0),
    "after room tone": after(at_loudness(pink_noise(20.0, 0), -55.0), -20.0),
    "then a tenth": times(1.0, 0.1),
    "then ten times": times(0.05, 0.5),
    "a tenth, whole, a tenth": times(0.1, 1.0, 0.1),
    "rising": lambda x: (x * np.geomspace(0.03, 1.0, len(x)), [0]),
    "falling": lambda x: (x * np.geomspace(1.0, 0.05, len(x)), [0]),
    "peak -40 dB in 16 bits": lambda x: (bits(0.01 * x / np.abs(x).max(), 16), [0]),
    "peak -50 dB in 24 bits": lambda x: (bits(0.00316 * x / np.abs(x).max(), 24), [0]),
    "peak -70 dB in 24 bits": lambda x: (bits(0.000316 * x / np.abs(x).max(), 24), [0]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_mouth_is_that_of_the_plain_sound_in_every_part(name: str) -> None:
    sound, parts = CHANGES[name](speech())
    found, wanted = jaw(sound), plain_jaw()
    for first in parts:
        part = found[first // 640 :][: len(wanted)]
        assert np.corrcoef(part, wanted)[0, 1] > 0.95
        assert 0.9 < part.std() / wanted.std() < 1.1


@pytest.mark.parametrize("name", [*MUSIC, *NOISES])
@pytest.mark.parametrize("loudness", [-9.0, -30.0])
def test_other_sounds_alone_keep_the_mouth_shut(name: str, loudness: float) -> None:
    make = MUSIC.get(name) or NOISES[name]
    sound = at_loudness(make(8.0, 1), loudness)
    _, heard = levelled(sound)
    found = jaw(sound)
    assert not heard.has_speech and not heard.is_quiet
    assert found.mean() < 0.03 and found.max() < 0.06


@pytest.mark.parametrize("room", [-40.0, -50.0, -60.0])
def test_a_room_is_not_raised_to_speech(room: float) -> None:
    alone = at_loudness(pink_noise(8.0, 2), room)
    assert jaw(alone).max() < 0.04
    voice = np.concatenate([np.zeros(5 * RATE), at_loudness(speech(), -20.0), np.zeros(5 * RATE)])
    found = jaw(voice + at_loudness(pink_noise(15.0, 2), room))
    assert max(found[:110].max(), found[275:].max()) < 0.06


def test_somebody_far_behind_the_talker_stays_in_the_background() -> None:
    found = jaw(np.concatenate([speech(), 10.0 ** (-40.0 / 20.0) * speech()]))
    assert found[125:].std() < 0.5 * found[:125].std()


@pytest.mark.parametrize("change", [singing, whispered])
def test_singing_and_whispering_move_the_mouth(change: Callable[[np.ndarray, int], np.ndarray]) -> None:
    sound = at_loudness(change(speech(), 0), -25.0)
    _, heard = levelled(sound)
    assert heard.has_speech and (heard.mouth > 0.5).mean() > 0.85 and jaw(sound).std() > 0.5 * plain_jaw().std()


def test_the_voice_is_found_under_music() -> None:
    music = at_loudness(MUSIC["chords and drums"](5.0, 3), -25.0)
    _, heard = levelled(at_loudness(speech(), -20.0) + music)
    assert (heard.mouth > 0.5).mean() > 0.9


def test_what_was_found_out() -> None:
    _, heard = levelled(at_loudness(speech(), -30.0))
    assert heard.has_speech and abs(heard.speech_db + 29.0) < 3.0 and not heard.is_quiet
    assert levelled(at_loudness(speech(), -62.0))[1].is_quiet
    _, silent = levelled(np.zeros(RATE))
    assert not silent.has_speech and not silent.is_quiet and silent.loudest_db < -150.0


def test_levelled_speech_has_the_target_loudness() -> None:
    out, _ = levelled(at_loudness(speech(), -41.0))
    power = np.square(out[: len(out) // 320 * 320].reshape(-1, 320)).mean(1)
    assert abs(10.0 * np.log10(power[power >= 0.1 * power.mean()].mean()) - TARGET_DB) < 2.0


def test_short_sounds_have_speech() -> None:
    for first in range(RATE // 2, 4 * RATE, RATE // 2):
        part = speech()[first : first + 4000]
        if np.square(part).mean() > 0.5 * np.square(speech()).mean():
            assert levelled(part)[1].has_speech
    assert not levelled(np.zeros(1))[1].has_speech


def test_the_result_does_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = np.concatenate([speech(), 0.1 * speech()])
    whole, found = levelled(sound)
    for module in (level, presence):
        monkeypatch.setattr(module, "BLOCK_SAMPLES", BLOCK_SAMPLES // 4)
    parts, again = levelled(sound)
    assert np.abs(parts - whole).max() < 1e-4 and np.abs(again.mouth - found.mouth).max() < 1e-4


def test_the_same_sound_gives_the_same_bits() -> None:
    assert np.array_equal(levelled(speech())[0], levelled(speech())[0])
