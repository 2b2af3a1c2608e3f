"""Blinks of a sampled take at a wanted rate: its own where they fall due, others taken out or put in; none too long.

Where the sample can't tell to the frame when lids close, it holds them shut over all the frames in question, for up to
0.4 s. So a blink opens again after the longest time that lids take for one. Nothing else of the take changes, so an
artist who turns the rate keeps the take. It goes along the take in one pass with two seconds of delay, and what comes
out doesn't depend on the pieces it comes in.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..motion.channels import FPS

SPREAD = 0.6
"""σ of the logarithm of intervals between blinks: the long upper tail of Bentivoglio et al. 1997."""
SHORTEST = 0.6
"""Seconds between the times at which two blinks fall due, at least."""
STARE = 10.0
"""Seconds after which a take blinks although its sample doesn't, where no rate is asked for."""
CLOSED = 0.5
"""Lid weight above which a blink is under way."""
PROFILE = np.array([0.35, 0.95, 1.0, 0.75, 0.45, 0.2, 0.06], dtype=np.float32)
"""A blink at 25 frames a second: down in 0.1 s, up in 0.2 s, the last of it slowest (Trutoiu et al. 2011)."""
LONGEST = np.array([0.35, 0.95, 1.0, 1.0, 0.95, 0.7, 0.37, 0.1], dtype=np.float32)
"""The most that lids are closed around a blink's peak: more than half for 0.2 s, as long as the longer half of those
that the prior learns from (closing 0.1 s, shut 0.06 s, opening 0.2 s: VanderWerf et al. 2003; Trutoiu et al. 2011)."""
_PEAK = int(PROFILE.argmax())
_SLACK = 15
"""Frames that a blink may fall before or after the time at which it is due."""
_BEFORE, _AFTER = 6, 10
"""Frames before and after its peak that a blink can last."""
_APART = 10
"""Frames between the peaks of two blinks, at least."""
DELAY = 2 * (_SLACK + _AFTER)
"""Frames that :class:`BlinkPacer` keeps back until it has seen what follows."""


def _due_times(seed: int, rate: float) -> Iterator[float]:
    """Frames at which blinks fall due at ``rate`` a minute: log-normal intervals."""
    rng = np.random.default_rng([seed, 0xB11])
    time = rng.uniform(0.0, 60.0 / rate) * FPS
    while True:
        yield time
        time += max(SHORTEST, rng.lognormal(math.log(60.0 / rate) - SPREAD**2 / 2, SPREAD)) * FPS


class BlinkPacer:
    """Sets the blinks of one take as its lids come in.

    Parameters
    ----------
    seed
        Of the take.
    rate
        Blinks a minute; None leaves the take's own and only ends stares.
    """

    def __init__(self, seed: int, rate: float | None) -> None:
        self._rate = rate
        self._due = _due_times(seed, rate) if rate else None
        self._next = next(self._due) if self._due else math.inf
        self._start = self._end = self._done = 0  # of the kept frames, of those that came, of those that are out
        self._lid = self._loudness = np.zeros(0, np.float32)
        self._fixed = np.zeros(0, bool)
        self._seen = 0  # peaks before this frame have been found
        self._natural: list[int] = []
        self._kept: set[int] = set()
        self._added: list[int] = []
        self._last = 0

    def push(self, lid: np.ndarray, loudness: np.ndarray, fixed: np.ndarray, last: bool) -> np.ndarray:
        """Take the next frames in; give those out whose blinks are decided.

        Parameters
        ----------
        lid, loudness, fixed
            (k,) lid weights 0–1, loudness of the speech (any unit; blinks are put where it is least), and where the
            lids must stay as they are.
        last
            Whether these are the take's last frames.

        Returns
        -------
        (n,) lid weights of the next n frames: all but the last ``DELAY`` that came, or all.
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
        """Values of frames ``first`` … ``stop``, zero before and after the take."""
        frames = np.arange(first - self._start, stop - self._start)
        inside = (frames >= 0) & (frames < len(values))
        return np.where(inside, values[np.clip(frames, 0, len(values) - 1)], values.dtype.type(0))

    def _find_peaks(self, last: bool) -> None:
        stop = self._end if last else self._end - _AFTER
        for frame in range(self._seen, stop):
            value = self._lid[frame - self._start]
            if value <= CLOSED:
                continue
            before, after = self._at(self._lid, frame - _BEFORE, frame), self._at(self._lid, frame + 1, frame + _AFTER)
            highest = value > before.max() and value >= after.max()
            if highest and max(before.min(), after.min()) < CLOSED:  # else the eyes are closed, not blinking
                self._natural.append(frame)
        self._seen = max(self._seen, stop)

    def _is_fixed(self, peak: int) -> bool:
        return bool(self._at(self._fixed, peak - _BEFORE, peak + _AFTER).any())

    def _assign(self, last: bool) -> None:
        """Give each due time the nearest blink there is, or a new one."""
        while self._next < self._end and (last or self._next + _SLACK + _AFTER <= self._end):
            due = round(self._next)
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
        longest = round(STARE * FPS)
        while True:
            peak = next((p for p in self._natural if p > self._last and p not in self._kept), None)
            if peak is not None and peak - self._last <= longest:
                self._kept.add(peak)
                self._last = peak
                continue
            limit = self._last + longest
            if limit + _AFTER > self._end and not (last and limit <= self._end):
                return
            place = self._quiet_place(limit - 2 * _SLACK, limit)
            if place is not None:
                self._added.append(place)
            self._last = limit if place is None else place

    def _quiet_place(self, first: int, last: int) -> int | None:
        """The quietest frame of ``first`` … ``last`` at which a blink can be put in."""
        places = [
            frame
            for frame in range(max(first, _PEAK), min(last + 1, self._end - (len(PROFILE) - _PEAK)))
            if abs(frame - self._last) >= _APART and not self._is_fixed(frame)
        ]
        if not places:
            return None
        return min(places, key=lambda f: float(self._at(self._loudness, f - 2, f + 3).mean()))

    def _drawn(self, first: int, stop: int) -> np.ndarray:
        """Lids of these frames with the blinks as decided."""
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
        """First and last frame of a blink in ``lid``, whose first frame is ``begin``, and open lids in its place."""
        earliest, at = max(peak - _BEFORE - begin, 0), peak - begin
        left = earliest + int(lid[earliest : at + 1].argmin())
        right = at + int(lid[at : at + _AFTER].argmin())
        # A blink that the take's beginning or end cuts off has one open side.
        start = lid[right] if peak < _BEFORE else lid[left]
        end = lid[left] if at + _AFTER > len(lid) else lid[right]
        return left, right, np.linspace(start, end, right - left + 1, dtype=np.float32)

    def _forget(self, before: int) -> None:
        """Let go of frames and blinks that nothing will be drawn from again."""
        drop = before - DELAY - self._start
        if drop > 0:
            self._lid, self._loudness, self._fixed = self._lid[drop:], self._loudness[drop:], self._fixed[drop:]
            self._start += drop
            self._natural = [p for p in self._natural if p >= self._start + DELAY // 2 or p == self._last]
            self._added = [p for p in self._added if p >= self._start + DELAY // 2]
            self._kept = {p for p in self._kept if p in self._natural}
