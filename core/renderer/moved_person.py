"""The person moved along a flow, over the background that is continued behind."""

from __future__ import annotations

import torch
from torch import Tensor

from .chosen import SparseLayer, mean_around, pixels_of, put, take
from .fields import blur, smoothstep
from .flow import Flow
from .layers.mirrored import MirroredSide
from .layers.stretched import StretchedPerson, magnification

SOLID = (0.1, 0.6)
"""Trust in the flow between which a pixel counts as covered by the head model, for its outline."""
OUTLINE = (0.1, 0.3)
"""Difference of that cover from its blurred version between which a pixel counts as outline."""


class MovedPerson:
    """One portrait's person and background.

    Parameters
    ----------
    person
        (1, 3 + 1, S, S) the person's colours, multiplied by the matte, and the matte.
    background
        (1, 3, S, S).
    stretched
        Draws the person where the flow stretches the photograph.
    mirrored
        Draws the side of the head that the photograph hides over that.
    """

    def __init__(self, person: Tensor, background: Tensor, stretched: StretchedPerson, mirrored: MirroredSide) -> None:
        self.person, self.background = SparseLayer(person), background
        self.stretched, self.mirrored = stretched, mirrored

    def draw(self, flow: Flow, frame: int, picture: Tensor, matte: Tensor) -> None:
        """Write ``picture`` (3, S, S) and ``matte`` (1, S, S) of one frame of a flow."""
        positions = flow.positions[frame].permute(2, 0, 1).reshape(2, -1)  # (S, S, 2) -> (2, S · S)
        shown = self.person.shown(positions)
        layer = self.person.moved(positions, shown)
        stretch = flow.stretch[frame].reshape(-1)
        at = pixels_of((stretch > 0) & shown)
        if len(at):
            filled = magnification(flow.positions[frame : frame + 1]).reshape(-1).index_select(0, at)
            drawn = self.stretched.at(positions.index_select(1, at), filled, flow.on_head[frame : frame + 1], at)
            sharp = take(layer, at)
            if self.mirrored.used:
                self.mirrored.over(drawn, flow.surface[frame], at)
            put(layer, at, sharp + stretch.index_select(0, at) * (drawn - sharp))
        # The flow jumps at the outline and would leave a jagged edge.
        outline = outline_of(flow.trust[frame : frame + 1]).reshape(-1)
        at = pixels_of(outline)
        sharp = take(layer, at)
        put(layer, at, sharp + outline.index_select(0, at) * (mean_around(layer, at) - sharp))
        torch.clamp(layer[3:], 0, 1, out=matte)
        torch.mul(1 - matte, self.background[0], out=picture).add_(layer[:3])


def outline_of(trust: Tensor) -> Tensor:
    """(B, 1, S, S) 1 along the outline of the head model, else 0; ``trust`` as in ``Flow``."""
    solid = smoothstep(*SOLID, trust)
    return smoothstep(*OUTLINE, (solid - blur(solid, 1, 1)).abs())


def drawn_frames(people: list[MovedPerson], flow: Flow) -> tuple[Tensor, Tensor]:
    """Pictures (B, 3, S, S) and mattes (B, 1, S, S) of the frames of a flow; ``people`` has one entry a frame."""
    size = flow.positions.shape[1]
    pictures, mattes = (flow.trust.new_empty(len(people), channels, size, size) for channels in (3, 1))
    for k, person in enumerate(people):
        person.draw(flow, k, pictures[k], mattes[k])
    return pictures, mattes
