"""Several characters in one scene: which strip is whose, whose portrait that means, and on whose targets takes land."""

from __future__ import annotations

from typing import Any

import bpy

from .. import compat
from ..properties.queue import SoliloquyCharacter
from ..properties.scene import SoliloquySettings, settings_of
from . import portrait


def characters_of(scene: bpy.types.Scene) -> Any:
    """The scene's collection of characters."""
    return scene.soliloquy_queue.characters


def active_character(scene: bpy.types.Scene) -> SoliloquyCharacter | None:
    """The character chosen in the list, or None."""
    settings = scene.soliloquy_queue
    index = settings.active_character
    return settings.characters[index] if 0 <= index < len(settings.characters) else None


def named(scene: bpy.types.Scene, name: str) -> SoliloquyCharacter | None:
    """The character of that name, or None."""
    return next((character for character in characters_of(scene) if name and character.name == name), None)


def of_strip(scene: bpy.types.Scene, strip: Any) -> SoliloquyCharacter | None:
    """Who speaks a strip; None where nobody was assigned or the character is gone."""
    return named(scene, getattr(strip, "soliloquy_character", "")) if strip is not None else None


def portrait_owner(scene: bpy.types.Scene, name: str) -> SoliloquyCharacter | SoliloquySettings:
    """What holds the portrait for a character's speech: the character, else the scene's settings."""
    character = named(scene, name)
    return character if character is not None and portrait.has_portrait(character) else settings_of(scene)


def assigned_strips(scene: bpy.types.Scene) -> list[Any]:
    """Sound strips that are heard and whose character has a portrait, in the order in which they are heard."""
    found = []
    for strip in compat.all_strips(scene):
        character = of_strip(scene, strip) if strip.type == "SOUND" and not strip.mute else None
        if character is not None and portrait.has_portrait(character):
            found.append(strip)
    return sorted(found, key=lambda strip: (compat.left_handle(strip), strip.channel))


def free_name(scene: bpy.types.Scene, wanted: str) -> str:
    """``wanted``, with a number where another character has that name."""
    taken = {character.name for character in characters_of(scene)}
    names = (wanted if k == 1 else f"{wanted} {k}" for k in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
