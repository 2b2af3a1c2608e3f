"""MLP_a2l on E_a: speech → lips and jaw, the part of the motion that the words alone settle.

The paper's f_l = MLP_a2l(E_a(audio)) (arXiv 2212.04248), with one addition: E_a also says which phones it hears, and
MLP_a2l is told. Phones can be learned from many more voices than were ever filmed. A last linear layer, the decoder
D_l, turns f_l into the 27 lip channels of the head model.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from .audio_encoder import AudioEncoder, AudioEncoderConfig
from .channels import LIP_CHANNELS
from .errors import SoliloquyError
from .mel import MELS_PER_FRAME

WEIGHTS = Path(__file__).parent / "weights" / "lips.safetensors"


@dataclass(frozen=True)
class LipModelConfig:
    """Sizes of the lip model.

    Attributes
    ----------
    encoder
        E_a.
    hidden
        Width of MLP_a2l's one hidden layer.
    phones
        Phones that are told apart, silence among them.
    code
        d_l, width of f_l.
    """

    encoder: AudioEncoderConfig = field(default_factory=AudioEncoderConfig)
    hidden: int = 256
    phones: int = 40
    code: int = 32

    @classmethod
    def tiny(cls) -> LipModelConfig:
        """For tests: trains a few steps in a second."""
        return cls(AudioEncoderConfig.tiny(), hidden=32)

    @classmethod
    def from_json(cls, text: str) -> LipModelConfig:
        """Inverse of ``json.dumps(asdict(config))``."""
        values = json.loads(text)
        encoder = {**values["encoder"], "dilations": tuple(values["encoder"]["dilations"])}
        return cls(**{**values, "encoder": AudioEncoderConfig(**encoder)})


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
        self.phones = nn.Linear(config.encoder.width, config.phones)
        self.a2l = nn.Sequential(
            nn.Linear(config.encoder.width + config.phones, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.code),
        )
        self.decoder = nn.Linear(config.code, len(LIP_CHANNELS))
        self.register_buffer("rest", torch.zeros(len(LIP_CHANNELS)))
        self.register_buffer("gain", torch.ones(len(LIP_CHANNELS)))

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """What the losses compare.

        Parameters
        ----------
        mel
            (B, 4 T, 80)

        Returns
        -------
        (B, T, 27) weights, not yet widened nor clamped to 0–1, and (B, T, 40) logits of the phones.
        """
        f_l, _, logits = self._heard(mel)
        return self.decoder(f_l), logits

    def codes(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """f_l (B, T, d_l), what :attr:`decoder` turns into weights, and f_a (B, T, d_a), of (B, 4 T, 80) log-mel."""
        f_l, f_a, _ = self._heard(mel)
        return f_l, f_a

    def _heard(self, mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """f_l, f_a and the logits of the phones."""
        f_a = self.encoder(mel)  # (B, T, d_a)
        logits = self.phones(f_a)
        return self.a2l(torch.cat([f_a, logits.softmax(-1).to(f_a.dtype)], -1)), f_a, logits

    @classmethod
    def load(cls, device: str | torch.device = "cpu", path: Path = WEIGHTS) -> LipModel:
        """The trained model, ready to predict.

        Raises
        ------
        SoliloquyError
            ``weights_missing`` or ``weights_damaged``.
        """
        try:
            with safe_open(str(path), framework="pt", device=str(device)) as file:
                model = cls(LipModelConfig.from_json(file.metadata()["config"]))
                model.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        except FileNotFoundError as error:
            hint = "Install the extension again."
            raise SoliloquyError(
                "weights_missing", f"The lip model's weights {path.name} are missing.", hint
            ) from error
        except (SafetensorError, KeyError, TypeError, RuntimeError) as error:
            raise SoliloquyError(
                "weights_damaged", f"The lip model's weights {path.name} can't be used ({error}).", "Install it again."
            ) from error
        return model.to(device).eval()

    def save(self, path: Path) -> None:
        """Write weights and config as safetensors."""
        state = {name: value.contiguous().cpu() for name, value in self.state_dict().items()}
        save_file(state, str(path), {"config": json.dumps(asdict(self.config))})

    @torch.no_grad()
    def predict(self, mel: np.ndarray, chunk_frames: int = 500) -> np.ndarray:
        """Lip and jaw weights of a whole recording, in pieces that each hear the full context beyond their borders.

        Parameters
        ----------
        mel
            (4 T, 80) float32 from ``core.mel.log_mel``.
        chunk_frames
            Frames worked on at a time; the result is the same for any value, up to rounding.

        Returns
        -------
        (T, 27) float32 in 0–1, in the order of ``core.channels.LIP_CHANNELS``.
        """
        frames = len(mel) // MELS_PER_FRAME
        context = self.config.encoder.context_frames
        out = np.zeros((frames, len(LIP_CHANNELS)), np.float32)
        for first in range(0, frames, chunk_frames):
            last = min(first + chunk_frames, frames)
            begin, end = max(0, first - context), min(frames, last + context)
            rows = torch.from_numpy(np.asarray(mel[MELS_PER_FRAME * begin : MELS_PER_FRAME * end], np.float32))
            raw = self(rows[None].to(self.rest.device))[0][0]  # (end - begin, 27)
            out[first:last] = self.widened(raw)[first - begin : last - begin].cpu().numpy()
        return out

    def widened(self, raw: Tensor) -> Tensor:
        """(…, 27) output of :meth:`forward` → weights in 0–1 with the calibrated amplitude."""
        return (self.rest + self.gain * (raw - self.rest)).clamp(0.0, 1.0)
