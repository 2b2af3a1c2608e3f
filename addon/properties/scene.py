"""The scene's settings and its list of takes. All of it is saved in the .blend and can be undone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ...core.files import is_file, is_folder
from ...core.motion.channels import FPS, GROUPS, LIP_GROUPS
from ...core.wire import systems
from ...core.wire.picture_size import FIT, LEAST_SIDE, MAX_SIDE, PHOTOGRAPH
from ...core.wire.protocol import Generate
from ..compat import BLEND_RELATIVE
from ..sequencer.ranges import ITEMS as RANGES
from ..typed import attach, attached, declarations, detach
from . import preferences, trusted
from .changes import Change
from .portrait import PortraitProperties
from .style import CLASSES as STYLE_CLASSES
from .style import SoliloquyPerformance, SoliloquyStyle
from .targets import CLASSES as TARGET_CLASSES
from .targets import SoliloquyTarget
from .transcript import SoliloquyTranscript

_LIMITS = {spec.name: spec for spec in dataclasses.fields(Generate)}
"""Fields of the request: its defaults and limits are those of the settings."""


def _limits(name: str) -> dict[str, float]:
    spec = _LIMITS[name]
    return {"default": spec.default, "min": spec.metadata["low"], "max": spec.metadata["high"]}


def _items(offered: Sequence[systems.System]) -> tuple[tuple[str, str, str], ...]:
    """Motion sources or renderers as Blender wants the items of a choice."""
    return tuple((system.name, system.label, system.text) for system in offered)


_GROUP_ITEMS = (
    ("lips", "Lips", "Reset the lips to what the speech gives; they are the same for every seed"),
    ("jaw", "Jaw", "Reset the jaw to what the speech gives; it is the same for every seed"),
    ("cheeks", "Cheeks", "New motion of the cheeks"),
    ("nose", "Nose", "New motion of the nose"),
    ("brows", "Brows", "New motion of the brows"),
    ("blink", "Blink", "New blinks and squints"),
    ("gaze", "Gaze", "New glances"),
    ("head", "Head", "New motion of the head"),
)


TAKE_CHOSEN: Change[SoliloquySettings] = Change()
"""The user chose another take in the list."""
SHOWN_CHANGED: Change[SoliloquyTake] = Change()
"""The user switched the eye of a take."""
TAKE_RENAMED: Change[SoliloquyTake] = Change()
FACE_SIZES = (256, 512, 1024)
"""Choices of *Face Size*, pixels."""
OUTPUT_CHOSEN: Change[SoliloquySettings] = Change()
"""The user chose another output folder."""
OPINION_CHANGED: Change[SoliloquyTake] = Change()
"""The user changed a take's star or note."""


class SoliloquyTake(bpy.types.PropertyGroup):
    """One finished take: its folder on disk and its place on the timeline."""

    name: StringProperty(
        name="Name", description="The take's name, also of its NLA tracks and strip", update=TAKE_RENAMED.update
    )
    key: StringProperty(name="Key", description="Identifies this entry; its Actions store the same key")
    star: BoolProperty(name="Star", description="Mark this take as one to keep", update=OPINION_CHANGED.update)
    style: PointerProperty(type=SoliloquyStyle)
    note: StringProperty(
        name="Note", description="What you want to remember about this take", update=OPINION_CHANGED.update
    )
    shown: BoolProperty(
        name="Show",
        description="Show the take's frames and play its NLA tracks",
        default=True,
        update=SHOWN_CHANGED.update,
    )
    index: IntProperty(name="Take", description="Number of the take within its job")
    number: IntProperty(name="Number", description="Number of the take among those of its sound strip and character")
    seed: IntProperty(name="Seed", description="The same seed gives the same motion again")
    temperament: StringProperty(name="Temperament", description="What the persona that performs the take is called")
    job: StringProperty(name="Job", subtype="DIR_PATH", options=BLEND_RELATIVE)
    job_id: StringProperty(name="Job's Identifier", description="The job's identifier, to find its folder again")
    folder: StringProperty(name="Folder", subtype="DIR_PATH", options=BLEND_RELATIVE)
    home: StringProperty(name="Made In", description="Absolute folder in which the take was made")
    frame_count: IntProperty(name="Frames", description="Frames of the take, 25 per second")
    fps: FloatProperty(name="Rate", default=FPS)
    has_frames: BoolProperty(name="Has Frames")
    character: StringProperty(name="Character", description="Character who speaks; the take is baked on its targets")
    preview: BoolProperty(name="Preview", description="A quick look that the real take replaces")
    articulation: FloatProperty(name="Articulation", description="How far the mouth moves; 1 as people do", default=1.0)
    transcript: StringProperty(name="Transcript", description="The words that shaped the lips; empty if none did")
    imported: BoolProperty(name="Imported", description="Its motion came from a file, its job from another take")
    audio_start: FloatProperty(name="Start", description="Second of the sound file at which the take starts")
    audio_strip: StringProperty(name="Sound Strip")
    origin: FloatProperty(name="Scene Frame", description="Scene frame at which the take started when it was made")
    channel: IntProperty(name="Channel", description="Channel of the sound")
    image_strip: StringProperty(name="Image Strip")
    status: EnumProperty(
        name="Status",
        items=(
            ("READY", "Ready", "Frames and motion are on disk"),
            ("MOTION", "Motion only", "Motion is on disk, frames were not rendered"),
            ("MISSING", "Missing", "The take's folder is gone"),
            ("UNSEEN", "Not Looked For", "The take's folder is on another computer, which you have not allowed yet"),
        ),
    )

    def path(self) -> Path:
        """The take's folder, absolute."""
        return Path(bpy.path.abspath(self.folder))

    def job_path(self) -> Path:
        """The job's folder, absolute."""
        return Path(bpy.path.abspath(self.job))

    def refresh_status(self) -> None:
        """Set the status from the disk. If the .blend was moved, look for the take in the folder where it was made.

        A folder on another computer isn't looked at unless it is trusted (`trusted.may_look`).
        """
        folder, home = self.path(), Path(self.home)
        if not trusted.may_look(folder):
            if self.status != "UNSEEN":
                self.status = "UNSEEN"
            return
        if not is_folder(folder) and self.home and trusted.may_look(home) and is_folder(home):
            self.folder, folder = self.home, home
            if trusted.may_look(self.job_path()) and not is_folder(self.job_path()):
                self.job = str(folder.parent)
        frames = self.has_frames and is_folder(folder / "frames")
        status = "READY" if frames else "MOTION" if is_file(folder / "motion.npz") else "MISSING"
        if status != self.status:
            self.status = status


class SoliloquySettings(PortraitProperties, bpy.types.PropertyGroup):
    """What to generate, from which input, and the finished takes."""

    sound: EnumProperty(
        name="Speech",
        items=(
            ("STRIP", "Active Strip", "Speak the active sound strip, as it is trimmed and placed"),
            ("MIX", "Scene Mix", "Speak everything that is heard between the scene's first and last frame"),
        ),
    )
    takes_wanted: IntProperty(name="Takes", description="How many; take k uses seed + k − 1", default=1, min=1, max=64)
    seed: IntProperty(name="Seed", description="Seed of the first take", **_limits("seed"))
    guidance_scale: FloatProperty(
        name="Guidance",
        description="How closely what is sampled follows the voice: head, eyes and brows. With FaceTalk it is the "
        "strength of the style, also of the mouth. 0 ignores the voice",
        precision=1,
        **_limits("guidance_scale"),
    )
    num_inference_steps: IntProperty(
        name="Steps",
        description="Number of sampler steps; with fewer, the head moves less",
        **_limits("num_inference_steps"),
    )
    size: EnumProperty(
        name="Face Size",
        description="Pixels of the square around the face in which the work is done",
        items=(
            ("256", "256 px", "Quick"),
            ("512", "512 px", "Finer, about three times slower"),
            ("1024", "1024 px", "For large photographs whose face has so many pixels, about four times slower again"),
        ),
        default="512",
    )
    picture: EnumProperty(
        name="Picture Size",
        description="How large the whole picture is. The face is put into it, whatever it is worked with",
        items=(
            (PHOTOGRAPH, "Photograph", "As large as the photograph, up to 2160 pixels"),
            ("pixels", "Long Side", "With so many pixels on the long side"),
            (FIT, "Face", "So large that the face in it has the pixels of Face Size"),
        ),
    )
    picture_side: IntProperty(
        name="Long Side",
        description="Pixels of the picture's long side",
        default=1080,
        min=LEAST_SIDE,
        max=MAX_SIDE,
        subtype="PIXEL",
    )
    framing: EnumProperty(
        name="Framing",
        items=(
            ("portrait", "Whole Picture", "The face is put back into the whole portrait"),
            ("crop", "Face Only", "Only the face square"),
        ),
    )
    source: EnumProperty(
        name="Motion Source", description="How motion is made from speech", items=_items(systems.SOURCES)
    )
    pose_style: IntProperty(
        name="Pose Style",
        description="Number of the manner in which the head moves. A number that the motion source doesn't have is "
        "refused with a sentence that says how many there are",
        **_limits("pose_style"),
    )
    renderer: EnumProperty(
        name="Renderer", description="How frames are made from a motion", items=_items(systems.RENDERERS)
    )
    head_detail: EnumProperty(name="Detail", description="What Add Head makes", items=_items(systems.HEAD_DETAILS))
    performance: PointerProperty(type=SoliloquyPerformance)
    pose_video: StringProperty(
        name="Pose Video",
        subtype="FILE_PATH",
        options=BLEND_RELATIVE,
        description="Video of a person: the head moves as this person's head does in the longest shot of one face. "
        "If the speech is longer, the head goes back on its way. Empty: as sampled",
    )
    blink_video: StringProperty(
        name="Blink Video",
        subtype="FILE_PATH",
        options=BLEND_RELATIVE,
        description="Video of a person: the lids blink as this person's lids. Empty: as sampled",
    )
    articulation: FloatProperty(
        name="Articulation",
        description="How far the mouth moves: 1 as people do, less to mumble, more to speak very clearly. Head and "
        "eyes don't change",
        **_limits("articulation"),
    )
    body: FloatProperty(
        name="Body",
        description="How far shoulders and chest follow the head and breathe, in frames: 1 as people do, 0 holds them "
        "still. The motion of the head doesn't change",
        **_limits("body"),
    )
    transcript: PointerProperty(type=SoliloquyTranscript, description="What is said in the scene's mix")
    restore: BoolProperty(
        name="Restore Frames",
        description="Let the restorer in your preferences work on finished frames. The drawn frames stay on disk",
    )
    motion_only: BoolProperty(name="Motion Only", description="Make motion and curves without rendering frames")
    renew: EnumProperty(
        name="Resample",
        description="Channel groups to sample again; the others stay bit for bit",
        options={"ENUM_FLAG"},
        items=_GROUP_ITEMS,
        default=set(GROUPS) - set(LIP_GROUPS),
    )
    range_kind: EnumProperty(
        name="Range", description="Part of the take to sample again; the rest stays bit for bit", items=RANGES
    )
    range_first: IntProperty(name="First", description="First scene frame to sample again", default=1)
    range_last: IntProperty(name="Last", description="Last scene frame to sample again", default=50)
    transition: FloatProperty(
        name="Transition",
        description="Time over which new motion blends into the kept motion",
        default=0.32,
        min=1.0 / FPS,
        max=100.0 / FPS,
        soft_max=2.0,
        unit="TIME_ABSOLUTE",
    )
    renew_style: BoolProperty(
        name="Use Performance",
        description="Sample with the current settings under Performance; if off, with those of the take's job",
        default=True,
    )
    output_dir: StringProperty(
        name="Output",
        subtype="DIR_PATH",
        options=BLEND_RELATIVE,
        description="Folder for takes; if empty, a folder next to the .blend file",
        update=OUTPUT_CHOSEN.update,
    )
    takes: CollectionProperty(type=SoliloquyTake)
    active_take: IntProperty(
        name="Active Take",
        description="Choosing a take shows it and hides the other takes of the same speech",
        update=TAKE_CHOSEN.update,
    )
    shown_take: StringProperty(name="Shown Take", description="Key of the take that is shown")
    other_take: StringProperty(name="Other Take", description="Key of the take that was shown before, for A/B")
    targets: CollectionProperty(type=SoliloquyTarget)
    active_target: IntProperty(name="Active Target", description="The target whose mapping is shown below")
    bake_on_arrival: BoolProperty(
        name="Bake New Takes", description="Bake each new take on all targets as soon as it is finished", default=True
    )
    tolerance: FloatProperty(
        name="Curve Error",
        description="Keys are left out if straight lines between the others stay this close to the motion: "
        "shapes as a share of their range, rotations in radians, movements in tenths of a metre; "
        "0 sets a key on every frame",
        default=0.002,
        min=0.0,
        max=0.1,
        precision=4,
        step=0.1,
    )


def picture_of(settings: SoliloquySettings) -> int | str:
    """The picture's size that is set, as requests have it."""
    return settings.picture_side if settings.picture == "pixels" else str(settings.picture)


def restorer_of(settings: SoliloquySettings) -> tuple[str, ...]:
    """The restorer's command where it is switched on; it is always that of the preferences.

    Raises BadInputError as `preferences.restorer`.
    """
    return preferences.restorer() if settings.restore else ()


def heeds(settings: SoliloquySettings, name: str) -> bool:
    """Whether the motion source that is set can honour a setting (`systems.LABELS`)."""
    return name not in systems.source_facts(settings.source).unheeded


def settings_of(scene: bpy.types.Scene) -> SoliloquySettings:
    """The scene's settings."""
    settings: SoliloquySettings = attached(scene, "soliloquy")
    return settings


CLASSES = (*TARGET_CLASSES, *STYLE_CLASSES, SoliloquyTake, SoliloquySettings)


def register() -> None:
    """Attach the settings to scenes."""
    attach(bpy.types.Scene, "soliloquy", declarations.PointerProperty(type=SoliloquySettings))


def unregister() -> None:
    """Detach the settings from scenes."""
    detach(bpy.types.Scene, "soliloquy")
