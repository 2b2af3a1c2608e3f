"""How much of a job is done, and how long the rest takes, on a machine whose load varies. Standard library only.

A job's stages are known before it begins (:class:`Expected`). Their costs, in seconds by the rates of earlier jobs, are
its weights. The weights stay as they are until the job ends, so the finished share never falls. The time left is
estimated again with each finished unit. Recent seconds count most. If the stages so far took twice as long as expected,
the remaining ones are expected to take twice as long too. :class:`TimeLeft` turns the estimate into the time that is
shown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

STAGES: dict[str, str] = {
    "models": "Loading the models",
    "audio": "Listening to the speech",
    "portrait": "Measuring the portrait",
    "film": "Watching the video",
    "motion": "Finding the motion",
    "renderer": "Studying the portrait",
    "frames": "Rendering frames",
    "extract": "Reading curves back from the frames",
    "restore": "Restoring frames",
    "head": "Building the head",
}
"""Stages of a job in the order they come, with words for the user."""
SECONDS_PER_UNIT = {
    "models": 1.0,
    "audio": 0.5,
    "portrait": 3.0,
    "film": 0.03,
    "motion": 0.006,
    "renderer": 1.0,
    "frames": 0.07,
    "extract": 0.013,
    "restore": 1.0,
    "head": 3.0,
}
"""First guesses on two cores: seconds of a whole stage, and seconds a frame for film, motion, frames, extract and
restore.
When a stage ends, its measured value replaces the guess and stays for the next jobs of the same worker."""
FILM_LOOKS = 2
"""Steps in which each frame of a video is read: its landmarks, and the fit of the head."""
HALF_LIFE = 20.0
"""Seconds after which a measurement has half its weight."""
_TRUST = 1.0
"""Seconds of measurement that the rate known before is worth."""
_ENOUGH, _LONG_ENOUGH = 2.0, 10.0
"""Seconds of the longest stage to come, or of any stages, that must have been measured before a time is told. Rates
that were measured in an earlier job are enough at once."""
_SEVERAL = 8
"""Units of the longest stage that must have been measured. They come in batches."""
MOST_RISE = 1.2
"""Largest factor by which the time that is shown may rise."""
RISE_EVERY = 10.0
"""Fewest seconds between two rises."""
LEAST = 5
"""Least time that is shown, in seconds: “a few seconds”."""
_SETTLING = 8.0
"""Seconds in which a shown time that is too long approaches the estimate to 1/e, in addition to the clock's running."""


class Expected(NamedTuple):
    """A stage that is still to come: its name, its take, its number of units, and how many of them are done."""

    stage: str
    take: int | None
    units: int
    done: int = 0


@dataclass
class Clock:
    """Seconds that one unit of each stage takes, learned while jobs run. ``measured`` names those that were learned."""

    rates: dict[str, float] = field(default_factory=lambda: dict(SECONDS_PER_UNIT))
    measured: set[str] = field(default_factory=set)

    def learn(self, stage: str, units: int, seconds: float) -> None:
        """Remember a finished stage."""
        if units > 0:
            self.rates[stage] = seconds / units
            self.measured.add(stage)


class _Rate:
    """Seconds a unit, from measurements that fade. It begins with a rate that was known before."""

    def __init__(self, before: float) -> None:
        self._seconds, self._units = _TRUST, _TRUST / max(before, 1e-9)
        self.measured, self.counted = 0.0, 0.0

    def add(self, units: float, seconds: float) -> None:
        fading = 0.5 ** (seconds / HALF_LIFE)
        self._seconds = self._seconds * fading + seconds
        self._units = self._units * fading + units
        self.measured += seconds
        self.counted += units

    @property
    def value(self) -> float:
        return self._seconds / self._units


class Workload:
    """The stages of one job, what is done of them, and what the rest will take.

    Parameters
    ----------
    clock
        Rates of earlier jobs. They are copied, so that what this job teaches doesn't change its weights.
    """

    def __init__(self, clock: Clock, stages: list[Expected]) -> None:
        self._given, self._known = dict(clock.rates), set(clock.measured)
        self._stages = list(stages)
        self._done = [stage.done for stage in stages]
        self._at = -1
        self._spent = 0.0
        self._rates: dict[str, _Rate] = {}
        self._load = _Rate(1.0)

    def begin(self, stage: str, take: int | None) -> bool:
        """A stage begins, and those before it are over. False if it isn't one of the stages that are to come."""
        names = [(ahead.stage, ahead.take) for ahead in self._stages[self._at + 1 :]]
        if (stage, take) not in names:
            return False
        self._at += 1 + names.index((stage, take))
        for place in range(self._at):
            self._done[place] = self._stages[place].units
        self._spent = 0.0
        return True

    def advance(self, done: int, spent: float, resumed: bool = False) -> None:
        """Count finished units of the running stage.

        Parameters
        ----------
        done
            Units that are finished now.
        spent
            Seconds since the stage began.
        resumed
            Whether an earlier job has finished them, so that they tell nothing about this machine.
        """
        stage = self._stages[self._at]
        fresh, seconds = done - self._done[self._at], spent - self._spent
        self._done[self._at], self._spent = max(done, self._done[self._at]), spent
        if stage.units > 1 and fresh >= 0 and seconds >= 0 and not resumed:
            self._rates.setdefault(stage.stage, _Rate(self._weight(stage.stage))).add(fresh, seconds)
            self._load.add(fresh * self._weight(stage.stage), seconds)

    @property
    def share(self) -> float:
        """The finished part of the job, 0 … 1. It never falls."""
        whole = sum(self._weight(stage.stage) * stage.units for stage in self._stages)
        done = sum(self._weight(s.stage) * min(d, s.units) for s, d in zip(self._stages, self._done, strict=True))
        return min(done / whole, 1.0) if whole > 0 else 0.0

    @property
    def seconds(self) -> float | None:
        """Seconds to the end of the job; None while too little is known."""
        left = [
            ((stage.units - min(done, stage.units)) * self._seconds_a_unit(stage.stage), stage.stage)
            for stage, done in zip(self._stages, self._done, strict=True)
        ]
        longest = max(left, default=(0.0, ""))[1]
        rate = self._rates.get(longest)
        told = longest in self._known or (rate is not None and rate.measured >= _ENOUGH and rate.counted >= _SEVERAL)
        return sum(seconds for seconds, _ in left) if told or self._load.measured >= _LONG_ENOUGH else None

    def _weight(self, stage: str) -> float:
        """Seconds that a unit of a stage takes by the rates of earlier jobs."""
        return self._given.get(stage, 0.0)

    def _seconds_a_unit(self, stage: str) -> float:
        rate = self._rates.get(stage)
        return rate.value if rate is not None else self._weight(stage) * self._load.value


class TimeLeft:
    """The time left as it is shown, in whole seconds.

    It falls freely and rises slowly: at most by a fifth at once, at most every :data:`RISE_EVERY` seconds. So it
    approaches the truth without jumping back, also while other programs come and go.
    """

    def __init__(self) -> None:
        self.shown: int | None = None
        self._exact = 0.0
        self._told = self._risen = -math.inf

    def update(self, estimate: float, now: float) -> int:
        """The seconds to show, for an estimate at the time ``now``."""
        wanted = max(estimate, float(LEAST))
        if self.shown is None:
            self._exact, self.shown = wanted, round(wanted)
        elif wanted <= self.shown:
            counted = max(self._exact - (now - self._told), 0.0)
            fading = math.exp((self._told - now) / _SETTLING)
            self._exact = wanted if wanted >= counted else wanted + (counted - wanted) * fading
            self.shown = min(self.shown, round(self._exact))
        elif wanted > self.shown * math.sqrt(MOST_RISE) and now >= self._risen + RISE_EVERY:
            self.shown = min(round(wanted), int(self.shown * MOST_RISE + 1e-9))
            self._exact, self._risen = float(self.shown), now
        self._told = now
        return self.shown


class ToldTimes:
    """For output that is read line by line: a time that is much above the last one that was told is left out."""

    def __init__(self) -> None:
        self._last = math.inf

    def told(self, seconds: float | None) -> float | None:
        """The seconds to tell in the next line; None for a line without a time."""
        if seconds is None:
            return None
        if seconds > self._last * MOST_RISE:
            self._last *= MOST_RISE  # so it is told again later
            return None
        self._last = seconds
        return seconds
