"""L_cl, which ties motion to the sound (arXiv 2212.04248, section 3.2, eq. 2).

Contrastive learning in both directions, with the other frames of the same clip as negatives.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def contrastive(f_cl: Tensor, f_a: Tensor, temperature: float) -> Tensor:
    """L_cl (eq. 2) of clips: each frame's motion must find its sound among the sounds of the clip, and each sound its
    motion.

    Parameters
    ----------
    f_cl, f_a
        (clips, frames, d_a), compared by the cosine.
    temperature
        Temperature of the softmax over the frames of a clip.

    Returns
    -------
    Mean cross-entropy of both directions. Chance gives log(frames).
    """
    motion, sound = nn.functional.normalize(f_cl, dim=-1), nn.functional.normalize(f_a, dim=-1)
    likeness = motion @ sound.mT / temperature  # (clips, frames of motion, frames of sound)
    own = torch.arange(likeness.shape[1], device=likeness.device).expand(likeness.shape[0], -1)
    to_sound = nn.functional.cross_entropy(likeness.transpose(1, 2), own)  # classes in dimension 1
    to_motion = nn.functional.cross_entropy(likeness, own)
    return 0.5 * (to_sound + to_motion)


def retrieval(f_cl: Tensor, f_a: Tensor) -> Tensor:
    """Share of frames (clips, frames, d_a) that find their own sound first among the clip's; 1 / frames is chance."""
    likeness = nn.functional.normalize(f_cl, dim=-1) @ nn.functional.normalize(f_a, dim=-1).mT
    own = torch.arange(likeness.shape[1], device=likeness.device)
    return (likeness.argmax(-1) == own).float().mean()
