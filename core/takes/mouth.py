"""The mouth of a take: what is said in it, and the lips and the jaw that follow from that."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from ..files import is_file
from ..motion.channels import FPS
from ..phones.documents import TRANSCRIPT, PhoneDocument, read_phones
from ..phones.phone_set import PHONES
from ..phones.rows import ROWS_A_SECOND, phone_rows
from ..phones.said import said
from ..sound.lips import Heard, LipModel
from ..sound.speech import Speech
from .take import TakePlan

ROWS_A_FRAME = round(ROWS_A_SECOND / FPS)
_NEAR_FRAMES = 3
"""Frames before and after a changed phone whose mouth is made from the new phones alone."""
_BLEND_FRAMES = 3
"""Frames over which the new mouth passes into the old one."""


class Mouth:
    """What is said in one speech, and its lips. Each is computed once, however many takes ask."""

    def __init__(
        self,
        lips: LipModel,
        speech: Speech,
        transcript: str = "",
        notice: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        """Nothing is computed yet. ``notice`` receives sentences about the transcript."""
        self._lips, self._speech, self._transcript, self._notice = lips, speech, transcript, notice

    @functools.cached_property
    def heard(self) -> Heard:
        """What is heard in the speech."""
        return self._lips.listen(self._speech.whisper_mel)

    @functools.cached_property
    def document(self) -> PhoneDocument:
        """The phones of the speech: those that are heard, or those of the transcript where it fits."""
        spoken = np.repeat(self._speech.presence > 0.0, ROWS_A_FRAME)
        return said(self.heard.phones, spoken, len(self._speech) / FPS, self._transcript, self._notice)

    @functools.cached_property
    def spoken(self) -> tuple[Heard, np.ndarray | None]:
        """What is said as the lip model hears it, with the phones of the transcript where it fits, and (T,) 0–1, where
        the mouth moves, or None for everywhere."""
        if self.document.source != TRANSCRIPT:
            return self.heard, self._speech.presence
        return Heard(np.eye(len(PHONES), dtype=np.float32)[self._rows()], self.heard.manner), None

    @property
    def as_heard(self) -> np.ndarray:
        """(T, 27) lips and jaw as the sound alone tells them: without the words, with the usual articulation."""
        if self.document.source != TRANSCRIPT:
            return self.channels(1.0)
        return self._as_heard

    @functools.cached_property
    def _as_heard(self) -> np.ndarray:
        return self._lips.predict(self.heard, presence=self._speech.presence)

    @functools.lru_cache(maxsize=2)  # noqa: B019 - a mouth lives as long as its job
    def channels(self, articulation: float) -> np.ndarray:
        """(T, 27) lips and jaw of the whole speech."""
        if self.document.source == TRANSCRIPT:
            return self._lips.predict(self.heard, phones=self._rows(), articulation=articulation)
        return self._lips.predict(self.heard, presence=self._speech.presence, articulation=articulation)

    def _rows(self) -> np.ndarray:
        """(4 T,) the phone of each 10 ms by the document."""
        return phone_rows(self.document.segments, ROWS_A_FRAME * len(self._speech))


def phones_of(take: TakePlan) -> PhoneDocument | None:
    """The phones beside a take's motion; None where there are none: takes of earlier versions have none.

    Raises BadInputError as `core.phones.documents.read_phones`.
    """
    return read_phones(take.phones) if is_file(take.phones) else None


def mouth_of_phones(
    lips: LipModel, document: PhoneDocument, frames: int, articulation: float, heard: Heard | None
) -> np.ndarray:
    """(``frames``, 27) lips and jaw of known phones, in the manner that is ``heard``, or in the usual one if None."""
    rows = phone_rows(document.segments, ROWS_A_FRAME * frames)
    known = Heard.nothing(frames, lips.config.manner)
    if heard is not None:
        count = min(frames, len(heard))
        known.manner[:count] = heard.manner[:count]
    return lips.predict(known, phones=rows, articulation=articulation)


def corrected_mouth(old: np.ndarray, new: np.ndarray, before: PhoneDocument, after: PhoneDocument) -> np.ndarray:
    """(T, 27) the mouth ``old`` of the phones ``before``, with that of ``after`` around all that differs.

    Where no phone near a frame has changed, its mouth stays bit for bit. So what was heard between two phones, and what
    an artist has changed in the curves, isn't lost when one word is corrected.

    Parameters
    ----------
    old, new
        (T, 27) mouths; ``new`` is made from the phones of ``after``.
    """
    rows = ROWS_A_FRAME * len(old)
    differs = phone_rows(before.segments, rows) != phone_rows(after.segments, rows)
    changed = np.flatnonzero(differs.reshape(len(old), ROWS_A_FRAME).any(axis=1))
    if not len(changed):
        return old
    frames = np.arange(len(old))
    following = changed[np.minimum(np.searchsorted(changed, frames), len(changed) - 1)]
    preceding = changed[np.maximum(np.searchsorted(changed, frames, side="right") - 1, 0)]
    distance = np.minimum(np.abs(following - frames), np.abs(frames - preceding))
    share = np.clip((_NEAR_FRAMES + 1 + _BLEND_FRAMES - distance) / (_BLEND_FRAMES + 1), 0.0, 1.0)[:, None]
    blended = (old + share * (new - old)).astype(np.float32)
    return np.where(share == 0.0, old, np.where(share == 1.0, new, blended))
