"""The eyes: eyeballs that turn in their openings, and lids that close.

The photograph's eye is completed once: the iris is made whole, and the white of the eye is continued under the lids.
It is painted on the head model's eyeballs, which turn with the gaze. The photograph doesn't show closed lids; their
skin is painted once (``lids.py``). While an eye opens or closes, the moving lid blends between the photograph and the
painted skin.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..face.eye_size import iris_radius
from ..face.points import EYE_CORNERS, IRISES, LID_RINGS, LOWER_LIDS, MIDDLE_LIDS, UPPER_LIDS
from ..motion.channels import EXPRESSIONS
from .fields import blur, fill_smoothly, pixel_grid, sample, smoothstep
from .geometry import HeadGeometry, PosedHeads
from .lids import ClosedLid
from .light import LUMA, Light
from .masks import polygon
from .patch import Patch, borrow_hidden, cover_of, triangles_near
from .visibility import visible_vertices

WINDOW_CM = (5.6, 4.6)
"""Width and height of the window around an eye."""
REACH_CM = (2.5, 2.0)
"""Half axes of the ellipse of skin around an eye that its window redraws."""
FADE = (0.96, 0.7)
"""Distance from the middle of that ellipse, in its half axes, at which the redrawn skin ends, and is whole."""
HIDING_CM = (3.6, 2.2)
"""Half axes of the ellipse of skin that can hide the eye: as far as the bridge of the nose."""
SLACK_CM = 0.06
"""A vertex this far behind the front surface still counts as seen in the photograph."""
LID_MOVES_CM = (0.02, 0.15)
"""Movement at eyeBlink = 1 from which a vertex counts as lid, and counts fully."""
SIDES = ("left", "right")

# Openings, in parts of the photograph's own -------------------------------------------------------------------------
CLOSING = (0.8, 0.25)
"""Opening at which the lid's painted skin begins to appear, and is whole."""
LEAST_OPENING_PX = 0.5
"""Lower limit of the photograph's own opening in pixels, for eyes that it shows shut."""
MARGIN_CM = 0.1
"""The eyeball is drawn up to this far outside the rectangle around the lid margins."""

# Shadow of the lids on the eyeball ----------------------------------------------------------------------------------
SHADOW_CM = 0.12
"""Radius of the blur that turns the opening into shadow, and how far above a point the shadow's source lies."""
SHADOW_RANGE = (0.95, 0.2)
"""Openness around a point at which the shadow begins, and is deepest."""
LID_SHADOW = 0.3
"""How much darker the eyeball is right under the upper lid."""
CLOSING_SHADOW = 0.2
"""How much darker in addition, while the lid closes."""

# Reading the photograph's eye ---------------------------------------------------------------------------------------
INNER = (0.55, 0.95)
"""Blurred opening between which a pixel is trusted: the rim of the opening shows lashes and the lids' shadow."""
BESIDE_IRIS = 1.25
"""Distance from the middle of the iris, in its radii, from which a pixel shows the white of the eye."""
SEEN_CM2 = (0.004, 0.02)
"""Area of white that the photograph shows from which it is used, and used fully. Shut eyes show none."""
IRIS_INSIDE = 0.5
LEAST_RADIUS_PX = 0.5
"""Lower limit of the radius of the iris in pixels."""
LEAST_IRIS = 6
"""The iris is read only if at least so many of its pixels have a trust above ``IRIS_INSIDE``."""
CATCHLIGHT = 0.8
"""Quantile of the iris' luma above which a pixel counts as a catchlight; it would be smeared around the ring."""
RING_END = 1.15
"""Radius up to which the iris' colour is measured, in radii of the iris."""
RING_BINS = 12
"""Rings in which it is measured."""
LEAST_RING = 0.3
"""Trusted pixels that a ring needs; others take the colour of the nearest ring that has them."""
IRIS_EDGE = (1.1, 0.92)
"""Radii between which the white passes over to the completed iris."""

# An eye that the photograph doesn't show; colours under white light -------------------------------------------------
UNSEEN_WHITE = (0.70, 0.65, 0.62)
UNSEEN_IRIS = (0.30, 0.20, 0.14)
UNSEEN_PUPIL = (0.05, 0.04, 0.04)
UNSEEN_RIM = (0.75, 1.0)
"""Radii between which the iris darkens toward its rim ..."""
UNSEEN_RIM_DARK = 0.5
"""... by this share."""
UNSEEN_PUPIL_EDGE = (0.36, 0.46)
UNSEEN_IRIS_EDGE = (0.95, 1.1)
"""Radii between which pupil passes over to iris, and iris to white."""


class Eye:
    """Draws one eye's window over frames; ``side`` 0 is the person's left."""

    def __init__(
        self, geometry: HeadGeometry, picture: Tensor, landmarks: np.ndarray, side: int, light: Light, trust: Tensor
    ) -> None:
        model, size = geometry.model, picture.shape[-1]
        self.geometry, self.side, self.size = geometry, side, size
        name = SIDES[side]
        centre = model.eye_centres[side]
        self.skin_triangles = triangles_near(model, ("skin",), centre, HIDING_CM)
        socket = model.triangles[model.part_triangles(f"eye_socket_{name}")]
        self.ball_triangles = model.triangles[model.part_triangles(f"eye_{name}")]
        source = geometry.behind_lids(geometry.source.pixels)[0]
        self.ball = model.part_vertices(f"eye_{name}")
        self.pixels_per_cm = geometry.focal / float(geometry.source.pixels[0, self.ball, 2].mean())
        width, height = (round(side_cm * self.pixels_per_cm) for side_cm in WINDOW_CM)
        triangles = torch.cat([self.skin_triangles, socket, self.ball_triangles])
        self.first_ball = len(self.skin_triangles) + len(socket)
        self.window = Patch(triangles, width, height, size)
        self.anchor = torch.tensor(EYE_CORNERS[side])
        self.picture = picture
        self.opening = polygon(landmarks[list(LID_RINGS[side])], size)
        self.open_height = self._height(geometry.source)[0].clamp_min(LEAST_OPENING_PX)
        self.closed = self._closed_heads()
        self.static = self._vertex_attributes(source, trust)
        self.eyeball = self._complete_eye(landmarks, light)
        points = model.mesh468(self.closed)[:, :2]
        self.lid = ClosedLid(picture, self.opening, points, side, self.pixels_per_cm, light).paint()

    def draw(self, frame: Tensor, heads: PosedHeads) -> Tensor:
        """Frames (B, 3, S, S) with this eye of the posed heads."""
        points = self.geometry.model.mesh468(heads.pixels)[..., :2]
        pixels = self.geometry.behind_lids(heads.pixels)
        view = self.window.view(pixels, points[:, self.anchor].mean(1), self.static)
        closing = smoothstep(*CLOSING, self._height(heads) / self.open_height)[:, None, None, None]
        at = view.values.permute(0, 2, 3, 1)
        behind = (view.fragments.triangle >= len(self.skin_triangles))[:, None].float()
        ball = (view.fragments.triangle >= self.first_ball)[:, None].float()
        ring = points[:, list(LID_RINGS[self.side])]
        here = Patch.within(view, ring, heads, margin=MARGIN_CM * self.pixels_per_cm)
        behind, ball = behind * here, ball * here
        cover = view.values[:, 4:] * (view.fragments.triangle < len(self.skin_triangles))[:, None] + behind
        colour = sample(self.picture, at[..., :2])
        lid = sample(self.lid, at[..., 2:4])
        colour = colour + closing * lid[:, 3:] * (lid[:, :3] - colour)
        radius = max(1, round(SHADOW_CM * self.pixels_per_cm * view.fineness))
        open_around = blur(ball, radius, 2)
        above = torch.roll(open_around, radius, 2)
        shadow = smoothstep(*SHADOW_RANGE, 0.5 * open_around + 0.5 * above)
        eye = sample(self.eyeball, at[..., :2]) * (1 - shadow * (LID_SHADOW + CLOSING_SHADOW * closing))
        colour = colour + ball * (eye - colour)
        return self.window.paste(frame, view, colour * cover, cover)

    def _height(self, heads: PosedHeads) -> Tensor:
        """(B,) height of the opening between the lids, pixels."""
        points = self.geometry.model.mesh468(heads.pixels)[..., :2]
        upper, lower = UPPER_LIDS[self.side], LOWER_LIDS[self.side]
        gaps = points[:, list(lower[MIDDLE_LIDS])] - points[:, list(upper[MIDDLE_LIDS])]
        return (gaps * heads.down[:, None]).sum(-1).mean(1)

    def _closed_heads(self) -> Tensor:
        """(V, 3) the photograph's head with this eye closed."""
        weights = self.geometry.own_expression.clone()
        weights[EXPRESSIONS.index(f"eyeBlink_{'LR'[self.side]}")] = 1
        zero = torch.zeros(1, 3)
        return self.geometry.pose(weights[None], zero, zero, absolute=True).pixels[0]

    def _vertex_attributes(self, source: Tensor, trust: Tensor) -> Tensor:
        """(V, 5): texture position with the eye open (on the picture) and closed (on the painted lid), cover."""
        model = self.geometry.model
        shape = self.geometry.neutral + model.expression_offsets(self.geometry.own_expression)
        region = torch.unique(self.window.triangles[: self.first_ball])
        seen = visible_vertices(source, self.window.triangles, slack=SLACK_CM)
        positions = borrow_hidden(model, shape, source[:, :2], seen, region)
        positions[self.ball] = source[self.ball, :2]
        offset = (model.mean - model.eye_centres[self.side])[:, :2] / torch.tensor(REACH_CM)
        cover = smoothstep(*FADE, offset.norm(dim=1)) * cover_of(torch.maximum(trust, self._near_lids()))
        return torch.cat([positions, self.closed[:, :2], cover[:, None]], 1)

    def _near_lids(self) -> Tensor:
        """(V,) 1 on the lids, which this window draws even if the photograph hides them."""
        basis = self.geometry.model.expression_basis[EXPRESSIONS.index(f"eyeBlink_{'LR'[self.side]}")]
        return smoothstep(*LID_MOVES_CM, basis.norm(dim=1))

    def _complete_eye(self, landmarks: np.ndarray, light: Light) -> Tensor:
        """(1, 3, S, S) the picture with this eye's iris made whole and its white continued past the lids.

        For an eye that the photograph shows shut it is a plain brown one.
        """
        iris = landmarks[IRISES[self.side], :2]
        radius = max(iris_radius(iris), LEAST_RADIUS_PX)
        distance = (pixel_grid(self.size, self.size) - torch.tensor(iris[0])).norm(dim=-1)[None, None] / radius
        inner = smoothstep(*INNER, blur(self.opening, 1, 1))
        beside = inner * (distance > BESIDE_IRIS)
        seen = smoothstep(*SEEN_CM2, beside.sum() / self.pixels_per_cm**2)
        white = fill_smoothly(self.picture, beside)
        luma = (self.picture * torch.tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
        level = luma[(distance < 1) & (inner > IRIS_INSIDE)]
        whole = white
        if len(level) >= LEAST_IRIS:
            catchlight = level.quantile(CATCHLIGHT)
            # An iris of one brightness has no catchlight.
            dull = (luma < catchlight).float() if bool((level < catchlight).any()) else torch.ones_like(luma)
            ring = self._ring_profile(distance, inner * dull * (distance < RING_END).float())
            whole = white + smoothstep(*IRIS_EDGE, distance) * (ring - white)
        whole = whole + inner * (self.picture - whole)
        return whole if seen == 1 else whole + (1 - seen) * (_plain_eye(distance, light) - whole)

    def _ring_profile(self, distance: Tensor, weight: Tensor) -> Tensor:
        """(1, 3, S, S) colour as a function of the distance from the iris' middle, measured on trusted pixels.

        ``distance`` (1, 1, S, S) is in radii of the iris, ``weight`` (1, 1, S, S) is the trust.
        """
        index = (distance * RING_BINS / RING_END).long().clamp(0, RING_BINS - 1).reshape(-1)
        total = torch.zeros(RING_BINS, 3).index_add_(0, index, (self.picture * weight)[0].reshape(3, -1).T)
        count = torch.zeros(RING_BINS).index_add_(0, index, weight.reshape(-1))
        known = (count > LEAST_RING) | (count == count.max())  # of tiny eyes no ring has so many
        centres = torch.arange(RING_BINS, dtype=torch.float32)
        nearest = (centres[:, None] - centres[known][None]).abs().argmin(1)
        profile = (total / count.clamp_min(1e-3)[:, None])[known][nearest]
        position = (distance * RING_BINS / RING_END - 0.5).clamp(0, RING_BINS - 1.001)[0, 0]
        low = position.long()
        mixed = profile[low] + (position - low)[..., None] * (profile[low + 1] - profile[low])
        return mixed.permute(2, 0, 1)[None]


def _plain_eye(distance: Tensor, light: Light) -> Tensor:
    """(1, 3, S, S) a plain eye in the portrait's light.

    ``distance`` (1, 1, S, S) is from the middle of the iris, in its radii.
    """
    white, iris, pupil = (
        (torch.tensor(colour) * light.white)[None, :, None, None]
        for colour in (UNSEEN_WHITE, UNSEEN_IRIS, UNSEEN_PUPIL)
    )
    rim = 1 - UNSEEN_RIM_DARK * smoothstep(*UNSEEN_RIM, distance)
    inside = pupil + smoothstep(*UNSEEN_PUPIL_EDGE, distance) * (iris * rim - pupil)
    return inside + smoothstep(*UNSEEN_IRIS_EDGE, distance) * (white - inside)
