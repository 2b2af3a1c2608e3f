"""The landmark-driven decoder: the same network, driven by the 2D landmarks of a film in the place of speech.

FaceTalk shows such a variant (arXiv 2312.08459). It learns from simulated films of the motions that the decoder of
speech learns from, and from GRID's films as the product reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.ndimage
import torch
from torch import Tensor, nn

from core.face.landmark_model import expression_deviation
from core.facetalk.expression_code import MOVEMENTS
from core.facetalk.model import STEPS, FaceTalkMotion
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.phones.phone_set import PHONES

from .data import Recording
from .film import Film, films
from .sight import NUMBERS, Camera, Sight, filmed_sight
from .windows import Place, WindowSampler

EVERY = 4
"""Of a talker with many clips, every fourth is learned from."""
_EXPLORING = 0.5
"""Share of the simulated films whose faces move beside what they say."""
_MOVING = 0.3
"""Share of the weights that then move."""
_SLOW = (2.0, 10.0)
"""Range of the deviation in frames of the Gaussian that makes these movements smooth."""
GUIDANCE = 1.0
"""Landmarks leave little open, so they needn't be exaggerated."""
_EYES = [i for i, name in enumerate(EXPRESSIONS) if name.startswith(("eyeLook", "eyeBlink"))]


class Watcher(nn.Module):
    """Sees: numbers (B, L, NUMBERS) of ``Sight`` → tokens (B, L, width). A token covers ±2 frames."""

    def __init__(self, hidden: int, width: int) -> None:
        super().__init__()
        self.frames = nn.Sequential(
            nn.Conv1d(NUMBERS, hidden, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(hidden, hidden, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(hidden, width, 1),
        )

    def forward(self, seen: Tensor) -> Tensor:
        """(B, L, width)."""
        return self.frames(seen.transpose(1, 2)).transpose(1, 2)


@dataclass(frozen=True, eq=False)
class Watched(Recording):
    """A film that is seen and not heard: it has no phones and no manner.

    Attributes
    ----------
    sight
        What it shows.
    """

    sight: Sight

    @classmethod
    def of(cls, film: Film) -> Watched:
        """A film with the motion that the product reads."""
        phones, manner = np.zeros((0, len(PHONES)), np.float16), np.zeros((len(film.channels), 0), np.float32)
        talker = film.name.split("_")[0]
        return cls(film.name, talker, phones, manner, film.channels[None], True, filmed_sight(film))


def watched() -> list[Watched]:
    """The training films of GRID's talkers; empty if no landmarks were tracked."""
    return [Watched.of(film) for film in films("train", EVERY)]


class LandmarkWindows(WindowSampler):
    """Windows whose cues are landmarks: of films as they were found, of other recordings as a camera would see them."""

    @cached_property
    def _camera(self) -> Camera:
        return Camera(HeadModel.load())

    @cached_property
    def _deviation(self) -> np.ndarray:
        return expression_deviation().numpy()

    def scaled(self, weights: np.ndarray, place: Place, rng: np.random.Generator) -> np.ndarray:
        """Weights (L, 53) of a window: films as they are; others scaled, and half of them with movements of their
        own, because mouths of voices alone don't show what faces can do."""
        if isinstance(place.recording, Watched):
            return weights
        weights = super().scaled(weights, place, rng)
        if rng.random() < _EXPLORING:
            weights = weights + self._explored(len(weights), rng)
        return weights.clip(0.0, 1.0)

    def cues(self, place: Place, motion: Tensor, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """(L, NUMBERS) what is seen in a window."""
        recording = place.recording
        if isinstance(recording, Watched):
            seen = recording.sight.of(place.part)
            return ((seen.mirrored(self._camera.opposite) if place.mirrored else seen).numbers(),)
        channels = torch.cat([self.code.decode(motion[:, :MOVEMENTS]), motion[:, MOVEMENTS:]], 1)
        return (self._camera.film(channels, rng).numbers(),)

    def _explored(self, frames: int, rng: np.random.Generator) -> np.ndarray:
        """(L, 53) smooth movements of some weights, not of lids and gaze."""
        noise = rng.standard_normal((frames, len(EXPRESSIONS)), np.float32)
        slow = scipy.ndimage.gaussian_filter1d(noise, rng.uniform(*_SLOW), axis=0, mode="wrap")
        slow /= np.maximum(slow.std(0), 1e-6)
        size = self._deviation * (rng.random(len(EXPRESSIONS)) < _MOVING)
        size[_EYES] = 0.0
        return (slow * size).astype(np.float32)


def read_landmarks(motion: FaceTalkMotion, film: Film, seed: int = 0) -> np.ndarray:
    """The motion (T, 59) float32 that a landmark-driven decoder reads in a film, with weights in 0–1."""
    with torch.inference_mode():
        tokens = motion.network.hear(filmed_sight(film).numbers()[None])
    channels = motion.walk(lambda first, stop: tokens[:, first:stop], len(film.channels), seed, GUIDANCE, STEPS)
    channels[:, : len(EXPRESSIONS)] = channels[:, : len(EXPRESSIONS)].clip(0.0, 1.0)
    return channels
