"""How well phones are heard: hama against pocketsphinx, on known phones: ``python -m training.speech.recognisers``.

Synthesised voices tell their phones. GRID's words are known, and pocketsphinx aligns them. pocketsphinx hears words
by a dictionary and a language model; hama hears phones.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pocketsphinx

from core.phones.phone_set import SILENCE, Segment
from core.phones.rows import ROWS_A_SECOND, phone_rows
from core.sound.audio import load_audio
from core.sound.mel import SAMPLE_RATE

from ..common import folders
from ..common.results_page import Table, add_results_option, number, show
from . import phones
from .phone_recogniser import heard_phones
from .synthesis import CACHE as SYNTHESISED
from .synthesis import VOICES

NEAR = 0.02
"""Seconds between a phone's start and the nearest start that was found, for it to count as found in time."""
Recogniser = Callable[[np.ndarray], list[Segment]]


def by_pocketsphinx(samples: np.ndarray) -> list[Segment]:
    """Phones of the words that pocketsphinx recognises in (N,) float samples at 16 kHz."""
    decoder = pocketsphinx.Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")
    heard = phones.as_int16(samples)
    decoder.start_utt()
    decoder.process_raw(heard.tobytes(), full_utt=True)
    decoder.end_utt()
    words = decoder.hyp()
    return phones.align(heard, words.hypstr) if words and words.hypstr else []


def by_hama(samples: np.ndarray) -> list[Segment]:
    """Phones that hama hears in (N,) float samples at 16 kHz, aligned."""
    return phones.align_phones(phones.as_int16(samples), heard_phones(samples))


RECOGNISERS: dict[str, Recogniser] = {"pocketsphinx": by_pocketsphinx, "hama": by_hama}


def errors(truth: Sequence[str], found: Sequence[str]) -> float:
    """Phones that are wrong, missing or too many (Levenshtein distance), as a share of the true ones."""
    distance = np.arange(len(found) + 1)
    for index, phone in enumerate(truth, 1):
        before, distance[0] = distance.copy(), index
        for place, other in enumerate(found, 1):
            distance[place] = min(before[place - 1] + (phone != other), before[place] + 1, distance[place - 1] + 1)
    return float(distance[-1] / len(truth))


def measures(truth: Sequence[Segment], found: Sequence[Segment], rows: int) -> tuple[float, float, float]:
    """Phone errors; share of the rows (10 ms) of speech with the right phone; share of phones that begin in time."""
    said, heard = ([s for s in segments if s.phone != SILENCE] for segments in (truth, found))
    labels = phone_rows(truth, rows)
    right = float((phone_rows(found, rows) == labels)[labels > 0].mean())
    if not heard:
        return 1.0, right, 0.0
    starts = np.array([segment.start for segment in heard])
    in_time = float(np.mean([np.abs(starts - segment.start).min() < NEAR for segment in said]))
    return errors([s.phone for s in said], [s.phone for s in heard]), right, in_time


def recordings(count: int) -> Iterator[tuple[str, Path, list[Segment]]]:
    """Groups, sound files and true phones: at most ``count`` of each voice and of each GRID corpus."""
    for voice in VOICES:
        group = "espeak-ng's voices" if voice.name.startswith("espeak-") else "flite's voices"
        for path in sorted((SYNTHESISED / voice.name).glob("*.wav"))[-count:]:
            yield group, path, phones.load(path.with_suffix(".json"))
    for corpus, group in (("grid", "GRID s1 and s4"), ("talkers", "GRID, ten talkers")):
        files = sorted((folders.TRACKS / corpus).glob("*.wav"))
        for path in files[:: max(1, len(files) // (6 * count))]:
            yield group, path, phones.load(phones.CACHE / corpus / f"{path.stem}.json")


def table(count: int) -> Table:
    """The measurements of both recognisers, mean over recordings."""
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for group, path, truth in recordings(count):
        samples = load_audio(path).samples
        rows = len(samples) * ROWS_A_SECOND // SAMPLE_RATE
        for name, recogniser in RECOGNISERS.items():
            found.setdefault((group, name), []).append(measures(truth, recogniser(samples), rows))
    rows_of_table = tuple(
        (group, str(len(values)), name, *(f"{number(100 * value, 0)} %" for value in np.mean(values, axis=0)))
        for (group, name), values in found.items()
    )
    columns = ("voices", "recordings", "recogniser", "phone errors", "right while speaking", "begin within 20 ms")
    notes = (
        "The phones of LibriSpeech, LJ Speech and the addresses are heard by hama. GRID's true phones are those of its "
        "known words, aligned by pocketsphinx, which favours it in the last two columns.",
    )
    command = f"python -m training.speech.recognisers --count {count}"
    return Table("recognisers", "Phones heard in recordings", command, columns, rows_of_table, notes)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=4, help="recordings of each synthesised voice")
    add_results_option(parser)
    options = parser.parse_args()
    show(table(options.count), options.results)


if __name__ == "__main__":
    main()
