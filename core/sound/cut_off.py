"""Whether a sound file was cut off: one of its chunks is longer, by its header, than what is left of the file.

Decoders read such files up to their end without a word. A recording that was broken off, a download that wasn't
finished and a sound that a program streamed look the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO

_MOST_CHUNKS = 10_000


def is_cut_off(stream: BinaryIO) -> bool:
    """Whether an open WAV, AVI, AIFF, CAF or MP4 file ends before its header says. Moves the place of reading."""
    size = os.fstat(stream.fileno()).st_size
    stream.seek(0)
    head = stream.read(12)
    kind = next((kind for kind in _KINDS if head[kind[0] : kind[0] + 4] == kind[1]), None)
    if kind is None:
        return False
    _, _, position, length_of = kind
    for _ in range(_MOST_CHUNKS):
        stream.seek(position)
        header = stream.read(16)
        if len(header) < 8:
            return False
        length = length_of(header)
        if header[:4] == b"data" and length == 8:
            return position + 8 < size  # a recorder fills the length in at last
        if length < 8:
            return False  # up to the end of the file, or damaged
        position += length
        if position > size + 1:  # the padding of an odd last chunk may be missing
            return True
    return False


def _riff(header: bytes) -> int:
    """Length of a chunk of WAV and AVI with its own header, and its padding to an even length."""
    length = int.from_bytes(header[4:8], "little")
    return 8 + length + length % 2


def _aiff(header: bytes) -> int:
    length = int.from_bytes(header[4:8], "big")
    return 8 + length + length % 2


def _caf(header: bytes) -> int:
    """The last chunk may have the length −1: up to the end of the file."""
    return 12 + int.from_bytes(header[4:12], "big", signed=True)


def _mp4(header: bytes) -> int:
    """Lengths of 4 GB and more stand behind the name; 0 means up to the end of the file."""
    length = int.from_bytes(header[:4], "big")
    return int.from_bytes(header[8:16], "big") if length == 1 else length


_KINDS: tuple[tuple[int, bytes, int, Callable[[bytes], int]], ...] = (
    *((0, b"RIFF", 12, _riff), (0, b"FORM", 12, _aiff), (0, b"caff", 8, _caf)),
    (4, b"ftyp", 0, _mp4),
)
"""Where a kind of file has its name, the name, where its first chunk is, and how long a chunk is."""
