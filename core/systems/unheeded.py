"""A sentence about settings that a motion source can't honour, so that nobody wonders why they change nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..wire.protocol import Generate
from ..wire.style import PriorStyle
from ..wire.systems import LABELS, pose_style_of, source_facts

_DEFAULTS = {spec.name: spec.default for kind in (Generate, PriorStyle) for spec in dataclasses.fields(kind)}


def unheeded(source: str, settings: Mapping[str, Any]) -> str:
    """A sentence about settings that differ from their defaults although the motion source can't honour them; empty
    if there are none.

    Parameters
    ----------
    source
        Name of the motion source.
    settings
        Values by name of the setting: fields of ``Generate`` or ``PriorStyle``.
    """
    facts = source_facts(source)
    changed = [LABELS[name] for name in facts.unheeded if settings[name] != _DEFAULTS[name]]
    return f"Settings that don't change the motion of {facts.label}: {', '.join(changed)}." if changed else ""


def unheeded_pose_style(source: str, pose_style: int) -> str:
    """A sentence about a pose style that is asked for although the motion source has none; empty otherwise."""
    if pose_style_of(source, pose_style) == pose_style:
        return ""
    return f"{source_facts(source).label} has no pose styles: the pose style changes nothing."
