"""Sizes of the renderer's networks."""

from __future__ import annotations

from dataclasses import dataclass

STYLE = (128, 64, 32)
"""Widths of the parts of f_cat = (f_id, f_nl, f_l), paper §3.3."""


@dataclass(frozen=True)
class GeneratorConfig:
    """Generator with flow.

    Attributes
    ----------
    side
        Side in pixels of the square that it works on; larger frames take its corrections enlarged.
    widths
        Channels at 1/2, 1/4, 1/8 and 1/16 of the square's side.
    source_widths
        Channels of the source's encoding that are warped into the frame, at 1/4 and 1/8.
    style
        Parts of f_cat.
    mapped
        Width of the mapped style w.
    shift
        Largest residual move of the warp, parts of the side.
    kept
        Share of the warp in the output where training begins.
    """

    side: int = 256
    widths: tuple[int, int, int, int] = (32, 64, 128, 192)
    source_widths: tuple[int, int] = (32, 64)
    style: tuple[int, int, int] = STYLE
    mapped: int = 128
    shift: float = 0.02
    kept: float = 0.7

    @classmethod
    def tiny(cls) -> GeneratorConfig:
        """A size whose steps take milliseconds, for tests."""
        return cls(side=64, widths=(8, 12, 16, 16), source_widths=(4, 8), mapped=16)


@dataclass(frozen=True)
class PaperGeneratorConfig:
    """The paper's own generator, without flow.

    Attributes
    ----------
    side
        Side of the square in pixels.
    widths
        Channels from 8 × 8 pixels up, doubling the side each time, to the whole square.
    style
        Parts of f_cat.
    mapped
        Width of the mapped style w.
    """

    side: int = 256
    widths: tuple[int, ...] = (256, 256, 192, 128, 64, 32)
    style: tuple[int, int, int] = STYLE
    mapped: int = 256

    @classmethod
    def tiny(cls) -> PaperGeneratorConfig:
        """A size whose steps take milliseconds, for tests."""
        return cls(side=64, widths=(24, 16, 12, 8), mapped=16)
