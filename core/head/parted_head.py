"""What bones and the tongue need of a head, be it the head model or the detailed head."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class PartedHead(Protocol):
    """A head with named parts."""

    @property
    def mean(self) -> Tensor:
        """(V, 3) the mean head, centimetres."""

    def part_vertices(self, *names: str) -> Tensor:
        """Indices of the vertices of the named parts."""
