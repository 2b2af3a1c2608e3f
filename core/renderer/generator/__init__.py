"""G: what the head model's warp of a photograph lacks, drawn by networks (paper §3.3, design §5)."""

from .config import GeneratorConfig, PaperGeneratorConfig
from .generator import Correction, Generator
from .paper import PaperGenerator

__all__ = ["Correction", "Generator", "GeneratorConfig", "PaperGenerator", "PaperGeneratorConfig"]
