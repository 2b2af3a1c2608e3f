"""The preferences under Preferences > Add-ons > Soliloquy; `properties.preferences` reads them."""

from __future__ import annotations

import bpy
from bpy.props import EnumProperty, StringProperty

from ..drawing import draw_text
from ..places import ROOT_PACKAGE
from ..properties import preferences
from ..typed import layout_of
from .speak import draw_runtime


class SoliloquyPreferences(bpy.types.AddonPreferences):
    """Shown under Preferences > Add-ons > Soliloquy."""

    bl_idname = ROOT_PACKAGE

    runtime_folder: StringProperty(
        name="Runtime Folder",
        subtype="DIR_PATH",
        description="Folder for the Python packages (about 2 GB); on Windows choose a short path. "
        "If empty, Blender's folder for extension data",
    )
    worker_python: StringProperty(
        name="Own Python",
        subtype="FILE_PATH",
        description="A Python interpreter that has the packages in core/requirements/worker.txt, "
        "used instead of an installed runtime",
    )
    wheels_folder: StringProperty(
        name="Wheels",
        subtype="DIR_PATH",
        description="Folder with the packages in core/requirements/worker.txt as wheels, to install them "
        "without a network connection",
    )
    restorer_program: StringProperty(
        name="Restorer",
        subtype="FILE_PATH",
        description="A program of your own that restores finished frames, for example a script that starts GFPGAN. It "
        "gets a folder of numbered PNGs and an empty folder, and writes pictures of the same names",
    )
    restorer_arguments: StringProperty(
        name="Arguments",
        description="Arguments of the restorer; {in} and {out} stand for the two folders. Words with spaces belong in "
        "quotation marks. No shell reads them",
        default="{in} {out}",
    )
    device: EnumProperty(
        name="Device",
        description="Where the networks run",
        items=(
            ("auto", "Automatic", "CUDA if available, else Metal, else the processor"),
            ("cpu", "Processor", "The processor only"),
            ("cuda", "CUDA", "An NVIDIA GPU"),
            ("mps", "Metal", "An Apple GPU"),
        ),
    )

    def draw(self, _context: bpy.types.Context) -> None:
        """The runtime's state first, then device and folders."""
        layout = layout_of(self)
        layout.use_property_split = True
        draw_runtime(layout.column())
        column = layout.column()
        column.prop(self, "device")
        column.prop(self, "runtime_folder")
        column.prop(self, "wheels_folder")
        column.prop(self, "worker_python")
        column.prop(self, "restorer_program")
        sub = column.column()
        sub.active = bool(self.restorer_program.strip())
        sub.prop(self, "restorer_arguments")
        if problem := preferences.why_no_restorer():
            draw_text(column, problem, "ERROR", alert=True)
        column.operator("soliloquy.remove_runtime", icon="TRASH")


CLASSES = (SoliloquyPreferences,)
