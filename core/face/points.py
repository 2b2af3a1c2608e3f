"""Indices of face landmarks: mediapipe's face mesh and the 68 landmarks of iBUG (dlib), by the part of the face.

The face mesh has 468 points, and 5 more for each iris. "Left" and "right" are the person's own. Where a constant holds
both eyes, the person's left eye comes first.
"""

from __future__ import annotations

MESH_POINTS = 468
"""Points of the face mesh without the irises."""
LANDMARKS = 478
"""Points with the irises."""
IRIS_RIGHT = slice(468, 473)
"""The right iris: its centre, then four points around it."""
IRIS_LEFT = slice(473, 478)
IRISES = (IRIS_LEFT, IRIS_RIGHT)

CONTOUR = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Outline of the face: forehead, left side, chin, right side. These points slide over the skin as the head turns."""
BROWS = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 300, 293, 334, 296, 336, 285, 295, 282, 283, 276)

# Eyes ----------------------------------------------------------------------------------------------------------------

EYE_CORNERS = ((263, 362), (33, 133))
"""(outer, inner) corner of each eye."""
OUTER_EYES = (33, 263)
"""Outer corners of the right eye and the left eye. Their distance is the unit for other lengths."""
UPPER_LIDS: tuple[tuple[int, ...], ...] = ((466, 388, 387, 386, 385, 384, 398), (246, 161, 160, 159, 158, 157, 173))
LOWER_LIDS: tuple[tuple[int, ...], ...] = ((249, 390, 373, 374, 380, 381, 382), (7, 163, 144, 145, 153, 154, 155))
"""Points along the lids from the outer corner to the inner one, without the corners. Opposite points have the same
place in both."""


def _pairs(side: int) -> tuple[tuple[int, int], ...]:
    return tuple(zip(UPPER_LIDS[side], LOWER_LIDS[side], strict=True))


LID_PAIRS = (_pairs(0), _pairs(1))
"""(upper, lower) points across each lid opening, from the outer corner to the inner one."""
MIDDLE_LIDS = slice(2, 5)
"""The three pairs of ``LID_PAIRS`` in the middle of the opening, which tell best how far an eye is open."""
LID_PAIRS_FROM_MIDDLE = tuple(tuple(pairs[k] for k in (3, 4, 2, 5, 1, 6, 0)) for pairs in LID_PAIRS)
"""The same pairs from the middle of the opening outward."""
LID_RINGS = tuple(
    (outer, *upper, inner, *reversed(lower))
    for (outer, inner), upper, lower in zip(EYE_CORNERS, UPPER_LIDS, LOWER_LIDS, strict=True)
)
"""Closed loops along the lid margins: outer corner, upper lid, inner corner, lower lid."""

# Mouth ---------------------------------------------------------------------------------------------------------------

MOUTH_CORNERS = (61, 291)
"""Right and left corner of the outer lips."""
LIPS_OUTER_RING = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
"""Closed loop around the lips from the right corner: upper lip, left corner, lower lip."""
LIP_LINE: tuple[tuple[int, int], ...] = (
    (78, 78),
    (191, 95),
    (80, 88),
    (81, 178),
    (82, 87),
    (13, 14),
    (312, 317),
    (311, 402),
    (310, 318),
    (415, 324),
    (308, 308),
)
"""(upper, lower) points of the inner lips along the line where they meet, from the right corner to the left one. At
each corner both are the same point."""
INNER_LIP_PAIRS = LIP_LINE[1:-1]
"""(upper, lower) points across the inner lips, without the corners."""
MIDDLE_LIP_PAIRS = LIP_LINE[3:8]
"""The five pairs in the middle of the mouth."""
LIP_PAIRS_FROM_MIDDLE = tuple(LIP_LINE[k] for k in (5, 4, 6, 3, 7, 2, 8, 1, 9))
"""The pairs of ``INNER_LIP_PAIRS`` from the middle of the mouth outward."""
LIPS_INNER_RING = (*(upper for upper, _ in LIP_LINE), *(lower for _, lower in reversed(INNER_LIP_PAIRS)))
"""Closed loop around the opening of the lips from the right corner: upper lip, left corner, lower lip."""

# The 68 landmarks of iBUG --------------------------------------------------------------------------------------------

IBUG_LANDMARKS = 68
IBUG_JAW = slice(0, 17)
"""Outline of the face from the right temple over the chin to the left temple."""
IBUG_BROWS = slice(17, 27)
IBUG_NOSE = slice(27, 36)
IBUG_EYES = slice(36, 48)
IBUG_MOUTH = slice(48, 68)
IBUG_TEMPLES = (0, 16)
IBUG_EYE_CORNERS = ((45, 42), (36, 39))
"""(outer, inner) corner of each eye."""
IBUG_OUTER_EYES = (36, 45)
"""Outer corners of the right eye and the left eye."""
IBUG_MOUTH_CORNERS = (48, 54)
"""Right and left corner of the outer lips."""
IBUG_LID_PAIRS = (((43, 47), (44, 46)), ((37, 41), (38, 40)))
"""(upper, lower) points across each lid opening."""
IBUG_LIP_PAIRS = ((61, 67), (62, 66), (63, 65))
"""(upper, lower) points across the inner lips, from right to left."""
IBUG_LIP_MIDDLE = IBUG_LIP_PAIRS[1]
