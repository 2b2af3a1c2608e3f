"""Everything that is loaded once and used for many jobs: networks, head model, portraits, renderers."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..places import WEIGHTS
from .take import file_digest

if TYPE_CHECKING:
    from ..head.head_model import HeadModel
    from ..portrait.portrait import Portrait
    from ..prior.model import NonlipPrior
    from ..renderer import Renderer
    from ..sound.lips import LipModel


@functools.cache
def weight_digests() -> dict[str, str]:
    """SHA-256 of every weights file, by file name."""
    return {path.name: file_digest(path) for path in sorted(WEIGHTS.glob("*.safetensors"))}


def cache_folder() -> Path | None:
    """Where fits of portraits are kept between jobs (``SOLILOQUY_CACHE`` overrides); None where nothing can be kept."""
    if named := os.environ.get("SOLILOQUY_CACHE"):
        folder = Path(named)
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA", Path.home())) / "Soliloquy" / "cache"
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Caches" / "soliloquy"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "soliloquy"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


class Models:
    """The networks of one device, each loaded when first asked for."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._renderer: tuple[tuple[str, int, str, str], Renderer] | None = None

    @functools.cached_property
    def head(self) -> HeadModel:
        """The head model."""
        from ..head.head_model import HeadModel

        return HeadModel.load(self.device)

    @property
    def ready(self) -> bool:
        """Whether the networks that make motion are loaded."""
        return "lips" in self.__dict__ and "prior" in self.__dict__

    def load(self) -> None:
        """Load the networks that make motion now rather than when they are first used."""
        self.lips, self.prior  # noqa: B018 - a cached property loads when it is read

    @functools.cached_property
    def lips(self) -> LipModel:
        """Lips from speech."""
        from ..sound.lips import LipModel

        return LipModel.load(self.device)

    @functools.cached_property
    def prior(self) -> NonlipPrior:
        """Everything else from speech."""
        from ..prior.model import NonlipPrior

        return NonlipPrior.load(self.device)

    def portrait(self, path: str | Path) -> Portrait:
        """The fitted portrait, from the cache where its content is known. Raises the portrait's BadInputErrors."""
        from ..portrait.portrait import load_portrait

        return load_portrait(path, cache_folder())

    def renderer(self, portrait: Portrait, size: int, framing: str, kind: str) -> Renderer:
        """A renderer for the portrait; the last one is kept, because analysing the picture takes seconds.

        ``kind`` is "gan" (G corrects the warp, where this build has its weights) or "warp".
        """
        from ..renderer import Renderer

        key = (portrait.digest, size, framing, kind)
        if self._renderer is None or self._renderer[0] != key:
            self._renderer = None  # free the old one's memory first
            painter: Literal["shipped"] | None = "shipped" if kind == "gan" else None
            renderer = Renderer(self.head, portrait, size, self.device, framing, painter)
            self._renderer = (key, renderer)
        return self._renderer[1]
