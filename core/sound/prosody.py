"""Loudness by band and how it changes, read directly from the spectrogram."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from .mel import MELS_PER_FRAME

PROSODY_BANDS = (0, 6, 16, 40, 80)
"""Limits of the mel bands whose mean energies are given directly. The lowest six bands hold the first harmonics, hence
voicing and pitch."""
PROSODY = 2 * (len(PROSODY_BANDS) - 1) + 1


def prosody(mel: Tensor) -> Tensor:
    """Loudness by band and its change, computed directly from the spectrogram.

    Nods, brow raises and blinks follow loudness and pauses. The encoder could learn these, but does not have to.

    Parameters
    ----------
    mel
        (B, 4 L, 80) log-mel, 100 rows a second.

    Returns
    -------
    (B, L, 9): the mean of each of four bands, its difference from the running mean of a second, and the steepest rise
    of the loudness within the frame.
    """
    rows = mel.unflatten(1, (-1, MELS_PER_FRAME))  # (B, 4 L, 80) -> (B, L, 4, 80)
    frame = rows.mean(dim=2)  # (B, L, 80)
    bands = torch.stack(
        [frame[..., a:b].mean(dim=-1) for a, b in itertools.pairwise(PROSODY_BANDS)], dim=-1
    )  # (B, L, 4)
    running = nn.functional.avg_pool1d(
        bands.transpose(1, 2), 25, stride=1, padding=12, count_include_pad=False
    ).transpose(1, 2)  # (B, L, 4)
    rise = rows.mean(dim=3).diff(dim=2).amax(dim=2, keepdim=True)  # (B, L, 1)
    return torch.cat([bands, bands - running, rise], dim=-1)
