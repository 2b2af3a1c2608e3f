"""Offers the command to Blender. The code of the command is imported only when somebody runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy

from ..places import COMMAND
from ..session import session


@dataclass
class Command:
    """Blender's handle of the registered command."""

    handle: Any = None


def _run(arguments: list[str]) -> int:
    """Handler of the command; returns the exit code."""
    from . import cli  # not while Blender starts: a window never needs it

    return cli.run(arguments)


def register() -> None:
    """Offer the command."""
    utils: Any = bpy.utils  # the stubs say that the function returns nothing
    session().part(Command).handle = utils.register_cli_command(COMMAND, _run)


def unregister() -> None:
    """Remove the command."""
    bpy.utils.unregister_cli_command(session().part(Command).handle)
