"""Frames of a take that look as those of the take that it was made from. They are copied, not rendered again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..motion.motion import Motion
from ..wire.names import frame_name
from ..wire.protocol import version
from .models import weight_digests
from .png_marks import marked_again
from .take import TakePlan


class Look(NamedTuple):
    """How frames look: pixels of the face square (None for no frames), framing and renderer."""

    size: int | None
    framing: str | None
    renderer: str | None


def drawn_with(device: str) -> str:
    """A digest of all that the pixels of a motion depend on, besides the portrait and the look."""
    text = json.dumps([version(), device, weight_digests()], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


class EqualFrames:
    """Says which frames of a take are those of its source, the take that it was made from.

    Frames are rendered in batches, and only whole batches are taken over. So each frame is bit for bit the one that
    rendering would give.

    Parameters
    ----------
    source
        The take that ``motion`` was made from, or None.
    motion, look, drawn
        The new take's motion and look, and :func:`drawn_with` of this program.
    batch
        Frames in a batch.
    """

    def __init__(self, source: TakePlan | None, motion: Motion, look: Look, drawn: str, batch: int) -> None:
        self._source, self._batch = source, batch
        self._same = np.zeros(len(motion), bool)
        facts = None if source is None else source.finished()
        if source is None or facts is None or facts.drawn_with != drawn:
            return
        before, after = (np.hstack([m.table(), m.body]) for m in (Motion.load(source.motion), motion))
        if look == (facts.size, facts.framing, facts.renderer) and len(before) == len(after):
            self._same = (before == after).all(axis=1)

    def stretches(
        self, first: int, marks: dict[str, str], shape: tuple[int, int]
    ) -> Iterator[tuple[int, int, list[bytes] | None]]:
        """(begin, end, PNGs) of the frames from ``first`` on, which is the beginning of a batch.

        With PNGs it is a batch of the source's frames, which have new ``marks``. Without, the frames must be rendered:
        they differ, or the source's files are gone, damaged, or of another (height, width).
        """
        begin, count = first, len(self._same)
        for place in range(first, count, self._batch):
            end = min(place + self._batch, count)
            pictures = self._pictures(place, end, marks, shape)
            if pictures is not None:
                if begin < place:
                    yield begin, place, None
                yield place, end, pictures
                begin = end
        if begin < count:
            yield begin, count, None

    def _pictures(self, begin: int, end: int, marks: dict[str, str], shape: tuple[int, int]) -> list[bytes] | None:
        if self._source is None or not self._same[begin:end].all():
            return None
        paths = [self._source.frames / frame_name(index) for index in range(begin, end)]
        try:
            return [marked_again(path.read_bytes(), marks, shape) for path in paths]
        except (OSError, ValueError):
            return None
