"""The eyes: eyeballs that turn in their openings, and lids that close with the skin's own colour.

The photograph's eye is completed once (iris made whole, white of the eye continued under the lids) and painted on the
head model's eyeballs, which turn with the gaze. Closed lids can't be seen in the photograph: their skin is continued
from around the eye and given a fold and a line of lashes; opening and closing blend between the two on the moving lid.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import torch
from torch import Tensor

from ..motion.channels import EXPRESSIONS
from .fields import blur, fill_smoothly, pixel_grid, sample, smoothstep
from .geometry import HeadGeometry, PosedHeads
from .light import LUMA, Light
from .masks import LID_RINGS, polygon
from .patch import Patch, borrow_hidden, triangles_near
from .visibility import visible_vertices

WINDOW_CM = (5.6, 4.6)
REACH_CM = (2.5, 2.0)
"""Half axes of the ellipse of skin around an eye that its window redraws."""
HIDING_CM = (3.6, 2.2)
"""Half axes of the ellipse of skin that can hide the eye: as far as the bridge of the nose."""
UPPER_LIDS = ((466, 388, 387, 386, 385, 384, 398), (246, 161, 160, 159, 158, 157, 173))
LOWER_LIDS = ((249, 390, 373, 374, 380, 381, 382), (7, 163, 144, 145, 153, 154, 155))
"""Face-mesh points along the lids, outer to inner; the person's left eye first."""
CORNERS = ((263, 362), (33, 133))
SIDES = ("left", "right")
LASH_DARKNESS = 0.72
SEEN_CM2 = (0.004, 0.02)
"""White of the eye that the photograph shows from which it is believed, and believed fully: shut eyes show none."""
UNSEEN_WHITE = (0.70, 0.65, 0.62)
UNSEEN_IRIS = (0.30, 0.20, 0.14)
UNSEEN_PUPIL = (0.05, 0.04, 0.04)
"""Colours under white light of an eye that the photograph doesn't show."""
LID_SHADOW = 0.3
"""How much darker the eyeball is right under the upper lid."""


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
        source = geometry.source.pixels[0]
        self.ball = model.part_vertices(f"eye_{name}")
        self.pixels_per_cm = geometry.focal / float(source[self.ball, 2].mean())
        width, height = (round(side_cm * self.pixels_per_cm) for side_cm in WINDOW_CM)
        triangles = torch.cat([self.skin_triangles, socket, self.ball_triangles])
        self.first_ball = len(self.skin_triangles) + len(socket)
        self.window = Patch(triangles, width, height, size)
        self.anchor = torch.tensor(CORNERS[side])
        self.picture = picture
        self.opening = polygon(landmarks[list(LID_RINGS[side])], size)
        self.open_height = self._height(geometry.source.pixels)[0].clamp_min(0.5)
        self.closed = self._closed_heads()
        self.static = self._vertex_attributes(source, trust)
        self.eyeball = self._complete_eye(landmarks, light)
        self.lid = self._paint_closed_lid(light)

    def draw(self, frame: Tensor, heads: PosedHeads) -> Tensor:
        """Frames (B, 3, S, S) with this eye of the posed heads."""
        points = self.geometry.model.mesh468(heads.pixels)[..., :2]
        view = self.window.view(heads.pixels, points[:, self.anchor].mean(1), self.static)
        closing = smoothstep(0.8, 0.25, self._height(heads.pixels) / self.open_height)[:, None, None, None]
        at = view.values.permute(0, 2, 3, 1)
        behind = (view.fragments.triangle >= len(self.skin_triangles))[:, None].float()
        ball = (view.fragments.triangle >= self.first_ball)[:, None].float()
        here = Patch.within(view, points[:, list(LID_RINGS[self.side])], margin=0.1 * self.pixels_per_cm)
        behind, ball = behind * here, ball * here
        cover = view.values[:, 4:] * (view.fragments.triangle < len(self.skin_triangles))[:, None] + behind
        colour = sample(self.picture, at[..., :2])
        lid = sample(self.lid, at[..., 2:4])
        colour = colour + closing * lid[:, 3:] * (lid[:, :3] - colour)
        radius = max(1, round(0.12 * self.pixels_per_cm * view.fineness))
        open_around = blur(ball, radius, 2)
        above = torch.roll(open_around, radius, 2)
        shadow = smoothstep(0.95, 0.2, 0.5 * open_around + 0.5 * above)
        eye = sample(self.eyeball, at[..., :2]) * (1 - shadow * (LID_SHADOW + 0.2 * closing))
        colour = colour + ball * (eye - colour)
        return self.window.paste(frame, view, colour * cover, cover)

    def _height(self, pixels: Tensor) -> Tensor:
        """(B,) height of the opening between the lids, pixels."""
        points = self.geometry.model.mesh468(pixels)[..., 1]
        return (points[:, list(LOWER_LIDS[self.side][2:5])] - points[:, list(UPPER_LIDS[self.side][2:5])]).mean(1)

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
        seen = visible_vertices(source, self.window.triangles, slack=0.06)
        positions = borrow_hidden(model, shape, source[:, :2], seen, region)
        positions[self.ball] = source[self.ball, :2]
        offset = (model.mean - model.eye_centres[self.side])[:, :2] / torch.tensor(REACH_CM)
        cover = smoothstep(0.96, 0.7, offset.norm(dim=1)) * smoothstep(
            0.3, 0.8, torch.maximum(trust, self._near_lids())
        )
        return torch.cat([positions, self.closed[:, :2], cover[:, None]], 1)

    def _near_lids(self) -> Tensor:
        """(V,) 1 on the lids, which are drawn here however the photograph hides them."""
        basis = self.geometry.model.expression_basis[EXPRESSIONS.index(f"eyeBlink_{'LR'[self.side]}")]
        return smoothstep(0.02, 0.15, basis.norm(dim=1))

    def _complete_eye(self, landmarks: np.ndarray, light: Light) -> Tensor:
        """(1, 3, S, S) the picture with this eye's iris made whole and its white continued past the lids; an eye that
        the photograph shows shut is a plain brown one."""
        iris = slice(473, 478) if self.side == 0 else slice(468, 473)
        centre = torch.tensor(landmarks[iris.start, :2])
        radius = float(
            np.linalg.norm(landmarks[iris.start + 1 : iris.stop, :2] - landmarks[iris.start, :2], axis=1).mean()
        )
        distance = (pixel_grid(self.size, self.size) - centre).norm(dim=-1)[None, None] / radius
        # The rim of the opening holds lashes and the lids' shadow: trust what lies well inside.
        inner = smoothstep(0.55, 0.95, blur(self.opening, 1, 1))
        beside = inner * (distance > 1.25)
        seen = smoothstep(*SEEN_CM2, beside.sum() / self.pixels_per_cm**2)
        white = fill_smoothly(self.picture, beside)
        luma = (self.picture * torch.tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
        level = luma[(distance < 1) & (inner > 0.5)]
        whole = white
        if len(level) >= 6:
            # Catchlights would be smeared around the ring.
            dull = (luma < level.quantile(0.8)).float()
            ring = self._ring_profile(distance, inner * dull * (distance < 1.15).float())
            whole = white + smoothstep(1.1, 0.92, distance) * (ring - white)
        whole = whole + inner * (self.picture - whole)
        return whole if seen == 1 else whole + (1 - seen) * (_plain_eye(distance, light) - whole)

    def _ring_profile(self, distance: Tensor, weight: Tensor) -> Tensor:
        """(1, 3, S, S) colour as a function of the distance from the iris' middle (in radii), from trusted pixels."""
        bins = 12
        index = (distance * bins / 1.15).long().clamp(0, bins - 1).reshape(-1)
        total = torch.zeros(bins, 3).index_add_(0, index, (self.picture * weight)[0].reshape(3, -1).T)
        count = torch.zeros(bins).index_add_(0, index, weight.reshape(-1))
        known = count > 0.3
        centres = torch.arange(bins, dtype=torch.float32)
        nearest = (centres[:, None] - centres[known][None]).abs().argmin(1)
        profile = (total / count.clamp_min(1e-3)[:, None])[known][nearest]
        position = (distance * bins / 1.15 - 0.5).clamp(0, bins - 1.001)[0, 0]
        low = position.long()
        mixed = profile[low] + (position - low)[..., None] * (profile[low + 1] - profile[low])
        return mixed.permute(2, 0, 1)[None]

    def _paint_closed_lid(self, light: Light) -> Tensor:
        """(1, 4, S, S) the photograph with this eye closed, and where it differs from the photograph."""
        geometry, size, cm = self.geometry, self.size, self.pixels_per_cm
        reach = max(2, round(0.22 * cm))
        grown = torch.nn.functional.max_pool2d(self.opening, 2 * reach + 1, 1, reach)
        region = blur(grown, max(1, reach // 2), 2)
        # Brows, lashes, hair and frames of glasses around the eye would darken the lid: only skin is continued.
        level = (self.picture * torch.tensor(LUMA)[:, None, None]).sum(1, keepdim=True) / (
            light.skin * torch.tensor(LUMA)
        ).sum()
        skin = fill_smoothly(self.picture, (region < 0.02).float() * smoothstep(0.3, 0.6, level))
        skin = blur(skin, max(1, round(0.1 * cm)), 2)
        skin = skin + self._grain()
        points = geometry.model.mesh468(self.closed)[:, :2]
        order = [CORNERS[self.side][0], *UPPER_LIDS[self.side], CORNERS[self.side][1]]
        line = points[order].cpu().numpy()
        lash = _curve(line, size, max(1.0, 0.11 * cm))
        fold = _curve(line - np.array([0, 0.42 * cm], np.float32), size, max(1.0, 0.10 * cm))
        below = _curve(line + np.array([0, 0.16 * cm], np.float32), size, max(1.0, 0.22 * cm))
        dark = self._lash_colour(light)
        skin = skin * (1 - 0.12 * fold) * (1 - 0.10 * below)
        bulge = _curve(line - np.array([0, 0.2 * cm], np.float32), size, max(1.0, 0.3 * cm))
        skin = skin * (1 + 0.04 * bulge)
        skin = skin + LASH_DARKNESS * lash * (dark - skin)
        return torch.cat([skin, smoothstep(0.02, 0.6, region)], 1)

    def _grain(self) -> Tensor:
        """Fine texture of the skin a little below the eye, laid over the lid, which is too smooth otherwise."""
        detail = self.picture - blur(self.picture, max(1, round(0.12 * self.pixels_per_cm)), 2)
        shift = round(1.2 * self.pixels_per_cm)
        return torch.roll(detail.clamp(-0.04, 0.04), -shift, 2) * 0.8

    def _lash_colour(self, light: Light) -> Tensor:
        """(1, 3, 1, 1) the dark colour along the photograph's upper lid, as warm as the skin around at least by half.

        The darkest pixels there are lashes, or the rim of a blue iris, which no closed lid shows.
        """
        rim = (self.opening > 0.05)[0, 0]
        colours = self.picture[0].permute(1, 2, 0)[rim]
        weights = torch.tensor(LUMA)
        luma = colours @ weights
        dark = colours[luma <= luma.quantile(0.15)].mean(0)
        red, green, blue = dark
        warm = (0.5 + 0.5 * light.skin / (light.skin @ weights)) * (dark @ weights)
        return torch.stack([torch.maximum(red, warm[0]), green, torch.minimum(blue, warm[2])])[None, :, None, None]


def _plain_eye(distance: Tensor, light: Light) -> Tensor:
    """(1, 3, S, S) an eye in the portrait's light, by the distance (1, 1, S, S) from its iris' middle in radii."""
    white, iris, pupil = (
        (torch.tensor(colour) * light.white)[None, :, None, None]
        for colour in (UNSEEN_WHITE, UNSEEN_IRIS, UNSEEN_PUPIL)
    )
    rim = 1 - 0.5 * smoothstep(0.75, 1.0, distance)
    inside = pupil + smoothstep(0.36, 0.46, distance) * (iris * rim - pupil)
    return inside + smoothstep(0.95, 1.1, distance) * (white - inside)


def _curve(points: np.ndarray, size: int, width: float) -> Tensor:
    """(1, 1, S, S) soft line through points (N, 2) px, ``width`` px across, fading at both ends."""
    fine, shift, pieces = 4, 4, 39
    steps = np.linspace(0, len(points) - 1, pieces + 1)
    dense = np.stack([np.interp(steps, np.arange(len(points)), points[:, k]) for k in (0, 1)], 1)
    corners = np.round((dense * fine - 0.5) * (1 << shift)).astype(int).tolist()
    canvas = np.zeros((size * fine, size * fine), np.uint8)
    for k, (start, end) in enumerate(pairwise(corners)):
        value = int(255 * min(1.0, 0.35 + 0.65 * min(k, pieces - 1 - k) / 8))
        cv2.line(canvas, start, end, value, max(1, round(width * fine * 0.6)), cv2.LINE_AA, shift)
    line = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    line = cv2.GaussianBlur(line, (0, 0), max(0.4, width * 0.35))
    return torch.tensor(np.clip(line * 1.25, 0, 1))[None, None]
