"""Who speaks which strip, and the queue's settings: kept in the scene; the queue's lines: kept for the session."""

from __future__ import annotations

import bpy
from bpy.props import CollectionProperty, IntProperty, PointerProperty, StringProperty

from ..compat import BLEND_RELATIVE, STRIP_TYPE
from .portrait import PortraitProperties


class SoliloquyCharacter(PortraitProperties, bpy.types.PropertyGroup):
    """Someone who speaks: a name and a portrait. Strips and targets say by name whose they are."""

    name: StringProperty(name="Name", description="Strips and targets that belong to this character carry its name")


class SoliloquyQueueSettings(bpy.types.PropertyGroup):
    """Characters of the scene, and where its queue lies."""

    characters: CollectionProperty(type=SoliloquyCharacter)
    active_character: IntProperty(name="Active Character")
    file: StringProperty(
        name="Queue File",
        subtype="FILE_PATH",
        options=BLEND_RELATIVE,
        description="Job list (JSON or CSV) that the queue is kept in; the command line runs the same file",
    )
    workers: IntProperty(
        name="Workers",
        description="Jobs made at the same time; 0: one for each GPU, on a processor by its cores and memory",
        default=0,
        min=0,
        max=64,
    )


class SoliloquyQueueItem(bpy.types.PropertyGroup):
    """A line of the queue's list; what it says is looked up by its key."""

    name: StringProperty(name="Name")
    key: StringProperty(name="Key")


class SoliloquyQueueList(bpy.types.PropertyGroup):
    """The lines, for Blender's list widget."""

    items: CollectionProperty(type=SoliloquyQueueItem)
    active: IntProperty(name="Active Job")


CLASSES = (SoliloquyCharacter, SoliloquyQueueSettings, SoliloquyQueueItem, SoliloquyQueueList)


def register() -> None:
    """Attach them to scenes, strips and the window manager."""
    bpy.types.Scene.soliloquy_queue = PointerProperty(type=SoliloquyQueueSettings)
    bpy.types.WindowManager.soliloquy_queue = PointerProperty(type=SoliloquyQueueList)
    STRIP_TYPE.soliloquy_character = StringProperty(
        name="Character", description="Who speaks this strip: whose portrait is used, on whose targets takes are baked"
    )
    STRIP_TYPE.soliloquy_link = StringProperty(options={"HIDDEN"})  # what takes and jobs know the strip by


def unregister() -> None:
    """Detach them."""
    del STRIP_TYPE.soliloquy_link
    del STRIP_TYPE.soliloquy_character
    del bpy.types.WindowManager.soliloquy_queue
    del bpy.types.Scene.soliloquy_queue
