"""Synthesised speech with known phones: ``python -m training.speech.synthesis``.

flite (voices slt, rms, awb) and espeak-ng (formant voices of many kinds) read random sentences at varied speed and
pitch. Writes ``.cache/speech/<voice>/<number>.wav`` at 16 kHz and its phones as JSON next to it. Existing sentences are
kept.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from core.phones.phone_set import PHONES, SILENCE, Segment
from core.sound.audio import resample_blocks
from core.sound.mel import SAMPLE_RATE

from ..common import folders
from . import espeak, phones
from .sentences import sentence

CACHE = folders.CACHE / "speech"
_FLITE_PHONES = {"ax": "AH", "axr": "ER", "pau": SILENCE, "ssil": SILENCE, "brth": SILENCE, "en": "N", "em": "M"}


@dataclass(frozen=True)
class Voice:
    """A voice of a synthesiser.

    Attributes
    ----------
    name
        flite's voice, or ``espeak-<variant>``.
    sentences
        Number of sentences that it reads.
    pitch, speed
        Ranges. For flite mean f0 in Hz and duration stretch; for espeak-ng pitch (0–100) and words a minute.
    """

    name: str
    sentences: int
    pitch: tuple[float, float]
    speed: tuple[float, float]


VOICES = (
    Voice("slt", 300, (150.0, 210.0), (0.8, 1.3)),
    Voice("rms", 300, (80.0, 130.0), (0.8, 1.3)),
    Voice("awb", 60, (90.0, 150.0), (0.85, 1.2)),
    *(Voice(f"espeak-{variant}", 50, (20.0, 80.0), (120.0, 210.0)) for variant in ("f1", "f2", "f3", "f5")),
    *(Voice(f"espeak-{variant}", 50, (20.0, 80.0), (120.0, 210.0)) for variant in ("m1", "m2", "m3", "m5")),
    Voice("espeak-f4", 30, (30.0, 70.0), (130.0, 200.0)),
    Voice("espeak-m7", 30, (30.0, 70.0), (130.0, 200.0)),
)


def flite(text: str, voice: str, mean_f0: float, stretch: float) -> tuple[np.ndarray, int, list[Segment]]:
    """One sentence by flite: (N,) float32 samples, rate in Hz, phones.

    Raises
    ------
    OSError, subprocess.CalledProcessError
        If flite is missing or fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        settings = ["--setf", f"int_f0_target_mean={mean_f0:.1f}", "--setf", f"duration_stretch={stretch:.3f}"]
        command = ["flite", "-voice", voice, *settings, "-psdur", "-o", str(path), "-t", text]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        samples, rate = soundfile.read(path, dtype="float32")
    out: list[Segment] = []
    start = 0.0
    for item in done.stdout.split():
        name, _, end = item.partition(":")
        phone = _FLITE_PHONES.get(name, name.upper())
        if phone not in PHONES:
            raise ValueError(f"flite returned an unknown phone: {name}")
        out.append(Segment(phone, start, float(end)))
        start = float(end)
    return samples, rate, out


def speak(voice: Voice, number: int) -> tuple[str, np.ndarray, list[Segment]]:
    """Sentence ``number`` of a voice: its text, (N,) float32 samples at 16 kHz, and its phones."""
    rng = np.random.default_rng([zlib.crc32(voice.name.encode()), number])
    text = sentence(rng)
    return text, *speak_text(voice, text, rng)


def speak_text(voice: Voice, text: str, rng: np.random.Generator) -> tuple[np.ndarray, list[Segment]]:
    """A text read at a random pitch and speed of the voice's ranges: (N,) float32 samples at 16 kHz, and its phones."""
    pitch, speed = rng.uniform(*voice.pitch), rng.uniform(*voice.speed)
    if voice.name.startswith("espeak-"):
        variant = f"en-us+{voice.name.removeprefix('espeak-')}"
        samples, rate, segments = espeak.speak(text, variant, round(speed), round(pitch), int(rng.integers(20, 80)))
        samples = samples.astype(np.float32) / 32768.0
    else:
        samples, rate, segments = flite(text, voice.name, pitch, speed)
    return np.concatenate(list(resample_blocks([samples], rate))), segments


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, help="largest number for each voice, to try the command")
    options = parser.parse_args()
    for voice in VOICES:
        seconds, count = 0.0, min(voice.sentences, options.sentences or voice.sentences)
        for number in range(count):
            path = CACHE / voice.name / f"{number:04d}.wav"
            if not path.with_suffix(".json").exists():
                text, samples, segments = speak(voice, number)
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, np.clip(samples, -1.0, 1.0), SAMPLE_RATE, subtype="PCM_16")
                phones.save(path.with_suffix(".json"), segments, text)  # last: it marks the pair as complete
            seconds += soundfile.info(str(path)).duration
        print(f"{voice.name}: {count} sentences, {seconds / 60:.1f} minutes", flush=True)


if __name__ == "__main__":
    main()
