"""Phones of recorded speech: ``python -m training.speech.phones --data ../shared/data``.

pocketsphinx recognises the words of the LibriSpeech and LJ voices and then aligns their phones. Its English acoustic
model, dictionary and language model are part of its wheel. GRID's words are known from its file names and are only
aligned. Only training needs this: the product has no speech recogniser. Writes one JSON file for each utterance to
``.cache/phones/<corpus>/``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pocketsphinx

from core.files import make_folder, write_bytes
from core.phones.phone_set import PHONES, SILENCE, Segment
from core.phones.rows import ROWS_A_SECOND
from core.sound.audio import load_audio

from ..common import folders

CACHE = folders.CACHE / "phones"

_GRID_WORDS = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {letter: letter for letter in "abcdefghijklmnopqrstuvwxyz"},
    {
        **{"z": "zero", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five"},
        **{"6": "six", "7": "seven", "8": "eight", "9": "nine"},
    },
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)


def grid_sentence(clip: str) -> str:
    """The six words of a GRID clip from its name: ``bbaf2n`` → ``bin blue at f two now``."""
    return " ".join(words[letter] for words, letter in zip(_GRID_WORDS, clip, strict=True))


def align(samples: np.ndarray, text: str) -> list[Segment]:
    """Force-align the phones of ``text`` to (N,) samples at 16 kHz. Empty if the words do not fit the sound."""
    decoder = pocketsphinx.Decoder(lm=None, samprate=16000, loglevel="FATAL")
    try:
        decoder.set_align_text(text)
        if _decode(decoder, samples) is None:
            return []
    except RuntimeError as error:
        print(f"not aligned ({error}): {text}", flush=True)
        return []
    try:
        decoder.set_alignment()
        _hear(decoder, samples)
        alignment = decoder.get_alignment()
    except RuntimeError:
        # pocketsphinx's state alignment fails on one clip in ten, although it has just aligned the words.
        return _align_phone_by_phone(samples, text)
    return [_segment(phone.name, phone.start, phone.start + phone.duration) for word in alignment for phone in word]


def _align_phone_by_phone(samples: np.ndarray, text: str) -> list[Segment]:
    """Align with a dictionary in which every phone is a word. It is slightly less exact, because phone contexts end at
    words."""
    decoder = pocketsphinx.Decoder(lm=None, samprate=16000, loglevel="FATAL")
    spoken = " ".join(filter(None, (decoder.lookup_word(word) for word in text.split()))).split()
    for phone in PHONES[1:]:
        decoder.add_word(f"{phone}_", phone, phone == PHONES[-1])
    try:
        decoder.set_align_text(" ".join(f"{phone}_" for phone in spoken))
        if _decode(decoder, samples) is None:
            return []
        return [_segment(s.word.rstrip("_"), s.start_frame, s.end_frame + 1) for s in decoder.seg()]
    except RuntimeError as error:
        print(f"not aligned ({error}): {text}", flush=True)
        return []


def _segment(name: str, start: int, end: int) -> Segment:
    """pocketsphinx's frames → seconds. Names that are not phones mean silence or noise."""
    return Segment(name if name in PHONES else SILENCE, start / ROWS_A_SECOND, end / ROWS_A_SECOND)


def recognise(samples: np.ndarray) -> str:
    """Words recognised in (N,) samples at 16 kHz."""
    decoder = pocketsphinx.Decoder(samprate=16000, loglevel="FATAL")
    return _decode(decoder, samples) or ""


def _hear(decoder: pocketsphinx.Decoder, samples: np.ndarray) -> None:
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()


def _decode(decoder: pocketsphinx.Decoder, samples: np.ndarray) -> str | None:
    _hear(decoder, samples)
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis else None


def as_int16(samples: np.ndarray) -> np.ndarray:
    """(N,) float samples → int16, as pocketsphinx requires."""
    return np.clip(samples * 32767.0, -32768, 32767).astype(np.int16)


def save(path: Path, segments: Sequence[Segment], text: str) -> None:
    """Write the phones of one utterance as JSON, whole or not at all."""
    make_folder(path.parent)
    rows = [[s.phone, round(s.start, 4), round(s.end, 4)] for s in segments]
    write_bytes(path, json.dumps({"text": text, "phones": rows}).encode())


def load(path: Path) -> list[Segment]:
    """Phones of one utterance; empty if none were found."""
    return [Segment(*row) for row in json.loads(path.read_text())["phones"]]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=folders.data_folder())
    parser.add_argument("--corpus", choices=("grid", "speech", "speech_lj"), action="append")
    options = parser.parse_args()
    for corpus in options.corpus or ("grid", "speech_lj", "speech"):
        if corpus == "grid":
            files = sorted((folders.TRACKS / "grid").glob("*.wav"))
        else:
            files = sorted((options.data / corpus).glob("*.flac"))
        found = 0
        for file in files:
            target = CACHE / corpus / f"{file.stem}.json"
            if not target.exists():
                # GRID's tracks count time from the start of the file, like load_audio.
                samples = as_int16(load_audio(file).samples)
                text = grid_sentence(file.stem.split("_")[1]) if corpus == "grid" else recognise(samples)
                save(target, align(samples, text) if text else [], text)
            found += bool(load(target))
        print(f"{corpus}: phones of {found} of {len(files)} utterances", flush=True)


if __name__ == "__main__":
    main()
