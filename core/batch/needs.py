"""How many bytes of memory a worker needs: measured on two processor cores (docs/results/speed.md), a GPU's guessed."""

from __future__ import annotations

from ..wire.protocol import Generate

MEMORY_PER_PIXEL = 200.0
"""Main memory for each pixel of a frame, for pasting and packing: 170 to 200 between pictures of 512² and 2160²."""
_MAIN = (0.70e9, 0.63e9)
_GPU = (0.8e9, 0.9e9)
"""A constant part, and a part for pictures of 512² at the face."""
_PHOTOGRAPH = 1080 * 864
"""Pixels of a frame that is as large as its photograph, where that isn't known."""


def main_memory(size: int | None) -> float:
    """Main memory of a worker that draws faces of ``size``² pixels, without its whole frame; None: motion only."""
    return _MAIN[0] + _MAIN[1] * _squares(size)


def gpu_memory(size: int | None) -> float:
    """Memory on the GPU of the same worker."""
    return _GPU[0] + _GPU[1] * _squares(size)


def of_request(request: Generate) -> tuple[float, float]:
    """Main memory and GPU memory for the takes of a request, where no worker has measured them."""
    if request.motion_only:
        return main_memory(None), gpu_memory(None)
    return main_memory(request.size) + _PHOTOGRAPH * MEMORY_PER_PIXEL, gpu_memory(request.size)


def _squares(size: int | None) -> float:
    return 0.0 if size is None else (size / 512) ** 2
