"""Sounds that aren't speech, and speech that hardly sounds like it, made by formulas: to measure the speech detector.

Every function of :data:`MUSIC` and :data:`NOISES` makes a sound (N,) of some seconds for a seed, at 16 kHz, of any
loudness.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import scipy.linalg
import scipy.signal

from core.sound.mel import SAMPLE_RATE

Maker = Callable[[float, int], np.ndarray]
_SAW = tuple(1.0 / k for k in range(1, 40))
_SQUARE = tuple((k % 2) / k for k in range(1, 40))
_SOFT = (1.0, 0.35, 0.15, 0.05, 0.02)
_FLUTE = (1.0, 0.3, 0.1, 0.03)
_STRING = (1.0, 0.6, 0.4, 0.3, 0.2, 0.12, 0.08, 0.05)
_MAJOR = (0, 2, 4, 5, 7, 9, 11, 12)
_VIOLIN = ((280, 60), (460, 80), (1000, 300), (2600, 600))
_SAXOPHONE = ((600, 150), (1300, 200), (2500, 300))
_THROAT = ((700, 150), (1500, 200), (2800, 300))
"""Resonances: frequency and bandwidth in Hz."""
_BEAT = 60.0 / 110.0
"""Seconds."""


def at_loudness(sound: np.ndarray, db: float) -> np.ndarray:
    """The sound with another RMS, in dB of full scale."""
    return (sound * (10.0 ** (db / 20.0) / math.sqrt(np.mean(np.square(sound))))).astype(np.float32)


def pink_noise(seconds: float, seed: int) -> np.ndarray:
    """Noise with equal power in every octave."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(_count(seconds)))
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), _count(seconds))


def held_tones(seconds: float) -> np.ndarray:
    """A chord of three steady tones, like a station's signal."""
    return sum((_tone(f, seconds, (1.0, 0.3)) for f in (440.0, 554.0, 659.0)), np.zeros(_count(seconds)))


def whispered(speech: np.ndarray, seed: int) -> np.ndarray:
    """The same words whispered: the vocal tract by linear prediction, excited by noise."""
    noise = np.random.default_rng(seed).standard_normal(len(speech) + 500)
    return scipy.signal.lfilter([1.0, -0.85], [1.0], _spoken_by(speech, noise))


def singing(speech: np.ndarray, seed: int) -> np.ndarray:
    """The same words sung: the vocal tract by linear prediction, excited by pulses that hold notes, with vibrato."""
    rng = np.random.default_rng(seed)
    pitch = np.empty(len(speech) + 500)
    first = 0
    while first < len(pitch):
        last = first + rng.integers(4000, 9000)
        pitch[first:last] = _pitch(rng.choice([52, 55, 57, 59, 60, 62, 64]))
        first = last
    glide = scipy.signal.lfilter([0.002], [1.0, -0.998], pitch - pitch[0]) + pitch[0]
    phase = np.cumsum(glide * (1 + 0.01 * np.sin(_angle(5.5, len(pitch))))) / SAMPLE_RATE
    pulses = 6.0 * np.diff(np.floor(phase), prepend=0.0)
    return _spoken_by(speech, pulses + 0.05 * rng.standard_normal(len(pitch)))


def telephone(speech: np.ndarray, _seed: int) -> np.ndarray:
    """300 to 3400 Hz in eight bits by the mu law."""
    band = scipy.signal.butter(4, [300, 3400], "band", fs=SAMPLE_RATE, output="sos")
    narrow = scipy.signal.sosfiltfilt(band, speech)
    narrow = narrow / max(float(np.abs(narrow).max()), 1e-9)
    steps = np.round(127 * np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / math.log(256)) / 127
    return np.sign(steps) * (256.0 ** np.abs(steps) - 1.0) / 255.0


def childlike(factor: float) -> Callable[[np.ndarray, int], np.ndarray]:
    """Makes pitch and formants higher by a factor, and the speech as much faster."""
    return lambda speech, _seed: scipy.signal.resample_poly(speech, 100, round(100 * factor))


def drums(seconds: float, seed: int) -> np.ndarray:
    """Kick, snare and hi-hat."""
    rng = np.random.default_rng(seed)
    out = np.zeros(_count(seconds))
    for k in range(int(seconds / _BEAT * 2)):
        hat = rng.standard_normal(SAMPLE_RATE // 12) * _decay(SAMPLE_RATE // 12, 0.02)
        _add(out, 0.25 * np.diff(hat, prepend=0.0), k * _BEAT / 2)
        t = np.arange(SAMPLE_RATE // 4) / SAMPLE_RATE
        if k % 4 == 0:
            kick = np.sin(2 * np.pi * (50.0 * t + 2.0 * (1.0 - np.exp(-t / 0.05))))
            _add(out, 1.2 * kick * np.exp(-t / 0.09), k * _BEAT / 2)
        if k % 4 == 2:
            body = 0.4 * np.sin(2 * np.pi * 190.0 * t) * np.exp(-t / 0.06)
            _add(out, 0.7 * rng.standard_normal(len(t)) * np.exp(-t / 0.05) + body, k * _BEAT / 2)
    return out


def chords(partials: Sequence[float], decay: float | None = None) -> Maker:
    """Makes four chords and their bass, over and over."""

    def make(seconds: float, seed: int) -> np.ndarray:
        root = int(np.random.default_rng(seed).integers(50, 58))
        out = np.zeros(_count(seconds))
        bar = 4 * _BEAT
        for k in range(int(seconds / bar) + 1):
            chord = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))[k % 4]
            for step in chord:
                _add(out, 0.2 * _tone(_pitch(root + step), bar, partials, decay=decay), k * bar)
            _add(out, 0.35 * _tone(_pitch(root - 24 + chord[0]), bar, _SOFT), k * bar)
        return out

    return make


def melody(
    partials: Sequence[float],
    low: int,
    vibrato: float = 0.0,
    attack: float = 0.02,
    decay: float | None = None,
    breath: float = 0.0,
    lengths: Sequence[float] = (0.2, 0.4, 0.6, 0.8),
) -> Maker:
    """Makes one voice that wanders over a major scale from the MIDI note ``low`` on; ``breath`` adds hiss."""

    def make(seconds: float, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        out = np.zeros(_count(seconds))
        band = scipy.signal.butter(2, [1500, 5000], "band", fs=SAMPLE_RATE, output="sos")
        time, place = 0.0, 3
        while time < seconds:
            length = float(rng.choice(lengths))
            place = int(np.clip(place + rng.integers(-2, 3), 0, 7))
            note = _tone(_pitch(low + _MAJOR[place]), length, partials, attack, vibrato, decay)
            hiss = scipy.signal.sosfilt(band, rng.standard_normal(len(note))) * np.hanning(len(note)) ** 0.3
            _add(out, note + breath * hiss, time)
            time += length
        return out

    return make


def guitar(seconds: float, seed: int) -> np.ndarray:
    """Distorted power chords."""
    rng = np.random.default_rng(seed)
    out = np.zeros(_count(seconds))
    for k in range(int(2 * seconds) + 1):
        root = rng.choice([40, 43, 45, 47, 50])
        for step in (0, 7, 12):
            _add(out, _tone(_pitch(root + step), 0.48, _SAW, 0.004, decay=0.8), 0.5 * k)
    band = scipy.signal.butter(2, [100, 4500], "band", fs=SAMPLE_RATE, output="sos")
    return scipy.signal.sosfilt(band, np.tanh(6.0 * out))


def bells(seconds: float, seed: int) -> np.ndarray:
    """Bells by frequency modulation."""
    rng = np.random.default_rng(seed)
    out = np.zeros(_count(seconds))
    time = 0.0
    while time < seconds:
        frequency = _pitch(72 + rng.choice(_MAJOR))
        t = np.arange(_count(1.2)) / SAMPLE_RATE
        inner = 2.0 * np.exp(-t / 0.3) * np.sin(2 * np.pi * 3.5 * frequency * t)
        _add(out, np.sin(2 * np.pi * frequency * t + inner) * np.exp(-t / 0.4), time)
        time += float(rng.choice([0.25, 0.5]))
    return out


def cough(seconds: float, seed: int) -> np.ndarray:
    """Short bursts of noise through a throat."""
    rng = np.random.default_rng(seed)
    out = np.zeros(_count(seconds))
    count = _count(0.28)
    shape = _decay(count, 0.08) * np.minimum(1.0, np.arange(count) / 80)
    for time in np.arange(0.5, seconds - 1.0, 1.7):
        _add(out, _resonant(rng.standard_normal(count) * shape, _THROAT), float(time))
    return out


def typing(seconds: float, seed: int) -> np.ndarray:
    """Clicks at uneven times."""
    rng = np.random.default_rng(seed)
    out = np.zeros(_count(seconds))
    for time in np.cumsum(rng.uniform(0.08, 0.35, int(4 * seconds))):
        _add(out, rng.standard_normal(800) * _decay(800, 0.0075), float(time))
    return out


def _sum(*makers: Maker) -> Maker:
    """Makes several sounds together, equally loud."""
    return lambda seconds, seed: sum(
        (at_loudness(make(seconds, seed + 10 * k), -20.0) for k, make in enumerate(makers)),
        np.zeros(_count(seconds), np.float32),
    )


def _through(make: Maker, resonances: Sequence[tuple[int, int]]) -> Maker:
    """Makes a sound that a body with resonances sends out."""
    return lambda seconds, seed: _resonant(make(seconds, seed), resonances)


MUSIC: dict[str, Maker] = {
    "chords and drums": _sum(chords(_SAW), drums),
    "soft chords": chords(_SOFT),
    "piano": _sum(chords((1.0, 0.5, 0.3, 0.2, 0.1), 0.6), melody((1.0, 0.5, 0.25, 0.12), 67, attack=0.004, decay=0.5)),
    "flute alone": melody(_FLUTE, 72, vibrato=0.006, attack=0.05, breath=0.15),
    "violin alone": _through(melody(_SAW, 60, 0.012, 0.06, lengths=(0.4, 0.6, 1.0)), _VIOLIN),
    "cello alone": _through(melody(_SAW, 43, 0.01, 0.07, lengths=(0.4, 0.6, 1.0)), _VIOLIN),
    "saxophone alone": _through(melody(_SAW, 55, 0.008, 0.03, breath=0.3), _SAXOPHONE),
    "square waves": melody(_SQUARE, 60),
    "plucked strings": melody(_STRING, 52, attack=0.003, decay=0.3, lengths=(0.15, 0.25, 0.3)),
    "distorted guitar": guitar,
    "guitar and drums": _sum(guitar, drums),
    "drums alone": drums,
    "bells": bells,
}
NOISES: dict[str, Maker] = {
    "white noise": lambda seconds, seed: np.random.default_rng(seed).standard_normal(_count(seconds)),
    "pink noise": pink_noise,
    "noise that swells": lambda seconds, seed: (
        pink_noise(seconds, seed) * (1 + np.sin(_angle(4.0, _count(seconds)))) ** 2
    ),
    "hum of 50 Hz": lambda seconds, _: sum(
        (np.sin(_angle(50.0 * k, _count(seconds))) / k for k in (1, 2, 3)), np.zeros(_count(seconds))
    ),
    "buzz of 60 Hz": lambda seconds, _: scipy.signal.sawtooth(_angle(60.0, _count(seconds))),
    "tone of 1 kHz": lambda seconds, _: np.sin(_angle(1000.0, _count(seconds))),
    "rising tone": lambda seconds, _: scipy.signal.chirp(
        np.arange(_count(seconds)) / SAMPLE_RATE, 100, seconds, 6000, "log"
    ),
    "typing": typing,
    "coughs": cough,
}


def _count(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


def _angle(frequency: float, count: int) -> np.ndarray:
    """Phase of a steady tone, in radians."""
    return 2 * np.pi * frequency * np.arange(count) / SAMPLE_RATE


def _pitch(note: int) -> float:
    """Frequency of a MIDI note in Hz."""
    return float(440.0 * 2.0 ** ((note - 69) / 12))


def _decay(count: int, seconds: float) -> np.ndarray:
    return np.exp(-np.arange(count) / SAMPLE_RATE / seconds)


def _add(out: np.ndarray, sound: np.ndarray, time: float) -> None:
    """Add a sound at a time; what lies past the end is left out."""
    first = _count(time)
    part = sound[: max(0, len(out) - first)]
    out[first : first + len(part)] += part


def _tone(
    frequency: float,
    seconds: float,
    partials: Sequence[float],
    attack: float = 0.01,
    vibrato: float = 0.0,
    decay: float | None = None,
) -> np.ndarray:
    """A note with harmonics of the given sizes."""
    t = np.arange(_count(seconds)) / SAMPLE_RATE
    wave = 1.0 + vibrato * np.sin(2 * np.pi * 5.5 * t) * np.minimum(1.0, t / 0.25)
    phase = 2 * np.pi * np.cumsum(frequency * wave) / SAMPLE_RATE
    out = np.zeros(len(t))
    for k, size in enumerate(partials, 1):
        if k * frequency < 7500:
            out += size * np.sin(k * phase)
    shape = np.minimum(1.0, t / attack) * np.clip((seconds - t) / min(0.1, seconds / 3), 0.0, 1.0)
    return out * shape * (1.0 if decay is None else np.exp(-t / decay))


def _resonant(sound: np.ndarray, resonances: Sequence[tuple[int, int]]) -> np.ndarray:
    """The sound through parallel resonances."""
    out = 0.3 * sound
    for frequency, width in resonances:
        radius = math.exp(-math.pi * width / SAMPLE_RATE)
        poles = [1.0, -2 * radius * math.cos(2 * math.pi * frequency / SAMPLE_RATE), radius**2]
        out = out + scipy.signal.lfilter([1.0 - radius], poles, sound)
    return out


def _spoken_by(speech: np.ndarray, excitation: np.ndarray, order: int = 18) -> np.ndarray:
    """``excitation`` (at least N + 320) through the vocal tract of ``speech`` (N,): linear prediction every 10 ms."""
    length, hop, used = 480, 160, 320
    shape, fade = np.hanning(length), np.hanning(used)
    sharp = np.append(speech[0], speech[1:] - 0.95 * speech[:-1])
    out = np.zeros(len(speech) + length)
    for first in range(0, len(sharp) - length, hop):
        piece = sharp[first : first + length] * shape
        likeness = np.correlate(piece, piece, "full")[length - 1 : length + order]
        likeness[0] = likeness[0] * 1.0001 + 1e-9
        predictor = scipy.linalg.solve_toeplitz(likeness[:-1], -likeness[1:])
        gain = math.sqrt(max(likeness[0] + predictor @ likeness[1:], 1e-12))
        middle = first + (length - used) // 2
        begin = max(0, middle - 64)  # so that the filter has settled where its output is used
        said = scipy.signal.lfilter([gain], np.append(1.0, predictor), excitation[begin : middle + used])
        out[middle : middle + used] += said[middle - begin :] * fade
    return scipy.signal.lfilter([1.0], [1.0, -0.95], out[: len(speech)])
