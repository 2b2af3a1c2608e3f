"""Renderer G, first part: a flow warp of the portrait by the head model (design §5)."""

from .renderer import Renderer, WarpedFrames

__all__ = ["Renderer", "WarpedFrames"]
