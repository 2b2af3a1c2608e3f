"""The lip reader: which phones does a moving mouth say? It is trained once, then frozen, and only teaches ExpNet.

The paper reads lips in rendered pictures with a network that knows 500 words. This one reads the landmarks of the head
model's mouth, which the weights determine, and answers with phones. It is trained on filmed mouths against the phones
that the lip model hears in their sound. It is not the judge of lip sync (``training.judge``), which reads pictures, and
shares nothing with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from core.face.points import IBUG_MOUTH, IBUG_OUTER_EYES
from core.head.head_model import HeadModel
from core.motion.channels import LIP_COLUMNS
from core.phones.phone_set import PHONES
from core.sound.audio_encoder import ResidualBlock

from ..common.checkpoint import load_module
from ..common.engine import CHECKPOINT, Run, RunConfig, Step, warm_up_cosine
from .clips import Clip, ClipSampler, phones_of_frames

RUN = RunConfig(steps=1500, ema=0.99)
_DEVIATION = 0.02
"""Usual deviation of a mouth landmark in outer-eye distances, by which what the reader sees is divided."""


class MouthLandmarks(nn.Module):
    """Landmarks of the mouth on the mean head: (…, 53) weights → (…, 60), their offsets from rest."""

    basis: Tensor

    def __init__(self, head: HeadModel) -> None:
        super().__init__()
        points = head.landmarks68
        eyes = head.mean[points[list(IBUG_OUTER_EYES)]]
        mouth = head.expression_basis[:, points[IBUG_MOUTH]]  # (53, 20, 3) cm
        basis = torch.zeros(len(mouth), mouth[0].numel())
        basis[LIP_COLUMNS] = mouth[LIP_COLUMNS].flatten(1) / ((eyes[0] - eyes[1]).norm() * _DEVIATION)
        self.register_buffer("basis", basis, persistent=False)

    def forward(self, weights: Tensor) -> Tensor:
        """In units of the usual deviation."""
        return weights @ self.basis


class Reader(nn.Module):
    """Mouths (B, T, 53 weights) → logits of 40 phones (B, T, 40), from a few frames before and after."""

    def __init__(self, head: HeadModel, width: int = 96, dilations: tuple[int, ...] = (1, 2, 3)) -> None:
        super().__init__()
        self.landmarks = MouthLandmarks(head)
        self.enter = nn.Conv1d(self.landmarks.basis.shape[1], width, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(width, dilation, 0.1) for dilation in dilations))
        self.out = nn.Linear(width, len(PHONES))

    @classmethod
    def of_size(cls, size: str, head: HeadModel) -> Reader:
        """A reader that has learned nothing, of the size "tiny" or "base"."""
        return cls(head, 16, (1,)) if size == "tiny" else cls(head)

    def forward(self, weights: Tensor) -> Tensor:
        """Logits (B, T, 40) for weights (B, T, 53)."""
        seen = self.enter(self.landmarks(weights).transpose(1, 2))
        logits: Tensor = self.out(self.blocks(seen).transpose(1, 2))
        return logits


def reading_loss(logits: Tensor, phones: Tensor) -> Tensor:
    """Cross-entropy (B,) in nats, the mean over frames, of what is read (B, T, 40 logits) and what is heard
    (B, T, 40 shares)."""
    return -(phones * logits.log_softmax(-1)).sum(-1).mean(-1)


@dataclass(frozen=True)
class ReaderConfig:
    """All settings of a run except its data and its length."""

    size: str = "base"
    batch: int = 32
    window: int = 40
    learning_rate: float = 2e-3
    warm_up: int = 50
    weight_decay: float = 0.05


def train_reader(config: ReaderConfig, settings: RunConfig, clips: list[Clip], folder: Path) -> list[dict[str, float]]:
    """Train to ``settings.steps``, from the folder's checkpoint if it has one; returns the new lines of the log."""
    torch.manual_seed(settings.seed)
    reader = Reader.of_size(config.size, HeadModel.load())
    sampler = ClipSampler(clips, config.window, voices=0.0)
    optimiser = torch.optim.AdamW(reader.parameters(), weight_decay=config.weight_decay)
    run = Run(folder, settings, {"reader": reader}, {"reader": optimiser}, averaged=["reader"], recipe=asdict(config))
    reader.train()

    def make_step(step: Step) -> dict[str, Tensor]:
        batch = sampler.draw(config.batch, step.rng).to(run.device)
        logits, phones = run.forward["reader"](batch.target), phones_of_frames(batch.phones)
        loss = reading_loss(logits, phones).mean()
        step.set_rate("reader", warm_up_cosine(step.index, settings.steps, config.learning_rate, config.warm_up))
        step.update("reader", loss, clip=1.0)
        return {"reading": loss.detach(), "read": read_share(logits, phones).detach()}

    return run.fit(make_step)


def read_share(logits: Tensor, phones: Tensor) -> Tensor:
    """() share of the frames whose most probable phone is the one that is mostly heard, silent frames left out."""
    heard = phones.argmax(-1)
    return (logits.argmax(-1) == heard)[heard > 0].float().mean()


@torch.inference_mode()
def read_in(reader: Reader, clips: Sequence[Clip]) -> float:
    """:func:`read_share` of filmed clips, the mean over clips."""
    shares = []
    for clip in clips:
        phones = phones_of_frames(torch.from_numpy(clip.heard.phones)[None])
        shares.append(float(read_share(reader(torch.from_numpy(clip.expression)[None]), phones)))
    return sum(shares) / len(shares)


def load_reader(folder: Path, size: str) -> Reader:
    """The averaged reader of a run, frozen. Raises FileNotFoundError if the folder has no checkpoint."""
    return load_module(folder / CHECKPOINT, "reader", Reader.of_size(size, HeadModel.load())).requires_grad_(False)
