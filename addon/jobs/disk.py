"""Estimate what takes need on the disk, and ask how much is free.

A frame's file is as large as its portrait makes it: how much of the photograph lies around the face, and how much
detail it has. Only a take tells. So what the takes of a portrait took is kept; a portrait that is new is expected to be
like the others. A picture file is known by its number of bytes, which is enough for an estimate. Frames that have the
photograph's own size, or a number of pixels, are known by their pixels.
"""

from __future__ import annotations

import functools
import math
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...core.wire import picture_size
from ...core.wire.picture_size import FIT
from ...core.wire.protocol import Generate
from ..properties import trusted
from ..storage import paths
from ..words import say, size
from .portrait_file import UNKNOWN, PortraitFile

if TYPE_CHECKING:
    from ...core.wire.take_file import TakeFacts  # Blender starts without it

_PICTURE = "picture"
"""Names frames whose size is that of the photograph, or a number of pixels."""
_FRAME_BYTES = {"crop": 230e3, "portrait": 280e3, _PICTURE: 280e3}
"""Bytes of a frame at size 512: geometric means over 27 portraits, photographs and paintings of 173 × 216 to 720 × 900
pixels (crop: 177 to 351 kB; portrait: 171 kB to 1.4 MB, as there is more or less around the face). Pictures have their
own size: of 512 × 512 pixels, by 30 portraits of 335 × 410 (235 to 394 kB)."""
_FIT_SIDE = 1.4
"""Side of a whole frame in sides of its face square, where it isn't known. Three portraits had 0.96 to 2.0."""
_PHOTOGRAPH_SIDE, _ASPECT = 1080, 0.8
"""Long side of a photograph whose size isn't known, and the other side as a fraction of it."""
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
"""Seconds, bytes and pixels that were measured on this computer, by name."""


class _Look(NamedTuple):
    """How frames look, in two words of a name: ``scale`` sets their size together with ``kind``."""

    scale: object
    kind: str

    @classmethod
    def of(cls, framing: str | None, size: int | None, picture: int | str) -> _Look:
        """Frames of the face square's scale are those of its size. Others are as large as the picture is wanted."""
        return cls(size, str(framing)) if framing == "crop" or picture == FIT else cls(picture, _PICTURE)


def learn(learned: Learned, folder: Path, facts: TakeFacts) -> None:
    """Remember how large the frames of a finished take are. Raises OSError if they can't be looked at."""
    pictures = sorted((folder / "frames").glob("*.png"))[:: max(1, facts.frame_count // 8)]
    portrait = next(folder.parent.glob("portrait.*"), None)
    if not pictures or portrait is None or facts.restored is not None:  # a restorer's are as large as it likes
        return
    mean = sum(path.stat().st_size for path in pictures) / len(pictures)
    file = portrait.stat().st_size
    look = _Look.of(facts.framing, facts.size, facts.picture)
    if facts.width and facts.height:
        learned[f"width {look.scale} {look.kind} {file}"] = float(facts.width)
        learned[f"height {look.scale} {look.kind} {file}"] = float(facts.height)
    if look.kind != _PICTURE:
        learned[f"bytes {look.scale} {look.kind} {file}"] = mean
    elif facts.width and facts.height:
        learned[f"bytes {_side((facts.width, facts.height))} {_PICTURE} {file}"] = mean
    if facts.face:
        learned[f"face {file}"] = float(facts.face)


def frame_size(learned: Learned, request: Generate, portrait: PortraitFile) -> tuple[int, int] | None:
    """Width and height of the frames, pixels, as far as they are known.

    They are those of this portrait's earlier takes, else they follow from the photograph's size, unless they have the
    scale of a face that nobody has measured.
    """
    if request.framing == "crop":
        return request.size, request.size
    look = _Look.of(request.framing, request.size, request.picture)
    known = [learned.get(f"{side} {look.scale} {look.kind} {portrait.bytes}") for side in ("width", "height")]
    if known[0] is not None and known[1] is not None:
        return round(known[0]), round(known[1])
    if portrait.size is None or request.picture == FIT:
        return None
    return picture_size.frame_size(*portrait.size, request.picture)


def face_pixels(learned: Learned, portrait: PortraitFile) -> int | None:
    """Pixels of the photograph along the side of its face square; None before the first take of the portrait."""
    side = learned.get(f"face {portrait.bytes}")
    return None if side is None else round(side)


def frame_pixels(learned: Learned, request: Generate, portrait: PortraitFile) -> int:
    """Number of pixels of a frame, guessed where its size isn't known."""
    width, height = frame_size(learned, request, portrait) or _guessed_size(request)
    return width * height


def _guessed_size(request: Generate) -> tuple[int, int]:
    if request.picture == FIT:
        return round(request.size * _FIT_SIDE), round(request.size * _FIT_SIDE)
    side = request.picture if isinstance(request.picture, int) else _PHOTOGRAPH_SIDE
    return side, round(side * _ASPECT)


def _side(size: tuple[int, int]) -> int:
    """Side of the square with as many pixels."""
    return round(math.sqrt(size[0] * size[1]))


def expected_bytes(
    learned: Learned, request: Generate, frames: float, shown: float, portrait: PortraitFile = UNKNOWN
) -> float:
    """Bytes of one take.

    Parameters
    ----------
    learned
        What :func:`learn` has kept.
    frames, shown
        Frames of motion, and how many of them become pictures.
    portrait
        What is known of the portrait's file.
    """
    motion = frames * _MOTION_BYTES
    if request.motion_only:
        return motion
    look = _Look.of(request.framing, request.size, request.picture)
    if look.kind == _PICTURE:
        pixels = _side(frame_size(learned, request, portrait) or _guessed_size(request))
    else:
        pixels = request.size
    return motion + shown * _frame_bytes(learned, pixels, look.kind, portrait.bytes) + _SHEET_BYTES


def _frame_bytes(learned: Learned, pixels: int, kind: str, file: int | None) -> float:
    """Bytes of a frame: as of this portrait, if need be at another size; else the mean of the portraits known here."""
    before: dict[str, dict[int, float]] = {}
    for name, value in learned.items():
        words = name.split(" ")
        if len(words) == 4 and words[0] == "bytes" and words[1].isdecimal() and words[2] == kind:
            before.setdefault(words[3], {})[int(words[1])] = value
    own = before.get(str(file))
    if own:
        return _at_size(own, pixels)
    known = [_FRAME_BYTES.get(kind, max(_FRAME_BYTES.values())) * (pixels / 512) ** _GROWTH]
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


@functools.lru_cache(maxsize=8)
def _free(folder: str, _when: int) -> int | None:
    """Free bytes. Cached, because panels ask at every redraw."""
    there = paths.existing_folder(Path(folder))
    try:
        return None if there is None else shutil.disk_usage(there).free
    except OSError:
        return None
