"""Frames of a take that look as those of the take that it was made from. They are copied, not rendered again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..motion.motion import Motion
from ..wire.names import frame_name
from ..wire.protocol import version
from .models import digests_for
from .png_marks import marked_again
from .take import TakePlan


class Look(NamedTuple):
    """How frames look: pixels of the face square (None for no frames), framing, renderer, and size of the frames."""

    size: int | None
    framing: str | None
    renderer: str | None
    picture: int | str


def drawn_with(device: str, renderer: str) -> str:
    """A digest of all that the pixels of a motion depend on, besides the portrait and the rest of the look."""
    text = json.dumps([version(), device, digests_for(renderer)], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


class EqualFrames:
    """Says which frames of a take are those of its source, the take that it was made from.

    A frame depends only on its own row of the motion and on those that its renderer looks at around it, and is the
    same in any batch. So each frame that is taken over is bit for bit the one that rendering would give.

    Parameters
    ----------
    source
        The take that ``motion`` was made from, or None.
    motion, look, drawn
        The new take's motion and look, and :func:`drawn_with` of this program and the look's renderer.
    reach
        Rows before and after a frame's own that its renderer looks at (`core.systems.frame_renderer.FrameRenderer`).
    """

    def __init__(self, source: TakePlan | None, motion: Motion, look: Look, drawn: str, reach: int = 0) -> None:
        self._folder: Path | None = None
        self._same = np.zeros(len(motion), bool)
        facts = None if source is None else source.finished()
        if source is None or facts is None or facts.drawn_with != drawn:
            return
        self._folder = source.drawn(facts)
        before, after = (np.hstack([m.table(), m.body]) for m in (Motion.load(source.motion), motion))
        if look == (facts.size, facts.framing, facts.renderer, facts.picture) and len(before) == len(after):
            near = np.convolve((before != after).any(axis=1), np.ones(2 * reach + 1), "full")
            self._same = near[reach : reach + len(motion)] == 0

    def differing(self, first: int) -> np.ndarray:
        """(N,) numbers of the frames from ``first`` on that differ from the source's."""
        return first + np.flatnonzero(~self._same[first:])

    def picture(self, index: int, marks: dict[str, str], shape: tuple[int, int]) -> bytes | None:
        """The PNG of a frame that is the source's, with new ``marks``.

        None where the source's file is gone, damaged, or of another (height, width): the frame must be rendered.
        """
        assert self._folder is not None and self._same[index]
        try:
            return marked_again((self._folder / frame_name(index)).read_bytes(), marks, shape)
        except (OSError, ValueError):
            return None
