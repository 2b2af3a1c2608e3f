"""Fixations and saccades out of a sampled gaze: the eyes rest and jump, and go where the sample goes.

A denoiser with a squared loss can't tell to the frame when an eye will dart, so its gaze slides. Here the sampled path,
as directions in the world, is fitted by rests with jumps between them: as few jumps as explain where it dwells, each at
a price in squared error (a Potts functional, minimised two seconds at a time; Friedrich et al. 2008). No direction is
made up. Between world and head stands the vestibulo-ocular reflex, which is the caller's.

A jump takes 21 ms and 2.2 ms for each degree (Bahill, Clark & Stark 1975): a frame or two, beginning between frames
where the seed says. The next comes a fifth of a second later at the soonest, about the latency of a saccade (Carpenter
1988). In a rest a tenth of what the sample does goes on as drift, whose speed in people is below half a degree a second
(Martinez-Conde et al. 2004).

It goes along the take in one pass, and what comes out doesn't depend on the pieces it comes in.
"""

from __future__ import annotations

import numpy as np

from ..motion.channels import FPS
from .blinks import DELAY
from .windows import ease

PRICE = 4.0
"""Square degrees times frames that a jump must explain: those of a step of 1° between rests of a third of a second."""
SLOW = 0.15
"""Degrees a frame at which a frame of the path counts half: those that are on the way say little of where it rests."""
SHORTEST = 5
"""Frames that the eyes rest between two jumps, at least."""
DRIFT = 0.1
"""Part of what the sample does during a rest that is left in."""
_LEAST = 0.2
"""Size below which glances are settled no more finely: eyes that look straight on still have their small saccades."""
_HORIZON = DELAY - 2
"""Frames that are looked at to decide on the next jump; a jump also moves the two before it."""
_STRIDE = 8
"""Frames after which it is decided again whether a rest goes on."""


def flight_frames(degrees: float) -> float:
    """Frames that a saccade of so many degrees takes, at most two."""
    return min((0.021 + 0.0022 * degrees) * FPS, 2.0)


class _Rests:
    """The cheapest rests along a path (n, 2), from any of its frames on.

    ``size`` is that of glances, ``goal`` (2,) where the eyes are to be at frame n, where that is settled.
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
        errors = between[..., 3] - np.square(between[..., 1:3]).sum(axis=2) / mass  # about the mean between
        self._at_goal = self._staying(goal)
        self._cost, self._stop = np.zeros(n + 1), np.full(n + 1, n)
        self._cost[n] = 0.0 if goal is None else price
        for i in range(n - 1, -1, -1):
            stops = np.r_[np.arange(i + SHORTEST, n), n]
            costs = errors[i, stops] + self._cost[stops]
            best = int(costs.argmin())
            self._cost[i], self._stop[i] = costs[best] + price, stops[best]
            if self._at_goal[i] + price < self._cost[i]:
                self._cost[i], self._stop[i] = self._at_goal[i] + price, n + 1  # past the end, at the goal

    def _staying(self, target: np.ndarray | None) -> np.ndarray:
        """(n + 1,) squared error of looking at ``target`` from each frame to the end."""
        if target is None:
            return np.full(len(self._path) + 1, np.inf)
        return np.r_[(self._weight * np.square(self._path - target).sum(axis=1))[::-1].cumsum()[::-1], 0.0]

    def next_jump(self, target: np.ndarray, earliest: int) -> int:
        """Frame, ``earliest`` or later, at which the eyes best leave ``target``; n where they stay to the end."""
        end = len(self._path)
        staying = self._staying(target)
        costs = staying[0] - staying + self._cost
        if self._goal is not None and np.square(target - self._goal).sum() < 1e-6:
            costs[end] -= self._price
        return min(earliest, end) + int(costs[min(earliest, end) :].argmin())

    def target(self, first: int) -> np.ndarray:
        """(2,) where a rest that begins at ``first`` looks."""
        stop = self._stop[first]
        if stop > len(self._path) and self._goal is not None:
            return self._goal
        return np.average(self._path[first:stop], axis=0, weights=self._weight[first:stop])


class GazeSettler:
    """Settles the gaze of one take as its path comes in.

    Parameters
    ----------
    seed
        Of the take.
    size
        Of its glances, beside those of a plain take: smaller ones are settled as finely.
    loop
        Whether the last frame runs into the first.
    """

    def __init__(self, seed: int, size: float = 1.0, loop: bool = False) -> None:
        self._seed, self._loop = seed, loop
        self._size = max(size, _LEAST)
        self._done = self._end = 0  # frames that are out, and that came; those between are at hand
        self._path = self._rest = np.zeros((0, 2))
        self._fixed = np.zeros(0, bool)
        self._at = 0  # frames before this one are decided
        self._since = 0  # frame at which the eyes came to the target
        self._target: np.ndarray | None = None
        self._first: np.ndarray | None = None

    def push(self, path: np.ndarray, fixed: np.ndarray, last: bool) -> np.ndarray:
        """Take the next frames in; give those out that are settled.

        Parameters
        ----------
        path, fixed
            (k, 2) sampled directions in degrees, and (k,) where they must stay as they are.
        last
            Whether these are the take's last frames.

        Returns
        -------
        (n, 2) directions of the next n frames: all but the last ``blinks.DELAY`` that came, or all.
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
        """Follow what is fixed, or go on with the rest, or jump: at least a frame further."""
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
        """Be at ``target`` from the next frame on; the flight takes part of the two before."""
        assert self._target is not None
        flight = flight_frames(float(np.linalg.norm(target - self._target)))
        landing = self._at - np.random.default_rng([self._seed, 0x5ACC, self._at]).random()
        for frame in range(max(self._at - 2, self._done), self._at):
            way = ease(np.clip((frame - landing + flight) / flight, 0.0, 1.0))
            self._rest[frame - self._done] += way * (target - self._target)
        self._target, self._since = target, self._at
