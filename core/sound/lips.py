"""MLP_a2l on E_a: speech → lips and jaw, the part of the motion that the words determine.

The paper has f_l = MLP_a2l(E_a(audio)) (arXiv 2212.04248). Here E_a's features are first turned into phone
probabilities, and MLP_a2l reads only those. Phones can be learned from many more voices than were ever filmed, and a
mouth that depends only on phones moves for a stranger's voice as it does for the filmed one. A last linear layer, the
decoder D_l, turns f_l into the 27 lip channels of the head model.
"""

from __future__ import annotations

from collections.abc import Iterator
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
        Number of phone classes; the first one is silence.
    code
        d_l, width of f_l.
    dilations
        One residual block of MLP_a2l for each entry; they determine how many neighbouring frames it sees.
    dropout
        Dropout rate on the branch of those blocks, in training.
    """

    encoder: AudioEncoderConfig = field(default_factory=AudioEncoderConfig)
    hidden: int = 128
    phones: int = 40
    code: int = 32
    dilations: tuple[int, ...] = (1, 2, 3, 2)
    dropout: float = 0.2

    @classmethod
    def tiny(cls) -> LipModelConfig:
        """A small one for tests: it trains a few steps a second."""
        return cls(AudioEncoderConfig.tiny(), hidden=32, dilations=(1, 2), dropout=0.0)

    @property
    def context_frames(self) -> int:
        """Number of frames before (and after) a frame that influence its mouth."""
        return self.encoder.context_frames + 1 + sum(self.dilations)


class PhonesToCode(nn.Module):
    """MLP_a2l: phone probabilities of each 10 ms, (B, 4 T, 40) → f_l (B, T, d_l).

    It is convolutional and sees a few frames before and after, because the mouth shapes of neighbouring phones blend
    (coarticulation).
    """

    def __init__(self, config: LipModelConfig) -> None:
        super().__init__()
        # Eight rows, centred on the frame's four.
        self.gather = nn.Conv1d(config.phones, config.hidden, 2 * MELS_PER_FRAME, MELS_PER_FRAME, MELS_PER_FRAME // 2)
        self.blocks = nn.Sequential(*(ResidualBlock(config.hidden, d, config.dropout) for d in config.dilations))
        self.out = nn.Linear(config.hidden, config.code)

    def forward(self, probabilities: Tensor) -> Tensor:
        """(B, 4 T, 40) probabilities, which sum to 1 over the phones → (B, T, d_l)."""
        # Relative to silence (phone 0), so that the zero padding of the convolutions means silence.
        first = probabilities.new_zeros((), dtype=torch.long)
        silence = nn.functional.one_hot(first, probabilities.shape[-1]).to(probabilities.dtype)
        x = self.gather((probabilities - silence).transpose(1, 2))  # (B, hidden, T)
        return self.out(self.blocks(x).transpose(1, 2))


class LipModel(nn.Module):
    """Log-mel → 27 lip and jaw weights at 25 frames a second.

    A regression predicts the mean, which moves too little. So the movement relative to ``rest`` (27,), the mouth in
    silence, is multiplied by ``gain`` (27,), which is measured on training clips.
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

    def recognise_phones(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """f_a (B, T, d_a) and the phone logits (B, 4 T, 40), 100 a second, of (B, 4 T, 80) log-mel."""
        f_a = self.encoder(mel)
        return f_a, self.phones(f_a).reshape(len(mel), mel.shape[1], self.config.phones)  # (B, T, 160) → (B, 4 T, 40)

    def lip_features(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """f_l (B, T, d_l), the input of :attr:`decoder`, and f_a (B, T, d_a), of (B, 4 T, 80) log-mel."""
        f_a, logits = self.recognise_phones(mel)
        return self.a2l(logits.softmax(-1)), f_a

    def forward(self, mel: Tensor) -> Tensor:
        """(B, 4 T, 80) log-mel → (B, T, 27) weights, without gain and not limited to 0–1."""
        return self.decoder(self.lip_features(mel)[0])

    @classmethod
    def load(cls, device: str | torch.device = "cpu", path: Path = WEIGHTS) -> LipModel:
        """The trained model in evaluation mode.

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
        """Write weights and configuration as safetensors. Raises the errors of ``write_weights``."""
        write_weights(path, self.state_dict(), asdict(self.config))

    @torch.no_grad()
    def hear(self, mel: np.ndarray, chunk_frames: int = 500) -> np.ndarray:
        """Probabilities (4 T, 40) float32 of the phones in each 10 ms of (4 T, 80) log-mel, which sum to 1."""
        pieces = [
            self.recognise_phones(rows)[1].softmax(-1)[0, MELS_PER_FRAME * first : MELS_PER_FRAME * last].cpu().numpy()
            for rows, first, last in self._pieces(mel, chunk_frames)
        ]
        return np.concatenate(pieces) if pieces else np.zeros((0, self.config.phones), np.float32)

    @torch.no_grad()
    def predict(
        self,
        mel: np.ndarray,
        chunk_frames: int = 500,
        presence: np.ndarray | None = None,
        phones: np.ndarray | None = None,
        articulation: float = 1.0,
    ) -> np.ndarray:
        """Lip and jaw weights of a whole recording, computed in pieces with their full context on both sides.

        Parameters
        ----------
        mel
            (4 T, 80) float32 from ``core.sound.mel.log_mel``.
        chunk_frames
            Frames in a piece. The result is the same for any value, up to rounding.
        presence
            (T,) in 0–1, where somebody speaks (:attr:`core.sound.speech.Speech.presence`). Elsewhere the mouth rests,
            whatever is heard. None means everywhere.
        phones
            (4 T,) int64 index into ``core.phones.phone_set.PHONES``: what is said in each 10 ms. None means what is
            heard.
        articulation
            By how much the movement is multiplied.

        Returns
        -------
        (T, 27) float32 in 0–1, in the order of ``core.motion.channels.LIP_CHANNELS``.
        """
        shares = (
            self.hear(mel, chunk_frames) if phones is None else np.eye(self.config.phones, dtype=np.float32)[phones]
        )
        out = np.zeros((len(mel) // MELS_PER_FRAME, len(LIP_CHANNELS)), np.float32)
        done = 0
        for rows, first, last in self._pieces(shares, chunk_frames):
            raw = self.decoder(self.a2l(rows))[0, first:last]
            out[done : done + len(raw)] = self.with_gain(raw, articulation).cpu().numpy()
            done += len(raw)
        if presence is None:
            return out
        rest = self.with_gain(self.rest).cpu().numpy()
        return rest + presence[:, None] * (out - rest)

    def with_gain(self, raw: Tensor, articulation: float = 1.0) -> Tensor:
        """(…, 27) output of :meth:`forward` → weights in 0–1, their movement about ``rest`` multiplied by ``gain`` and
        by ``articulation``."""
        return (self.rest + articulation * self.gain * (raw - self.rest)).clamp(0.0, 1.0)

    def _pieces(self, rows: np.ndarray, chunk_frames: int) -> Iterator[tuple[Tensor, int, int]]:
        """Pieces (1, 4 t, …) of rows (4 T, …) with full context, and which of their frames are wanted: first, last."""
        frames, context = len(rows) // MELS_PER_FRAME, self.config.context_frames
        for first in range(0, frames, chunk_frames):
            last = min(first + chunk_frames, frames)
            begin, end = max(0, first - context), min(frames, last + context)
            piece = torch.from_numpy(np.asarray(rows[MELS_PER_FRAME * begin : MELS_PER_FRAME * end], np.float32))
            yield piece[None].to(self.rest.device), first - begin, last - begin
