"""Set the blinks of a sampled take: how often they come, and how long they last.

At a given rate, blinks fall due at random times. A sampled blink near such a time is kept; otherwise one is added.
All other sampled blinks are removed. Where the prior is unsure in which frame the lids close, it samples them shut over
all the frames in question, for up to 0.4 s. So every blink is also limited to the longest time that a blink takes.

Nothing but the lids changes, so an artist who changes the rate keeps the take. The pacer goes along the take in one
pass with a delay of two seconds, and its result does not depend on the size of the pieces it receives.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..motion.channels import FPS

INTERVAL_SIGMA = 0.6
"""σ of the logarithm of the intervals between blinks: the long upper tail of Bentivoglio et al. 1997."""
SHORTEST = 0.6
"""Shortest time between two due times, in seconds."""
STARE = 10.0
"""If no rate is given, a blink is added after this many seconds without one."""
CLOSED = 0.5
"""Lid weight above which the lids count as closing in a blink."""
PROFILE = np.array([0.35, 0.95, 1.0, 0.75, 0.45, 0.2, 0.06], dtype=np.float32)
"""Lid weights of an added blink at 25 frames a second. The lids close in 0.1 s and open in 0.2 s, slowest at the end
(Trutoiu et al. 2011)."""
LONGEST = np.array([0.35, 0.95, 1.0, 1.0, 0.95, 0.7, 0.37, 0.1], dtype=np.float32)
"""Upper limit of the lid weights around a blink's peak. They exceed one half for 0.2 s, as in the longer half of the
blinks that the prior learns from (closing 0.1 s, shut 0.06 s, opening 0.2 s: VanderWerf et al. 2003; Trutoiu et al.
2011)."""
_PEAK = int(PROFILE.argmax())
_SLACK = 15
"""Frames by which a blink may come before or after its due time."""
_BEFORE, _AFTER = 6, 10
"""Most frames of a blink before and after its peak."""
_APART = 10
"""Fewest frames between the peaks of two blinks."""
DELAY = 2 * (_SLACK + _AFTER)
"""Frames that :class:`BlinkPacer` holds back, because later frames can still change them."""


def _due_times(seed: int, rate: float) -> Iterator[float]:
    """Frames at which blinks fall due at ``rate`` a minute. The intervals are log-normal."""
    rng = np.random.default_rng([seed, 0xB11])
    time = rng.uniform(0.0, 60.0 / rate) * FPS
    while True:
        yield time
        time += max(SHORTEST, rng.lognormal(math.log(60.0 / rate) - INTERVAL_SIGMA**2 / 2, INTERVAL_SIGMA)) * FPS


class BlinkPacer:
    """Sets the blinks of one take while its lids come in, piece by piece.

    Parameters
    ----------
    seed
        Seed of the take.
    rate
        Blinks a minute. None keeps the sampled blinks and only ends stares.
    """

    def __init__(self, seed: int, rate: float | None) -> None:
        self._rate = rate
        self._due = _due_times(seed, rate) if rate else None
        self._next = next(self._due) if self._due else math.inf
        self._start = self._end = self._done = 0  # first in memory, end of received, end of returned
        self._lid = self._loudness = np.zeros(0, np.float32)
        self._fixed = np.zeros(0, bool)
        self._seen = 0  # all peaks before this frame have been found
        self._natural: list[int] = []
        self._kept: set[int] = set()
        self._added: list[int] = []
        self._last = 0

    def push(self, lid: np.ndarray, loudness: np.ndarray, fixed: np.ndarray, last: bool) -> np.ndarray:
        """Take in the next frames, and return the frames whose blinks are decided.

        Parameters
        ----------
        lid, loudness, fixed
            (k,) lid weights 0–1; loudness of the speech in any unit, since blinks are added where it is lowest; and
            bool, where the lids must not change.
        last
            Whether these are the take's last frames.

        Returns
        -------
        (n,) lid weights of the next n frames. The newest ``DELAY`` frames are held back unless ``last``.
        """
        self._lid = np.concatenate([self._lid, lid]).astype(np.float32)
        self._loudness = np.concatenate([self._loudness, loudness]).astype(np.float32)
        self._fixed = np.concatenate([self._fixed, fixed])
        self._end += len(lid)
        self._find_peaks(last)
        if self._rate is None:
            self._end_stares(last)
        else:
            self._assign(last)
        ready = self._end if last else max(self._done, self._end - DELAY)
        out = self._drawn(self._done, ready)
        self._done = ready
        self._forget(ready - DELAY)
        return out

    def _at(self, values: np.ndarray, first: int, stop: int) -> np.ndarray:
        """Values of frames ``first`` … ``stop``; 0 before and after the take."""
        frames = np.arange(first - self._start, stop - self._start)
        inside = (frames >= 0) & (frames < len(values))
        return np.where(inside, values[np.clip(frames, 0, len(values) - 1)], values.dtype.type(0))

    def _find_peaks(self, last: bool) -> None:
        """Note the peaks of sampled blinks among the new frames."""
        stop = self._end if last else self._end - _AFTER
        for frame in range(self._seen, stop):
            value = self._lid[frame - self._start]
            if value <= CLOSED:
                continue
            before, after = self._at(self._lid, frame - _BEFORE, frame), self._at(self._lid, frame + 1, frame + _AFTER)
            highest = value > before.max() and value >= after.max()
            if highest and max(before.min(), after.min()) < CLOSED:  # otherwise the eyes are closed, not blinking
                self._natural.append(frame)
        self._seen = max(self._seen, stop)

    def _is_fixed(self, peak: int) -> bool:
        """Whether some frame of a blink with this peak must not change."""
        return bool(self._at(self._fixed, peak - _BEFORE, peak + _AFTER).any())

    def _assign(self, last: bool) -> None:
        """Give each due time the nearest sampled blink, or add one."""
        while self._next < self._end:
            due = round(self._next)
            if not last and due + _SLACK >= self._seen:
                return  # a nearer sampled blink may still come
            self._next = next(self._due) if self._due else math.inf
            free = [p for p in self._natural if p not in self._kept and p - self._last >= _APART]
            near = [p for p in free if abs(p - due) <= _SLACK]
            if near:
                self._last = min(near, key=lambda p: abs(p - due))
                self._kept.add(self._last)
            elif (place := self._quiet_place(due - _SLACK, due + _SLACK)) is not None:
                self._added.append(place)
                self._last = place

    def _end_stares(self, last: bool) -> None:
        """Keep the sampled blinks, and add one wherever none comes for ``STARE`` seconds."""
        longest = round(STARE * FPS)
        while True:
            peak = next((p for p in self._natural if p > self._last and p not in self._kept), None)
            if peak is not None and peak - self._last <= longest:
                self._kept.add(peak)
                self._last = peak
                continue
            limit = self._last + longest
            if not (limit <= self._end if last else limit < self._seen):
                return  # a sampled blink may still come before the limit
            place = self._quiet_place(limit - 2 * _SLACK, limit)
            if place is not None:
                self._added.append(place)
            self._last = limit if place is None else place

    def _quiet_place(self, first: int, last: int) -> int | None:
        """The quietest frame of ``first`` … ``last`` at which a blink can be added; None if there is none."""
        places = [
            frame
            for frame in range(max(first, _PEAK), min(last + 1, self._end - (len(PROFILE) - _PEAK)))
            if abs(frame - self._last) >= _APART and not self._is_fixed(frame)
        ]
        if not places:
            return None
        return min(places, key=lambda f: float(self._at(self._loudness, f - 2, f + 3).mean()))

    def _drawn(self, first: int, stop: int) -> np.ndarray:
        """Lid weights of frames ``first`` … ``stop`` with the blinks as decided."""
        begin = max(first - DELAY, self._start)
        sampled = self._at(self._lid, begin, self._end)
        lid = sampled.copy()
        for peak in self._natural:
            if peak < first - _AFTER or self._is_fixed(peak):
                continue
            left, right, open_lids = self._open(sampled, peak, begin)
            if self._rate is None or peak in self._kept:
                offsets = np.arange(left, right + 1) - (peak - begin - _PEAK)
                inside = (offsets >= 0) & (offsets < len(LONGEST))
                open_lids[inside] = np.maximum(open_lids[inside], LONGEST[offsets[inside]])
            lid[left : right + 1] = np.minimum(lid[left : right + 1], open_lids)
        for place in self._added:
            if place >= first - len(PROFILE):
                span = slice(place - _PEAK - begin, place - _PEAK + len(PROFILE) - begin)
                lid[span] = np.maximum(lid[span], PROFILE)
        return lid[first - begin : stop - begin]

    def _open(self, lid: np.ndarray, peak: int, begin: int) -> tuple[int, int, np.ndarray]:
        """First and last index of a blink in ``lid``, which starts at frame ``begin``, and open lids to replace it."""
        earliest, at = max(peak - _BEFORE - begin, 0), peak - begin
        left = earliest + int(lid[earliest : at + 1].argmin())
        right = at + int(lid[at : at + _AFTER].argmin())
        # A blink that the take's beginning or end cuts off has one open side.
        start = lid[right] if peak < _BEFORE else lid[left]
        end = lid[left] if at + _AFTER > len(lid) else lid[right]
        return left, right, np.linspace(start, end, right - left + 1, dtype=np.float32)

    def _forget(self, before: int) -> None:
        """Drop frames and blinks that are not needed any more."""
        drop = before - DELAY - self._start
        if drop > 0:
            self._lid, self._loudness, self._fixed = self._lid[drop:], self._loudness[drop:], self._fixed[drop:]
            self._start += drop
            self._natural = [p for p in self._natural if p >= self._start + DELAY // 2 or p == self._last]
            self._added = [p for p in self._added if p >= self._start + DELAY // 2]
            self._kept = {p for p in self._kept if p in self._natural}
