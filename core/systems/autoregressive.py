"""The motion source ``autoregressive``: lips from what is said, everything else by the autoregressive prior."""

from __future__ import annotations

import numpy as np

from ..motion.channels import CHANNELS, LIP_COLUMNS, NONLIP_COLUMNS
from ..prior.autoregressive.model import AutoregressiveMotion
from ..prior.features import channels_from_features
from .motion_source import OnFrame, Wish
from .performing import finished


class Autoregressive:
    """A `MotionSource`. It goes through the speech once and can't be told what comes later, so `finished` joins its
    motion to what is kept."""

    def __init__(self, prior: AutoregressiveMotion) -> None:
        self._prior = prior

    def channels(self, wish: Wish, progress: OnFrame) -> np.ndarray:
        """(T, 59) float32, as `MotionSource.channels`. Pose style and liveliness mean nothing here."""
        channels = np.empty((len(wish.speech), len(CHANNELS)), np.float32)
        channels[:, LIP_COLUMNS] = wish.lips()
        progress(0)
        features = self._prior.sample(wish.speech.mel, wish.seed, progress=progress)
        channels[:, NONLIP_COLUMNS] = channels_from_features(features)
        return finished(channels, wish)
