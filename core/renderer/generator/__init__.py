"""G: networks that correct the warped photograph where a warp can't be right (paper §3.3)."""

from .config import GeneratorConfig
from .generator import Correction, Generator

__all__ = ["Correction", "Generator", "GeneratorConfig"]
