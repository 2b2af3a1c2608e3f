"""What a motion source is asked for, and what it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from ..motion.motion import Motion
from ..prior.sampling import Sampling
from ..sound.lips import Heard
from ..sound.speech import Speech

OnFrame = Callable[[int], None]
"""Called with the number of frames that are done. It may raise an error to stop the work."""


@dataclass(frozen=True, eq=False)
class KeptTake:
    """The take that is kept in part, and a mask (T, 59) bool that is True for what is kept.

    The take's tongue is kept where its lips are. Its breath stays, and its shoulders follow the new head.
    """

    take: Motion
    mask: np.ndarray

    @cached_property
    def channels(self) -> np.ndarray:
        """(T, 59) the channels of the take."""
        return self.take.channels()


@dataclass(frozen=True, kw_only=True, eq=False)
class Wish:
    """One motion that is asked for.

    Attributes
    ----------
    speech
        The sound, of T frames.
    seed
        Another seed gives another motion, the same seed the same one.
    sampling
        How it is sampled: style, transition, turning limits, and what the diffusions alone know.
    lips
        Gives the (T, 27) lips and jaw that the lip model makes of what is said, with the job's articulation.
    heard_lips
        Gives (T, 27) lips and jaw as the sound alone tells them, whatever words and articulation the job has. Motion
        that follows the mouth follows these, so it stays when an artist corrects the mouth. None if nothing is known.
    spoken
        Gives what is said as the lip model hears it, with the phones of the transcript if there is one, and (T,) 0–1,
        where the mouth moves, or None for everywhere.
    reference
        Gives the (53,) expression of the portrait, weights 0–1.
    articulation
        How far the mouth moves; 1 as people do.
    pose_style
        Number of the manner in which the head moves, for sources that know several.
    kept
        What stays bit for bit, or None.
    """

    speech: Speech
    seed: int
    sampling: Sampling
    lips: Callable[[], np.ndarray]
    spoken: Callable[[], tuple[Heard, np.ndarray | None]]
    reference: Callable[[], np.ndarray]
    heard_lips: Callable[[], np.ndarray] | None = None
    articulation: float = 1.0
    pose_style: int = 0
    kept: KeptTake | None = None


class MotionSource(Protocol):
    """Makes the motion of takes. ``core.wire.systems`` says which settings a source can't honour."""

    def channels(self, wish: Wish, progress: OnFrame) -> np.ndarray:
        """(T, 59) float32 in the order of ``core.motion.channels.CHANNELS``.

        What is kept comes back bit for bit, and the new motion joins it smoothly. Raises BadInputError ``bad_setting``
        for a pose style that the source doesn't have.
        """
