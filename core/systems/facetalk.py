"""The motion source ``facetalk``: mouth, face and head sampled together by FaceTalk's diffusion decoder."""

from __future__ import annotations

import numpy as np

from ..facetalk.model import FaceTalkMotion
from .motion_source import OnFrame, Wish
from .performing import finished


class FaceTalk:
    """A `MotionSource`. Its decoder knows neither kept motion nor performance settings; `finished` gives it both."""

    def __init__(self, decoder: FaceTalkMotion) -> None:
        self._decoder = decoder

    def channels(self, wish: Wish, progress: OnFrame) -> np.ndarray:
        """(T, 59) float32, as `MotionSource.channels`. A pose style means nothing here."""
        heard, presence = wish.spoken()
        progress(0)
        sampling = wish.sampling
        channels = self._decoder.sample(
            heard,
            wish.speech.mel,
            wish.seed,
            guidance_scale=sampling.guidance_scale,
            num_inference_steps=sampling.num_inference_steps,
            presence=presence,
            articulation=wish.articulation,
            progress=progress,
        )
        return finished(channels, wish)
