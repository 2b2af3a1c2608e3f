"""Turn a sampled gaze into fixations and saccades: the eyes rest and jump, and follow the sample.

A denoiser with a squared loss can't predict in which frame an eye jumps, so its gaze slides. Here the sampled path, as
directions in the world, is fitted by rests with jumps between them. The fit uses as few jumps as explain where the path
dwells; each jump has a price in squared error (a Potts functional, minimised two seconds at a time; Friedrich et al.
2008). All directions come from the sample. The vestibulo-ocular reflex converts between world and head; the caller
applies it.

A jump takes 21 ms, and 2.2 ms for each degree (Bahill, Clark & Stark 1975): one or two frames. It begins between
frames, at a time drawn from the seed. The next jump follows after a fifth of a second or later, about the latency of a
saccade (Carpenter 1988). During a rest, a tenth of the sample's motion remains as drift. Drift in people is slower than
half a degree a second (Martinez-Conde et al. 2004).

The settler goes along the take in one pass, and its result does not depend on the size of the pieces it receives.
"""

from __future__ import annotations

import numpy as np

from ..motion.channels import FPS
from .blinks import DELAY
from .windows import ease

PRICE = 4.0
"""Squared error in square degrees times frames that a jump must remove. A step of 1° between rests of a third of a
second has this much."""
SLOW = 0.15
"""Speed in degrees a frame at which a frame of the path has half the weight. Fast frames tell little about where the
path rests."""
SHORTEST = 5
"""Fewest frames that the eyes rest between two jumps."""
DRIFT = 0.1
"""Fraction of the sample's motion that remains during a rest."""
_LEAST = 0.2
"""Lower limit of ``size``: eyes that look straight ahead still make small saccades."""
_HORIZON = DELAY - 2
"""Frames that are considered for the next jump. A jump also moves the two frames before it."""
_STRIDE = 8
"""Frames after which the end of a rest is decided again."""


def flight_frames(degrees: float) -> float:
    """Duration in frames of a saccade of so many degrees, at most two."""
    return min((0.021 + 0.0022 * degrees) * FPS, 2.0)


class _Rests:
    """The cheapest sequence of rests along a path (n, 2), from each of its frames on.

    Parameters
    ----------
    path
        (n, 2) directions in degrees.
    size
        Size of the glances relative to a plain take. Prices and speeds scale with it.
    goal
        (2,) where the eyes must be at frame n; None if that is open.
    """

    def __init__(self, path: np.ndarray, size: float, goal: np.ndarray | None) -> None:
        n = len(path)
        price = PRICE * size**2
        self._path, self._price, self._goal = path, price, goal
        speed = np.linalg.norm(np.gradient(path, axis=0), axis=1) if n > 1 else np.zeros(n)
        self._weight = 1.0 / (1.0 + np.square(speed / (SLOW * size)))
        # Sums of 1, path and |path|² up to each frame, weighted: (n + 1, 4).
        entries = np.column_stack([np.ones(n), path, np.square(path).sum(axis=1)]) * self._weight[:, None]
        sums = np.concatenate([np.zeros((1, 4)), entries.cumsum(axis=0)])
        between = sums[None] - sums[:, None]  # (first, stop, 4)
        mass = np.maximum(between[..., 0], 1e-9)
        # Squared errors about the mean of the frames first … stop.
        errors = between[..., 3] - np.square(between[..., 1:3]).sum(axis=2) / mass
        self._at_goal = self._staying(goal)
        self._cost, self._stop = np.zeros(n + 1), np.full(n + 1, n)
        self._cost[n] = 0.0 if goal is None else price
        for i in range(n - 1, -1, -1):
            stops = np.r_[np.arange(i + SHORTEST, n), n]
            costs = errors[i, stops] + self._cost[stops]
            best = int(costs.argmin())
            self._cost[i], self._stop[i] = costs[best] + price, stops[best]
            if self._at_goal[i] + price < self._cost[i]:
                self._cost[i], self._stop[i] = (
                    self._at_goal[i] + price,
                    n + 1,
                )  # n + 1: stay at the goal

    def _staying(self, target: np.ndarray | None) -> np.ndarray:
        """(n + 1,) squared error if the eyes look at ``target`` from each frame to the end."""
        if target is None:
            return np.full(len(self._path) + 1, np.inf)
        return np.r_[(self._weight * np.square(self._path - target).sum(axis=1))[::-1].cumsum()[::-1], 0.0]

    def next_jump(self, target: np.ndarray, earliest: int) -> int:
        """Best frame, ``earliest`` or later, for the eyes to leave ``target``; n if they stay to the end."""
        end = len(self._path)
        staying = self._staying(target)
        costs = staying[0] - staying + self._cost
        if self._goal is not None and np.square(target - self._goal).sum() < 1e-6:
            costs[end] -= self._price
        return min(earliest, end) + int(costs[min(earliest, end) :].argmin())

    def target(self, first: int) -> np.ndarray:
        """(2,) direction of a rest that begins at frame ``first``."""
        stop = self._stop[first]
        if stop > len(self._path) and self._goal is not None:
            return self._goal
        return np.average(self._path[first:stop], axis=0, weights=self._weight[first:stop])


class GazeSettler:
    """Settles the gaze of one take while its path comes in, piece by piece.

    Parameters
    ----------
    seed
        Seed of the take.
    size
        Size of its glances relative to a plain take. Smaller glances get as many jumps.
    loop
        Whether the last frame runs into the first.
    """

    def __init__(self, seed: int, size: float = 1.0, loop: bool = False) -> None:
        self._seed, self._loop = seed, loop
        self._size = max(size, _LEAST)
        self._done = self._end = 0  # ends of the returned and of the received frames; those between are in memory
        self._path = self._rest = np.zeros((0, 2))
        self._fixed = np.zeros(0, bool)
        self._at = 0  # frames before this one are decided
        self._since = 0  # frame at which the eyes reached the target
        self._target: np.ndarray | None = None
        self._first: np.ndarray | None = None

    def push(self, path: np.ndarray, fixed: np.ndarray, last: bool) -> np.ndarray:
        """Take in the next frames, and return the frames that are settled.

        Parameters
        ----------
        path, fixed
            (k, 2) sampled directions in degrees, and (k,) bool, where they must not change.
        last
            Whether these are the take's last frames.

        Returns
        -------
        (n, 2) directions of the next n frames. The newest ``blinks.DELAY`` frames are held back unless ``last``.
        """
        self._path = np.concatenate([self._path, path])
        self._rest = np.concatenate([self._rest, path])
        self._fixed = np.concatenate([self._fixed, fixed])
        self._end += len(path)
        while self._at < self._end and (last or self._at + _HORIZON < self._end):
            self._decide()
        ready = self._end if last else max(self._done, self._end - DELAY)
        span = slice(0, ready - self._done)
        settled = (1.0 - DRIFT) * self._rest[span] + DRIFT * self._path[span]
        out = np.where(self._fixed[span, None], self._path[span], settled)
        drop, self._done = ready - self._done, ready
        self._path, self._rest, self._fixed = self._path[drop:], self._rest[drop:], self._fixed[drop:]
        return out

    def _decide(self) -> None:
        """Decide at least one more frame: follow fixed frames, continue the rest, or jump."""
        at = self._at - self._done
        if self._fixed[at]:
            self._target, self._since = self._path[at], self._at
            self._first = self._target if self._first is None else self._first
            self._at += 1
            return
        ahead = self._path[at : at + _HORIZON]
        fixed = np.flatnonzero(self._fixed[at : at + _HORIZON])
        goal = None
        if len(fixed):
            goal, ahead = ahead[fixed[0]], ahead[: fixed[0]]
        elif self._loop and self._at + len(ahead) == self._end:
            goal = self._first
        rests = _Rests(ahead, self._size, goal)
        if self._target is None:
            self._target = self._first = rests.target(0)
        jump = rests.next_jump(self._target, max(self._since + SHORTEST - self._at, 1))
        stop = min(jump, _STRIDE)
        self._rest[at : at + stop] = self._target
        self._at += stop
        if stop < len(ahead):
            if jump == stop:
                self._jump(rests.target(jump))
        elif goal is not None:
            self._jump(goal)

    def _jump(self, target: np.ndarray) -> None:
        """Be at ``target`` from the next frame on. The flight falls into the two frames before it."""
        assert self._target is not None
        flight = flight_frames(float(np.linalg.norm(target - self._target)))
        landing = self._at - np.random.default_rng([self._seed, 0x5ACC, self._at]).random()
        for frame in range(max(self._at - 2, self._done), self._at):
            way = ease(np.clip((frame - landing + flight) / flight, 0.0, 1.0))
            self._rest[frame - self._done] += way * (target - self._target)
        self._target, self._since = target, self._at
