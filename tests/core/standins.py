"""Stand-ins for the networks that cost nothing, so that tests of jobs, takes and the worker take milliseconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import BadInputError
from core.motion.channels import LIP_CHANNELS, NONLIP_CHANNELS
from core.motion.motion import Motion
from core.prior.sampling import Sampling
from core.renderer.framing import Framing
from core.takes import studio as generate
from core.takes import take_maker as making


@dataclass
class StandInPortrait:
    digest: str = "p" * 64


class StandInLips:
    def predict(self, mel: np.ndarray) -> np.ndarray:
        loudness = mel.reshape(len(mel) // 4, -1).mean(1, keepdims=True)
        return np.clip(np.tile(loudness, (1, len(LIP_CHANNELS))), 0, 1).astype(np.float32)


class StandInPrior:
    def __init__(self) -> None:
        self.asked = Sampling()

    def sample(self, mel, seeds, sampling, *, keep, keep_mask, progress):
        self.asked = sampling
        drawn = [np.random.default_rng(s).random((len(mel) // 4, len(NONLIP_CHANNELS)), np.float32) for s in seeds]
        progress(1, 1)
        return np.where(keep_mask, keep, np.stack(drawn))


class StandInRenderer:
    """Paints each frame with its motion's numbers; ``fail_at`` breaks it there once."""

    frame_shape = (24, 32)
    kind = "gan"

    def __init__(self) -> None:
        self.rendered = 0
        self.seconds_a_frame = 0.0
        self.fail_at: tuple[int, BaseException] | None = None
        crop = np.zeros((16, 16, 3), np.uint8)
        self.framing = Framing(crop, np.ones((16, 16), bool), 0.5, (4, 2), np.zeros((24, 32, 3), np.uint8), (4, 2, 16))

    def render(self, motion: Motion, batch: int):
        for row in motion.channels():
            time.sleep(self.seconds_a_frame)
            if self.fail_at is not None and self.rendered == self.fail_at[0]:
                error, self.fail_at = self.fail_at[1], None
                raise error
            self.rendered += 1
            picture = np.resize((row * 255).astype(np.uint8), (24, 32, 3))
            yield picture


class StandInModels:
    device = "cpu"
    ready = False

    def load(self) -> None:
        self.ready = True

    def __init__(self) -> None:
        self.lips, self.prior, self._renderer = StandInLips(), StandInPrior(), StandInRenderer()

    def portrait(self, path):
        if not Path(path).is_file():
            raise BadInputError("portrait_missing", f"There is no file {path}.")
        return StandInPortrait()

    def renderer(self, portrait, size, framing, kind):
        self._renderer.kind = kind
        return self._renderer


def install(set_attribute: Callable = setattr) -> StandInModels:
    """Put the stand-ins into ``core`` and return them."""

    def count(pictures, *_) -> Motion:
        return Motion.zeros(sum(1 for _ in pictures))

    made = StandInModels()
    set_attribute(generate, "Models", lambda device: made)
    set_attribute(making, "extract", count)
    return made
