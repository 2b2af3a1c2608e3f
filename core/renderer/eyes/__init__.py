"""The eyes: eyeballs that turn in their openings, and lids that roll down over them."""

from .eye import Eye
from .lid_motion import LidMotion

__all__ = ["Eye", "LidMotion"]
