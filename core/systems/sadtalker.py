"""The motion source ``sadtalker``: expressions by ExpNet, head motion by PoseVAE in a pose style."""

from __future__ import annotations

import numpy as np

from ..errors import BadInputError
from ..plurals import counted
from ..sadtalker.model import SadTalkerMotion
from .motion_source import OnFrame, Wish
from .performing import finished


class SadTalker:
    """A `MotionSource`. Its networks know neither kept motion nor performance settings; `finished` gives it both."""

    def __init__(self, networks: SadTalkerMotion) -> None:
        self._networks = networks

    def channels(self, wish: Wish, progress: OnFrame) -> np.ndarray:
        """(T, 59) float32, as `MotionSource.channels`.

        Where blinks have a rate of their own, the networks make none.
        """
        styles = len(self._networks.styles)
        if wish.pose_style >= styles:
            raise BadInputError(
                "bad_setting",
                f"There is no pose style {wish.pose_style}: SadTalker has {counted(styles, 'pose style')} here.",
                f"Choose 0 to {styles - 1}.",
            )
        heard, presence = wish.spoken()
        progress(0)
        rate, frames = wish.sampling.style.blink_rate, len(wish.speech)
        channels = self._networks.sample(
            heard,
            wish.speech.mel,
            wish.seed,
            reference=wish.reference(),
            pose_style=wish.pose_style,
            blink=None if rate is None else np.zeros(frames, np.float32),
            presence=presence,
            articulation=wish.articulation,
        )
        progress(frames)
        return finished(channels, wish)
