"""How far one request to a worker is and how it ended, as its events tell; of Blender the language alone."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import KW_ONLY, dataclass, field

from ...core.errors import EXIT_DONE
from ...core.wire.protocol import STAGES, Done, Error, Event, Head, Notice, Progress, Request, TakeReady
from ..words import say


@dataclass
class Following:
    """What has been heard of one request. ``share`` is 0 … 1, ``left`` seconds, None while nobody can know."""

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
        """Whether the worker has answered; takes may still wait in ``arrived``."""
        return self.done is not None or self.error is not None

    @property
    def exit_code(self) -> int:
        """0 done, 2 bad input, 130 cancelled, 1 anything else."""
        return self.error.exit_code if self.error else EXIT_DONE

    def take_in(self, event: Event) -> None:
        """Note an event; those of other requests are passed over."""
        if getattr(event, "id", self.identifier) not in (self.identifier, None):
            return
        match event:
            case Progress():
                self.stage = stage_words(event)
                # Before its first take the worker can't know how much there is to do.
                if event.take is not None or isinstance(self.request, Head):
                    self._estimate(event)
            case TakeReady():
                self.arrived.append(event)
                self.takes += 1
            case Notice():
                self.notices.append(event.message)
            case Done():
                self.done = event
            case Error():
                self.error = event

    def _estimate(self, event: Progress) -> None:
        spent = time.monotonic() - self.started
        share = spent / (spent + event.eta) if event.eta is not None else event.done / max(event.total, 1)
        self.share, self.left = min(max(share, 0.0), 1.0), event.eta


def stage_words(event: Progress) -> str:
    """What the worker is doing; English puts the stage's name into the middle of a sentence."""
    english = STAGES.get(event.stage, event.stage)
    translated = say(english)
    if translated == english:
        return event.text
    return say("Take {number}: {stage}", number=event.take, stage=translated) if event.take else translated
