"""The loss L_ol, which keeps the motion that is left independent of the sound, and the loss of f_id.

After arXiv 2212.04248, section 3.2, eq. 3: Pearson correlations between f_ol and f_a, over the current step and two
memory banks with the features of the previous K − 1 steps. L_cl (eq. 2) is in ``training.common.contrastive``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def pearson(a: Tensor, b: Tensor, floor: float = 1e-4) -> Tensor:
    """Pearson's correlation of every column of ``a`` (N, p) with every column of ``b`` (N, q): (p, q).

    A column with a deviation below ``floor`` has small correlations, and no large gradients.
    """
    a, b = a - a.mean(0), b - b.mean(0)
    deviations = [x.square().mean(0).clamp_min(floor**2).sqrt() for x in (a, b)]
    return (a / deviations[0]).mT @ (b / deviations[1]) / len(a)


def orthogonality(f_ol: Tensor, f_a: Tensor) -> Tensor:
    """L_ol (eq. 3): mean over the entries of f_ol (N, d_ol) of the sum of squared correlations with f_a (N, d_a).

    With squares the gradient vanishes where the correlation does. N samples of independent features give about d_a / N,
    so this is the lowest value that can be reached, not 0.
    """
    return pearson(f_ol, f_a).square().sum(1).mean()


def about_clips(values: Tensor, each: int) -> Tensor:
    """Features (clips · each, F) minus the mean of their clip."""
    clips = values.unflatten(0, (-1, each))  # (clips, each, F)
    return (clips - clips.mean(1, keepdim=True)).flatten(0, 1)


class MemoryBanks(nn.Module):
    """Two memory banks: f_ol and f_a of the previous K − 1 steps, without gradients.

    One batch has too few samples for d_ol × d_a correlations. With the banks they are estimated over K steps. The banks
    are buffers, so a checkpoint contains them, and an interrupted run goes on like an uninterrupted one.
    """

    ol: Tensor
    sound: Tensor
    filled: Tensor

    def __init__(self, steps: int, samples: int, d_ol: int, d_a: int) -> None:
        """``steps`` is K, ``samples`` the number of samples of each step. With K = 1 there are no banks (the
        ablation)."""
        super().__init__()
        self.register_buffer("ol", torch.zeros(steps - 1, samples, d_ol))
        self.register_buffer("sound", torch.zeros(steps - 1, samples, d_a))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))

    def joined(self, f_ol: Tensor, f_a: Tensor, rows: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """The current step's features (N, d_ol) and (N, d_a) together with those in the banks, or some rows of every
        step. Only the current features get gradients."""
        count = int(self.filled)
        return (
            torch.cat([f_ol[rows], self.ol[:count, rows].flatten(0, 1)]),  # (rows · (1 + filled), d_ol)
            torch.cat([f_a[rows], self.sound[:count, rows].flatten(0, 1)]),
        )

    @torch.no_grad()
    def remember(self, f_ol: Tensor, f_a: Tensor) -> None:
        """Add a step's features to the banks; the oldest are dropped."""
        if len(self.ol) == 0:
            return
        self.ol.copy_(torch.cat([f_ol.detach()[None].to(self.ol.dtype), self.ol[:-1]]))
        self.sound.copy_(torch.cat([f_a.detach()[None].to(self.sound.dtype), self.sound[:-1]]))
        self.filled.fill_(min(int(self.filled) + 1, len(self.ol)))


def same_person(f_id: Tensor, person: Tensor, temperature: float) -> Tensor:
    """Contrastive loss that pulls f_id (B, 128) of the same ``person`` (B,) together and others apart.

    Supervised contrastive learning (Khosla et al. 2020): for each view the mean log-probability of the other views of
    its person among all other views. A view whose person has no other view in the batch only serves as a negative. The
    loss is 0 if all views are like that.
    """
    f_id = nn.functional.normalize(f_id, dim=-1)
    itself = torch.eye(len(f_id), dtype=torch.bool, device=f_id.device)
    logits = (f_id @ f_id.mT / temperature).masked_fill(itself, -torch.inf)
    log_share = logits.log_softmax(1).masked_fill(itself, 0.0)
    same = (person[:, None] == person[None]) & ~itself
    partners = same.sum(1)
    found = (log_share * same).sum(1) / partners.clamp_min(1)
    return -found.sum() / (partners > 0).sum().clamp_min(1)
