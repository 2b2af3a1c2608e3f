"""E_v, the motion encoder, and E_id, the identity encoder: what a face view (core.face.face_view) shows, and who."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from ..face.face_view import VIEW_SIDE
from ..face.reconstruction import Reconstruction, ReconstructionConfig
from .fan import FaceAlignmentBackbone
from .residual import ResidualConfig, ResidualTrunk
from .resnext import FEATURES as RESNEXT_FEATURES
from .resnext import MAP_CHANNELS, ResNeXt50

D_ID = 128


@dataclass(frozen=True)
class EncoderConfig:
    """Shape of E_v and E_id.

    Attributes
    ----------
    paper
        The paper's backbones (FAN with one stack, ResNeXt50 32x4d) in place of small residual networks.
    side
        Pixels of a side of the views.
    motion
        d_v, width of f_v.
    trunk
        Of the small E_id.
    reader
        Of the small E_v: R's network without its last layer, so that it can start from what R has learned.
    """

    paper: bool = False
    side: int = VIEW_SIDE
    motion: int = 384
    trunk: ResidualConfig = field(default_factory=ResidualConfig)
    reader: ReconstructionConfig = field(default_factory=ReconstructionConfig)

    def __post_init__(self) -> None:
        if not self.paper and (self.motion != self.reader.embedding or self.side != VIEW_SIDE):
            raise ValueError(f"the small E_v takes views of {VIEW_SIDE} px and gives {self.reader.embedding} numbers")

    @classmethod
    def tiny(cls) -> EncoderConfig:
        """For tests."""
        reader = ReconstructionConfig.tiny()
        return cls(motion=reader.embedding, trunk=ResidualConfig.tiny(), reader=reader)

    @classmethod
    def paper_size(cls) -> EncoderConfig:
        """The paper's: views of 224 px, f_v of 512."""
        return cls(paper=True, side=224, motion=512)

    @property
    def map_shape(self) -> tuple[int, int]:
        """Channels and side of E_id's map."""
        if self.paper:
            return MAP_CHANNELS, self.side // 32
        return self.trunk.widths[-2], self.side >> len(self.trunk.widths)


class MotionEncoder(nn.Module):
    """E_v: (B, 3, S, S) RGB 0–1 → f_v (B, d_v), pose, gaze, lids, expression and lips of any face.

    That it says nothing of who is seen comes from training: the picture it sees is recoloured and reshaped at random,
    and who it is comes from another frame through E_id.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        if config.paper:
            self.backbone: nn.Module = FaceAlignmentBackbone(config.side)
            return
        reader = Reconstruction(config.reader)
        reader.head = nn.Identity()  # type: ignore[assignment]
        self.backbone = reader

    def forward(self, views: Tensor) -> Tensor:
        """(B, 3, S, S) → (B, d_v)."""
        return self.backbone.embedding(views) if isinstance(self.backbone, Reconstruction) else self.backbone(views)

    def start_from(self, reader: Reconstruction) -> None:
        """Take over what R has learned to see. Raises ValueError where this isn't R's network."""
        if not isinstance(self.backbone, Reconstruction) or self.config.reader != reader.config:
            raise ValueError("E_v has another network than R")
        seen = {name: value for name, value in reader.state_dict().items() if not name.startswith("head.")}
        self.backbone.load_state_dict(seen)


class IdentityEncoder(nn.Module):
    """E_id: (B, 3, S, S) RGB 0–1 → f_id (B, 128) of length √128, and a map of the face for a G without flow."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        if config.paper:
            self.backbone: nn.Module = ResNeXt50()
            self.out = nn.Linear(RESNEXT_FEATURES, D_ID)
        else:
            self.backbone = ResidualTrunk(config.trunk)
            self.out = nn.Linear(config.trunk.widths[-1], D_ID)

    def with_map(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """f_id (B, 128) and the map (B, C, H, H) of ``config.map_shape``."""
        if self.config.paper:
            vector, face = self.backbone(views)
        else:
            maps = self.backbone(views)
            vector, face = maps[-1].mean((2, 3)), maps[-2]
        return D_ID**0.5 * nn.functional.normalize(self.out(vector).float(), dim=-1), face

    def forward(self, views: Tensor) -> Tensor:
        """(B, 3, S, S) → (B, 128)."""
        return self.with_map(views)[0]


def perceptron(width_in: int, hidden: int, width_out: int) -> nn.Sequential:
    """The paper's MLP: one hidden layer."""
    return nn.Sequential(nn.Linear(width_in, hidden), nn.GELU(), nn.Linear(hidden, width_out))
