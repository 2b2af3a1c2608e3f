"""ExpNet: the 53 expression weights of a frame from speech (arXiv 2211.12194, section 3.1).

As in the paper, a network hears the sound around a frame, and one linear layer turns that, the expression of the
reference picture and how far the eyes are shut into the frame's weights. Nothing is carried from frame to frame. The
paper hears a mel spectrogram with Wav2Lip's encoder. Here the network hears the phones and the manner that the lip
model hears (``core.sound.lips``), so that it works for voices that were never filmed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..head.expression import kept_share
from ..motion.channels import EXPRESSIONS, EYE_BLINKS
from ..sound.lips import LipModelConfig, PhonesToCode


@dataclass(frozen=True)
class ExpNetConfig:
    """Sizes of ExpNet.

    Attributes
    ----------
    hidden, dilations, dropout
        Of the network that hears; see ``LipModelConfig``.
    manner
        Numbers a frame for the manner of speaking.
    code
        Width of what is heard around a frame.
    """

    hidden: int = 128
    manner: int = 3
    code: int = 64
    dilations: tuple[int, ...] = (1, 2, 3, 2)
    dropout: float = 0.15

    @classmethod
    def tiny(cls) -> ExpNetConfig:
        """Small enough for tests."""
        return cls(hidden=24, code=16, dilations=(1,), dropout=0.0)

    @property
    def context_frames(self) -> int:
        """Frames before (and after) a frame that are heard for it."""
        return self._of_listener().context_frames

    def _of_listener(self) -> LipModelConfig:
        return LipModelConfig(
            hidden=self.hidden, manner=self.manner, code=self.code, dilations=self.dilations, dropout=self.dropout
        )

    def listener(self) -> PhonesToCode:
        """A new network that hears."""
        return PhonesToCode(self._of_listener())


class ExpNet(nn.Module):
    """Phones, manner, a reference expression and shut eyes → expression weights.

    Before training it shows as much of the reference as the product shows of a portrait's own expression, adds what it
    hears, and shuts the lids as asked.
    """

    def __init__(self, config: ExpNetConfig) -> None:
        super().__init__()
        self.config = config
        self.listen = config.listener()
        self.out = nn.Linear(config.code + len(EXPRESSIONS) + 1, len(EXPRESSIONS))
        with torch.no_grad():
            nn.init.zeros_(self.out.bias)
            self.out.weight[:, : config.code].mul_(0.1)
            self.out.weight[:, config.code : -1] = torch.diag(kept_share())
            self.out.weight[:, -1] = torch.tensor([float(name in EYE_BLINKS) for name in EXPRESSIONS])

    def forward(self, phones: Tensor, manner: Tensor, reference: Tensor, blink: Tensor) -> Tensor:
        """Weights (B, T, 53), not limited to 0–1.

        Parameters
        ----------
        phones
            (B, 4 T, 40) shares of the phones in each 10 ms, which sum to 1.
        manner
            (B, T, ``config.manner``).
        reference
            (B, 53) weights of the reference picture.
        blink
            (B, T) how far the eyes are shut: 0 as in the reference, 1 shut.
        """
        return self.from_code(self.listen(phones, manner), reference, blink)

    def from_code(self, code: Tensor, reference: Tensor, blink: Tensor) -> Tensor:
        """:meth:`forward`, of what is heard (B, T, ``config.code``)."""
        face = reference[:, None].expand(-1, code.shape[1], -1)
        return self.out(torch.cat([code, face, blink[..., None]], 2))
