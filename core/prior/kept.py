"""What a take keeps of another one, looked at a window at a time."""

from __future__ import annotations

import numpy as np

from ..motion.channels import NONLIP_CHANNELS

_WIDTH = len(NONLIP_CHANNELS)


class Kept:
    """Channels that are given, and where; frames outside the take are never kept.

    Parameters
    ----------
    takes, frames
        N and T.
    channels, mask
        (N, T, 32) and (T, 32) bool, or None where nothing is kept. Anything that can be sliced along time will do.
    entries
        Single (frame, channel, value) that are given too, unless the mask keeps something else there.

    Raises ValueError on arrays of other shapes, or one without the other.
    """

    def __init__(
        self,
        takes: int,
        frames: int,
        channels: np.ndarray | None = None,
        mask: np.ndarray | None = None,
        entries: list[tuple[int, int, float]] | None = None,
    ) -> None:
        if (channels is None) != (mask is None):
            raise ValueError("keep and keep_mask go together")
        if channels is not None and mask is not None:
            wanted = (takes, frames, _WIDTH), (frames, _WIDTH)
            if (channels.shape, mask.shape) != wanted:
                raise ValueError(
                    f"keep and keep_mask must be {wanted[0]} and {wanted[1]}, not {channels.shape} and {mask.shape}"
                )
        self._takes, self._frames = takes, frames
        self._channels, self._mask, self._entries = channels, mask, entries or []

    def takes(self, chosen: list[int]) -> Kept:
        """The same for some of the takes."""
        channels = None if self._channels is None else self._channels[chosen]
        return Kept(len(chosen), self._frames, channels, self._mask, self._entries)

    def part(self, first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """(N, L, 32) float32 and (L, 32) bool of frames ``first`` … ``stop``, which may lie outside the take."""
        channels = np.zeros((self._takes, stop - first, _WIDTH), np.float32)
        mask = np.zeros((stop - first, _WIDTH), bool)
        for frame, channel, value in self._entries:
            if first <= frame < stop:
                channels[:, frame - first, channel], mask[frame - first, channel] = value, True
        begin, end = max(first, 0), min(stop, self._frames)
        if self._channels is not None and self._mask is not None and begin < end:
            inside, given = slice(begin - first, end - first), self._mask[begin:end]
            channels[:, inside] = np.where(given, self._channels[:, begin:end], channels[:, inside])
            mask[inside] |= given
        return channels, mask
