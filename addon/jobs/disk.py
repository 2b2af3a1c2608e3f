"""Estimate what takes need on the disk, and ask how much is free.

A frame's file is as large as its portrait makes it: how much of the photograph lies around the face, and how much
detail it has. Only a take tells. So what the takes of a portrait took is kept; a portrait that is new is expected to be
like the others. A picture file is known by its number of bytes, which is enough for an estimate.
"""

from __future__ import annotations

import functools
import math
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.wire.protocol import Generate
from ..properties import trusted
from ..storage import paths
from ..words import say, size

if TYPE_CHECKING:
    from ...core.wire.take_file import TakeFacts  # Blender starts without it

_FRAME_BYTES = {"crop": 230e3, "portrait": 280e3}
"""Bytes of a frame at size 512: geometric means over 27 portraits, photographs and paintings of 173 × 216 to 720 × 900
pixels (crop: 177 to 351 kB; portrait: 171 kB to 1.4 MB, as there is more or less around the face)."""
_GROWTH = 1.7
"""A frame's bytes grow with this power of its size. Between 256 and 512 it was 1.5 to 2.1 for those portraits: twice
the size has four times the pixels, but less detail in each."""
_MOTION_BYTES = 1300.0
"""Bytes of motion and curves for each frame, sampled and read back."""
_SHEET_BYTES = 0.7e6
"""Bytes of the contact sheet of a take with pictures."""
_LOOK_EVERY = 2.0
"""Seconds between two queries of a disk."""

Learned = dict[str, float]
"""Seconds and bytes that were measured on this computer, by name."""


def _name(pixels: object, framing: object, picture: int) -> str:
    return f"bytes {pixels} {framing} {picture}"


def learn(learned: Learned, folder: Path, facts: TakeFacts) -> None:
    """Remember how large the frames of a finished take are. Raises OSError if they can't be looked at."""
    pictures = sorted((folder / "frames").glob("*.png"))[:: max(1, facts.frame_count // 8)]
    portrait = next(folder.parent.glob("portrait.*"), None)
    if pictures and portrait is not None:
        mean = sum(path.stat().st_size for path in pictures) / len(pictures)
        picture = portrait.stat().st_size
        learned[_name(facts.size, facts.framing, picture)] = mean
        if facts.width and facts.height:
            learned[f"width {facts.size} {facts.framing} {picture}"] = float(facts.width)
            learned[f"height {facts.size} {facts.framing} {picture}"] = float(facts.height)


def frame_size(learned: Learned, request: Generate, picture: int | None) -> tuple[int, int] | None:
    """Width and height of the frames, pixels: the face square's, or those of this portrait's earlier takes; else None.

    ``picture`` is as in :func:`expected_bytes`.
    """
    if request.framing == "crop":
        return request.size, request.size
    known = [learned.get(f"{side} {request.size} {request.framing} {picture}") for side in ("width", "height")]
    return None if known[0] is None or known[1] is None else (round(known[0]), round(known[1]))


def expected_bytes(learned: Learned, request: Generate, frames: float, shown: float, picture: int | None) -> float:
    """Bytes of one take.

    Parameters
    ----------
    learned
        What :func:`learn` has kept.
    frames, shown
        Frames of motion, and how many of them become pictures.
    picture
        Bytes of the portrait's file, by which it is known; None if they are not known.
    """
    motion = frames * _MOTION_BYTES
    if request.motion_only:
        return motion
    return motion + shown * _frame_bytes(learned, request.size, request.framing, picture) + _SHEET_BYTES


def _frame_bytes(learned: Learned, pixels: int, framing: str, picture: int | None) -> float:
    """Bytes of a frame: as of this portrait, if need be at another size; else the mean of the portraits known here."""
    before: dict[str, dict[int, float]] = {}
    for name, value in learned.items():
        words = name.split(" ")
        if len(words) == 4 and words[0] == "bytes" and words[1].isdecimal() and words[2] == framing:
            before.setdefault(words[3], {})[int(words[1])] = value
    own = before.get(str(picture))
    if own:
        return _at_size(own, pixels)
    known = [_FRAME_BYTES.get(framing, max(_FRAME_BYTES.values())) * (pixels / 512) ** _GROWTH]
    known += [_at_size(sizes, pixels) for sizes in before.values()]
    return math.exp(sum(map(math.log, known)) / len(known))


def _at_size(sizes: dict[int, float], pixels: int) -> float:
    """Bytes of a portrait's frame at a size, from the nearest size at which they are known."""
    nearest = min(sizes, key=lambda known: abs(math.log(known / pixels)))
    return sizes[nearest] * (pixels / nearest) ** _GROWTH


def lack_of_disk(folder: Path, wanted: float) -> str:
    """A sentence if a folder's disk has less free space than ``wanted`` bytes; empty otherwise."""
    if not trusted.may_look(folder):
        return ""
    free = _free(str(folder), int(time.monotonic() / _LOOK_EVERY))
    if free is None or wanted <= free:
        return ""
    return say("Only {size} are free for takes in {folder}", size=size(free), folder=folder)


def bytes_of(file: Path) -> int | None:
    """Bytes of a picture file, None if that can't be known. Cached, because panels ask at every redraw."""
    return _bytes_of(str(file), int(time.monotonic() / _LOOK_EVERY)) if trusted.may_look(file) else None


@functools.lru_cache(maxsize=64)
def _bytes_of(file: str, _when: int) -> int | None:
    try:
        return Path(file).stat().st_size
    except (OSError, ValueError):
        return None


@functools.lru_cache(maxsize=8)
def _free(folder: str, _when: int) -> int | None:
    """Free bytes. Cached, because panels ask at every redraw."""
    there = paths.existing_folder(Path(folder))
    try:
        return None if there is None else shutil.disk_usage(there).free
    except OSError:
        return None
