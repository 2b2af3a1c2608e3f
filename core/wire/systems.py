"""The systems that make takes: motion sources and renderers, by name. Standard library only, as both sides use them.

Motion sources make motion from speech; renderers make frames from motion. Any source goes with any renderer. What is
listed here is what the protocol accepts and what the panel offers; ``core.systems.choice`` has the code behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_POSE_STYLE = 99
"""Largest number of a pose style that a request may name. How many there are, the weights of a source say."""


@dataclass(frozen=True)
class System:
    """A motion source or a renderer: its name in requests, and its label and description in the panel."""

    name: str
    label: str
    text: str


@dataclass(frozen=True)
class MotionSourceFacts(System):
    """A motion source.

    Attributes
    ----------
    has_pose_styles
        Whether it knows several manners of moving the head.
    unheeded
        Settings that it can't honour: fields of ``Generate`` and of its ``PriorStyle`` that are in ``LABELS``.
    """

    has_pose_styles: bool = False
    unheeded: tuple[str, ...] = ()


DIFFUSION = "diffusion"
SOURCES = (
    MotionSourceFacts(
        DIFFUSION,
        "Diffusion",
        "Lips follow what is said; a diffusion prior samples head, eyes and brows, in as many ways as there are seeds",
    ),
)
"""Motion sources; the first one is the default."""
GAN, WARP = "gan", "warp"
RENDERERS = (
    System(GAN, "Corrected", "The photograph warped by geometry, then corrected by the trained network G"),
    System(WARP, "Plain Warp", "The photograph warped by geometry only: faster, but seams and lids are more visible"),
)
"""Renderers; the first one is the default."""
LABELS = {
    "guidance_scale": "Guidance",
    "num_inference_steps": "Steps",
    "liveliness": "Liveliness",
}
"""Labels of the settings that a motion source may be unable to honour."""


def names(systems: tuple[System, ...]) -> tuple[str, ...]:
    """The names of motion sources or renderers."""
    return tuple(system.name for system in systems)


def source_facts(name: str) -> MotionSourceFacts:
    """What is known of a motion source. Raises KeyError for an unknown name."""
    return {source.name: source for source in SOURCES}[name]
