"""The renderer: frames of one portrait, by a flow warp of the head model and G's corrections."""

from .renderer import Renderer, WarpedFrames

__all__ = ["Renderer", "WarpedFrames"]
