"""Stand-ins for the networks, so that tests of jobs, takes and the worker take milliseconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from core.errors import BadInputError
from core.face.points import LANDMARKS, MOUTH_CORNERS, OUTER_EYES
from core.motion.channels import LIP_CHANNELS, NONLIP_CHANNELS
from core.motion.motion import Motion
from core.motion.turning import TurningLimits
from core.phones.phone_set import PHONES
from core.portrait import remarks
from core.prior.sampling import Sampling
from core.renderer.framing import Framing
from core.sound.lips import Heard
from core.systems.diffusion import Diffusion
from core.systems.motion_source import MotionSource
from core.takes import extraction, studio


@dataclass
class StandInPortrait:
    """A grey picture of 24 × 32 pixels whose face square is 16 pixels wide."""

    digest: str = "p" * 64
    image: np.ndarray = field(default_factory=lambda: np.full((24, 32, 3), 128, np.uint8))
    landmarks: np.ndarray = field(default_factory=lambda: _upright_landmarks())
    crop: tuple[int, int, int] = (4, 2, 16)
    alpha: np.ndarray | None = None


def _upright_landmarks() -> np.ndarray:
    """(478, 3) landmarks of which only the corners of eyes and mouth have places, those of an upright face."""
    points = np.zeros((LANDMARKS, 3), np.float32)
    points[[*OUTER_EYES, *MOUTH_CORNERS], :2] = (8, 7), (16, 7), (9, 14), (15, 14)
    return points


class StandInLips:
    """Opens the mouth with the loudness, or with the number of the phone; counts how often it is asked.

    It hears the phone M in the first 0.4 s, then AA.
    """

    def __init__(self) -> None:
        self.asked = 0

    @dataclass(frozen=True)
    class Config:
        manner: int = 1

    config = Config()

    def listen(self, mel: np.ndarray) -> Heard:
        """Its manner is the mean of the mel."""
        phones = np.where(np.arange(len(mel)) < 40, PHONES.index("M"), PHONES.index("AA"))
        loudness = mel.reshape(len(mel) // 4, -1).mean(1, keepdims=True)
        return Heard(np.eye(len(PHONES), dtype=np.float32)[phones], loudness)

    def predict(
        self,
        heard: Heard,
        presence: np.ndarray | None = None,
        phones: np.ndarray | None = None,
        articulation: float = 1.0,
    ) -> np.ndarray:
        self.asked += 1
        if phones is None:
            assert presence is not None and presence.shape == (len(heard),)
            opening = heard.manner
        else:
            assert presence is None and phones.shape == (4 * len(heard),)
            opening = phones.reshape(-1, 4).mean(1, keepdims=True) / len(PHONES)
        return np.clip(articulation * np.tile(opening, (1, len(LIP_CHANNELS))), 0, 1).astype(np.float32)


class StandInPrior:
    """Draws noise from the seed; ``asked`` is how it was last told to sample, ``mouth`` what it was told of it."""

    def __init__(self) -> None:
        self.asked, self.mouth = Sampling(), None
        self.network = SimpleNamespace(config=SimpleNamespace(mouth=True))

    def sample(
        self,
        mel: np.ndarray,
        seeds: list[int],
        sampling: Sampling,
        *,
        mouth: np.ndarray | None,
        keep: np.ndarray | None,
        keep_mask: np.ndarray | None,
        progress: Callable[[int, int], None],
    ) -> np.ndarray:
        self.asked, self.mouth = sampling, mouth
        drawn = [np.random.default_rng(s).random((len(mel) // 4, len(NONLIP_CHANNELS)), np.float32) for s in seeds]
        progress(1, 1)
        return np.stack(drawn) if keep is None or keep_mask is None else np.where(keep_mask, keep, np.stack(drawn))


class StandInRenderer:
    """Paints each frame with the numbers of its motion. ``fail_at`` is a frame and the error that it raises once."""

    frame_shape = (24, 32)
    kind = "gan"
    reach = 0

    def __init__(self) -> None:
        self.rendered = 0
        self.seconds_a_frame = 0.0
        self.fail_at: tuple[int, BaseException] | None = None
        crop = np.zeros((16, 16, 3), np.uint8)
        frame = np.zeros((24, 32, 3), np.uint8)
        self.framing = Framing(crop, np.ones((16, 16), bool), 0.5, 0.0, (4, 2), (32, 24), frame, (4, 2, 16))

    def render(self, motion: Motion, batch: int, frames=None):
        for row in motion.channels()[slice(None) if frames is None else frames]:
            time.sleep(self.seconds_a_frame)
            if self.fail_at is not None and self.rendered == self.fail_at[0]:
                error, self.fail_at = self.fail_at[1], None
                raise error
            self.rendered += 1
            picture = np.resize((row * 255).astype(np.uint8), (24, 32, 3))
            yield picture


class StandInModels:
    """Motion sources and renderers of every name are the stand-ins."""

    device = "cpu"

    def __init__(self) -> None:
        self.lips, self.prior, self._renderer = StandInLips(), StandInPrior(), StandInRenderer()
        self.loaded: set[str] = set()

    def ready(self, source: str) -> bool:
        return source in self.loaded

    def load(self, source: str) -> None:
        self.loaded.add(source)

    def source(self, name: str) -> MotionSource:
        return Diffusion(self.prior)

    def portrait(self, path):
        if not Path(path).is_file():
            raise BadInputError("portrait_missing", f"There is no file {path}.")
        return StandInPortrait()

    def turning(self, portrait):
        return TurningLimits((-0.4, 0.4), (-0.3, 0.3))

    def renderer(self, portrait, size, framing, kind, picture):
        self._renderer.kind = kind
        return self._renderer


def install(set_attribute: Callable = setattr) -> StandInModels:
    """Put the stand-ins into ``core`` and return them."""

    def count(pictures: Iterable[np.ndarray], *_: object) -> Motion:
        return Motion.zeros(sum(1 for _ in pictures))

    made = StandInModels()
    set_attribute(studio, "Models", lambda device: made)
    set_attribute(extraction, "extract", count)
    set_attribute(remarks, "remarks", lambda portrait: ())
    return made
