"""What an extension may leave behind in Blender: a record of it, to compare before and after.

Call `watch` before the extension is enabled: neither Blender's timers nor Python's exit hooks can be listed, so they
are recorded as they are registered.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from pathlib import Path

import bpy

_timers: list = []
_hooks: list = []


def watch() -> None:
    """Record every timer and every exit hook that is registered from now on."""
    if getattr(bpy.app.timers.register, "noting", False):
        return
    _note(bpy.app.timers, "register", _timers.append)
    _note(atexit, "register", _hooks.append)
    _note(atexit, "unregister", lambda function: _hooks.remove(function) if function in _hooks else None)


def _note(module, name: str, note) -> None:
    original = getattr(module, name)

    def noting(function, *arguments, **settings):
        note(function)
        return original(function, *arguments, **settings)

    noting.noting = True
    setattr(module, name, noting)


def children() -> set[int]:
    """Running child processes of this process (only on Linux; empty elsewhere)."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == os.getpid() and state != "Z":
            found.add(int(path.parent.name))
    return found


def draw_functions() -> set[str]:
    """Functions appended to menus, headers and panels."""
    found = set()
    for name in dir(bpy.types):
        functions = getattr(getattr(getattr(bpy.types, name), "draw", None), "_draw_funcs", ())
        found |= {f"{name}: {function.__module__}.{function.__name__}" for function in functions}
    return found


def properties() -> set[str]:
    """Properties that Python added to Blender's own types."""
    owners = (bpy.types.Scene, bpy.types.Object, bpy.types.Action, bpy.types.WindowManager, bpy.types.WorkSpace)
    return {
        f"{owner.__name__}.{prop.identifier}" for owner in owners for prop in owner.bl_rna.properties if prop.is_runtime
    }


def classes() -> set[str]:
    """All registered classes and all operators that can be called."""
    groups = [name for name in dir(bpy.ops) if not name.startswith("_")]
    operators = {f"bpy.ops.{group}.{name}" for group in groups for name in dir(getattr(bpy.ops, group))}
    return set(dir(bpy.types)) | {name for name in operators if "soliloquy" in name}


def picture() -> dict[str, set]:
    """Everything that can leak, by kind. Threads and processes are given by their identifiers."""
    handlers = {
        f"{name}: {function.__module__}.{function.__name__}"
        for name in dir(bpy.app.handlers)
        if isinstance(getattr(bpy.app.handlers, name), list)
        for function in getattr(bpy.app.handlers, name)
    }
    return {
        "handlers": handlers,
        "timers": {f.__qualname__ for f in _timers if bpy.app.timers.is_registered(f)},
        "classes": classes(),
        "properties": properties(),
        "draw functions": draw_functions(),
        "threads": {thread.name for thread in threading.enumerate()},
        "processes": children(),
        "exit hooks": {f"{function.__module__}.{function.__qualname__}" for function in _hooks},
    }


def leaked(before: dict[str, set], seconds: float = 8.0) -> dict[str, set]:
    """What exists now and did not before. Threads and processes get some seconds to end."""
    end = time.monotonic() + seconds
    while True:
        now = picture()
        left = {kind: now[kind] - before[kind] for kind in now if now[kind] - before[kind]}
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.1)
