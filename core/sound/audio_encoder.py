"""E_a, the audio encoder: log-mel at 100 rows a second → features f_a at 25 frames a second.

It consists of residual dilated convolutions, without recurrence and without normalisation over time. The features of a
frame depend only on about half a second of sound before and after it, so a recording of any length can be computed in
pieces.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from .mel import MEL_BANDS, MELS_PER_FRAME, SILENCE


@dataclass(frozen=True)
class AudioEncoderConfig:
    """Sizes of E_a.

    Attributes
    ----------
    width
        d_a, channels of f_a and of the layers at 25 frames a second.
    fine_width, middle_width
        Channels at 100 and 50 rows a second.
    fine_blocks, middle_blocks
        Residual blocks at those rates.
    dilations
        One residual block at 25 frames a second for each entry.
    dropout
        Dropout rate on the branch of every residual block, in training.
    """

    width: int = 256
    fine_width: int = 128
    middle_width: int = 192
    fine_blocks: int = 2
    middle_blocks: int = 2
    dilations: tuple[int, ...] = (1, 2, 3, 4)
    dropout: float = 0.1

    @classmethod
    def tiny(cls) -> AudioEncoderConfig:
        """A small one for tests: it trains a few steps a second."""
        return cls(
            width=32, fine_width=24, middle_width=24, fine_blocks=1, middle_blocks=1, dilations=(1, 2), dropout=0.0
        )

    @property
    def context_rows(self) -> int:
        """Number of mel rows before (and after) a frame's own four that influence its features."""
        fine = _STEM_KERNEL // 2 + self.fine_blocks
        middle = 2 * self.middle_blocks + 1  # blocks with rows of 20 ms, and the overlap of the first halving
        coarse = 4 * sum(self.dilations) + 2
        return fine + middle + coarse

    @property
    def context_frames(self) -> int:
        """:attr:`context_rows` in whole video frames, rounded up."""
        return -(-self.context_rows // MELS_PER_FRAME)


class AudioEncoder(nn.Module):
    """E_a: (B, 4 T, 80) log-mel → (B, T, d_a). Before the first row and after the last one it assumes silence."""

    def __init__(self, config: AudioEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = nn.Conv1d(MEL_BANDS, config.fine_width, _STEM_KERNEL, padding=_STEM_KERNEL // 2)
        self.fine = nn.Sequential(
            *(ResidualBlock(config.fine_width, 1, config.dropout) for _ in range(config.fine_blocks))
        )
        self.to_middle = _halve(config.fine_width, config.middle_width)
        self.middle = nn.Sequential(
            *(ResidualBlock(config.middle_width, 1, config.dropout) for _ in range(config.middle_blocks))
        )
        self.to_coarse = _halve(config.middle_width, config.width)
        self.coarse = nn.Sequential(*(ResidualBlock(config.width, d, config.dropout) for d in config.dilations))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, mel: Tensor) -> Tensor:
        """f_a of a batch.

        Parameters
        ----------
        mel
            (B, 4 T, 80) from ``core.sound.mel.log_mel``.

        Returns
        -------
        (B, T, d_a)
        """
        # Relative to silence, so that the zero padding of the convolutions means silence.
        x = self.stem((mel - SILENCE).transpose(1, 2))  # (B, fine, 4 T)
        x = self.to_middle(self.fine(x))  # (B, middle, 2 T)
        x = self.to_coarse(self.middle(x))  # (B, d_a, T)
        return self.norm(self.coarse(x).transpose(1, 2))  # (B, T, d_a)


class ResidualBlock(nn.Module):
    """Residual block: layer norm over the channels of each row, a convolution over time, then one over channels."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.over_time = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.over_channels = nn.Conv1d(width, width, 1)
        self.dropout = nn.Dropout1d(dropout)  # drops whole channels: this needs far fewer random numbers

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, T) → (B, width, T)."""
        branch = self.norm(x.transpose(1, 2)).transpose(1, 2)
        branch = nn.functional.gelu(self.over_time(branch))
        return x + self.dropout(self.over_channels(branch))


_STEM_KERNEL = 5


def _halve(width_in: int, width_out: int) -> nn.Conv1d:
    """Convolution that halves the rate. With a kernel of four, each new row is centred on the pair that it replaces."""
    return nn.Conv1d(width_in, width_out, 4, stride=2, padding=1)
