"""The learned representation as one file of weights: E_v, E_id, the MLPs between them and the motion decoder.

::

    view ─ E_v ─ f_v ─┬─ MLP_cl ─ f_cl ~ f_a                       L_cl, eq. 2
                      └─ MLP_ol ─ f_ol ⊥ f_a ─ MLP_nl ─ f_nl ─ D_nl ─ 32 channels      L_ol, eq. 3
    sound ─ E_a ─ f_a ─ MLP_a2l ─ f_l ─ D_l ─ 27 channels          (core.sound.lips)
    27, 32 channels ─ MLP_m2l, MLP_m2nl ─ f_l, f_nl                (sampled or edited curves)

The decoder is factorised: f_nl has no influence on lips and jaw, so the lips of all takes are bit-identical. The
generator is always driven by features of the channels (the last line), whether the prior sampled the channels or an
artist drew them. So the rendered motion is always the motion that the curves show.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .. import places
from ..compute.weight_files import open_weights, write_weights
from ..face.reconstruction import ReconstructionConfig
from ..motion.channels import CHANNELS, HEAD, LIP_CHANNELS, LIP_COLUMNS, NONLIP_CHANNELS, NONLIP_COLUMNS
from .encoders import EncoderConfig, IdentityEncoder, MotionEncoder, perceptron
from .residual import ResidualConfig

WEIGHTS = places.WEIGHTS / "representation.safetensors"
_EXPRESSIONS = len(NONLIP_CHANNELS) - len(HEAD)


@dataclass(frozen=True)
class RepresentationConfig:
    """Widths of the features.

    Attributes
    ----------
    encoders
        E_v and E_id.
    sound
        d_a, width of f_a and of f_cl.
    free
        d_ol, width of f_ol.
    nonlip, lip
        d_nl and d_l, widths of f_nl and f_l.
    hidden
        Width of the hidden layer of every MLP.
    """

    encoders: EncoderConfig = field(default_factory=EncoderConfig)
    sound: int = 256
    free: int = 128
    nonlip: int = 64
    lip: int = 32
    hidden: int = 256

    @classmethod
    def tiny(cls) -> RepresentationConfig:
        """A small one for tests. f_l and f_nl keep their widths, because the generator depends on them."""
        return cls(EncoderConfig.tiny(), sound=32, free=24, hidden=32)

    @classmethod
    def read(cls, values: dict[str, Any]) -> RepresentationConfig:
        """The configuration from the dictionary that ``asdict`` made. Raises KeyError or TypeError for other keys."""
        # Weights of version 0.1.0 have one key more, for the paper's backbones, which they don't use.
        encoders = {name: value for name, value in values["encoders"].items() if (name, value) != ("paper", False)}
        trunk, reader = ResidualConfig(**encoders["trunk"]), ReconstructionConfig(**encoders["reader"])
        return cls(**(values | {"encoders": EncoderConfig(**(encoders | {"trunk": trunk, "reader": reader}))}))


class Representation(nn.Module):
    """E_v, E_id, the MLPs and the motion decoder.

    The buffers ``mean`` and ``scale`` (59,) hold mean and standard deviation of the channels in the training data.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, config: RepresentationConfig) -> None:
        super().__init__()
        self.config = config
        motion, hidden = config.encoders.motion, config.hidden
        self.motion_encoder = MotionEncoder(config.encoders)
        self.identity_encoder = IdentityEncoder(config.encoders)
        self.mlp_cl = perceptron(motion, hidden, config.sound)
        self.mlp_ol = perceptron(motion, hidden, config.free)
        self.mlp_nl = perceptron(config.free, hidden, config.nonlip)
        self.decoder = perceptron(config.nonlip, hidden, len(NONLIP_CHANNELS))
        self.mlp_m2l = perceptron(len(LIP_CHANNELS), hidden, config.lip)
        self.mlp_m2nl = perceptron(len(NONLIP_CHANNELS), hidden, config.nonlip)
        self.register_buffer("mean", torch.zeros(len(CHANNELS)))
        self.register_buffer("scale", torch.ones(len(CHANNELS)))

    def f_nl(self, f_v: Tensor) -> tuple[Tensor, Tensor]:
        """f_ol (…, d_ol) and f_nl (…, d_nl) of f_v (…, d_v)."""
        f_ol = self.mlp_ol(f_v)
        return f_ol, self.mlp_nl(f_ol)

    def decode_nonlip(self, f_nl: Tensor) -> Tensor:
        """The channels (…, 32) of f_nl (…, d_nl), in the order of ``core.motion.channels.NONLIP_CHANNELS``.

        Weights 0–1, then rotation (radians) and translation (cm). The rotation is the head's relative to the camera, as
        the view shows it. A Motion holds the rotation relative to the rest pose of the clip or the portrait.
        """
        channels = self.mean[NONLIP_COLUMNS] + self.scale[NONLIP_COLUMNS] * self.decoder(f_nl)
        return torch.cat([channels[..., :_EXPRESSIONS].clamp(0.0, 1.0), channels[..., _EXPRESSIONS:]], dim=-1)

    def features_of_motion(self, channels: Tensor) -> tuple[Tensor, Tensor]:
        """f_l (…, d_l) and f_nl (…, d_nl), which drive the generator, for channels (…, 59) of a Motion."""
        centred = (channels - self.mean) / self.scale
        return self.mlp_m2l(centred[..., LIP_COLUMNS]), self.mlp_m2nl(centred[..., NONLIP_COLUMNS])

    @classmethod
    def load(cls, device: str | torch.device = "cpu", path: Path = WEIGHTS) -> Representation:
        """The trained representation in float32, in evaluation mode.

        Raises
        ------
        SoliloquyError
            ``weights_missing`` or ``weights_damaged``.
        """
        with open_weights(path, "representation", device=device) as file:
            model = cls(RepresentationConfig.read(file.config))
            counters = {k: v for k, v in model.state_dict().items() if k.endswith("num_batches_tracked")}
            model.load_state_dict(counters | file.tensors)
        return model.to(device).eval()

    def save(self, path: Path) -> None:
        """Write weights (float16) and configuration as safetensors. Raises the errors of ``write_weights``."""
        state = {name: value for name, value in self.state_dict().items() if value.is_floating_point()}
        write_weights(path, state, asdict(self.config), half=True)
