"""The motion source ``diffusion``: lips from what is said, everything else sampled by the diffusion prior."""

from __future__ import annotations

import numpy as np

from ..motion.channels import CHANNELS, LIP_COLUMNS, NONLIP_COLUMNS
from ..prior.model import NonlipPrior
from ..prior.told.mouth import mouth_curves
from .motion_source import OnFrame, Wish


class Diffusion:
    """A `MotionSource`. The prior is told what is kept, and samples motion that fits it.

    It reads the mouth of the sound alone. So corrected or kept lips, words and articulation leave its motion as it is.
    """

    def __init__(self, prior: NonlipPrior) -> None:
        self._prior = prior

    def channels(self, wish: Wish, progress: OnFrame) -> np.ndarray:
        """(T, 59) float32, as `MotionSource.channels`. A pose style means nothing here."""
        frames, kept = len(wish.speech), wish.kept
        channels = np.empty((frames, len(CHANNELS)), dtype=np.float32)
        channels[:, LIP_COLUMNS] = wish.lips()
        if kept is not None:
            np.copyto(channels, kept.channels, where=kept.mask)
        progress(0)
        channels[:, NONLIP_COLUMNS] = self._prior.sample(
            wish.speech.mel,
            [wish.seed],
            wish.sampling,
            mouth=self._mouth(wish),
            keep=None if kept is None else kept.channels[None, :, NONLIP_COLUMNS],
            keep_mask=None if kept is None else kept.mask[:, NONLIP_COLUMNS],
            progress=lambda done, total: progress(frames * done // total),  # from windows to frames
        )[0]
        return channels

    def _mouth(self, wish: Wish) -> np.ndarray | None:
        """(T, 9) curves of the mouth that is heard; None if they aren't known, or if the network isn't given any."""
        if wish.heard_lips is None or not self._prior.network.config.mouth:
            return None
        return mouth_curves(wish.heard_lips())
