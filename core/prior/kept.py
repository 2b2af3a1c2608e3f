"""The kept part of a take: its channels, and what they fix of n⁰ in the network's space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..motion.channels import NONLIP_CHANNELS
from .windows import away_from_known

_WIDTH = len(NONLIP_CHANNELS)


class Kept:
    """Channels that are given, and where. Frames outside the take are never kept.

    Parameters
    ----------
    takes, frames
        N and T.
    channels, mask
        (N, T, 32) and (T, 32) bool, or None if nothing is kept. Any array that can be sliced along time will do.
    entries
        Single (frame, channel, value) that are also given, except where the mask keeps another value.

    Raises
    ------
    ValueError
        If the arrays have other shapes, or if only one of the two is given.
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
        """The kept part of some of the takes."""
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


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of n⁰ in one window, in the network's space.

    Attributes
    ----------
    values, mask
        (N, L, d) n⁰ and bool, where it is known.
    put
        Puts known features into n̂⁰ (N, L, d) where no single entry stands for them (``spaces.CodeSpace``).
    """

    values: Tensor
    mask: Tensor
    put: Callable[[Tensor], Tensor] | None = None

    @cached_property
    def away(self) -> Tensor:
        """(N, L, d) 0 next to known entries, 1 a second away from them: how far n̂⁰ may be corrected there."""
        masks = self.mask.cpu().numpy()
        return torch.from_numpy(np.stack([away_from_known(mask) for mask in masks])).to(self.mask.device)
