"""Characters of a scene: which strips, which portrait and which targets belong to whom."""

from __future__ import annotations

from typing import Any

import bpy

from .. import compat
from ..properties.queue import SoliloquyCharacter, queue_settings_of
from ..properties.scene import SoliloquySettings, settings_of
from ..sequencer import hearing
from . import portrait


def characters_of(scene: bpy.types.Scene) -> Any:
    """The scene's collection of characters."""
    return queue_settings_of(scene).characters


def active_character(scene: bpy.types.Scene) -> SoliloquyCharacter | None:
    """The character chosen in the list, or None."""
    settings = queue_settings_of(scene)
    index = settings.active_character
    return settings.characters[index] if 0 <= index < len(settings.characters) else None


def named(scene: bpy.types.Scene, name: str) -> SoliloquyCharacter | None:
    """The character of that name, or None."""
    return next((character for character in characters_of(scene) if name and character.name == name), None)


def of_strip(scene: bpy.types.Scene, strip: Any) -> SoliloquyCharacter | None:
    """The character who speaks a strip; None if none was assigned or it was removed."""
    return named(scene, getattr(strip, "soliloquy_character", "")) if strip is not None else None


def portrait_owner(scene: bpy.types.Scene, name: str) -> SoliloquyCharacter | SoliloquySettings:
    """The owner of the portrait for a character's speech: the character if it has one, else the scene's settings."""
    character = named(scene, name)
    return character if character is not None and portrait.has_portrait(character) else settings_of(scene)


def assigned_strips(scene: bpy.types.Scene) -> list[Any]:
    """Audible sound strips whose character has a portrait, in the order in which they are heard."""
    found = []
    for strip in compat.all_strips(scene):
        character = of_strip(scene, strip) if strip.type == "SOUND" else None
        if character is None or hearing.why_unheard(scene, strip):
            continue
        if portrait.has_portrait(character):
            found.append(strip)
    return sorted(found, key=lambda strip: (compat.left_handle(strip), strip.channel))


def free_name(scene: bpy.types.Scene, wanted: str) -> str:
    """``wanted``, with a number if another character has that name."""
    taken = {character.name for character in characters_of(scene)}
    names = (wanted if k == 1 else f"{wanted} {k}" for k in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
