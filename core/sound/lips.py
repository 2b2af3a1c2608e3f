"""MLP_a2l on E_a: speech → lips and jaw, the part of the motion that the words determine.

The paper has f_l = MLP_a2l(E_a(audio)) (arXiv 2212.04248). Here E_a's features are first turned into phone
probabilities, and MLP_a2l reads these and a few numbers for the manner of speaking (how strongly, how openly). Phones
can be learned from many more voices than were ever filmed. A mouth that depends on little else moves for a stranger's
voice as it does for the filmed ones, and phones that are known can take the place of those that are heard. A last
linear layer, the decoder D_l, turns f_l into the 27 lip channels of the head model.
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
from ..phones.phone_set import PHONES, SILENCE
from .adapter import Adapter, AdapterConfig
from .audio_encoder import ResidualBlock
from .mel import MELS_PER_FRAME
from .whisper.encoder import WhisperConfig, WhisperEncoder
from .whisper.windows import windows

WEIGHTS = places.WEIGHTS / "lips.safetensors"
_PIECE_FRAMES = 500
"""Frames whose mouths are computed together."""


@dataclass(frozen=True)
class LipModelConfig:
    """Sizes of the lip model.

    Attributes
    ----------
    whisper, adapter
        The two parts of E_a.
    hidden
        Channels inside MLP_a2l.
    manner
        Numbers a frame for the manner of speaking.
    code
        d_l, width of f_l.
    dilations
        One residual block of MLP_a2l for each entry; they determine how many neighbouring frames it sees.
    dropout
        Dropout rate on the branch of those blocks, in training.
    """

    whisper: WhisperConfig = field(default_factory=WhisperConfig)
    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    hidden: int = 128
    manner: int = 3
    code: int = 32
    dilations: tuple[int, ...] = (1, 2, 3, 2)
    dropout: float = 0.15

    @classmethod
    def tiny(cls) -> LipModelConfig:
        """A small one for tests: it trains a few steps a second."""
        return cls(WhisperConfig.tiny(), AdapterConfig.tiny(), hidden=32, dilations=(1, 2), dropout=0.0)

    @property
    def context_frames(self) -> int:
        """Frames before (and after) a frame whose phones influence its mouth."""
        return 1 + sum(self.dilations)


@dataclass(frozen=True, eq=False)
class Heard:
    """What is heard in a recording of T frames.

    Attributes
    ----------
    phones
        (4 T, 40) float32 probabilities of the phones in each 10 ms, which sum to 1.
    manner
        (T, ``LipModelConfig.manner``) float32, how it is spoken; 0 is as usual.
    """

    phones: np.ndarray
    manner: np.ndarray

    def __len__(self) -> int:
        return len(self.manner)

    @classmethod
    def nothing(cls, frames: int, manner: int) -> Heard:
        """Silence of T ``frames`` with ``manner`` numbers for the manner."""
        phones = np.zeros((MELS_PER_FRAME * frames, len(PHONES)), np.float32)
        phones[:, PHONES.index(SILENCE)] = 1.0
        return cls(phones, np.zeros((frames, manner), np.float32))


class PhonesToCode(nn.Module):
    """MLP_a2l: phone probabilities of each 10 ms, (B, 4 T, 40), and manner (B, T, m) → f_l (B, T, d_l).

    It is convolutional and sees a few frames before and after, because the mouth shapes of neighbouring phones blend
    (coarticulation).
    """

    def __init__(self, config: LipModelConfig) -> None:
        super().__init__()
        # Eight rows, centred on the frame's four.
        self.gather = nn.Conv1d(len(PHONES), config.hidden, 2 * MELS_PER_FRAME, MELS_PER_FRAME, MELS_PER_FRAME // 2)
        self.manner = nn.Conv1d(config.manner, config.hidden, 3, padding=1, bias=False)
        self.blocks = nn.Sequential(*(ResidualBlock(config.hidden, d, config.dropout) for d in config.dilations))
        self.out = nn.Linear(config.hidden, config.code)

    def forward(self, probabilities: Tensor, manner: Tensor) -> Tensor:
        """f_l of probabilities, which sum to 1 over the phones, and manner."""
        # Relative to silence (phone 0), so that the zero padding of the convolutions means silence.
        first = probabilities.new_zeros((), dtype=torch.long)
        silence = nn.functional.one_hot(first, probabilities.shape[-1]).to(probabilities.dtype)
        x = self.gather((probabilities - silence).transpose(1, 2))  # (B, hidden, T)
        x = x + self.manner(manner.transpose(1, 2))
        return self.out(self.blocks(x).transpose(1, 2))


def in_rows(phones: Tensor) -> Tensor:
    """(B, T, 160) numbers of the phones of whole frames → (B, 4 T, 40), a row for each 10 ms."""
    return phones.unflatten(2, (MELS_PER_FRAME, -1)).flatten(1, 2)


class LipModel(nn.Module):
    """Whisper's log-mel → 27 lip and jaw weights at 25 frames a second.

    A regression predicts the mean, which moves too little. So the movement relative to ``rest`` (27,), the mouth in
    silence, is multiplied by ``gain`` (27,), which is measured on people who are not trained on. ``whisper`` is not
    saved with the others: it has a file of its own.
    """

    rest: Tensor
    gain: Tensor

    def __init__(self, config: LipModelConfig, whisper: WhisperEncoder | None = None) -> None:
        """A model that has learned nothing yet, on ``whisper``, or on an encoder with random weights if it is None."""
        super().__init__()
        self.config = config
        self.whisper = (WhisperEncoder(config.whisper) if whisper is None else whisper).requires_grad_(False)
        self.adapter = Adapter(config.adapter, config.whisper.width)
        self.phones = nn.Linear(config.adapter.width, MELS_PER_FRAME * len(PHONES))
        self.manner = nn.Linear(config.adapter.width, config.manner)
        self.a2l = PhonesToCode(config)
        self.decoder = nn.Linear(config.code, len(LIP_CHANNELS))
        self.register_buffer("rest", torch.zeros(len(LIP_CHANNELS)))
        self.register_buffer("gain", torch.ones(len(LIP_CHANNELS)))

    def recognise(self, heard: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of Whisper's outputs (B, 2 T, width): f_a (B, T, d_a), the phone logits (B, 4 T, 40), 100 a second, and the
        manner (B, T, m)."""
        f_a = self.adapter(heard)
        return f_a, in_rows(self.phones(f_a)), self.manner(f_a)

    def lip_features(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """f_l (B, T, d_l), the input of :attr:`decoder`, and f_a (B, T, d_a), of (B, 4 T, 80) of Whisper's log-mel of
        at most 30 s."""
        f_a, logits, manner = self.recognise(self.whisper(mel))
        return self.a2l(logits.softmax(-1), manner), f_a

    def forward(self, mel: Tensor) -> Tensor:
        """(B, 4 T, 80) log-mel of at most 30 s → (B, T, 27) weights, without gain and not limited to 0–1."""
        return self.decoder(self.lip_features(mel)[0])

    @classmethod
    def load(cls, device: str | torch.device = "cpu", path: Path = WEIGHTS) -> LipModel:
        """The trained model in evaluation mode, with the shipped speech encoder.

        Raises
        ------
        SoliloquyError
            ``weights_missing`` or ``weights_damaged``.
        """
        with open_weights(path, "lip model", device=device) as file:
            config = file.config
            parts = {"whisper": WhisperConfig(**config["whisper"]), "adapter": AdapterConfig(**config["adapter"])}
            encoder = WhisperEncoder.load(device)
            model = cls(LipModelConfig(**(config | parts)), encoder)
            if model.config.whisper != encoder.config:
                raise ValueError("it was trained with another speech encoder")
            missing, unknown = model.load_state_dict(file.tensors, strict=False)
            if unknown or any(not name.startswith("whisper.") for name in missing):
                raise ValueError("it belongs to another version")
        return model.to(device).eval()

    def own_state(self) -> dict[str, Tensor]:
        """All tensors but those of Whisper's encoder."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith("whisper.")}

    def save(self, path: Path) -> None:
        """Write weights and configuration as safetensors. Raises the errors of ``write_weights``."""
        write_weights(path, self.own_state(), asdict(self.config))

    @torch.no_grad()
    def listen(self, mel: np.ndarray) -> Heard:
        """What is heard in a whole recording, in memory that hardly grows with its length.

        Parameters
        ----------
        mel
            (4 T, 80) float32 from ``core.sound.whisper.front_end.whisper_mel``.
        """
        frames = len(mel) // MELS_PER_FRAME
        phones = np.zeros((MELS_PER_FRAME * frames, len(PHONES)), np.float32)
        manner = np.zeros((frames, self.config.manner), np.float32)
        for window in windows(frames):
            rows = torch.from_numpy(
                np.ascontiguousarray(mel[MELS_PER_FRAME * window.begin : MELS_PER_FRAME * window.end])
            )
            _, logits, how = self.recognise(self.whisper(rows[None].to(self.rest.device)))
            kept = slice(window.first - window.begin, window.last - window.begin)
            fine = slice(MELS_PER_FRAME * kept.start, MELS_PER_FRAME * kept.stop)
            phones[MELS_PER_FRAME * window.first : MELS_PER_FRAME * window.last] = (
                logits[0, fine].softmax(-1).cpu().numpy()
            )
            manner[window.first : window.last] = how[0, kept].cpu().numpy()
        return Heard(phones, manner)

    def hear_and_predict(self, mel: np.ndarray, presence: np.ndarray | None = None) -> np.ndarray:
        """:meth:`predict` of what :meth:`listen` hears in (4 T, 80) of Whisper's log-mel."""
        return self.predict(self.listen(mel), presence)

    @torch.no_grad()
    def predict(
        self,
        heard: Heard,
        presence: np.ndarray | None = None,
        phones: np.ndarray | None = None,
        articulation: float = 1.0,
        piece_frames: int = _PIECE_FRAMES,
    ) -> np.ndarray:
        """Lip and jaw weights of a whole recording.

        Parameters
        ----------
        heard
            What :meth:`listen` heard in it.
        presence
            (T,) in 0–1, where somebody speaks (:attr:`core.sound.speech.Speech.presence`). Elsewhere the mouth rests,
            whatever is heard. None means everywhere.
        phones
            (4 T,) int64 index into ``core.phones.phone_set.PHONES``: what is said in each 10 ms. None means what is
            heard.
        articulation
            By how much the movement is multiplied.
        piece_frames
            Frames that are computed together. The result is the same for any number, up to rounding.

        Returns
        -------
        (T, 27) float32 in 0–1, in the order of ``core.motion.channels.LIP_CHANNELS``.
        """
        known = np.eye(len(PHONES), dtype=np.float32)
        shares = heard.phones if phones is None else known[phones]
        out = np.zeros((len(heard), len(LIP_CHANNELS)), np.float32)
        for first in range(0, len(heard), piece_frames):
            last = min(first + piece_frames, len(heard))
            begin, end = max(0, first - self.config.context_frames), min(len(heard), last + self.config.context_frames)
            piece = torch.from_numpy(shares[MELS_PER_FRAME * begin : MELS_PER_FRAME * end])[None].to(self.rest.device)
            how = torch.from_numpy(heard.manner[begin:end])[None].to(self.rest.device)
            raw = self.decoder(self.a2l(piece, how))[0, first - begin : last - begin]
            out[first:last] = self.with_gain(raw, articulation).cpu().numpy()
        if presence is None:
            return out
        rest = self.with_gain(self.rest).cpu().numpy()
        return rest + presence[:, None] * (out - rest)

    def with_gain(self, raw: Tensor, articulation: float = 1.0) -> Tensor:
        """(…, 27) output of :meth:`forward` → weights in 0–1, their movement about ``rest`` multiplied by ``gain`` and
        by ``articulation``."""
        return (self.rest + articulation * self.gain * (raw - self.rest)).clamp(0.0, 1.0)
