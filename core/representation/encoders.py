"""E_v, the motion encoder, and E_id, the identity encoder. Both read face views (``core.face.face_view``)."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from ..face.face_view import VIEW_SIDE
from ..face.reconstruction import Reconstruction, ReconstructionConfig
from .residual import ResidualConfig, ResidualTrunk

D_ID = 128
"""Width of f_id."""


@dataclass(frozen=True)
class EncoderConfig:
    """Shape of E_v and E_id.

    Attributes
    ----------
    side
        Width and height of the views in pixels.
    motion
        d_v, width of f_v.
    trunk
        The network of E_id.
    reader
        The network of E_v: R (``core.face.reconstruction``) without its last layer, so E_v can start from R's weights.
    """

    side: int = VIEW_SIDE
    motion: int = 384
    trunk: ResidualConfig = field(default_factory=ResidualConfig)
    reader: ReconstructionConfig = field(default_factory=ReconstructionConfig)

    @classmethod
    def tiny(cls) -> EncoderConfig:
        """A small one for tests."""
        reader = ReconstructionConfig.tiny()
        return cls(motion=reader.embedding, trunk=ResidualConfig.tiny(), reader=reader)

    @property
    def map_shape(self) -> tuple[int, int]:
        """Channels and side (pixels) of E_id's feature map."""
        return self.trunk.widths[-2], self.side >> len(self.trunk.widths)


class MotionEncoder(nn.Module):
    """E_v: (B, 3, S, S) RGB 0–1 → f_v (B, d_v): pose, gaze, lids, expression and lips of any face.

    Training keeps identity out of f_v in two ways: the views for E_v get random colours and shapes, and E_id reads the
    identity from another frame.

    Raises ValueError if the size of the views or of f_v differs from R's.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        if config.motion != config.reader.embedding or config.side != VIEW_SIDE:
            raise ValueError(f"E_v takes views of {VIEW_SIDE} px and gives {config.reader.embedding} numbers")
        self.config = config
        self.backbone = Reconstruction(config.reader)
        self.backbone.head = nn.Identity()

    def forward(self, views: Tensor) -> Tensor:
        """(B, 3, S, S) → (B, d_v)."""
        return self.backbone.embedding(views)

    def start_from(self, reader: Reconstruction) -> None:
        """Copy the weights of R without its last layer. Raises ValueError if ``reader`` has another configuration."""
        if self.config.reader != reader.config:
            raise ValueError("E_v has another network than R")
        state = {name: value for name, value in reader.state_dict().items() if not name.startswith("head.")}
        self.backbone.load_state_dict(state)


class IdentityEncoder(nn.Module):
    """E_id: (B, 3, S, S) RGB 0–1 → f_id (B, 128) of length √128, and a feature map of the face.

    Only a generator G without flow uses the map.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = ResidualTrunk(config.trunk)
        self.out = nn.Linear(config.trunk.widths[-1], D_ID)

    def with_map(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """f_id (B, 128) and the feature map (B, C, H, H); ``config.map_shape`` is (C, H)."""
        maps = self.backbone(views)
        return identity_vector(self.out(maps[-1].mean((2, 3)))), maps[-2]

    def forward(self, views: Tensor) -> Tensor:
        """(B, 3, S, S) → (B, 128)."""
        return self.with_map(views)[0]


def identity_vector(raw: Tensor) -> Tensor:
    """f_id: ``raw`` (…, 128) in float32, scaled to the length √128."""
    return D_ID**0.5 * nn.functional.normalize(raw.float(), dim=-1)


def perceptron(width_in: int, hidden: int, width_out: int) -> nn.Sequential:
    """The paper's MLP: one hidden layer."""
    return nn.Sequential(nn.Linear(width_in, hidden), nn.GELU(), nn.Linear(hidden, width_out))
