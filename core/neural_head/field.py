"""Signed distance fields as blends of small networks around anchors, after NPHM (arXiv 2212.02761).

Each anchor has a network that sees points in the anchor's frame; the two anchors of a mirrored pair share one network,
and the right one sees mirrored points. One more network sees the whole head. Only the networks of the nearest anchors
are evaluated at a point. Their shares are Gaussians of the distance, less the share of the first anchor that is left
out, so the field has no steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

REGIONS = ("skin", "lips", "mouth", "eye", "hair", "beard")
"""What a place on a surface belongs to. The first four are the skin field's, the others the hair field's."""
SKIN_REGIONS, HAIR_REGIONS = 4, 2
UNIT_CM = 5.0
"""Centimetres that the networks see as 1."""
ROUNDNESS = 0.01
"""b of the squareplus (x + √(x² + b)) / 2 between the layers, a softplus that processors compute fast."""


@dataclass(frozen=True)
class FieldConfig:
    """Sizes of a field.

    Attributes
    ----------
    regions
        Labels that it gives beside the distance.
    whole, local
        Numbers of the code of the whole head and of each anchor.
    width, layers
        Of each network: hidden units, and layers of them.
    pairs
        Mirrored pairs of anchors.
    nearest
        Anchors that are evaluated at a point.
    reach
        Standard deviation of an anchor's share, centimetres.
    background
        Share of the network of the whole head.
    """

    regions: int
    whole: int = 32
    local: int = 16
    width: int = 64
    layers: int = 3
    pairs: int = 8
    nearest: int = 4
    reach: float = 3.5
    background: float = 0.05

    @property
    def anchors(self) -> int:
        """Number of anchors."""
        return 2 * self.pairs

    @property
    def code(self) -> int:
        """Numbers of a code: the whole head's, then each anchor's."""
        return self.whole + self.anchors * self.local

    def tiny(self) -> FieldConfig:
        """A field for tests."""
        return replace(self, whole=4, local=2, width=16, layers=2)


class Field(nn.Module):
    """A field: points and a code in, signed distances and the labels' logits out."""

    def __init__(self, config: FieldConfig) -> None:
        super().__init__()
        self.config = config
        networks, width = config.pairs + 1, config.width
        self.place = _weights(networks, 3, width)
        self.from_code = _weights(networks, config.whole + config.local, width)
        self.bias = nn.Parameter(torch.zeros(networks, config.layers, width))
        self.hidden = nn.ParameterList(_weights(networks, width, width) for _ in range(config.layers - 1))
        self.last = _weights(networks, width, 1 + config.regions)
        self.last_bias = nn.Parameter(torch.full((networks, 1 + config.regions), 0.1))

    def forward(self, points: Tensor, anchors: Tensor, code: Tensor) -> Tensor:
        """Evaluate the field.

        Parameters
        ----------
        points
            (P, N, 3) centimetres, N points of each of P people.
        anchors
            (P, 2 · pairs, 3) centimetres, the left ones first.
        code
            (P, config.code).

        Returns
        -------
        Tensor
            (P, N, 1 + regions): the signed distance in centimetres, negative inside, and logits of the labels.
        """
        config = self.config
        people, count, _ = points.shape
        shares, nearest = self._shares(points, anchors)  # (P, N, K + 1)
        owner = torch.arange(people, device=points.device)[:, None, None]
        local = points[:, :, None] - anchors[owner, nearest[..., :-1]]
        mirrored = (nearest[..., :-1] >= config.pairs)[..., None]
        flip = torch.where(mirrored, local.new_tensor([-1.0, 1.0, 1.0]), local.new_ones(3))
        seen = torch.cat([local * flip, points[:, :, None]], 2).reshape(-1, 3) / UNIT_CM  # (P·N·(K+1), 3)
        start = self._starts(code)  # (P, anchors + 1, width)
        row = (owner * (config.anchors + 1) + nearest).reshape(-1)
        network = torch.where(nearest == config.anchors, config.pairs, nearest % config.pairs).reshape(-1)
        order = network.argsort(stable=True)
        sizes = torch.bincount(network, minlength=config.pairs + 1).tolist()
        values = self._networks(seen[order], start.reshape(-1, config.width)[row[order]], sizes)
        back = torch.empty_like(order).index_copy_(0, order, torch.arange(len(order), device=order.device))
        values = values[back].reshape(people, count, config.nearest + 1, 1 + config.regions)
        blended = (values * shares[..., None]).sum(2)
        return torch.cat([blended[..., :1] * UNIT_CM, blended[..., 1:]], -1)

    def _shares(self, points: Tensor, anchors: Tensor) -> tuple[Tensor, Tensor]:
        """Shares (P, N, K + 1) with sum 1 of the nearest anchors and of the whole head, and the anchors' numbers."""
        config = self.config
        squared = (points[:, :, None] - anchors[:, None]).square().sum(-1)  # (P, N, anchors)
        near, nearest = squared.topk(config.nearest + 1, dim=-1, largest=False)
        gaussian = torch.exp(near / (-2 * config.reach**2))
        gaussian = gaussian[..., :-1] - gaussian[..., -1:]
        whole = torch.full_like(gaussian[..., :1], config.background)
        shares = torch.cat([gaussian, whole], -1)
        nearest = torch.cat([nearest[..., :-1], torch.full_like(nearest[..., :1], config.anchors)], -1)
        return shares / shares.sum(-1, keepdim=True), nearest

    def _starts(self, code: Tensor) -> Tensor:
        """(P, anchors + 1, width): what the codes add to the first layer of each anchor's network."""
        config = self.config
        whole, local = code[:, : config.whole], code[:, config.whole :].reshape(len(code), config.anchors, config.local)
        local = torch.cat([local, local.new_zeros(len(code), 1, config.local)], 1)
        both = torch.cat([whole[:, None].expand(-1, config.anchors + 1, -1), local], -1)
        pairs = list(range(config.pairs))
        return torch.einsum("pac,acw->paw", both, self.from_code[[*pairs, *pairs, config.pairs]])

    def _networks(self, seen: Tensor, start: Tensor, sizes: list[int]) -> Tensor:
        """(E, 1 + regions) outputs for places (E, 3) and starts (E, width), sorted by network."""
        found = []
        for number, (places, begin) in enumerate(zip(seen.split(sizes), start.split(sizes), strict=True)):
            bias = self.bias[number]
            values = _squareplus(torch.addmm(begin + bias[0], places, self.place[number]))
            for layer, weights in enumerate(self.hidden, 1):
                values = _squareplus(torch.addmm(bias[layer], values, weights[number]))
            found.append(torch.addmm(self.last_bias[number], values, self.last[number]))
        return torch.cat(found)


def _squareplus(values: Tensor) -> Tensor:
    return 0.5 * (values + (values * values + ROUNDNESS).sqrt())


def _weights(networks: int, inputs: int, outputs: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(networks, inputs, outputs) * (2.0 / inputs) ** 0.5 * (1.0 if outputs > 8 else 0.5))


def with_gradient(field: Field, points: Tensor, anchors: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs of a field as in :meth:`Field.forward`, and the gradients (P, N, 3) of the distance in space."""
    with torch.enable_grad():
        points = points.detach().requires_grad_(True)
        values = field(points, anchors, code)
        (gradient,) = torch.autograd.grad(values[..., 0].sum(), points, create_graph=True)
    return values, gradient
