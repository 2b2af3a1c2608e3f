"""The skin of the lids: the photograph's, without lashes, continued over the eye, and shaded as a closed lid.

Of a closed lid the photograph shows a narrow strip at most, and that strip is full of lashes. The skin around it is
continued over the opening. Films of blinks show that closed lids are brighter than deep sockets, because the lid lies
in the light: toward its middle the lid gets the tone of the lit skin around. Brow, lashes and glasses don't take part:
they would darken the lid.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..fields import blur, dilate, fill_smoothly, smoothstep
from ..light import LEAST_LUMA, LUMA, Light
from .lid_shape import LidShape
from .rim import rim_in_front

# What the photograph shows around the eye; luma is relative to the skin's ---------------------------------------------
CLEAR_CM = 0.16
"""Skin nearer than this to the opening is never used: it shows lashes and the wet rim."""
RING_CM = 0.3
"""Nearer than this it doesn't tell the level of the skin: make-up and lashes darken it."""
AROUND_CM = 0.9
"""Width in which that level is found."""
PLAIN = (0.4, 0.7)
"""Luma relative to the median of all skin from which a pixel takes part in it, and takes part fully."""
BROW_CM = (0.1, 0.06)
"""The brow reaches this far below the face mesh's points, and begins over this height."""
LASH_REACH_CM, LASH_SHARE = 0.6, 0.7
"""Lashes reach this far above the open margin, and at most this share of the way to the brow."""
LASH_END = (1.15, 0.75)
"""Shares of that reach between which they end."""
RIM_CM, RIM_END = 0.1, (1.6, 0.8)
"""Lashes and the wet rim reach this far below the lower margin; shares between which they end."""
INWARD_CM = 0.05
"""Both begin over this height at the margins."""
BESIDE = (2.0, 1.6)
"""Distances from the eye's middle, in its half widths, between which lashes end."""
DARK, BLACK = (0.9, 0.7), (0.45, 0.3)
"""Luma at which a pixel begins to be a lash, and is one: relative to the skin around, and to all skin."""
UNCLEAN_CM = (0.2, 0.06)
"""A closed lid doesn't look like the photograph this far around the opening; radius of the blur of that region."""

CORNER_CAP = (1.4, 1.2)
CORNER_HEIGHT = (0.32, 0.2)
"""Large eyes reach past the face mesh's corners: white is looked for as far along the eye as this, and as far above and
below the line of its corners, in half widths."""
PALE = (0.4, 0.65)
"""Share of the way from the skin's chromaticity to white at which a pixel there begins to be white, and is white."""
LEAST_APART = 0.015
"""Distance between both chromaticities below which white can't be told from skin."""

# The continued skin ---------------------------------------------------------------------------------------------------
SKIN_LEVEL = (0.6, 0.85)
"""Luma relative to the skin around from which a pixel is continued over the eye, and continued fully."""
SOFT_CM = 0.09
"""Radius of the blur of the continued skin."""
LIT_LEVEL = (0.9, 1.05)
"""Luma relative to the skin around from which a pixel counts as lit, and counts fully."""
LIT_CM, LEAST_LIT = 0.9, 0.02
"""Width in which lit skin is averaged, and the least share of it that tells its colour."""
TONE = 0.25
"""Share of the colour of all skin in the lit skin's: skin under the eye is often bluish."""
LIT, INTO_CM, CORNER = 0.5, 0.4, 0.6
"""Share of the lit skin in the lid; distance from the crease at which it is reached; factor on the distance from the
corners."""

# The closed lid's shading ---------------------------------------------------------------------------------------------
BALL_CM, TURN = 1.45, 0.75
"""Radius of the ball whose curvature a closed lid has across; sideways part of its normal at the corners."""
MIDDLE = 0.55
"""Height of the lid's most forward part: 0 is the crease, 1 the margin."""
LEAST_FACING, LEAST_SHADE = 0.1, 0.2
"""Lower limits of the squared forward part of a normal, and of the light on a surface that faces the camera."""
CURVATURE = 0.55
"""Share of that ball's shading."""
CREASE_CM, CREASE_DARK = 0.1, 0.14
"""Half width and darkness of the crease that stays on a closed lid."""
EDGE_CM, EDGE_DARK = 0.2, 0.12
"""Height and darkness of the lid's lower edge, which faces down."""
GLOSS, GLOSS_HEIGHT = 0.04, 0.3
"""Brightness of the lid's middle, where it is tightest, and half its height."""

GRAIN_CM = 0.12
"""Coarsest detail of the skin that is laid over the lid."""
GRAIN_FROM_CM = 1.1
"""How far below the lid that detail is taken from."""
GRAIN_LIMIT, GRAIN_SHARE = 0.035, 0.8
"""Largest change of a colour by it, and share of it."""


def luma_of(picture: Tensor) -> Tensor:
    """(B, 1, H, W) luma of (B, 3, H, W)."""
    return (picture * torch.tensor(LUMA)[:, None, None]).sum(1, keepdim=True)


class LidSkin:
    """The skin of one eye's lids, in a part of the photograph.

    Parameters
    ----------
    picture
        (1, 3, h, w) 0..1 the part of the photograph.
    shape
        The lids' shape in it.
    opening
        (1, 1, h, w) 0..1 the opening between the lids.
    light
        The portrait's light.
    turn
        (3, 3) the portrait's rotation, head space to camera axes.
    cm
        Pixels per centimetre at the eye.
    """

    def __init__(
        self, picture: Tensor, shape: LidShape, opening: Tensor, light: Light, turn: Tensor, cm: float
    ) -> None:
        self.shape, self.cm = shape, cm
        above, under = -shape.below / cm, (shape.below - shape.opening) / cm
        from_crease = (shape.below + shape.platform) / cm
        from_corner = (1 - shape.along.abs()) * shape.half / cm
        brow = smoothstep(0.0, BROW_CM[1], above - (shape.brow / cm - BROW_CM[0]))[None, None]
        level = luma_of(picture) / (light.skin * torch.tensor(LUMA)).sum().clamp_min(LEAST_LUMA)
        relative = self._relative(level, self._grown(opening, RING_CM), brow)
        self.relative = relative
        """(1, 1, h, w) luma relative to the skin around."""
        self.rim = rim_in_front(relative, shape, cm)
        """(1, 1, h, w) 0..1 glasses in front of the eye."""
        reach = torch.minimum(torch.full_like(above, LASH_REACH_CM), LASH_SHARE * shape.brow / cm)
        upper = smoothstep(*LASH_END, above / reach) * smoothstep(-INWARD_CM, 0.0, above)
        lower = smoothstep(*RIM_END, under / RIM_CM) * smoothstep(-INWARD_CM, 0.0, under)
        zone = torch.maximum(upper, lower) * smoothstep(*BESIDE, shape.along.abs())
        dark = torch.maximum(smoothstep(*DARK, relative), smoothstep(*BLACK, level))
        self.lash = zone[None, None] * dark * (1 - self.rim) * (1 - brow)
        """(1, 1, h, w) 0..1 lashes and dark rims that the photograph shows."""
        white = self._white(picture, light)
        wide, soft = self._grown(torch.maximum(opening, white), UNCLEAN_CM[0]), max(1, round(UNCLEAN_CM[1] * cm))
        self.unclean = torch.maximum(self.lash, blur(wide, soft, 2))
        """(1, 1, h, w) 0..1 where a closed lid doesn't look as in the photograph: lashes, rims and the eye itself."""
        lid = ((from_crease > 0) & (under < 0) & (from_corner > 0)).to(level.dtype)[None, None]
        hidden = torch.maximum(torch.maximum(self._grown(torch.maximum(opening, white), CLEAR_CM), lid), brow)
        known = (1 - hidden) * (1 - self.lash) * (1 - self.rim)
        near = fill_smoothly(picture, known * smoothstep(*SKIN_LEVEL, relative))
        near = blur(near, max(1, round(SOFT_CM * cm)), 2)
        into = LIT * smoothstep(0.0, INTO_CM, torch.minimum(from_crease, from_corner * CORNER))
        self.skin = near + into * (self._lit(picture, known * smoothstep(*LIT_LEVEL, relative), light) - near)
        """(1, 3, h, w) smooth skin, continued over the opening."""
        self.gain = self._gain(light, turn)
        """(1, 1, h, w) brightness of a closed lid's parts, relative to the skin; laid out as the lid lies when shut."""
        self.grain = self._grain(picture, known)
        """(1, 1, h, w) fine texture, laid out in the same way."""

    def _grown(self, mask: Tensor, reach_cm: float) -> Tensor:
        return dilate(mask, max(1, round(reach_cm * self.cm)))

    def _relative(self, level: Tensor, ring: Tensor, brow: Tensor) -> Tensor:
        """(1, 1, h, w) luma relative to the skin around, from that relative to all skin."""
        plain = (1 - torch.maximum(ring, brow)) * smoothstep(*PLAIN, level)
        radius = max(2, round(AROUND_CM * self.cm / 2))
        around = blur(level * plain, radius, 2) / blur(plain, radius, 2).clamp_min(1e-3)
        return level / around.clamp_min(1e-3)

    def _white(self, picture: Tensor, light: Light) -> Tensor:
        """(1, 1, h, w) 0..1 white of the eye beyond its corners."""
        of_white, of_skin = (colour / colour.sum().clamp_min(LEAST_LUMA) for colour in (light.white, light.skin))
        step = of_white - of_skin
        if float(step.norm()) < LEAST_APART:
            return torch.zeros_like(picture[:, :1])
        tone = picture / picture.sum(1, keepdim=True).clamp_min(LEAST_LUMA)
        share = ((tone - of_skin[:, None, None]) * step[:, None, None]).sum(1, keepdim=True) / step.square().sum()
        along = smoothstep(*CORNER_CAP, self.shape.along.abs())
        across = smoothstep(*CORNER_HEIGHT, self.shape.height.abs() / self.shape.half)
        return smoothstep(*PALE, share) * (along * across)

    def _lit(self, picture: Tensor, bright: Tensor, light: Light) -> Tensor:
        """(1, 3, h, w) smooth colour of the lit skin, given how far each pixel shows some."""
        radius = max(2, round(LIT_CM * self.cm / 2))
        total = blur(bright, radius, 2)
        means = blur(picture * bright, radius, 2) / total.clamp_min(1e-3)
        lit = fill_smoothly(means, (total > LEAST_LIT).to(total.dtype))
        tone = light.skin[:, None, None] / (light.skin @ torch.tensor(LUMA)).clamp_min(LEAST_LUMA)
        return lit + TONE * (tone * luma_of(lit) - lit)

    def _gain(self, light: Light, turn: Tensor) -> Tensor:
        shape, cm = self.shape, self.cm
        height = shape.opening + shape.platform
        from_crease, from_edge = (shape.below + shape.platform) / cm, (shape.opening - shape.below) / cm
        down = (from_crease * cm / height.clamp_min(1.0)).clamp(-0.5, 1.5)  # 0 at the crease, 1 at the margin
        outward = shape.along * (-TURN if shape.side == 0 else TURN)  # the head's x axis
        upward = (MIDDLE - down) * (height / cm) / BALL_CM
        forward = (1 - outward.square() - upward.square()).clamp_min(LEAST_FACING).sqrt()
        normals = torch.stack([outward, upward, forward], -1)
        normals = normals / normals.norm(dim=-1, keepdim=True)
        front = light.shade(turn[:, 2]).clamp_min(LEAST_SHADE)
        wide = (1 - shape.along.square()).clamp(0, 1)
        gain = 1 + CURVATURE * (light.shade(normals @ turn.T) / front - 1)
        gain = gain * (1 - CREASE_DARK * wide * torch.exp(-(from_crease / CREASE_CM).square()))
        gain = gain * (1 - EDGE_DARK * wide * torch.exp(-(from_edge / EDGE_CM).square()))
        return (gain * (1 + GLOSS * wide * torch.exp(-((down - MIDDLE) / GLOSS_HEIGHT).square())))[None, None]

    def _grain(self, picture: Tensor, known: Tensor) -> Tensor:
        """Without it the lid is too smooth."""
        luma = luma_of(picture)
        detail = (luma - blur(luma, max(1, round(GRAIN_CM * self.cm)), 2)).clamp(-GRAIN_LIMIT, GRAIN_LIMIT)
        return torch.roll(detail * known, -round(GRAIN_FROM_CM * self.cm), 2) * GRAIN_SHARE
