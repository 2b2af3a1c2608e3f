"""Export a baked take as animation of shape keys and bones: glTF, FBX, Alembic, USD, by Blender's own exporters.

They are called with settings that export a take completely. Only this take plays, and its frames are the range. Every
frame is sampled, so drivers, NLA blending and constraints are included. Only the target and its meshes are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import BadInputError
from ...core.files import is_file
from ...core.provenance import HEAD_PROPERTY, SYNTHETIC_HEAD
from ..rig import targets
from ..rig.objects import meshes_carried
from ..words import later, say
from . import nla, visibility


@dataclass(frozen=True)
class Format:
    """A kind of file: Blender's operator for it and the operator's settings.

    ``ending`` is the usual ending of its files, ``others`` are further endings with the settings that they need.
    """

    label: str
    about: str
    ending: str
    operator: str
    settings: dict[str, Any]
    frames: tuple[str, str] | None = None
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    of_heads: Mapping[str, Any] = field(default_factory=dict)
    """Settings for heads that say that they are synthetic, so that the file says it too."""


FORMATS: dict[str, Format] = {
    "GLTF": Format(
        "glTF", "One file with shape keys, bones and textures; for game engines and the web", ".glb",
        "export_scene.gltf",
        {
            "export_format": "GLB", "use_selection": True, "export_animations": True,
            "export_animation_mode": "SCENE", "export_anim_scene_split_object": False, "export_force_sampling": True,
            "export_morph": True, "export_morph_animation": True, "export_skins": True,
            "export_anim_slide_to_zero": True, "export_optimize_animation_size": False, "export_current_frame": False,
        },
        others={".gltf": {"export_format": "GLTF_SEPARATE"}},
        of_heads={"export_extras": True, "export_copyright": SYNTHETIC_HEAD},
    ),
    "FBX": Format(
        "FBX", "One file with shape keys, bones and textures; for Maya, Unreal and Unity", ".fbx",
        "export_scene.fbx",
        {
            "use_selection": True, "object_types": {"ARMATURE", "MESH"}, "use_mesh_modifiers": False,
            "add_leaf_bones": False, "bake_anim": True, "bake_anim_use_nla_strips": False,
            "bake_anim_use_all_actions": False, "bake_anim_force_startend_keying": True,
            "bake_anim_simplify_factor": 0.0, "path_mode": "COPY", "embed_textures": True,
        },
        of_heads={"use_custom_props": True},
    ),
    "ALEMBIC": Format(
        "Alembic", "The moving meshes themselves, point by point; no shape keys, no bones", ".abc",
        "wm.alembic_export",
        {"selected": True, "as_background_job": False, "uvs": True, "normals": True, "evaluation_mode": "RENDER"},
        ("start", "end"),
        of_heads={"export_custom_properties": True},
    ),
    "USD": Format(
        "USD", "Meshes with blend shapes and a skeleton; for Houdini, Omniverse and film pipelines", ".usdc",
        "wm.usd_export",
        {
            "selected_objects_only": True, "export_animation": True, "export_shapekeys": True,
            "export_armatures": True, "export_uvmaps": True, "export_materials": True, "relative_paths": True,
        },
        others={".usd": {}, ".usda": {}, ".usdz": {}},
        of_heads={"export_custom_properties": True},
    ),
}  # fmt: skip
_NEEDS = {
    "GLTF": later("The exporter for glTF is switched off: enable “glTF 2.0 format” under Preferences > Add-ons"),
    "FBX": later("The exporter for FBX is switched off: enable “FBX format” under Preferences > Add-ons"),
    "ALEMBIC": later("This Blender was built without Alembic: choose another format, or a Blender from blender.org"),
    "USD": later("This Blender was built without USD: choose another format, or a Blender from blender.org"),
}


def kind_of(path: str | Path) -> str | None:
    """The format that a file's ending stands for; None for an ending that is none of them."""
    ending = Path(path).suffix.lower()
    return next((kind for kind, known in FORMATS.items() if ending in (known.ending, *known.others)), None)


def with_ending(path: str | Path, kind: str) -> Path:
    """``path`` with an ending of that format: in place of another format's, else added to the whole name."""
    path = Path(path)
    known = kind_of(path)
    if known == kind:
        return path
    return path.with_name((path.stem if known else path.name) + FORMATS[kind].ending)


def why_not(kind: str) -> str:
    """The reason why this Blender can't write such files. Empty: it can."""
    return "" if _known_settings(FORMATS[kind].operator) else say(_NEEDS[kind])


def write(context: bpy.types.Context, thing: bpy.types.Object, key: str, name: str, kind: str, path: Path) -> int:
    """Write the take with this key as it plays on ``thing``; returns the number of frames.

    Raises BadInputError if the format isn't available, the take isn't baked, or the file can't be written.
    """
    reason = why_not(kind)
    if reason:
        raise BadInputError("no_exporter", f"{reason}.")
    found = visibility.tracks_on(thing, key)
    if not found:
        raise BadInputError(
            "not_baked", say("{take} is not on “{target}”.", take=name, target=thing.name), say("Bake it there first.")
        )
    scene, layer = context.scene, context.view_layer
    assert scene is not None and layer is not None
    first = round(min(track.strip.frame_start for track in found))
    last = round(max(track.strip.frame_end for track in found)) - 1
    chosen = FORMATS[kind]
    settings = chosen.settings | dict(chosen.others.get(path.suffix.lower(), {})) | {"filepath": str(path)}
    if thing.get(HEAD_PROPERTY) is not None:
        settings |= chosen.of_heads
    if chosen.frames is not None:
        settings |= dict(zip(chosen.frames, (first, last), strict=True))
    known = _known_settings(chosen.operator)
    module, _, operator = chosen.operator.partition(".")
    with _alone(thing, key), _range(scene, first, last), _selected(layer, written_with(thing)), _named(scene, name):
        try:
            done = getattr(getattr(bpy.ops, module), operator)(
                **{setting: value for setting, value in settings.items() if setting in known}
            )
        except RuntimeError as error:
            raise BadInputError(
                "export_failed",
                say("{path} can't be written ({error}).", path=path, error=str(error).strip()),
                say("Choose another folder."),
            ) from error
    if done != {"FINISHED"} or not is_file(path):
        raise BadInputError(
            "export_failed", say("{path} was not written.", path=path), say("Blender's own export may say why.")
        )
    return last + 1 - first


def written_with(thing: bpy.types.Object) -> list[bpy.types.Object]:
    """The target and every mesh that moves with it, with or without shape keys (eyes, teeth, hair)."""
    return list(dict.fromkeys([thing, *meshes_carried(thing), *targets.meshes_of(thing)]))


def _known_settings(name: str) -> set[str]:
    """Names of an operator's settings in this Blender. Empty: it has no such operator."""
    module, _, operator = name.partition(".")
    try:
        return set(getattr(getattr(bpy.ops, module), operator).get_rna_type().properties.keys())
    except (AttributeError, KeyError):
        return set()


@contextmanager
def _alone(thing: bpy.types.Object, key: str) -> Iterator[None]:
    """Mute all other takes on the target, and restore them afterwards."""
    before = [
        (track.track, track.track.mute) for block in visibility.blocks_of(thing) for track in nla.tracks_on(block)
    ]
    wanted = {track.track for track in visibility.tracks_on(thing, key)}
    try:
        for track, _ in before:
            track.mute = track not in wanted
        yield
    finally:
        for track, mute in before:
            track.mute = mute


@contextmanager
def _range(scene: bpy.types.Scene, first: int, last: int) -> Iterator[None]:
    """Set the scene's frame range, and restore it and the current frame afterwards."""
    names = ("frame_start", "frame_end", "use_preview_range")
    before, frame, subframe = [getattr(scene, name) for name in names], scene.frame_current, scene.frame_subframe
    try:
        scene.use_preview_range = False
        scene.frame_start, scene.frame_end = first, last
        scene.frame_set(first)
        yield
    finally:
        for name, value in zip(names, before, strict=True):
            setattr(scene, name, value)
        scene.frame_set(frame, subframe=subframe)


@contextmanager
def _named(scene: bpy.types.Scene, name: str) -> Iterator[None]:
    """Call the scene ``name``, and restore the names afterwards: the exporters name the clip after the scene."""
    before = scene.name
    other = bpy.data.scenes.get(name)
    try:
        if other is not None and other != scene:
            other.name = f"{name} "
        scene.name = name
        yield
    finally:
        scene.name = before
        if other is not None and other != scene:
            other.name = name


@contextmanager
def _selected(layer: bpy.types.ViewLayer, things: list[bpy.types.Object]) -> Iterator[None]:
    """Select and show only these objects, and restore the selection afterwards.

    Raises BadInputError ``not_in_view`` if the view layer lacks one of them.
    """
    for thing in things:
        if thing.name not in layer.objects:
            raise BadInputError(
                "not_in_view",
                say("“{target}” is not in this view layer.", target=thing.name),
                say("Switch its collection on in the outliner."),
            )
    before = [thing for thing in layer.objects if thing.select_get()]
    active, hidden = layer.objects.active, [thing for thing in things if thing.hide_get()]
    try:
        for thing in before:
            thing.select_set(False)
        for thing in things:
            thing.hide_set(False)
            thing.select_set(True)
        layer.objects.active = things[0]
        yield
    finally:
        for thing in things:
            thing.select_set(False)
        for thing in hidden:
            thing.hide_set(True)
        for thing in before:
            thing.select_set(True)
        layer.objects.active = active
