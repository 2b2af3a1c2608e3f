"""Draws one eye: the eyeball in its opening, and the lids that roll over it.

The skin around the eye moves with the head, but without the lids' own movement (``lid_motion.py``). For each pixel of
the window that gives the place in the photograph that is seen there. All that the lids do is drawn in these places:

- The opening between the margins shows the eyeball, which turns with the gaze.
- Between crease and upper margin lies the lid. A little closed it is the photograph's own strip of lid; as it closes,
  it becomes the skin that is continued over the eye (``lid_skin.py``), with the lashes of a closed lid (``lashes.py``).
- The skin below the lower margin follows that lid a little.
- Lashes of the open eye and the wet rim disappear as the lid closes.
- Above the crease nothing moves.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...face.points import EYE_CORNERS, IRISES, LID_RINGS
from ...head.raster import interpolate, rasterise
from ..fields import blur, dilate, sample, smoothstep
from ..geometry import HeadGeometry, PosedHeads
from ..light import Light
from ..masks import polygon
from ..patch import Patch, PatchView, borrow_hidden, cover_of, triangles_near
from ..visibility import visible_vertices
from .eyeball import complete_eye
from .lashes import Lashes
from .lid_motion import LidMotion
from .lid_shape import LOWER_SHARE, lid_shape, with_open_lids
from .lid_skin import LidSkin

WINDOW_CM = (5.6, 4.6)
"""Width and height of the window around an eye."""
REACH_CM = (2.5, 2.0)
"""Half axes of the ellipse of skin around an eye that its window may redraw."""
FADE = (0.96, 0.7)
"""Distance from the middle of that ellipse, in its half axes, at which the redrawn skin ends, and is whole."""
HIDING_CM = (3.6, 2.2)
"""Half axes of the ellipse of skin that can hide the eye: as far as the bridge of the nose."""
ZONE_CM = (0.75, 0.25)
"""The window redraws the skin this far around the opening, and fades out over this width."""
SLACK_CM = 0.06
"""A vertex this far behind the front surface still counts as seen in the photograph."""
BEHIND_CM = 0.2
WIDER = 1.3
"""The surface that fills the opening lies this far behind the lids' margins, and is larger by this factor, so that no
gap is left between it and the skin in front of it."""
LIDS_CM, LIDS_FADE = (1.9, 1.1), (1.15, 0.9)
"""Half axes of the ellipse of the lids, and distances in them at which it ends, and is whole: the window draws all of
it, even where the photograph hides it."""
SIDES = ("left", "right")

# Lids, by how far the eye is closed -----------------------------------------------------------------------------------
ROLLED = (0.15, 0.6)
"""Closing at which the lid's own skin begins to take the place of the photograph's strip, and has taken it."""
LASHES_DOWN = (0.05, 0.5)
"""Closing at which the lashes of a closed lid begin to show, and are whole."""
CLEAN = (0.1, 0.55)
"""Closing at which the photograph's lashes begin to disappear, and are gone."""
CREASE_EDGE_CM = 0.25
"""Softness of the edge between the lid and the skin above its crease."""
FOLLOWS_CM = 0.7
"""Skin below the lower margin follows that lid, less with the distance, as far as this."""

# Shadow of the lids on the eyeball ------------------------------------------------------------------------------------
SHADOW_CM, SHADOW_SHARE = 0.25, 0.4
"""Height of the upper lid's shadow, and its largest share of the opening."""
LID_SHADOW = 0.25
"""How much darker the eyeball is right under the upper lid."""
CLOSING_SHADOW, DIM = 0.6, 0.3
"""How much darker there, and below, when the lid has nearly closed."""


class Eye:
    """Draws one eye's window over frames; ``side`` 0 is the person's left."""

    def __init__(
        self,
        geometry: HeadGeometry,
        lids: LidMotion,
        picture: Tensor,
        landmarks: np.ndarray,
        side: int,
        light: Light,
        trust: Tensor,
    ) -> None:
        model, size = geometry.model, picture.shape[-1]
        self.geometry, self.lids, self.side, self.size = geometry, lids, side, size
        name = SIDES[side]
        centre = model.eye_centres[side]
        self.skin_triangles = triangles_near(model, ("skin",), centre, HIDING_CM)
        socket = model.triangles[model.part_triangles(f"eye_socket_{name}")]
        ball = model.part_vertices(f"eye_{name}")
        self.behind_triangles = torch.cat([socket, model.triangles[model.part_triangles(f"eye_{name}")]])
        self.first_ball = len(socket)
        source = geometry.source.pixels[0]
        self.pixels_per_cm = cm = geometry.focal / float(source[ball, 2].mean())
        width, height = (round(side_cm * cm) for side_cm in WINDOW_CM)
        self.ring = torch.tensor(LID_RINGS[side])
        self.window = Patch(torch.cat([self.skin_triangles, self._opening_triangles(len(source))]), width, height, size)
        self.anchor = torch.tensor(EYE_CORNERS[side])
        points = with_open_lids(model.mesh468(source)[:, :2], side, geometry.source.down[0])
        middle = points[self.anchor].mean(0)
        room = torch.tensor([width, height])
        first = (middle - room / 2).round().long().clamp_min(0)
        end = torch.minimum(first + room, torch.tensor([size, size]))
        first = torch.minimum(first, (end - 2).clamp_min(0))
        self.origin = first.float()
        x0, y0, x1, y1 = (*first.tolist(), *end.tolist())
        part = picture[..., y0:y1, x0:x1]
        opening = polygon(landmarks[list(LID_RINGS[side])], size)[..., y0:y1, x0:x1]
        box = torch.cat([first, end - first])
        shape = lid_shape(points, side, box, cm)
        self.down = shape.down
        skin = LidSkin(part, shape, opening, light, geometry.rotation, cm)
        lashes = Lashes(part, skin, shape, light, cm)
        self.lash_colour = lashes.colour
        reach = max(1, round(ZONE_CM[0] * cm))
        zone = blur(dilate(opening, reach), max(1, round(ZONE_CM[1] * cm / 2)), 2)
        heights = torch.stack([shape.below, shape.opening, shape.platform])[None]
        self.around = torch.cat([heights, skin.skin, zone * (1 - skin.rim)], 1)
        """(1, 7, h, w) at each place around the eye: distance below the open margin, heights of opening and lid,
        smooth skin, and how far the window redraws it."""
        self.photograph = torch.cat([part, skin.unclean], 1)
        """(1, 4, h, w) the photograph, and where a closed lid doesn't look like it."""
        self.closed = torch.cat([skin.gain, skin.grain, lashes.cover], 1)
        """(1, 3, h, w) brightness, fine texture and lashes, laid out as they lie on the closed lid."""
        iris = landmarks[IRISES[side], :2] - first.cpu().numpy().astype(landmarks.dtype)
        self.eyeball = complete_eye(part, opening, iris, light, cm)
        self.static = self._skin_attributes(geometry.behind_lids(geometry.source.pixels)[0], trust, ball, points)
        self.behind = source[:, :2]

    @staticmethod
    def _opening_triangles(first: int) -> Tensor:
        """(F, 3) triangles over the ring of the lids, whose points follow the vertices."""
        upper, lower = list(range(9)), [0, *range(15, 8, -1), 8]
        rows = []
        for k in range(8):
            a, b, c, d = upper[k], upper[k + 1], lower[k + 1], lower[k]
            rows += [(a, b, c), (a, c, d), (c, b, a), (d, c, a)]  # both ways round: one of them faces the camera
        return torch.tensor([row for row in rows if len(set(row)) == 3]) + first

    def _skin_attributes(self, source: Tensor, trust: Tensor, ball: Tensor, points: Tensor) -> Tensor:
        """(V + 16, 3) of vertices and ring: place in the part of the photograph, and cover."""
        model = self.geometry.model
        shape = self.geometry.neutral + model.expression_offsets(self.geometry.own_expression)
        region = torch.unique(self.skin_triangles)
        solid = torch.cat([self.skin_triangles, self.behind_triangles])
        seen = visible_vertices(source, solid, slack=SLACK_CM)
        positions = borrow_hidden(model, shape, source[:, :2], seen, region)
        away = (model.mean - model.eye_centres[self.side])[:, :2]
        lids = smoothstep(*LIDS_FADE, (away / torch.tensor(LIDS_CM)).norm(dim=1))
        reach = smoothstep(*FADE, (away / torch.tensor(REACH_CM)).norm(dim=1))
        cover = reach * cover_of(torch.maximum(trust, lids))
        ring = points[self.ring]
        positions = torch.cat([positions, _wider(ring)])
        return torch.cat([positions, torch.cat([cover, torch.ones(len(ring))])[:, None]], 1)

    def draw(self, frames: Tensor, heads: PosedHeads, resting: PosedHeads) -> None:
        """Draw this eye of the posed heads over frames (B, 3, S, S), in place; ``resting`` have unmoved lids."""
        model, cm = self.geometry.model, self.pixels_per_cm
        ring = model.mesh468(resting.pixels)
        anchor = ring[:, self.anchor, :2].mean(1)
        lids = _wider(ring[:, self.ring]) + torch.tensor([0.0, 0.0, BEHIND_CM])
        view = self.window.view(torch.cat([resting.pixels, lids], 1), anchor, self.static)
        at = view.values[:, :2].permute(0, 2, 3, 1) - self.origin
        below, opening, platform, skin, zone = sample(self.around, at).split((1, 1, 1, 3, 1), 1)
        upper, lower = (share[:, None, None, None] for share in self.lids.moved(heads, self.side))
        closing = (upper + lower).clamp(0, 1)

        # Distances in pixels of the photograph, downward, in the eye's axes.
        from_upper = below - upper * opening
        from_lower = below - (1 - lower) * opening
        lid = platform + upper * opening  # height of the lid that is seen
        on_lid = ((from_upper + lid) / lid.clamp_min(1e-3)).clamp(0, 1)  # 0 at the crease, 1 at the margin
        follows = smoothstep(FOLLOWS_CM, 0.0, from_lower / cm)
        shift = torch.where(from_upper < 0, upper * opening * on_lid, -lower * opening * follows)
        photograph, unclean = self._moved(self.photograph, at, -shift).split((3, 1), 1)
        rest = (1 - LOWER_SHARE - upper) * opening
        gain, grain, lash = self._moved(self.closed, at, rest).split(1, 1)

        cleaned = photograph + smoothstep(*CLEAN, closing) * unclean * (skin + grain - photograph)
        inside = smoothstep(0.0, CREASE_EDGE_CM * cm, from_upper + lid) * (from_upper < 0)
        rolled = smoothstep(*ROLLED, closing) * inside
        colour = cleaned + rolled * ((skin * gain + grain).clamp(0, 1) - cleaned)
        eye, seen = self._eyeball(heads, view, from_upper, opening, closing)
        colour = colour + self._between(below, upper, lower, opening) * seen * (eye - colour)
        hair = lash * smoothstep(*LASHES_DOWN, closing)
        colour = colour + hair * (self.lash_colour - colour)
        cover = view.values[:, 2:] * zone
        self.window.paste(list(frames), view, colour * cover, cover)

    def _moved(self, picture: Tensor, at: Tensor, shift: Tensor) -> Tensor:
        """A picture of the part at places (B, h, w, 2) that lie (B, 1, h, w) px farther down."""
        return sample(picture, at + shift[:, 0, :, :, None] * self.down)

    def _eyeball(
        self, heads: PosedHeads, view: PatchView, from_upper: Tensor, opening: Tensor, closing: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(B, 3, h, w) colours of the eyeball and the corner of the eye, and (B, 1, h, w) 1 where they are."""
        local = torch.cat([(heads.pixels[..., :2] - view.origin[:, None]) * view.fineness, heads.pixels[..., 2:]], -1)
        height, width = view.values.shape[-2:]
        seen = rasterise(local, self.behind_triangles, height, width, cull_backfaces=True)
        places = interpolate(seen, self.behind_triangles, self.behind) - self.origin
        shaded = (SHADOW_SHARE * opening).clamp(1e-3, SHADOW_CM * self.pixels_per_cm)
        near = smoothstep(1.0, 0.0, from_upper / shaded)
        shut = closing.square()
        dark = near * (LID_SHADOW + (CLOSING_SHADOW - LID_SHADOW) * shut) + DIM * shut * (1 - near)
        return sample(self.eyeball, places) * (1 - dark), seen.covered[:, None].float()

    @staticmethod
    def _between(below: Tensor, upper: Tensor, lower: Tensor, opening: Tensor) -> Tensor:
        """(B, 1, h, w) 0..1 share of each sample that lies between the lids' margins."""
        step = (below[..., 1:, :] - below[..., :-1, :]).abs().clamp(1e-3, 2.0)
        step = torch.cat([step, step[..., -1:, :]], -2)
        top = torch.maximum(below - step / 2, upper * opening)
        end = torch.minimum(below + step / 2, (1 - lower) * opening)
        return ((end - top) / step).clamp(0, 1)


def _wider(ring: Tensor) -> Tensor:
    """Points (..., 16, C) of the ring of the lids, moved away from its middle by the factor ``WIDER``."""
    middle = ring.mean(-2, keepdim=True)
    return middle + WIDER * (ring - middle)
