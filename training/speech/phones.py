"""Phones of recorded speech: ``python -m training.speech.phones --data ../shared/data``.

hama hears the phones of the LibriSpeech and LJ voices and of the addresses. GRID's words are known from its file names.
pocketsphinx finds when each phone is said; its English acoustic model and dictionary are part of its wheel. Where it
fails, the product's own E_a does. Only training needs this: the product has no speech recogniser. Writes one JSON file
for each utterance to ``.cache/phones/<corpus>/``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pocketsphinx

from core.files import make_folder, write_bytes
from core.motion.channels import FPS
from core.phones.phone_set import PHONES, SILENCE, Segment
from core.phones.rows import ROWS_A_SECOND
from core.sound.audio import load_audio
from core.sound.lips import WEIGHTS, LipModel
from core.sound.mel import SAMPLE_RATE
from core.sound.whisper.front_end import whisper_mel

from ..common import folders
from .phone_path import most_likely_times
from .phone_recogniser import heard_phones

CACHE = folders.CACHE / "phones"
KNOWN_WORDS = ("grid", "talkers")
"""Corpora of GRID."""
FILMED = (*KNOWN_WORDS, "addresses")
CORPORA = (*FILMED, "speech_lj", "speech")

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
    """Force-align the phones of ``text`` to (N,) int16 samples at 16 kHz. Empty if no word is in the dictionary."""
    decoder = pocketsphinx.Decoder(lm=None, samprate=16000, loglevel="FATAL")
    try:
        decoder.set_align_text(text)
        fits = _fits(decoder, samples)
        if fits:
            decoder.set_alignment()
            _hear(decoder, samples)
            alignment = decoder.get_alignment()
    except RuntimeError:
        fits = False  # pocketsphinx's state alignment fails on one clip in ten, although it has just aligned the words
    if not fits:
        return align_phones(samples, " ".join(filter(None, map(decoder.lookup_word, text.split()))).split())
    return [_segment(phone.name, phone.start, phone.start + phone.duration) for word in alignment for phone in word]


def align_phones(samples: np.ndarray, spoken: Sequence[str]) -> list[Segment]:
    """Force-align known phones to (N,) int16 samples at 16 kHz, with silence where it fits. Empty without phones.

    pocketsphinx gets a dictionary that has every phone as a word. That is slightly less exact than :func:`align`,
    because phone contexts end at words. In about one recording of five it does not come to the last phone, because some
    phones were misheard. Then the times are those that E_a's probabilities make most likely. As long as there are no
    weights of the lips, such a recording has no phones.
    """
    if not spoken:
        return []
    found = _align_by_pocketsphinx(samples, spoken)
    if [segment.phone for segment in found if segment.phone != SILENCE] == list(spoken):
        return found
    if not WEIGHTS.exists():
        return []
    frames = int(np.ceil(len(samples) / SAMPLE_RATE * FPS))
    return most_likely_times(_lip_model().listen(whisper_mel(samples / np.float32(32768.0), frames)).phones, spoken)


@lru_cache(maxsize=1)
def _lip_model() -> LipModel:
    return LipModel.load()


def _align_by_pocketsphinx(samples: np.ndarray, spoken: Sequence[str]) -> list[Segment]:
    decoder = pocketsphinx.Decoder(lm=None, samprate=16000, loglevel="FATAL")
    for phone in PHONES[1:]:
        decoder.add_word(f"{phone}_", phone, phone == PHONES[-1])
    try:
        decoder.set_align_text(" ".join(f"{phone}_" for phone in spoken))
        if not _fits(decoder, samples):
            return []
        return [_segment(s.word.rstrip("_"), s.start_frame, s.end_frame + 1) for s in decoder.seg()]
    except RuntimeError:
        return []


def _segment(name: str, start: int, end: int) -> Segment:
    """pocketsphinx's frames → seconds. Names that are not phones mean silence or noise."""
    return Segment(name if name in PHONES else SILENCE, start / ROWS_A_SECOND, end / ROWS_A_SECOND)


def _hear(decoder: pocketsphinx.Decoder, samples: np.ndarray) -> None:
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()


def _fits(decoder: pocketsphinx.Decoder, samples: np.ndarray) -> bool:
    _hear(decoder, samples)
    return decoder.hyp() is not None


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
    parser.add_argument("--corpus", choices=CORPORA, action="append")
    parser.add_argument("--again", action="store_true", help="also find phones that are there already")
    options = parser.parse_args()
    for corpus in options.corpus or CORPORA:
        if corpus in FILMED:
            files = sorted((folders.TRACKS / corpus).glob("*.wav"))
        else:
            files = sorted((options.data / corpus).glob("*.flac"))
        found = 0
        for file in files:
            target = CACHE / corpus / f"{file.stem}.json"
            if options.again or not target.exists():
                # The tracks count time from the start of the file, like load_audio.
                samples = load_audio(file).samples
                if corpus in KNOWN_WORDS:
                    text = grid_sentence(file.stem.split("_")[1])
                    save(target, align(as_int16(samples), text), text)
                else:
                    save(target, align_phones(as_int16(samples), heard_phones(samples)), "")
            found += bool(load(target))
        print(f"{corpus}: phones of {found} of {len(files)} utterances", flush=True)


if __name__ == "__main__":
    main()
