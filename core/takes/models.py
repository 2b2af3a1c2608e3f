"""Networks, head model, portraits and renderers: loaded once and used for many jobs."""

from __future__ import annotations

import fnmatch
import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..compute.weight_files import weight_digest
from ..errors import SoliloquyError
from ..files import make_private_folder
from ..places import WEIGHTS
from ..systems.choice import OWN_WEIGHTS, RENDERERS, SOURCES

if TYPE_CHECKING:
    from ..head.head_model import HeadModel
    from ..motion.turning import TurningLimits
    from ..portrait.portrait import Portrait
    from ..sound.lips import LipModel
    from ..systems.frame_renderer import FrameRenderer
    from ..systems.motion_source import MotionSource

HEADS_ONLY = ("detailed_head-*.safetensors", "neural_head.safetensors")
"""Patterns of the weights files that no take depends on."""


@functools.cache
def weight_digests() -> dict[str, str]:
    """SHA-256 of every weights file, by file name."""
    return {path.name: weight_digest(path) for path in sorted(WEIGHTS.glob("*.safetensors"))}


def digests_for(*systems: str) -> dict[str, str]:
    """`weight_digests` without the files that only other motion sources and renderers than ``systems`` use, or only
    heads."""
    others = [*HEADS_ONLY, *(pattern for name, pattern in OWN_WEIGHTS.items() if name not in systems)]
    return {
        file: digest
        for file, digest in weight_digests().items()
        if not any(fnmatch.fnmatchcase(file, pattern) for pattern in others)
    }


def cache_folder() -> Path | None:
    """Where fits of portraits are kept between jobs, or None if no folder can be written.

    The environment variable ``SOLILOQUY_CACHE`` overrides the system's own place. Fits describe faces, so other users
    of the computer can't look into the folder. One that was there before and is named by the variable stays as it is.
    """
    if named := os.environ.get("SOLILOQUY_CACHE"):
        folder = Path(named)
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA", Path.home())) / "Soliloquy" / "cache"
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Caches" / "soliloquy"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "soliloquy"
    try:
        make_private_folder(folder, ours=not named)
    except SoliloquyError:
        return None
    return folder if os.access(folder, os.W_OK) else None


class Models:
    """The networks on one device. Each is loaded when it is first used."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._lips: LipModel | None = None
        self._sources: dict[str, MotionSource] = {}
        self._renderer: tuple[tuple[str, int, str, str, int | str], FrameRenderer] | None = None

    @functools.cached_property
    def head(self) -> HeadModel:
        """The head model."""
        from ..head.head_model import HeadModel

        return HeadModel.load(self.device)

    def ready(self, source: str) -> bool:
        """Whether the networks that make motion with the motion source ``source`` are loaded."""
        return self._lips is not None and source in self._sources

    def load(self, source: str) -> None:
        """Load the networks that make motion with the motion source ``source``."""
        _ = self.lips
        self.source(source)

    @property
    def lips(self) -> LipModel:
        """Lips from speech."""
        if self._lips is None:
            from ..sound.lips import LipModel

            self._lips = LipModel.load(self.device)
        return self._lips

    def source(self, name: str) -> MotionSource:
        """The motion source of this name. Raises SoliloquyError ``weights_missing`` or ``weights_damaged``."""
        if name not in self._sources:
            self._sources[name] = SOURCES[name](self.device)
        return self._sources[name]

    def portrait(self, path: str | Path) -> Portrait:
        """The fitted portrait, from the cache if its content is known.

        Raises BadInputError as ``core.portrait.load.load_portrait``.
        """
        from ..portrait.load import load_portrait

        return load_portrait(path, cache_folder())

    def turning(self, portrait: Portrait) -> TurningLimits:
        """How far the head of a portrait may turn."""
        from ..portrait.turning import turning_limits

        return turning_limits(self.head.to("cpu"), portrait)

    def renderer(self, portrait: Portrait, size: int, framing: str, kind: str, picture: int | str) -> FrameRenderer:
        """A renderer for the portrait. The last one is kept, because it takes seconds to analyse the picture.

        ``kind`` is its name (``core.systems.choice.RENDERERS``). The others are those of ``core.renderer.Renderer``.
        """
        key = (portrait.digest, size, framing, kind, picture)
        if self._renderer is None or self._renderer[0] != key:
            self._renderer = None  # free the old one's memory first
            renderer = RENDERERS[kind](self.head, portrait, size, self.device, framing, picture)
            self._renderer = (key, renderer)
        return self._renderer[1]
