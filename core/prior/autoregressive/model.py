"""AutoregressiveMotion: the trained autoregressive prior, which samples motion of any length."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...compute.shards import open_shards, write_shards
from ...compute.threads import single_thread
from ...places import WEIGHTS
from ...sound.audio_encoder import AudioEncoderConfig
from ...sound.mel import MEL_BANDS, MELS_PER_FRAME
from ..network import PriorConfig
from .network import AutoregressivePrior

STEM = "autoregressive"
"""Beginning of the names of its files."""
FIRST_REACH = 1.0
"""Deviations from the mean by which a feature of the first frame differs at most. The network was trained on first
frames of real motion, so a face far from the mean would be new to it."""


class AutoregressiveMotion:
    """The network with the statistics of the motion that it was trained on.

    Parameters
    ----------
    network
        The network.
    mean, deviation
        (25,) of the features that it was trained on.
    """

    def __init__(self, network: AutoregressivePrior, mean: Tensor, deviation: Tensor) -> None:
        self.network = network.eval().requires_grad_(False)
        self.device = next(network.parameters()).device
        self._mean, self._deviation = mean.float().to(self.device), deviation.float().to(self.device)

    @classmethod
    def load(cls, device: str | torch.device = "cpu", folder: Path = WEIGHTS) -> AutoregressiveMotion:
        """The trained network from ``folder``. Raises SoliloquyError ``weights_missing`` or ``weights_damaged``."""
        with open_shards(STEM, "autoregressive prior", folder) as file:
            shape, tensors = file.config, file.tensors
            network = AutoregressivePrior(PriorConfig(**(shape | {"audio": AudioEncoderConfig(**shape["audio"])})))
            mean, deviation = tensors.pop("mean"), tensors.pop("deviation")
            network.load_state_dict(tensors)
            return cls(network.to(device), mean, deviation)

    def save(self, folder: Path) -> list[Path]:
        """Write float16 weights and float32 statistics as shards into ``folder``; returns their paths."""
        statistics = {"mean": self._mean, "deviation": self._deviation}
        return write_shards(STEM, self.network.state_dict(), statistics, asdict(self.network.config), folder)

    def sample(
        self,
        mel: np.ndarray,
        seed: int,
        progress: Callable[[int], None] = lambda frames: None,
    ) -> np.ndarray:
        """Motion that follows from the sound and a first frame that the seed draws.

        Parameters
        ----------
        mel
            (4 T, 80) log-mel of T ≥ 1 frames.
        seed
            Another seed gives another first frame, and so another motion.
        progress
            Called with the number of frames that are done, after each window.

        Returns
        -------
        (T, 25) float32 features (``core.prior.features``).
        """
        drawn = np.random.default_rng(seed).uniform(-FIRST_REACH, FIRST_REACH, len(self._mean)).astype(np.float32)
        start = self._mean + self._deviation * torch.from_numpy(drawn).to(self.device)
        return self.continued(mel, len(mel) // MELS_PER_FRAME, start.cpu().numpy(), progress=progress)

    def continued(
        self,
        mel: np.ndarray | None,
        frames: int,
        start: np.ndarray,
        levels: np.ndarray | None = None,
        progress: Callable[[int], None] = lambda frames: None,
    ) -> np.ndarray:
        """(T, 25) features of T ``frames`` that begin with ``start`` (25,); ``mel`` (4 T, 80) is None without sound.

        ``levels`` (7,) say how lively the talker is (``core.prior.told.levels``), NaN where that is unknown; a network
        that was trained without them doesn't heed them. ``progress`` as in :meth:`sample`.
        """
        rows = np.zeros((frames * MELS_PER_FRAME, MEL_BANDS), np.float32) if mel is None else mel
        sound = torch.from_numpy(np.ascontiguousarray(rows, np.float32)).to(self.device)
        first = (torch.from_numpy(start).float().to(self.device) - self._mean) / self._deviation
        told = None if levels is None else torch.from_numpy(levels).to(self.device)
        with single_thread() if self.device.type == "cpu" else nullcontext():
            made = self.network.sample(sound, first[None], mel is not None, told, progress)[0]
        return (made * self._deviation + self._mean).cpu().numpy()
