"""From names to motion sources and renderers. Their code and their weights are loaded when they are first asked for.

``core.wire.systems`` has the same names for both sides. To add one: an entry there, and one here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ..head.head_model import HeadModel
    from ..portrait.portrait import Portrait
    from .frame_renderer import FrameRenderer
    from .motion_source import MotionSource


def _diffusion(device: str) -> MotionSource:
    from ..prior.model import NonlipPrior
    from .diffusion import Diffusion

    return Diffusion(NonlipPrior.load(device))


def _sadtalker(device: str) -> MotionSource:
    from ..sadtalker.model import SadTalkerMotion
    from .sadtalker import SadTalker

    return SadTalker(SadTalkerMotion.load(device))


def _autoregressive(device: str) -> MotionSource:
    from ..prior.autoregressive.model import AutoregressiveMotion
    from .autoregressive import Autoregressive

    return Autoregressive(AutoregressiveMotion.load(device))


def _learned_diffusion(device: str) -> MotionSource:
    from ..prior.model import NonlipPrior
    from .diffusion import Diffusion

    return Diffusion(NonlipPrior.load(device, learned=True))


def _facetalk(device: str) -> MotionSource:
    from ..facetalk.model import FaceTalkMotion
    from .facetalk import FaceTalk

    return FaceTalk(FaceTalkMotion.load(device))


def _warped(painter: Literal["shipped"] | None) -> _NewRenderer:
    """Makes the renderer that warps the photograph, with or without the networks of G."""

    def new(
        head: HeadModel, portrait: Portrait, size: int, device: str, framing: str, picture: int | str
    ) -> FrameRenderer:
        from ..renderer import Renderer

        return Renderer(head, portrait, size, device, framing, painter, picture)

    return new


def _keypoints(
    head: HeadModel, portrait: Portrait, size: int, device: str, framing: str, picture: int | str
) -> FrameRenderer:
    from ..keypoints.renderer import KeypointRenderer

    return KeypointRenderer(head, portrait, size, device, framing, picture=picture)


def _paper(
    head: HeadModel, portrait: Portrait, size: int, device: str, framing: str, picture: int | str
) -> FrameRenderer:
    from ..renderer.paper.renderer import PaperRenderer

    return PaperRenderer(portrait, size, device, framing, picture=picture)


_NewRenderer = Callable[["HeadModel", "Portrait", int, str, str, int | str], "FrameRenderer"]
SOURCES: Mapping[str, Callable[[str], MotionSource]] = {
    "diffusion": _diffusion,
    "sadtalker": _sadtalker,
    "autoregressive": _autoregressive,
    "diffusion-learned": _learned_diffusion,
    "facetalk": _facetalk,
}
"""Motion sources by name, each as a function of the device."""
RENDERERS: Mapping[str, _NewRenderer] = {
    "gan": _warped("shipped"),
    "warp": _warped(None),
    "keypoints": _keypoints,
    "paper": _paper,
}
"""Renderers by name, each as a function of head model, portrait, size, device, framing and picture, which are those of
``core.renderer.Renderer``. Without its weights, ``gan`` is ``warp``, and its ``kind`` says so."""
OWN_WEIGHTS: Mapping[str, str] = {
    "sadtalker": "sadtalker.safetensors",
    "autoregressive": "autoregressive-*.safetensors",
    "diffusion-learned": "learned_prior-*.safetensors",
    "facetalk": "facetalk.safetensors",
    "keypoints": "keypoints.safetensors",
    "paper": "paper_generator.safetensors",
}
"""Patterns of the weights files that only one motion source or renderer uses. Takes of others don't depend on them."""
