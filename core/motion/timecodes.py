"""Timecodes of recordings: at what time each row of a table was recorded, and at what rate.

A recorder that is short of time leaves rows out, and a phone that rings leaves a hole. The number of a row then says
nothing about its time. The timecode does. A timecode is ``HH:MM:SS:FF.mmm``: FF counts frames within the second, mmm
are decimals of a frame. Recordings with ``HH:MM:SS.mmm`` are read too. After 23:59:59 comes 00:00:00.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..plurals import counted

_CODE = re.compile(r"([0-9]{1,3}):([0-9]{1,2}):([0-9]{1,2})(?:[:;]([0-9]{1,3}(?:\.[0-9]{0,9})?)|(\.[0-9]{1,9})?)")
_DAY = 86400.0
_USUAL_RATES = (10.0, 12.0, 15.0, 16.0, 20.0, 24.0, 25.0, 30.0, 48.0, 50.0, 60.0, 72.0, 90.0, 100.0, 120.0, 240.0)
_NEAR = 0.02
"""Relative difference of two rates that counts as the same one: 29.97 and 30."""
_WHOLE_STEP = 0.75
"""Least step from row to row, in frames, that counts as one frame or more."""
_LONGEST_STEP = 4.0
"""Longest usual step from row to row, in frames, that counts as a lower rate of the rows and not as holes."""
_LONGEST_HOLE = 600.0
"""Longest hole between two rows that is bridged, in seconds."""
MOST_FRAMES = 1_000_000
"""Number of frames of the longest recording: 4.6 hours at 60 frames per second."""


@dataclass(frozen=True, eq=False)
class Placement:
    """Where the rows of a recording lie in time.

    Attributes
    ----------
    rate
        Frames per second at which rows were recorded.
    rows
        (k,) indices of the rows in the order of their time; of several rows with the same time only the last one.
    positions
        (k,) their times since the first one, in frames at ``rate``; they rise.
    """

    rate: float
    rows: np.ndarray
    positions: np.ndarray


def place(codes: Sequence[str], rate: float | None, otherwise: float) -> Placement:
    """Place rows by their timecodes.

    Parameters
    ----------
    codes
        The timecode of each row.
    rate
        Frames per second if they are known. None: they are found from the timecodes.
    otherwise
        The rate that is assumed where the recording is too short to tell.

    Rows are counted instead, at ``rate`` or ``otherwise``, where the timecodes can't be read, run back by more than a
    second, or contradict ``rate``. Raises ValueError for holes of more than ten minutes, and for recordings of more
    than `MOST_FRAMES` frames.
    """
    parts = [_CODE.fullmatch(code) for code in codes]
    if not parts or not all(parts):
        return _counted(len(codes), rate or otherwise)
    seconds = np.array([float(m[1]) * 3600 + float(m[2]) * 60 + float(m[3]) for m in parts if m])
    seconds += _DAY * np.concatenate([[0], np.cumsum(np.diff(seconds) < -_DAY / 2)])
    if any(m[4] for m in parts if m):
        frames = np.array([float(m[4] or 0) for m in parts if m])
        base = _frames_per_second(seconds, frames, otherwise)
        found = _by_frames(seconds, frames, base)
        if found is not None and rate is not None and abs(rate / found.rate - 1) < _NEAR:
            found = _by_frames(seconds, frames, base * rate / found.rate)
            found = found and replace(found, rate=rate)
    else:
        found = _by_seconds(seconds + np.array([float(m[5] or 0) for m in parts if m]), rate or otherwise)
    if found is None or (rate is not None and abs(rate / found.rate - 1) >= _NEAR):
        return _counted(len(codes), rate or otherwise)
    _check_length(found)
    return found


def _counted(count: int, rate: float) -> Placement:
    return Placement(rate, np.arange(count), np.arange(count, dtype=float))


def _frames_per_second(seconds: np.ndarray, frames: np.ndarray, otherwise: float) -> float:
    """Frames that a second has in these timecodes: one more than the largest frame number.

    The row with the largest number may be lost. So the number must be seen in two seconds, or right before the frame 0
    of the next second; otherwise it is rounded up to a usual rate. One less than a usual rate is always rounded up.
    """
    whole = np.floor(frames)
    top = float(whole.max()) + 1
    last = whole == top - 1
    turns = last[:-1] & (np.diff(seconds) == 1) & (whole[1:] == 0)
    may_be_whole = top in _USUAL_RATES or top + 1 not in _USUAL_RATES
    if may_be_whole and (len(np.unique(seconds[last])) >= 2 or turns.any()):
        return top
    if len(np.unique(seconds)) <= 2 and otherwise >= top:
        return otherwise
    return next((usual for usual in _USUAL_RATES if usual >= top), top)


def _by_frames(seconds: np.ndarray, frames: np.ndarray, base: float) -> Placement | None:
    """Rows placed by seconds and frames, ``base`` frames per second. None: they run back."""
    at = seconds * base + frames
    at -= at[0]
    if len(at) > 1 and np.diff(at).min() < -base:
        return None
    order = np.argsort(at, kind="stable")
    at = at[order]
    _, first, counts = np.unique(at, return_index=True, return_counts=True)
    usual = int(np.bincount(counts).argmax())
    if usual > 1:  # timecodes at a lower rate than the rows: spread the rows over the frame
        group = np.repeat(np.arange(len(first)), counts)
        from_end = np.repeat(first + counts, counts) - np.arange(len(at))
        return _from_first(base * usual, order, at[first][group] * usual + usual - from_end)
    rows = order[first + counts - 1]
    at = at[first]
    step = float(np.median(np.diff(at))) if len(at) > 1 else 1.0
    share = 1.0 / round(1.0 / step) if step < _WHOLE_STEP else float(max(round(step), 1))
    if share > _LONGEST_STEP:
        share = 1.0
    return _from_first(base / share, rows, at / share)


def _by_seconds(at: np.ndarray, otherwise: float) -> Placement | None:
    """Rows placed by seconds with decimals. None: they run back."""
    if len(at) > 1 and np.diff(at).min() < -1.0:
        return None
    order = np.argsort(at, kind="stable")
    times, first, counts = np.unique(at[order], return_index=True, return_counts=True)
    rate = 1.0 / float(np.median(np.diff(times))) if len(times) > 2 else otherwise
    rate = next((usual for usual in _USUAL_RATES if abs(rate / usual - 1) < _NEAR), rate)
    return _from_first(rate, order[first + counts - 1], times * rate)


def _from_first(rate: float, rows: np.ndarray, positions: np.ndarray) -> Placement:
    return Placement(rate, rows, positions - positions[0])


def _check_length(found: Placement) -> None:
    """Raise ValueError for a hole or a length that no recording has."""
    hole = float(np.diff(found.positions).max()) / found.rate if len(found.positions) > 1 else 0.0
    if hole > _LONGEST_HOLE:
        raise ValueError(f"there is a hole of {counted(hole / 60, 'minute', form='.0f')} between two of its rows")
    if found.positions[-1] > MOST_FRAMES:
        raise ValueError(f"its timecodes span {found.positions[-1] / found.rate / 3600:.1f} hours")
