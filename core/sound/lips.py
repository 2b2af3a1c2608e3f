"""MLP_a2l on E_a: speech → lips and jaw, the part of the motion that the words alone settle.

The paper's f_l = MLP_a2l(E_a(audio)) (arXiv 2212.04248), with one addition: between the two stand the phones that E_a
hears, and MLP_a2l knows the sound by them alone. Phones can be learned from many more voices than were ever filmed, and
a mouth that is shaped by phones moves for a stranger's voice as it does for the filmed one. A last linear layer, the
decoder D_l, turns f_l into the 27 lip channels of the head model.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .. import places
from ..compute.weight_files import open_weights, write_weights
from ..motion.channels import LIP_CHANNELS
from .audio_encoder import AudioEncoder, AudioEncoderConfig, ResidualBlock
from .mel import MELS_PER_FRAME

WEIGHTS = places.WEIGHTS / "lips.safetensors"


@dataclass(frozen=True)
class LipModelConfig:
    """Sizes of the lip model.

    Attributes
    ----------
    encoder
        E_a.
    hidden
        Channels inside MLP_a2l.
    phones
        Phones that are told apart, silence first.
    code
        d_l, width of f_l.
    dilations
        One residual block of MLP_a2l for each entry: how far it looks for neighbouring phones.
    dropout
        On the branch of those blocks, in training.
    """

    encoder: AudioEncoderConfig = field(default_factory=AudioEncoderConfig)
    hidden: int = 128
    phones: int = 40
    code: int = 32
    dilations: tuple[int, ...] = (1, 2, 3, 2)
    dropout: float = 0.2

    @classmethod
    def tiny(cls) -> LipModelConfig:
        """For tests: trains a few steps in a second."""
        return cls(AudioEncoderConfig.tiny(), hidden=32, dilations=(1, 2), dropout=0.0)

    @property
    def context_frames(self) -> int:
        """Frames to either side that can change a frame's mouth."""
        return self.encoder.context_frames + 1 + sum(self.dilations)


class PhonesToCode(nn.Module):
    """MLP_a2l: how much of each phone sounds in each 10 ms, (B, 4 T, 40) → f_l (B, T, d_l).

    No perceptron of one instant, for mouths of neighbouring phones blend: it sees a few frames to either side.
    """

    def __init__(self, config: LipModelConfig) -> None:
        super().__init__()
        # Eight rows, centred on the frame's four.
        self.gather = nn.Conv1d(config.phones, config.hidden, 2 * MELS_PER_FRAME, MELS_PER_FRAME, MELS_PER_FRAME // 2)
        self.blocks = nn.Sequential(*(ResidualBlock(config.hidden, d, config.dropout) for d in config.dilations))
        self.out = nn.Linear(config.hidden, config.code)

    def forward(self, shares: Tensor) -> Tensor:
        """(B, 4 T, 40) shares that sum to 1 → (B, T, d_l)."""
        # Counted from silence (phone 0), so that the zeros convolutions pad with are silence.
        silence = nn.functional.one_hot(shares.new_zeros((), dtype=torch.long), shares.shape[-1]).to(shares.dtype)
        x = self.gather((shares - silence).transpose(1, 2))  # (B, hidden, T)
        return self.out(self.blocks(x).transpose(1, 2))


class LipModel(nn.Module):
    """Log-mel → 27 lip and jaw weights at 25 frames a second.

    ``gain`` (27,) widens the predicted movement about ``rest`` (27,), the mouth in silence: a regression to the mean
    moves too little, and by how much is measured on training clips.
    """

    rest: Tensor
    gain: Tensor

    def __init__(self, config: LipModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = AudioEncoder(config.encoder)
        self.phones = nn.Linear(config.encoder.width, MELS_PER_FRAME * config.phones)
        self.a2l = PhonesToCode(config)
        self.decoder = nn.Linear(config.code, len(LIP_CHANNELS))
        self.register_buffer("rest", torch.zeros(len(LIP_CHANNELS)))
        self.register_buffer("gain", torch.ones(len(LIP_CHANNELS)))

    def hear(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """f_a (B, T, d_a) and the logits (B, 4 T, 40) of the phones, 100 a second, of (B, 4 T, 80) log-mel."""
        f_a = self.encoder(mel)
        return f_a, self.phones(f_a).reshape(len(mel), mel.shape[1], self.config.phones)  # (B, T, 160) → (B, 4 T, 40)

    def codes(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """f_l (B, T, d_l), what :attr:`decoder` turns into weights, and f_a (B, T, d_a), of (B, 4 T, 80) log-mel."""
        f_a, logits = self.hear(mel)
        return self.a2l(logits.softmax(-1)), f_a

    def forward(self, mel: Tensor) -> Tensor:
        """(B, 4 T, 80) log-mel → (B, T, 27) weights, not yet widened nor clamped to 0–1."""
        return self.decoder(self.codes(mel)[0])

    @classmethod
    def load(cls, device: str | torch.device = "cpu", path: Path = WEIGHTS) -> LipModel:
        """The trained model, ready to predict.

        Raises
        ------
        SoliloquyError
            ``weights_missing`` or ``weights_damaged``.
        """
        with open_weights(path, "lip model", device=device) as file:
            config = file.config
            model = cls(LipModelConfig(**(config | {"encoder": AudioEncoderConfig(**config["encoder"])})))
            model.load_state_dict(file.tensors)
        return model.to(device).eval()

    def save(self, path: Path) -> None:
        """Write weights and config as safetensors."""
        write_weights(path, self.state_dict(), asdict(self.config))

    @torch.no_grad()
    def predict(self, mel: np.ndarray, chunk_frames: int = 500) -> np.ndarray:
        """Lip and jaw weights of a whole recording, in pieces that each hear the full context beyond their borders.

        Parameters
        ----------
        mel
            (4 T, 80) float32 from ``core.sound.mel.log_mel``.
        chunk_frames
            Frames worked on at a time; the result is the same for any value, up to rounding.

        Returns
        -------
        (T, 27) float32 in 0–1, in the order of ``core.motion.channels.LIP_CHANNELS``.
        """
        frames = len(mel) // MELS_PER_FRAME
        context = self.config.context_frames
        out = np.zeros((frames, len(LIP_CHANNELS)), np.float32)
        for first in range(0, frames, chunk_frames):
            last = min(first + chunk_frames, frames)
            begin, end = max(0, first - context), min(frames, last + context)
            rows = torch.from_numpy(np.asarray(mel[MELS_PER_FRAME * begin : MELS_PER_FRAME * end], np.float32))
            raw = self(rows[None].to(self.rest.device))[0]  # (end - begin, 27)
            out[first:last] = self.widened(raw)[first - begin : last - begin].cpu().numpy()
        return out

    def widened(self, raw: Tensor) -> Tensor:
        """(…, 27) output of :meth:`forward` → weights in 0–1 with the calibrated amplitude."""
        return (self.rest + self.gain * (raw - self.rest)).clamp(0.0, 1.0)
