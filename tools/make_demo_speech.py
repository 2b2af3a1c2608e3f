"""Makes the demonstration's sound, ``tools/assets/demo_speech.flac``: ``python tools/make_demo_speech.py``.

It says the words of ``demo_speech.txt``, which is next to it. The speech is synthesised by flite's voice ``slt``
(Debian package ``flite``), so that the project ships no recording of a person.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import soundfile

TARGET = Path(__file__).resolve().parent / "assets" / "demo_speech.flac"
WORDS = TARGET.with_suffix(".txt")
VOICE = "slt"


def main() -> int:
    """Synthesises the speech and saves it as FLAC. Returns the exit code."""
    text = " ".join(WORDS.read_text(encoding="utf-8").split())
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        subprocess.run(["flite", "-voice", VOICE, "-t", text, "-o", str(wav)], check=True)
        samples, rate = soundfile.read(wav, dtype="int16")
    TARGET.parent.mkdir(exist_ok=True)
    soundfile.write(TARGET, samples, rate, subtype="PCM_16")
    print(f"{TARGET}: {len(samples) / rate:.2f} s at {rate} Hz")
    return 0


if __name__ == "__main__":
    sys.exit(main())
