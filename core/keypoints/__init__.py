"""The face render with keypoints (SadTalker, arXiv 2211.12194, section 3.3; face-vid2vid)."""

from .config import KeypointsConfig
from .network import Drawn, Encoded, FaceRender

__all__ = ["Drawn", "Encoded", "FaceRender", "KeypointsConfig"]
