"""Alpha of portraits that are cut out of their background: it moves with the head, as the colours do."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..portrait.picture import GREY
from .fields import fill_smoothly, sample


class Opacity:
    """The alpha of one portrait's square.

    It is split like the colours: what lies behind the person is continued from the surroundings, and the person moves
    over it.

    Parameters
    ----------
    alpha
        (S, S) uint8 of the square.
    person
        (1, 1, S, S) matte of the person, 0–1.
    hole
        (1, 1, S, S) bool: pixels that can show the person, hair included.
    """

    def __init__(self, alpha: np.ndarray, person: Tensor, hole: Tensor) -> None:
        own = torch.tensor(alpha).float()[None, None] / 255
        self.behind = fill_smoothly(own, (~hole).float())
        self.layers = torch.cat([own - self.behind * (1 - person), person], 1)  # what the person shows; the matte

    def moved(self, positions: Tensor) -> Tensor:
        """(B, 1, S, S) alpha 0–1 of frames that show the portrait at ``positions`` (B, S, S, 2) px."""
        shown, person = sample(self.layers, positions).split(1, 1)
        return (self.behind * (1 - person.clamp(0, 1)) + shown).clamp(0, 1)


def without_grey(frame: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8 with the colours of a frame (H, W, 4) whose colours are laid over grey by its alpha."""
    mixed = (frame[..., 3] < 255) & (frame[..., :3] != GREY).any(2)  # all other pixels stay as they are
    alpha = frame[mixed, 3:].astype(np.float32) / 255
    shown = frame[mixed, :3].astype(np.float32) - GREY
    out = frame.copy()
    out[mixed, :3] = np.clip(GREY + shown / np.maximum(alpha, 1 / 255) + 0.5, 0, 255).astype(np.uint8)
    return out
