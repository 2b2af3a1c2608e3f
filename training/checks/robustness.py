"""Lips in bad sound against the same speech's lips in clean sound: ``python -m training.checks.robustness``.

Voices that nothing was trained on speak over a telephone, among other people, over music, into a microphone that clips,
and in an echoing room. The truth is the opening of the mouth that the product makes of the clean recording.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from core.head.head_model import HeadModel
from core.sound.audio import read_mono
from core.sound.lips import LipModel
from core.sound.mel import SAMPLE_RATE
from core.sound.speech import Speech
from core.takes.mouth import Mouth

from ..common.folders import data_folder
from ..common.results_page import Table, add_results_option, number, show
from ..common.splits import HELD_OUT_VOICES, split
from ..lips.evaluation import correlation
from ..lips.mouth_geometry import MouthGeometry
from ..speech.other_sounds import MUSIC, telephone
from ..speech.places import clipped, reverberated, with_sound
from ..speech.synthesis import CACHE as SYNTHESISED

SECONDS = 8.0
"""Longer recordings are cut to this."""
OF_EACH = 3
"""Sentences of each synthesised voice."""
BABBLE_DB = (-5.0, 5.0)
"""The speech over the other voices."""
BABBLERS = 6
MUSIC_DB = 5.0
CLIPPED_SHARE = 0.1
"""Share of the samples that is cut off."""
ROOM = (0.6, 0.5)
"""Seconds in which the room's sound falls by 60 dB, and its power as a share of the direct sound's."""
Change = Callable[[np.ndarray, int], np.ndarray]
"""Changes (N,) samples; the number makes it another change for each recording."""


def changes(voices: Sequence[np.ndarray]) -> dict[str, Change]:
    """What is done to the sound. ``voices`` are the recordings that babble."""

    def babble(speech: np.ndarray, seed: int, db: float) -> np.ndarray:
        chosen = np.random.default_rng(seed).choice(len(voices), BABBLERS, replace=False)
        return with_sound(speech, np.sum([np.resize(unit(voices[i]), len(speech)) for i in chosen], axis=0), db)

    def music(speech: np.ndarray, seed: int) -> np.ndarray:
        made = MUSIC[sorted(MUSIC)[seed % len(MUSIC)]](len(speech) / SAMPLE_RATE + 0.1, seed)
        return with_sound(speech, made, MUSIC_DB)

    return {
        "telephone (300 to 3400 Hz, 8 bits)": telephone,
        f"{BABBLERS} other voices, speech over them {BABBLE_DB[0]:+.0f} dB": partial(babble, db=BABBLE_DB[0]),
        f"{BABBLERS} other voices, speech over them {BABBLE_DB[1]:+.0f} dB": partial(babble, db=BABBLE_DB[1]),
        f"music, speech over it {MUSIC_DB:+.0f} dB": music,
        f"clipped ({100 * CLIPPED_SHARE:.0f} % of the samples)": lambda speech, _: clipped(speech, CLIPPED_SHARE),
        f"a room that echoes for {ROOM[0]} s": lambda speech, seed: reverberated(
            speech, *ROOM, np.random.default_rng(seed)
        ),
    }


def unit(sound: np.ndarray) -> np.ndarray:
    """The sound with an RMS of 1."""
    return sound / max(float(np.sqrt(np.mean(np.square(sound)))), 1e-9)


def recordings(data: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Held-out voices: names and (N,) samples at 16 kHz."""
    paths = [path for path in sorted((data / "speech").glob("*.flac")) if split(path.stem) == "test"]
    for voice in HELD_OUT_VOICES:
        paths += sorted((SYNTHESISED / voice).glob("*.wav"))[:OF_EACH]
    for path in paths:
        yield path.stem, read_mono(path, 0.0, SECONDS)[0]


def babblers(data: Path) -> list[np.ndarray]:
    """Voices for the babble: every tenth LibriSpeech speaker of those that are trained on."""
    paths = [path for path in sorted((data / "speech").glob("*.flac")) if split(path.stem) == "train"]
    return [read_mono(path, 0.0, SECONDS)[0] for path in paths[::10]]


def product_opening(samples: np.ndarray, lips: LipModel, geometry: MouthGeometry) -> np.ndarray:
    """The opening (T,) that the product makes of (N,) samples at 16 kHz."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.wav"
        soundfile.write(path, 0.9 * samples / max(float(np.abs(samples).max()), 1e-9), SAMPLE_RATE, subtype="PCM_16")
        return geometry.opening_curve(Mouth(lips, Speech(path, 0.0, None)).channels(1.0))


def table(data: Path, opening: Callable[[np.ndarray], np.ndarray]) -> Table:
    """Correlation and movement of the openings in each changed sound. ``opening`` gives the curve (T,) of samples."""
    spoken = list(recordings(data))
    clean = [opening(samples) for _, samples in spoken]
    rows = []
    for name, change in changes(babblers(data)).items():
        made = [opening(change(samples, index)) for index, (_, samples) in enumerate(spoken)]
        matches = [correlation(truth, curve) for truth, curve in zip(clean, made, strict=True)]
        moved = [curve.std() / truth.std() for truth, curve in zip(clean, made, strict=True)]
        numbers = (np.median(matches), np.quantile(matches, 0.1))
        rows.append((name, *(number(float(value), 2) for value in (*numbers, np.median(moved)))))
    notes = (
        f"{len(spoken)} recordings of held-out voices. Correlation of the mouth's opening with that of the same "
        "recording in clean sound, without any shift in time; and its movement (deviation) as a share of that one's.",
    )
    columns = ("sound", "opening, median", "opening, lowest tenth", "movement")
    return Table(
        "lips-robustness", "Lips in bad sound", "python -m training.checks.robustness", columns, tuple(rows), notes
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder())
    add_results_option(parser)
    options = parser.parse_args()
    lips, geometry = LipModel.load(), MouthGeometry.of(HeadModel.load())
    show(table(options.data, lambda samples: product_opening(samples, lips, geometry)), options.results)


if __name__ == "__main__":
    main()
