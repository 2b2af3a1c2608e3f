"""f_cat = (f_id, f_nl, f_l), the generator's style: the person's identity and the motion of the face (paper §3.3)."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ...face.face_view import clip_similarity, face_view, network_input


class StyleNetworks(Protocol):
    """The part of ``core.representation.model.Representation`` that the generator needs."""

    def identity_encoder(self, view: Tensor) -> Tensor:
        """E_id: f_id (B, 128) of face views (B, 3, 128, 128) RGB 0–1."""

    def features_of_motion(self, channels: Tensor) -> tuple[Tensor, Tensor]:
        """f_l (B, 32) and f_nl (B, 64) of channels of a Motion (B, 59)."""


def identity_of(networks: StyleNetworks, picture: np.ndarray, landmarks: np.ndarray, device: torch.device) -> Tensor:
    """f_id (1, 128) of a portrait: picture (H, W, 3) uint8 RGB with landmarks (478, 2 or 3) px."""
    view = network_input(face_view(picture, clip_similarity(landmarks)))
    return networks.identity_encoder(torch.from_numpy(view)[None].to(device))


def style_of(networks: StyleNetworks, identity: Tensor, channels: Tensor) -> Tensor:
    """f_cat (B, 224) of f_id (B or 1, 128) and motion channels (B, 59)."""
    f_l, f_nl = networks.features_of_motion(channels)
    return torch.cat([identity.expand(len(channels), -1), f_nl, f_l], 1)
