"""Shoulders and breath of a take: made once, kept with its motion, and kept where a take is made from another one."""

from __future__ import annotations

import numpy as np

from ..files import is_file
from ..motion.body import followed_again, following
from ..motion.breath import breathing
from ..motion.motion import Motion
from ..phones.documents import PhoneDocument
from ..phones.phone_set import PHONES, SILENCE
from ..phones.rows import phone_rows
from .job import Job
from .mouth import ROWS_A_FRAME
from .take import TakePlan


def with_body(motion: Motion, body: np.ndarray) -> Motion:
    """The motion with another body (T, 4); all else stays bit for bit."""
    return Motion.from_table(motion.table(), motion.fps, body)


def new_body(motion: Motion, seed: int, said: PhoneDocument | None, strength: float, loop: bool) -> np.ndarray:
    """(T, 4) float32, ``channels.BODY``: shoulders that follow the motion's head, and a breath between phrases.

    Parameters
    ----------
    seed
        Of the take: it decides when a breath is drawn.
    said
        The phones of the take. None: nobody speaks.
    strength
        How far all of it moves; 0 holds it still.
    loop
        Whether the end runs into the beginning.
    """
    frames = len(motion)
    rows = phone_rows([] if said is None else said.segments, ROWS_A_FRAME * frames)
    spoken = (rows != PHONES.index(SILENCE)).reshape(frames, ROWS_A_FRAME).any(axis=1)
    body = np.concatenate([following(motion, loop), breathing(seed, spoken, loop)[:, None]], axis=1)
    return (strength * body).astype(np.float32)


def kept_body(before: Motion, after: Motion, strength: float, loop: bool, part: np.ndarray | None = None) -> np.ndarray:
    """(T, 4) float32: the body of ``before`` for a motion with other heads: the breath stays, the shoulders follow.

    A body that rests goes on resting. ``part`` (T,) 0–1 is how far each frame may change; by default every frame may.
    """
    if not before.body.any():
        return before.body
    body = followed_again(before.body, before, after, strength, loop)
    if part is None:
        return body
    return np.where(part[:, None] == 0.0, before.body, before.body + part[:, None] * (body - before.body))


def with_body_of(motion: Motion, job: Job, source: TakePlan, said: PhoneDocument | None) -> Motion:
    """The motion that is rendered for a take: edited curves have no body, so they get that of the take ``source``."""
    settings = job.facts.settings
    if motion.body.any() or not is_file(source.motion):
        return motion
    own, loop = Motion.load(source.motion), settings.style.loop
    if not own.body.any():
        return motion
    if len(own) == len(motion):
        return with_body(motion, kept_body(own, motion, settings.body, loop))
    return with_body(motion, new_body(motion, source.seed, said, settings.body, loop))
