"""Other voices for filmed mouths: ``python -m training.judge.voices`` fills ``.cache/judge/voices``.

GRID has few talkers, so the judge would know few voices. The words of a clip and the times of its phones are known
(``training.speech.phones``). A synthesised voice says the same words, and its spectrogram is stretched in time, phone
by phone, to the times of the talker's phones. The lips are those of the talker. Training clips get training voices,
held-out clips get held-out voices.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from core.phones.phone_set import PHONES, Segment
from core.phones.rows import ROWS_A_SECOND, phone_rows
from core.sound.level import level_speech
from core.sound.mel import MEL_OFFSET, MEL_SCALE, MELS_PER_FRAME, SAMPLES_PER_FRAME, SILENCE, log_mel

from ..common import folders
from ..common.arrays import save_tensors
from ..common.splits import judge_split, voice_split
from ..corpus.dataset import Clip, Corpus
from ..speech import phones
from ..speech.phones import grid_sentence
from ..speech.synthesis import VOICES, speak_text

FOLDER = folders.CACHE / "judge" / "voices"
VOICES_A_CLIP = 3
MOST_STRETCH = 4.0
"""Rows that would be stretched more than this become silence."""
ROOM_QUANTILE = 0.1
"""The power of a band at this quantile of a clip's rows is taken as the noise of its room."""


def common_times(own: Sequence[Segment], other: Sequence[Segment]) -> tuple[np.ndarray, np.ndarray]:
    """Increasing times in seconds at which two readings of a text are at the same place: (n,) of ``own``, (n,) of
    ``other``.

    Phones that both readings have, in the same order, match from start to end. The time between them is stretched
    evenly.
    """
    matcher = difflib.SequenceMatcher(None, [s.phone for s in own], [s.phone for s in other], autojunk=False)
    pairs = [(0.0, 0.0)]
    for a, b, size in matcher.get_matching_blocks():
        for mine, theirs in zip(own[a : a + size], other[b : b + size], strict=True):
            pairs += [(mine.start, theirs.start), (mine.end, theirs.end)]
    pairs.append((max(pairs[-1][0], own[-1].end), max(pairs[-1][1], other[-1].end)))
    kept = [pairs[0]]
    for pair in pairs[1:]:
        if pair[0] > kept[-1][0] + 1e-3:
            kept.append(pair)
    times = np.array(kept)
    return times[:, 0], np.maximum.accumulate(times[:, 1])


def stretch(own: np.ndarray, other: np.ndarray, rows: int) -> np.ndarray:
    """(rows,) seconds of ``own`` for each second of ``other``, at each row."""
    interval = np.searchsorted(own[1:-1], (np.arange(rows) + 0.5) / ROWS_A_SECOND, "right")
    return (np.diff(own) / np.maximum(np.diff(other), 1e-6))[interval]


def retimed(mel: np.ndarray, own: np.ndarray, other: np.ndarray, rows: int) -> np.ndarray:
    """(rows, 80) log-mel (R, 80) stretched so that its times ``other`` move to the times ``own``."""
    wanted = (np.arange(rows) + 0.5) / ROWS_A_SECOND
    place = np.interp(wanted, own, other) * ROWS_A_SECOND - 0.5
    place = np.clip(place, 0, len(mel) - 1)
    below = np.minimum(place.astype(int), len(mel) - 2)
    share = (place - below)[:, None]
    return ((1 - share) * mel[below] + share * mel[below + 1]).astype(np.float32)


def in_room(mel: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Log-mel (R, 80) with steady noise added, given as log-mel (80,)."""
    power = np.logaddexp(MEL_SCALE * mel - MEL_OFFSET, MEL_SCALE * room - MEL_OFFSET)
    return ((power + MEL_OFFSET) / MEL_SCALE).astype(np.float32)


def other_voices(clip: Clip, segments: Sequence[Segment], part: str = "train") -> dict[str, np.ndarray]:
    """Log-mel (4 T, 80) float16 of the words of a GRID clip by some voices of a part (train or test). Each phone is at
    the time when the talker says it."""
    words = grid_sentence(clip.name.split("_")[1]).split()
    text = " ".join(word.upper() if len(word) == 1 else word for word in words)  # letters are read as letters
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(clip.name.encode()).digest()[:8], "big"))
    allowed = [voice for voice in VOICES if voice_split(voice.name) == part]
    rows = MELS_PER_FRAME * clip.frames
    room = np.quantile(clip.mel, ROOM_QUANTILE, axis=0)
    quiet = phone_rows(segments, rows) == PHONES.index(phones.SILENCE)
    out = {}
    for index in rng.choice(len(allowed), VOICES_A_CLIP, replace=False):
        samples, said = speak_text(allowed[int(index)], text, rng)
        level_speech(samples)
        mel = log_mel(samples, -(-len(samples) // SAMPLES_PER_FRAME))
        mine, theirs = common_times(segments, said)
        there = retimed(mel, mine, theirs, rows)
        # A voice that begins immediately has no silence to stretch. Sound stretched too far is not speech.
        there[quiet | (stretch(mine, theirs, rows) > MOST_STRETCH)] = SILENCE
        there = in_room(there, room)
        out[allowed[int(index)].name] = there.astype(np.float16)
    return out


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=folders.GRID)
    options = parser.parse_args()
    for clip in tqdm(Corpus.open(options.corpus, ("train", "test")), unit=""):
        path, known = FOLDER / f"{clip.name}.safetensors", phones.CACHE / "grid" / f"{clip.name}.json"
        if path.exists() or not known.exists():
            continue
        part = judge_split(clip.name)
        if part in ("train", "test"):
            save_tensors(path, other_voices(clip, phones.load(known), part))


if __name__ == "__main__":
    main()
