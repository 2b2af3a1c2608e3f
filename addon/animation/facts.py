"""Facts about a bake, stored as JSON in its Action. The .blend may come from anywhere, so each value is checked."""

from __future__ import annotations

import json
import math
from typing import Any

import bpy

from ...core.errors import BadInputError
from ..rig.mapping import FORMAT, from_json

FACTS = "soliloquy_facts"
"""Custom property of an Action: facts about the bake, as JSON (see `facts_of`)."""
_NUMBERS = frozenset(("origin", "tolerance", "placed", "audio_start", "articulation"))
_WHOLE = frozenset(("index", "number", "seed", "frame_count", "channel"))
_MARKS = frozenset(("has_frames", "imported", "preview", "star"))
_TEXTS = frozenset(("name", "folder", "job", "job_id", "audio_strip", "character", "note", "block", "transcript"))
_LISTS = frozenset(("range", "curves", "before", "neutral", "roles"))
_WHOLE_LIMIT = 1 << 31
"""Blender's whole numbers are smaller than this."""
_PER_CURVE = ("before", "neutral", "roles")
"""Lists with a value for each entry of ``curves``."""


def facts_of(action: bpy.types.Action) -> dict[str, Any]:
    """Facts that a bake stored in the Action: take, rules, timing, tolerance, owned curves.

    Values that are damaged are left out; nothing is left where the whole text can't be read.
    """
    try:
        facts = json.loads(action.get(FACTS, ""))
    except (ValueError, TypeError, RecursionError):
        return {}
    if not isinstance(facts, dict):
        return {}
    sound = {name: value for name, value in facts.items() if _is_sound(name, value)}
    for name in _PER_CURVE:
        if name in sound and len(sound[name]) != len(sound.get("curves", ())):
            del sound[name]
    return sound


def set_facts(action: bpy.types.Action, facts: dict[str, Any]) -> None:
    """Store facts about a bake in its Action. The JSON is ASCII: a lone surrogate in it would end Blender."""
    action[FACTS] = json.dumps(facts)


def _is_sound(name: str, value: Any) -> bool:
    """Whether the value of a fact has the type that its readers expect; facts that nobody reads may be anything."""
    if name in ("rate", "fps"):
        return _is_number(value) and value > 0
    if name in _NUMBERS:
        return _is_number(value)
    if name in _WHOLE:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _WHOLE_LIMIT
    if name in _MARKS:
        return isinstance(value, bool)
    if name in _TEXTS:
        return _is_text(value)
    if name == "rules":
        return _are_rules(value)
    if name in _LISTS:
        return isinstance(value, list) and _is_sound_list(name, value)
    return True


def _is_sound_list(name: str, values: list[Any]) -> bool:
    if name == "range":
        return len(values) == 2 and all(map(_is_number, values))
    if name == "curves":
        return all(isinstance(place, list) and len(place) == 2 and _is_place(*place) for place in values)
    if name == "roles":
        return all(map(_is_text, values))
    return all(_is_number(value) or (name == "before" and value is None) for value in values)


def _is_place(path: Any, index: Any) -> bool:
    return _is_text(path) and isinstance(index, int) and not isinstance(index, bool) and abs(index) < _WHOLE_LIMIT


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and _is_finite(value)


def _is_finite(value: float) -> bool:
    return abs(value) < _WHOLE_LIMIT if isinstance(value, int) else math.isfinite(value)


def _is_text(value: Any) -> bool:
    """Whether Blender can hold the value as a text: no lone surrogates, no NUL."""
    if not isinstance(value, str):
        return False
    try:
        return b"\0" not in value.encode("utf-8")
    except UnicodeEncodeError:
        return False


def _are_rules(values: Any) -> bool:
    """Whether the values are rules of a mapping, by the checks of mapping files."""
    if not isinstance(values, list):
        return False
    try:
        from_json(json.dumps({"soliloquy_mapping": FORMAT, "name": "", "rules": values}))
    except BadInputError:
        return False
    return True
