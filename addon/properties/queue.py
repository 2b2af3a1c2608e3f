"""Characters and queue settings, which the scene stores, and the queue's lines, which exist only in this session."""

from __future__ import annotations

import os
from pathlib import Path

import bpy
from bpy.props import CollectionProperty, IntProperty, StringProperty

from ..compat import BLEND_RELATIVE, STRIP_TYPE
from ..storage import paths
from ..typed import attach, attached, declarations, detach
from .portrait import PortraitProperties


class SoliloquyCharacter(PortraitProperties, bpy.types.PropertyGroup):
    """Someone who speaks: a name and a portrait. Strips and targets refer to a character by its name."""

    name: StringProperty(name="Name", description="Strips and targets that belong to this character carry its name")


class SoliloquyQueueSettings(bpy.types.PropertyGroup):
    """Characters of the scene, and the file of its queue."""

    characters: CollectionProperty(type=SoliloquyCharacter)
    active_character: IntProperty(name="Active Character")
    file: StringProperty(
        name="Queue File",
        subtype="FILE_PATH",
        options=BLEND_RELATIVE,
        description="Job list (JSON or CSV) that holds the queue; the command line runs the same file",
    )
    workers: IntProperty(
        name="Workers",
        description="Jobs that run at the same time; 0: one per GPU, or on a processor by its cores and memory",
        default=0,
        min=0,
        max=64,
    )

    def path(self) -> Path:
        """The queue's file, absolute. The disk isn't touched, because anybody may have made the .blend."""
        stored = bpy.path.abspath(self.file)
        return Path(os.path.normpath(stored if paths.is_network(stored) else os.path.abspath(stored)))  # noqa: PTH100


class SoliloquyQueueItem(bpy.types.PropertyGroup):
    """A line of the queue's list; its content is looked up by its key."""

    name: StringProperty(name="Name")
    key: StringProperty(name="Key")


class SoliloquyQueueList(bpy.types.PropertyGroup):
    """The lines, for Blender's list widget."""

    items: CollectionProperty(type=SoliloquyQueueItem)
    active: IntProperty(name="Active Job")


def queue_settings_of(scene: bpy.types.Scene) -> SoliloquyQueueSettings:
    """The scene's characters and the settings of its queue."""
    settings: SoliloquyQueueSettings = attached(scene, "soliloquy_queue")
    return settings


def queue_lines_of(manager: bpy.types.WindowManager) -> SoliloquyQueueList:
    """The lines of the queue's list widget."""
    lines: SoliloquyQueueList = attached(manager, "soliloquy_queue")
    return lines


CLASSES = (SoliloquyCharacter, SoliloquyQueueSettings, SoliloquyQueueItem, SoliloquyQueueList)


def register() -> None:
    """Attach them to scenes, strips and the window manager."""
    attach(bpy.types.Scene, "soliloquy_queue", declarations.PointerProperty(type=SoliloquyQueueSettings))
    attach(bpy.types.WindowManager, "soliloquy_queue", declarations.PointerProperty(type=SoliloquyQueueList))
    character = declarations.StringProperty(
        name="Character",
        description="Character who speaks this strip: its portrait is used, and takes are baked on its targets",
    )
    attach(STRIP_TYPE, "soliloquy_character", character)
    # Takes and jobs refer to a strip by this.
    attach(STRIP_TYPE, "soliloquy_link", declarations.StringProperty(options={"HIDDEN"}))


def unregister() -> None:
    """Detach them."""
    detach(STRIP_TYPE, "soliloquy_link")
    detach(STRIP_TYPE, "soliloquy_character")
    detach(bpy.types.WindowManager, "soliloquy_queue")
    detach(bpy.types.Scene, "soliloquy_queue")
