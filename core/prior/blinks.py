"""Set the blinks of a sampled take: how often they come, and how long they last.

At a given rate, blinks fall due at random times. A sampled blink near such a time is kept; otherwise one is added.
All other sampled blinks are removed. Where the prior is unsure in which frame the lids close, it samples them shut over
all the frames in question, for up to 0.4 s. So every blink is also limited to the longest time that a blink takes.

A take begins with open eyes. The prior doesn't see what came before the first frame, so about every eighth take that
it samples begins inside a blink. Such a blink is removed; the due times start as if blinks had fallen due for ever and
none happens to be under way.

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
OPEN = float(PROFILE[0])
"""Upper limit of the lid weights while a take begins."""
AWAKE = 6
"""Frames at a take's beginning in which the eyes are open (a quarter of a second)."""
_LEAVING = LONGEST[-4:-1]
"""Upper limit of the lid weights in a loop's last frames."""
_PEAK = int(PROFILE.argmax())
EARLIEST = AWAKE + _PEAK
"""First frame at which a blink may peak."""
_SLACK = 15
"""Frames by which a blink may come before or after its due time."""
_BEFORE, _AFTER = 6, 10
"""Most frames of a blink before and after its peak."""
_APART = 10
"""Fewest frames between the peaks of two blinks."""
DELAY = 2 * (_SLACK + _AFTER)
"""Frames that :class:`BlinkPacer` holds back, because later frames can still change them."""


def _due_times(seed: int, rate: float) -> Iterator[float]:
    """Frames at which blinks fall due at ``rate`` a minute. The intervals are log-normal.

    The process is stationary. So a take begins at a random time within an interval that is drawn in proportion to its
    length (Cox, Renewal Theory, 1962, ch. 5), which shifts the log-normal's μ by σ². Beginnings at which a blink would
    be under way are drawn again.
    """
    rng = np.random.default_rng([seed, 0xB11])
    mu = math.log(60.0 / rate) - INTERVAL_SIGMA**2 / 2
    time = 0.0
    while time < EARLIEST:
        time = rng.random() * max(SHORTEST, rng.lognormal(mu + INTERVAL_SIGMA**2, INTERVAL_SIGMA)) * FPS
    while True:
        yield time
        time += max(SHORTEST, rng.lognormal(mu, INTERVAL_SIGMA)) * FPS


class BlinkPacer:
    """Sets the blinks of one take while its lids come in, piece by piece.

    Parameters
    ----------
    seed
        Seed of the take.
    rate
        Blinks a minute. None keeps the sampled blinks and only ends stares.
    loop
        Whether the last frame runs into the first, so that the eyes are open there too.
    """

    def __init__(self, seed: int, rate: float | None, loop: bool = False) -> None:
        self._rate, self._loop = rate, loop
        self._due = _due_times(seed, rate) if rate else None
        self._next = next(self._due) if self._due else math.inf
        self._start = self._end = self._done = 0  # first in memory, end of received, end of returned
        self._lid = self._loudness = np.zeros(0, np.float32)
        self._fixed = np.zeros(0, bool)
        self._seen = 0  # all peaks before this frame have been found
        self._natural: list[int] = []
        self._kept: set[int] = set()
        self._added: list[int] = []
        self._last = EARLIEST - _APART  # the last blink's peak

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

    def _is_cut_off(self, peak: int) -> bool:
        """Whether the take's beginning cuts this blink off, or a loop's end does."""
        return peak < EARLIEST or (self._loop and peak >= self._end - len(_LEAVING))

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
            elif (place := self._place_near(due)) is not None:
                self._added.append(place)
                self._last = place

    def _end_stares(self, last: bool) -> None:
        """Keep the sampled blinks, and add one wherever none comes for ``STARE`` seconds."""
        longest = round(STARE * FPS)
        while True:
            peak = next((p for p in self._natural if p > self._last and self._may_be_kept(p)), None)
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

    def _may_be_kept(self, peak: int) -> bool:
        """Whether this sampled blink is still free, and the take's beginning doesn't cut it off."""
        return peak not in self._kept and (peak >= EARLIEST or self._is_fixed(peak))

    def _place_near(self, due: int) -> int | None:
        """A frame near ``due`` at which a blink can be added; None if there is none.

        It is the quietest. In the first second it is the nearest, because many recordings begin with silence, into
        which all first blinks would move.
        """
        settled = round(FPS)
        if due < settled:
            return min(self._places(due - _SLACK, due + _SLACK), key=lambda f: abs(f - due), default=None)
        return self._quiet_place(max(due - _SLACK, settled), due + _SLACK)

    def _quiet_place(self, first: int, last: int) -> int | None:
        """The quietest frame of ``first`` … ``last`` at which a blink can be added; None if there is none.

        Where all is equally quiet, it is the one nearest to the middle.
        """

        def loudness(frame: int) -> float:
            return float(self._at(self._loudness, frame - 2, frame + 3).mean())

        places = self._places(first, last)
        return min(places, key=lambda f: (loudness(f), abs(2 * f - first - last)), default=None)

    def _places(self, first: int, last: int) -> list[int]:
        """The frames of ``first`` … ``last`` at which a blink can be added."""
        return [
            frame
            for frame in range(max(first, EARLIEST), min(last + 1, self._end - (len(PROFILE) - _PEAK)))
            if abs(frame - self._last) >= _APART and not self._is_fixed(frame)
        ]

    def _drawn(self, first: int, stop: int) -> np.ndarray:
        """Lid weights of frames ``first`` … ``stop`` with the blinks as decided."""
        begin = max(first - DELAY, self._start)
        sampled = self._at(self._lid, begin, self._end)
        lid = self._awake(sampled, begin)
        for peak in self._natural:
            if peak < first - _AFTER or self._is_fixed(peak):
                continue
            left, right, open_lids = self._open(sampled, peak, begin)
            if not self._is_cut_off(peak) and (self._rate is None or peak in self._kept):
                offsets = np.arange(left, right + 1) - (peak - begin - _PEAK)
                inside = (offsets >= 0) & (offsets < len(LONGEST))
                open_lids[inside] = np.maximum(open_lids[inside], LONGEST[offsets[inside]])
            lid[left : right + 1] = np.minimum(lid[left : right + 1], open_lids)
        for place in self._added:
            if place >= first - len(PROFILE):
                span = slice(place - _PEAK - begin, place - _PEAK + len(PROFILE) - begin)
                lid[span] = np.maximum(lid[span], PROFILE)
        return lid[first - begin : stop - begin]

    def _awake(self, lid: np.ndarray, begin: int) -> np.ndarray:
        """``lid``, which starts at frame ``begin``, with open eyes where the take begins and where a loop ends.

        Fixed frames, and what follows or leads to them, don't change.
        """
        lid, fixed = lid.copy(), self._at(self._fixed, begin, self._end)
        if begin < AWAKE:
            start = slice(0, int(fixed[: AWAKE - begin].argmax()) if fixed[: AWAKE - begin].any() else AWAKE - begin)
            lid[start] = np.minimum(lid[start], OPEN)
        end = slice(-len(_LEAVING), None)
        if self._loop and len(lid) > len(_LEAVING) and not fixed[end].any():
            lid[end] = np.minimum(lid[end], _LEAVING)
        return lid

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
