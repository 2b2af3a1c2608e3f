"""Damaged lists of phones into their reader, and texts of any kind into the words of a transcript."""

from __future__ import annotations

import json
import random
import unicodedata
from pathlib import Path

import numpy as np

from core.phones.alignment import align
from core.phones.documents import EDITED, MAX_SECONDS, PhoneDocument, read_phones
from core.phones.phone_set import PHONES, SILENCE, Segment
from core.phones.transcripts import MOST_LETTERS, read_transcript
from core.phones.words import MOST_WAYS, words_of

from .damage import Case, Kind, damaged
from .documents import document

_CELLS = (
    *(
        "nan",
        "inf",
        "-1",
        "1e400",
        "",
        "x",
        "1,5",
        "٣",
        "1" * 5000,
        "\0",
        "0x10",
        "360001",
        "1e-320",
        "AA",
        "A",
        "X",
        "G",
    ),
)
_WORDS = (
    *("hello", "don't", "1990", "£5", "$1e9", "3.5.7", "0" * 30, "9" * 400, "1/0", "10:99", "٤٢", "½", "²", "x²y"),
    *("Dr.", "e.g.", "U.S.A.", "BBC", "a" * 70, "a" * 20_000, "'", "''s", "s'", "n't", "…", "-", "q", "zzz", "@"),
    *("日本語", "שלום", "مرحبا", "😀\u200d👩", "e\u0301" * 50, "\u202eabc\u202c", "\u200b", "ﷺ", "İ", "ß", "①", "ﬁ"),
    *("<b>", "<" * 3000, "[" * 3000, "{\\an8}", "[x](y)", "((", "http://a.b/c?d=e", "www.", "a.b.c.d", "\0"),
    *("00:00:01,000 --> 00:00:02,000", "\n1\n", "WEBVTT", "-->", "\ud7ff", "\x1b[31m", "ⅷ"),
)  # fmt: skip


def phone_bases() -> dict[str, bytes]:
    """The phones of two seconds as JSON and as a cue list, and a cue list of mouth shapes."""
    segments = [Segment(PHONES[1 + k % 39], 0.05 * k, 0.05 * k + 0.04) for k in range(40)]
    rows = [[s.phone, s.start, s.end] for s in segments]
    cues = PhoneDocument.of(EDITED, 2.0, segments).cues()
    return {
        "a.json": json.dumps({"format": 1, "source": "heard", "seconds": 2.0, "phones": rows}).encode(),
        "a.tsv": "".join(f"{start}\t{name}\n" for start, name in cues).encode(),
        "r.tsv": b"0.00\tX\n0.05\tD\n0.27\tC\n0.31\tB\n0.43\tX\n0.47\tA\n0.55\tE\n0.61\tF\n0.70\tG\n0.80\tH\n0.90\tX\n",
    }


def phone_case(r: random.Random, made: dict[str, bytes]) -> Case:
    """A damaged list of phones, or one that was made up to do harm."""
    name = r.choice(list(made))
    if name.endswith(".json"):
        return document(r, name, made[name])
    if r.random() < 0.5:
        return damaged(r, name, made[name])
    lines = [line.split("\t") for line in made[name].decode().splitlines()]
    for _ in range(r.choice([1, 3])):
        line = r.choice(lines)
        line[r.randrange(len(line))] = r.choice(_CELLS)
    r.random() < 0.2 and r.shuffle(lines)
    text = "\n".join(r.choice(["\t", "\t", " ", "\t\t"]).join(line) for line in lines) * r.choice([1, 1, 300])
    return Case("tsv: other cells", name, text.encode(r.choice(["utf-8", "utf-8", "utf-16", "utf-32"])))


def read_phone_list(path: Path, found: Case) -> str:
    """What is read is in order, without overlaps, and the same after it was written again."""
    read = read_phones(path)
    last = 0.0
    for segment in read.segments:
        if segment.phone not in PHONES or segment.phone == SILENCE or not last <= segment.start < segment.end:
            return f"{segment} after {last}"
        last = segment.end
    if not 0.0 <= read.seconds <= 2 * MAX_SECONDS:
        return f"{read.seconds} seconds"
    again = path.with_name(f"{path.name}-again")
    try:
        read.write(again)
        if read_phones(again) != read:
            return "it is another after it was written"
        read.write_cues(again)
        return "" if read_phones(again).segments == read.segments else "it is another as a cue list"
    finally:
        again.unlink(missing_ok=True)


def text_bases() -> dict[str, bytes]:
    """A plain text and subtitles."""
    subtitles = "".join(f"{k}\n00:00:0{k},000 --> 00:00:0{k},900\nHello, number {k}!\n\n" for k in range(9))
    return {"a.txt": b"Call me on the 3rd of May 1990, Dr. Smith said. " * 20, "b.srt": subtitles.encode()}


def text_case(r: random.Random, made: dict[str, bytes]) -> Case:
    """A damaged text, random bytes, or odd words in a row."""
    name, how = r.choice(list(made)), r.random()
    if how < 0.3:
        return damaged(r, name, made[name])
    if how < 0.45:
        return Case("random bytes", "x.txt", r.randbytes(r.choice([1, 100, 100_000])))
    if how < 0.5:
        return Case(
            "huge",
            "x.txt",
            r.choice([b"a ", b"1", b"<", b"[", b"a.", "é".encode(), b"1,"]) * r.choice([50_000, 2_000_000]),
        )
    if how < 0.6:
        letters = "".join(chr(r.choice([r.randrange(32, 0xD7FF), r.randrange(0x10000, 0x1FFFF)])) for _ in range(500))
        return Case("letters of all scripts", "x.txt", letters.encode())
    words = (r.choice(_WORDS) for _ in range(r.choice([1, 5, 60])))
    text = "".join(word + r.choice([" ", " ", "", "\n", "-", "/"]) for word in words)
    return Case("odd words", "x.txt", text.encode(r.choice(["utf-8", "utf-8", "utf-8", "utf-16"]), "surrogatepass"))


def read_text(path: Path, found: Case) -> str:
    """Every word has a few ways with phones of ours, what is told is one sentence, and the words can be aligned."""
    text = read_transcript(path)
    if len(text) > MOST_LETTERS:
        return f"{len(text)} letters"
    words = words_of(text)
    for word in words.words:
        if not 0 < len(word.ways) <= MOST_WAYS or not all(way and set(way) <= set(PHONES) for way in word.ways):
            return f"{word}"
    told = words.notice or "."
    hidden = any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in told)
    if len(told) > 300 or not told.endswith(".") or hidden:
        return f"the notice {told!r}"
    if words.words:
        sound = np.random.default_rng(0).dirichlet(np.full(len(PHONES), 0.1), 60)
        aligned = align(sound, words.words[:2000])
        if not 0.0 <= aligned.found <= 1.0 or any(s.end <= s.start for s in aligned.segments):
            return f"{aligned}"
    return ""


PHONE_LISTS = Kind(phone_bases, phone_case, read_phone_list, most_memory=300_000_000)
TRANSCRIPTS = Kind(text_bases, text_case, read_text, most_memory=300_000_000)
