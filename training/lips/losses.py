"""Losses of the lip model: mouth shapes from audio, mouth shapes from known phones, and phone classification.

Each batch goes through MLP_a2l twice: with the phones that E_a recognises, and with the known phones. The second pass
learns how phones shape a mouth, from the filmed talker and, with a low weight, from ``visemes`` for phones that he
never says. The first pass learns the filmed mouth if there is one, and otherwise the mouth of the second pass for the
same words.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.phones.phone_set import PHONES
from core.sound.lips import LipModel, in_rows
from core.sound.mel import MELS_PER_FRAME

from ..speech.visemes import GESTURES
from .data import SOURCES
from .mouth_geometry import MouthGeometry
from .sampler import Batch

OPENING_UNIT, WIDTH_UNIT, COVER_UNIT = 0.03, 0.02, 0.02
"""Units of errors of opening, width and lower lip: about their deviations in speech, in outer-eye distances."""
CLOSED_GAP = 0.003
"""Largest opening that counts as closed. GRID's median in /p b m/ is 0.002."""
LEAST_COVER = 0.004
"""Height of the lower lip over the incisors' edge (about 0.4 mm) from which /f v/ have no loss."""
ROUNDED_WIDTH = 0.955
"""Width divided by the width at rest below which a rounded mouth has no loss. The filmed talker's median is 0.98."""

Shares = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms, and the trust in each source.

    Attributes
    ----------
    heard, taught, phones
        For each source the weight of its mouth in the first pass (recognised phones), of its mouth in the second pass
        (known phones), and of its phones.
    contrast
        L_cl between f_a and what is seen (:mod:`.contrast`), in the windows of filmed talkers.
    """

    velocity: float = 0.5
    opening: float = 1.0
    width: float = 0.6
    closed: float = 2.0
    on_teeth: float = 0.5
    rounded: float = 0.3
    cross_entropy: float = 0.5
    contrast: float = 0.0
    heard: Shares = (("grid", 1.0), ("synthetic", 0.5), ("recorded", 0.3), ("quiet", 1.0))
    taught: Shares = (("grid", 1.0), ("synthetic", 0.1), ("recorded", 0.1), ("quiet", 1.0))
    phones: Shares = (("grid", 1.0), ("synthetic", 1.0), ("recorded", 0.6), ("quiet", 1.0))


class BothWays(nn.Module):
    """The lip model in training: mouths from recognised phones and from known phones.

    No gradient of a mouth reaches E_a: its features would encode the habits of the few filmed talkers. They learn
    phones, and L_cl ties them to what is seen. In a share of ``forget`` of the windows the manner
    is hidden, so that the phones alone make a mouth too. Without ``encoder_learns``, E_a and its phones are fixed.
    """

    def __init__(self, model: LipModel, forget: float = 0.3, encoder_learns: bool = True) -> None:
        super().__init__()
        self.adapter, self.phones, self.manner = model.adapter, model.phones, model.manner
        self.a2l, self.decoder = model.a2l, model.decoder
        self._forget, self._encoder_learns = forget, encoder_learns
        for part in (self.adapter, self.phones):
            part.requires_grad_(encoder_learns)

    def train(self, mode: bool = True) -> BothWays:
        """As in every module. A fixed E_a has no dropout."""
        super().train(mode)
        if not self._encoder_learns:
            self.adapter.eval()
        return self

    def forward(self, heard: Tensor, known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 2 L, width) of Whisper's outputs and (B, 4 L, 40) shares of the known phones → mouths (2 B, L, 27), those
        of recognised phones first, logits (B, 4 L, 40), and f_a (B, L, d_a)."""
        f_a = self.adapter(heard)
        logits = in_rows(self.phones(f_a))
        manner = self.manner(f_a.detach())
        if self.training:
            manner = manner * (torch.rand(len(manner), 1, 1, device=manner.device) >= self._forget)
        shares = torch.cat([logits.float().softmax(-1).detach(), known])
        return self.decoder(self.a2l(shares, manner.repeat(2, 1, 1))), logits, f_a


class Losses:
    """The training loss. ``scale`` (27,) is the unit of error of each channel."""

    def __init__(self, weights: LossWeights, scale: Tensor, geometry: MouthGeometry, device: torch.device) -> None:
        self._weights = weights
        self._channels = (1.0 / scale**2 / len(scale)).to(device)
        self._geometry = geometry.to(device)
        self._trust = {
            kind: torch.tensor([dict(getattr(weights, kind))[source] for source in SOURCES], device=device)
            for kind in ("heard", "taught", "phones")
        }

    def __call__(self, mouths: Tensor, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Terms of the loss and their weighted sum ``total``.

        ``mouths`` (2 B, L, 27) and ``logits`` (B, 4 L, 40), float32, are the output of :class:`BothWays`.
        """
        device, weights = mouths.device, self._weights
        mouth, source, labels = (torch.from_numpy(a).to(device) for a in (batch.mouth, batch.source, batch.phones))
        known = (labels >= 0).float()  # (B, 4 L)
        frame_known = known.reshape(len(labels), -1, MELS_PER_FRAME).mean(2)  # (B, L)
        taught = mouths[len(labels) :]
        filmed = torch.tensor([name in ("grid", "quiet") for name in SOURCES], device=device)[source]  # (B,)
        target = torch.cat([torch.where(filmed[:, None, None], mouth, taught.detach()), mouth])
        heard = self._trust["heard"][source][:, None]  # (B, 1)
        trust = torch.cat([heard.expand_as(frame_known), self._trust["taught"][source][:, None] * frame_known])
        terms = self._mouth_terms(mouths, target, trust)  # trust: (2 B, L)
        gestures = torch.from_numpy(batch.gestures).to(device).repeat(2, 1)
        price = torch.cat([trust[: len(labels)], heard * frame_known])
        terms |= self._gesture_terms(mouths, gestures, price)
        cross_entropy = nn.functional.cross_entropy(
            logits.flatten(0, 1), labels.clamp(min=0).flatten(), reduction="none"
        )
        phone_trust = self._trust["phones"][source][:, None] * known
        terms["cross_entropy"] = (phone_trust * cross_entropy.reshape(labels.shape)).mean()
        terms["total"] = terms["weights"] + sum(
            getattr(weights, name) * value for name, value in terms.items() if name != "weights"
        )
        return terms

    def _mouth_terms(self, predicted: Tensor, target: Tensor, trust: Tensor) -> dict[str, Tensor]:
        geometry = self._geometry
        error = predicted - target
        # Only visible openings count: a gap below zero means pressed lips, in the track and in the prediction.
        opening_error = torch.relu(geometry.openings(predicted)) - torch.relu(geometry.openings(target))
        width_error = geometry.widths(predicted) - geometry.widths(target)
        return {
            "weights": (trust * (error.square() @ self._channels)).mean(),
            "velocity": (trust[:, 1:] * (error.diff(dim=1).square() @ self._channels)).mean(),
            "opening": (trust * (opening_error / OPENING_UNIT).square()).mean(),
            "width": (trust * (width_error / WIDTH_UNIT).square()).mean(),
        }

    def _gesture_terms(self, predicted: Tensor, gestures: Tensor, price: Tensor) -> dict[str, Tensor]:
        """How much is missing where lips should meet, touch the teeth or round; means over the frames concerned."""
        geometry = self._geometry
        lacking = {
            "closed": torch.relu(geometry.openings(predicted) - CLOSED_GAP) / OPENING_UNIT,
            "on teeth": torch.relu(LEAST_COVER - geometry.covers(predicted)) / COVER_UNIT,
            "rounded": torch.relu(geometry.widths(predicted) - ROUNDED_WIDTH * geometry.width_at_rest) / WIDTH_UNIT,
        }
        out = {}
        for number, gesture in enumerate(GESTURES[1:], 1):
            asked = (gestures == number).float()
            value = (price * asked * lacking[gesture.name].square()).sum() / (asked.sum() + 1.0)
            out[gesture.name.replace(" ", "_")] = value
        return out


def known_shares(labels: Tensor) -> Tensor:
    """(B, 4 L) index of the phones, −1 if unknown → (B, 4 L, 40) shares; unknown phones become silence."""
    return nn.functional.one_hot(labels.clamp(min=0), len(PHONES)).float()
