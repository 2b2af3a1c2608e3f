"""The doctor's panel: the findings, each with advice and a button that repairs it."""

from __future__ import annotations

import bpy

from ..drawing import Panel, draw_text, in_editors
from ..jobs import doctor, jobs
from ..operators.doctor import findings
from ..places import ROOT_PACKAGE
from ..typed import IconItems, layout_of
from ..words import later

_ICONS: dict[str, IconItems] = {doctor.OK: "CHECKMARK", doctor.WARN: "INFO", doctor.BAD: "ERROR"}
_BUTTONS = {
    ("soliloquy.install_runtime", False): later("Install Runtime"),
    ("soliloquy.install_runtime", True): later("Install Runtime Again"),
    ("preferences.addon_show", False): later("Preferences"),
    (doctor.SHOW_NETWORK, False): later("Network Preferences"),
}
"""Labels of the buttons that repair something, by operator and whether the finding has settings for it."""


class _Doctor(Panel):
    bl_label = "Doctor"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, _context: bpy.types.Context) -> None:
        """The findings, each with advice and a button."""
        layout = layout_of(self)
        row = layout.row(align=True)
        row.operator("soliloquy.doctor", icon="HEART")
        row.operator("soliloquy.copy_report", text="", icon="COPYDOWN")
        found = findings()
        if jobs.current() is None and found:
            draw_text(layout, doctor.summary(found), "HEART")
        for finding in found:
            box = layout.box().column(align=True)
            bad = finding.level == doctor.BAD
            draw_text(box, f"{finding.title}: {finding.text}", _ICONS[finding.level], alert=bad)
            if finding.fix:
                draw_text(box, finding.fix, "BLANK1")
            if finding.operator:
                button = box.operator(finding.operator, text=_BUTTONS[finding.operator, bool(finding.settings)])
                for name, value in finding.settings.items():
                    setattr(button, name, value)
                if finding.operator == "preferences.addon_show":
                    button.module = ROOT_PACKAGE


CLASSES = in_editors((_Doctor, ""))
