"""Errors that nobody expected, as a sentence: an operator that ends with a traceback would leave its state behind."""

from __future__ import annotations

import traceback

from ..core.errors import SoliloquyError
from .words import say


def as_told(error: Exception) -> SoliloquyError:
    """The error itself if it has a sentence for the user; otherwise one, and the traceback goes to the console."""
    if isinstance(error, SoliloquyError):
        return error
    traceback.print_exception(error)
    kind = type(error).__name__
    return SoliloquyError(
        "internal",
        say("Something went wrong inside Soliloquy ({kind}: {error}).", kind=kind, error=error),
        say("Blender's system console has the details. Please report it."),
    )
