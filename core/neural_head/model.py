"""NeuralHead: the trained fields of skin and hair, and the maps from the head model's identity to their codes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .. import places
from ..compute.weight_files import open_weights, write_weights
from .field import HAIR_REGIONS, SKIN_REGIONS, Field, FieldConfig

WEIGHTS = places.WEIGHTS / "neural_head.safetensors"


class NeuralHead(nn.Module):
    """The fields of skin and hair of any person.

    The code of the skin, z_face, is a linear map of the head model's identity coefficients. The places of the anchors
    are a linear map of the part of z_face that describes the whole head, as in NPHM. The hair's field sees that part
    too, after its own code z_hair, so hair fits every head.

    Parameters
    ----------
    identity
        Number of the head model's identity coefficients.
    skin, hair
        Sizes of the fields; ``hair.whole`` counts the numbers of z_face's whole part too.
    styles
        Number of principal styles, see ``style_basis``.

    Attributes
    ----------
    style_mean, style_basis
        (z,) and (styles, z): codes of hair are about mean + n · basis with n ~ N(0, 1).
    """

    style_mean: Tensor
    style_basis: Tensor

    def __init__(self, identity: int, skin: FieldConfig, hair: FieldConfig, styles: int = 0) -> None:
        super().__init__()
        self.config: dict[str, Any] = {
            "identity": identity,
            "skin": asdict(skin),
            "hair": asdict(hair),
            "styles": styles,
        }
        self.face_code = nn.Linear(identity, skin.code)
        self.anchor_places = nn.Linear(skin.whole, 3 * skin.anchors)
        self.skin, self.hair = Field(skin), Field(hair)
        self.register_buffer("style_mean", torch.zeros(self.hair_code))
        self.register_buffer("style_basis", torch.zeros(styles, self.hair_code))
        nn.init.normal_(self.face_code.weight, std=0.02)
        nn.init.zeros_(self.face_code.bias)

    @classmethod
    def base(cls, identity: int) -> NeuralHead:
        """The head that ships, untrained."""
        skin = FieldConfig(SKIN_REGIONS)
        return cls(identity, skin, FieldConfig(HAIR_REGIONS, whole=skin.whole + 32, local=8))

    @classmethod
    def tiny(cls, identity: int) -> NeuralHead:
        """A head for tests, untrained."""
        skin = FieldConfig(SKIN_REGIONS).tiny()
        return cls(identity, skin, FieldConfig(HAIR_REGIONS, whole=8, local=2, width=16, layers=2))

    @classmethod
    def load(cls, device: str | torch.device = "cpu", path: Path = WEIGHTS) -> NeuralHead:
        """The trained head. Raises SoliloquyError ``weights_missing`` or ``weights_damaged``."""
        with open_weights(path, "neural head", device=device) as file:
            config = file.config
            made = cls(
                config["identity"], FieldConfig(**config["skin"]), FieldConfig(**config["hair"]), config["styles"]
            )
            made.load_state_dict(file.tensors)
            return made.to(device).eval().requires_grad_(False)

    def save(self, path: Path) -> None:
        """Write the head in float16; ``load`` reads it. Raises the errors of ``core.files.written_beside``."""
        write_weights(path, self.state_dict(), self.config, half=True)

    @property
    def hair_code(self) -> int:
        """Numbers of z_hair."""
        return self.hair.config.code - self.skin.config.whole

    def codes(self, identity: Tensor) -> tuple[Tensor, Tensor]:
        """z_face (P, z) and the places of the anchors (P, 16, 3), centimetres, of identities (P, I)."""
        code = self.face_code(identity)
        anchors = self.anchor_places(code[:, : self.skin.config.whole])
        return code, anchors.reshape(len(code), -1, 3)

    def whole_hair_code(self, face: Tensor, hair: Tensor) -> Tensor:
        """The code that the hair's field takes, of z_face (P, ·) and z_hair (P, ·)."""
        return torch.cat([face[:, : self.skin.config.whole], hair], 1)
