"""All of Soliloquy that touches Blender; `register` and `unregister` are called by the extension's root module."""

from __future__ import annotations

import bpy

from . import (
    cli,
    estimate,
    job_queue,
    jobs,
    menus,
    nla,
    operators_characters,
    operators_doctor,
    operators_exchange,
    operators_export,
    operators_head,
    operators_list,
    operators_preview,
    operators_queue,
    operators_queue_run,
    operators_runtime,
    operators_takes,
    operators_targets,
    panels,
    panels_doctor,
    panels_preferences,
    panels_queue,
    panels_style,
    panels_takes,
    panels_targets,
    properties,
    properties_queue,
    reactions,
    status_bar,
    steps,
    style_presets,
    takes,
    thumbnails,
    translations,
)
from .properties import settings_of

_WITH_CLASSES = (
    *(panels_preferences, properties, properties_queue),
    *(operators_runtime, operators_takes, operators_list, operators_head, operators_targets),
    *(operators_exchange, operators_export, menus),
    *(operators_preview, operators_characters, operators_queue, operators_queue_run),
    *(style_presets, panels, panels_takes, panels_style, panels_queue, panels_targets),
    *(operators_doctor, panels_doctor),
)
_WITH_HOOKS = (
    *(properties, reactions, properties_queue, style_presets),
    *(estimate, steps, operators_doctor, jobs, job_queue),
    *(operators_runtime, thumbnails, menus, status_bar, translations, cli),
)


@bpy.app.handlers.persistent
def _after_load(*_: object) -> None:
    """Takes may have been deleted on disk since the file was saved."""
    for scene in bpy.data.scenes:
        for take in settings_of(scene).takes:
            take.refresh_status()
            take.key = take.key or takes.new_key()  # files of version 0.1 have none
        nla.settle({take.key: take.shown for take in settings_of(scene).takes})


def register() -> None:
    """Register classes, scene settings, handlers and the command line."""
    for module in _WITH_CLASSES:
        for cls in module.CLASSES:
            bpy.utils.register_class(cls)
    for module in _WITH_HOOKS:
        module.register()
    bpy.app.handlers.load_post.append(_after_load)


def unregister() -> None:
    """Undo `register` in reverse order; a running job and a running installation are stopped."""
    bpy.app.handlers.load_post.remove(_after_load)
    for module in reversed(_WITH_HOOKS):
        module.unregister()
    for module in reversed(_WITH_CLASSES):
        for cls in reversed(module.CLASSES):
            bpy.utils.unregister_class(cls)
