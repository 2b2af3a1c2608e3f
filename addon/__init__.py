"""The part of Soliloquy that runs inside Blender. The extension's root module calls `register` and `unregister`."""

from __future__ import annotations

import bpy

from . import session, steps, translations
from .animation import nla
from .commands import registration as commands_registration
from .jobs import estimate
from .jobs import jobs as worker_jobs
from .operators import characters as operators_characters
from .operators import doctor as operators_doctor
from .operators import exchange as operators_exchange
from .operators import export as operators_export
from .operators import head as operators_head
from .operators import message as operators_message
from .operators import phones as operators_phones
from .operators import preview as operators_preview
from .operators import queue as operators_queue
from .operators import queue_run as operators_queue_run
from .operators import runtime as operators_runtime
from .operators import take_folders as operators_take_folders
from .operators import take_list as operators_take_list
from .operators import takes as operators_takes
from .operators import targets as operators_targets
from .operators import timed as operators_timed
from .operators import transcript as operators_transcript
from .panels import doctor as panels_doctor
from .panels import menus, status_bar
from .panels import phones as panels_phones
from .panels import preferences as panels_preferences
from .panels import presets as panels_presets
from .panels import queue as panels_queue
from .panels import speak as panels_speak
from .panels import style as panels_style
from .panels import takes as panels_takes
from .panels import targets as panels_targets
from .properties import output
from .properties import queue as properties_queue
from .properties import scene as properties_scene
from .properties import transcript as properties_transcript
from .properties.scene import settings_of
from .queue import job_queue
from .scene import reactions, saving, take_list, thumbnails

_WITH_CLASSES = (
    *(panels_preferences, properties_transcript, properties_scene, properties_queue),
    *(operators_runtime, operators_takes, operators_take_list, operators_take_folders),
    *(operators_head, operators_targets, operators_exchange, operators_export, menus),
    *(operators_transcript, operators_preview, operators_characters, operators_queue, operators_queue_run),
    *(operators_timed, operators_phones, panels_phones),
    *(panels_presets, panels_speak, panels_takes, panels_style, panels_queue, panels_targets),
    *(operators_doctor, panels_doctor, operators_message),
)
_WITH_HOOKS = (
    *(properties_transcript, properties_scene, reactions, saving, properties_queue, panels_presets),
    *(steps, worker_jobs, job_queue),
    *(operators_runtime, thumbnails, menus, panels_phones, status_bar, translations, commands_registration),
)


@bpy.app.handlers.persistent
def _after_load(*_: object) -> None:
    """Update the takes of a file that was just opened: their folders may have been deleted since it was saved."""
    output.forget_unsaved()
    for scene in bpy.data.scenes:
        for take in settings_of(scene).takes:
            take.refresh_status()
            take_list.complete(take)
        nla.settle({take.key: take.shown for take in settings_of(scene).takes})


def register() -> None:
    """Begin a session and register classes, scene settings, handlers and the command line."""
    session.begin()
    estimate.read_rates()
    for module in _WITH_CLASSES:
        for cls in module.CLASSES:
            bpy.utils.register_class(cls)
    for module in _WITH_HOOKS:
        module.register()
    bpy.app.handlers.load_post.append(_after_load)


def unregister() -> None:
    """Undo `register` in reverse order. A running job and a running installation are stopped."""
    bpy.app.handlers.load_post.remove(_after_load)
    for module in reversed(_WITH_HOOKS):
        module.unregister()
    for module in reversed(_WITH_CLASSES):
        for cls in reversed(module.CLASSES):
            bpy.utils.unregister_class(cls)
    session.end()
