"""Names of the detailed head's parts."""

from ..head.head_model import PARTS

DETAILED_PARTS = (*PARTS, "cornea_left", "cornea_right", "lashes_left", "lashes_right")
"""Part labels: those of the head model, then the eyes' clear outer shells and the lashes."""
STEM = "detailed_head"
"""Beginning of the names of its files of weights."""
