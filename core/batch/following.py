"""Track one worker request from its events: progress and outcome."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from ..errors import EXIT_DONE
from ..stopping import check_cancelled
from ..wire.notices import ABOUT_SOUND
from ..wire.protocol import Done, Error, Event, Notice, Progress, Request, TakeReady
from ..wire.workload import STAGES
from ..words import say

_PAUSE = 0.02
"""Seconds between two polls of a worker."""


@dataclass
class Following:
    """The state of one request as its events describe it.

    ``share`` is the finished part, 0 … 1, which never falls. ``left`` is the seconds to the end, or None if they are
    unknown. ``arrived`` are finished takes that nobody has processed yet, ``takes`` is the number of all of them.
    """

    request: Request
    _: KW_ONLY
    identifier: str = ""
    stage: str = field(default_factory=lambda: say("Starting the worker"))
    share: float = 0.0
    left: float | None = None
    cancelling: bool = False
    error: Error | None = None
    done: Done | None = None
    arrived: deque[TakeReady] = field(default_factory=deque)
    takes: int = 0
    notices: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    @property
    def finished(self) -> bool:
        """Whether the worker has answered; unprocessed takes may still be in ``arrived``."""
        return self.done is not None or self.error is not None

    @property
    def exit_code(self) -> int:
        """0 done, 2 bad input, 130 cancelled, 1 any other failure."""
        return self.error.exit_code if self.error else EXIT_DONE

    def result(self) -> dict[str, Any]:
        """The worker's answer; raises the error in its place, and RuntimeError before there is either."""
        if self.error is not None:
            raise self.error.exception()
        if self.done is None:
            raise RuntimeError("the worker has not answered yet")
        return self.done.result

    def take_in(self, event: Event) -> None:
        """Update the state from an event; events of other requests are ignored."""
        if getattr(event, "id", self.identifier) not in (self.identifier, None):
            return
        match event:
            case Progress() if not self.cancelling:
                self.stage, self.left = stage_words(event), event.eta
                self.share = max(self.share, event.share or 0.0)
            case TakeReady():
                self.arrived.append(event)
                self.takes += 1
            case Notice():
                self.notices.append(say(event.message) if event.message in ABOUT_SOUND else event.message)
            case Done():
                self.done = event
            case Error():
                self.error = event

    def stop(self) -> None:
        """Note that the job was asked to stop: from now on it has no other stage and no time left."""
        self.cancelling, self.stage, self.left = True, say("Stopping…"), None


def wait_until(done: Callable[[], bool]) -> None:
    """Call ``done`` until it returns True. For scripts and the command line; in a window a timer polls instead.

    Raises CancelledError if the command was asked to stop.
    """
    while not done():
        check_cancelled()
        time.sleep(_PAUSE)


def stage_words(event: Progress) -> str:
    """Words for the worker's current stage; in English the stage's name follows the take's in one sentence."""
    english = STAGES.get(event.stage, event.stage)
    translated = say(english)
    if translated == english:
        return event.text
    return say("Take {number}: {stage}", number=event.take, stage=translated) if event.take else translated
