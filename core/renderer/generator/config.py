"""Size of the generator."""

from __future__ import annotations

from dataclasses import dataclass

STYLE = (128, 64, 32)
"""Widths of the parts of f_cat = (f_id, f_nl, f_l), paper §3.3."""


@dataclass(frozen=True)
class GeneratorConfig:
    """Size of the generator with flow.

    Attributes
    ----------
    side
        Side in pixels of the square that it works on. For larger frames its corrections are enlarged.
    widths
        Channels at 1/2, 1/4, 1/8 and 1/16 of the square's side.
    source_widths
        Channels of the source's features that are warped into the frame, at 1/4 and 1/8.
    style
        Widths of the parts of f_cat.
    mapped
        Width of the mapped style w.
    shift
        Largest residual shift of the warp, as a fraction of the side.
    kept
        Share of the warp in the output when training begins.
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
        """A size for tests, whose steps take milliseconds."""
        return cls(side=64, widths=(8, 12, 16, 16), source_widths=(4, 8), mapped=16)
