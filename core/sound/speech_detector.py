"""Hears whether somebody speaks: the network of Silero VAD, built here as a torch module.

The architecture and the weights are those of the package ``silero-vad`` (MIT, © Silero Team). Windows of 32 ms pass a
short-time Fourier transform, four convolutions and a recurrent layer. ``python -m training.speech.detector`` converts
the weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .. import places
from ..compute.threads import single_thread
from ..compute.weight_files import open_weights, write_weights
from .mel import SAMPLE_RATE

WEIGHTS = places.WEIGHTS / "speech_detector.safetensors"
STEP = 512
"""Samples for which one probability is given (32 ms)."""
STEPS_PER_SECOND = SAMPLE_RATE / STEP
_CONTEXT = 64
"""Samples before a window that the network also sees."""
_TRANSFORM, _HOP = 256, 128
_BINS = _TRANSFORM // 2 + 1
_WIDTH = 128
_BLOCK = 128
"""Windows that are computed together."""
FRESH_STEPS = 64
"""Windows of a run that begins without a memory (2 s)."""
_HALF = FRESH_STEPS // 2

State = tuple[Tensor, Tensor]


class SpeechDetector(nn.Module):
    """Sound at 16 kHz → the probability of speech in every 32 ms."""

    basis: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("basis", torch.zeros(2 * _BINS, 1, _TRANSFORM))
        self.encoder = nn.Sequential(
            nn.Conv1d(_BINS, 128, 3, padding=1),
            nn.ReLU(),
            nn.Conv1d(128, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv1d(64, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv1d(64, _WIDTH, 3, padding=1),
            nn.ReLU(),
        )
        self.memory = nn.LSTM(_WIDTH, _WIDTH, batch_first=True)
        self.out = nn.Linear(_WIDTH, 1)

    def features(self, windows: Tensor) -> Tensor:
        """What the recurrent layer reads, (W, 128), of windows (W, 576) of 64 samples of context and 512 new ones."""
        mirrored = nn.functional.pad(windows[:, None], (0, _CONTEXT), mode="reflect")
        waves = nn.functional.conv1d(mirrored, self.basis, stride=_HOP)  # (W, 258, 4): real and imaginary parts
        magnitude = (waves[:, :_BINS].square() + waves[:, _BINS:].square()).sqrt()
        return self.encoder(magnitude)[..., 0]

    def forward(self, features: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Probabilities (B, W) of B runs of windows, given as :meth:`features` (B, W, 128).

        ``state`` is what the recurrent layer remembers of the windows before; None at the beginning. The new state is
        returned too.
        """
        remembered, state = self.memory(features, state)
        return self.out(remembered.relu())[..., 0].sigmoid(), state

    @torch.no_grad()
    def probabilities(self, blocks: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Probabilities of a sound of any length, in constant memory.

        Parameters
        ----------
        blocks
            (n,) float32 at 16 kHz in order. Every block but the last has :data:`BLOCK_SAMPLES` samples.

        Yields
        ------
        Two arrays (⌈n / 512⌉,) for every block. The first is that of the network as it was made: it remembers all that
        came before. The second is the highest of runs of :data:`FRESH_STEPS` windows that overlap by half and begin
        without a memory: loud music before a voice makes the network doubt the voice. The sound is continued by silence
        to fill the last window.
        """
        state: State | None = None
        before: Tensor | None = None
        context = np.zeros(_CONTEXT, np.float32)
        for block in blocks:
            count = -(-len(block) // STEP)
            piece = np.concatenate([context, block, np.zeros(count * STEP - len(block), np.float32)])
            context = piece[len(piece) - _CONTEXT :]
            windows = np.lib.stride_tricks.sliding_window_view(piece, _CONTEXT + STEP)[::STEP].copy()
            # Divided operations would give other last bits with another number of threads.
            with single_thread():
                features = self.features(torch.from_numpy(windows))
                found, state = self(features[None], state)
                fresh = self._without_memory(features, before)
                before = features[-_HALF:]
            yield found[0].numpy(), fresh.numpy()

    def _without_memory(self, features: Tensor, before: Tensor | None) -> Tensor:
        """(W,) the higher probability of each window in the two runs that hold it and begin without a memory.

        ``before`` holds the features of the half run before these, or is None at the beginning of the sound.
        """
        padded = nn.functional.pad(features, (0, 0, _HALF if before is None else 0, _HALF + -len(features) % _HALF))
        padded = padded if before is None else torch.cat([before, padded])
        runs = padded.unfold(0, FRESH_STEPS, _HALF).transpose(1, 2)  # (runs, FRESH_STEPS, 128)
        found = self(runs)[0]
        first, second = found[1:, :_HALF], found[:-1, _HALF:]
        if before is None:
            second[0] = 0.0
        return torch.maximum(first, second).reshape(-1)[: len(features)]

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> SpeechDetector:
        """The network in evaluation mode, on the processor.

        Raises
        ------
        SoliloquyError
            ``weights_missing`` or ``weights_damaged``.
        """
        with open_weights(path, "speech detector") as file:
            model = cls()
            model.load_state_dict(file.tensors)
        return model.eval()

    def save(self, path: Path) -> None:
        """Write the weights as safetensors. Raises the errors of ``write_weights``."""
        write_weights(path, self.state_dict(), {})


BLOCK_SAMPLES = _BLOCK * STEP
"""Samples in a block of :meth:`SpeechDetector.probabilities`."""


@lru_cache(maxsize=1)
def shipped_detector() -> SpeechDetector:
    """The detector that ships, loaded once. Raises as :meth:`SpeechDetector.load`."""
    return SpeechDetector.load()
