"""The systems that make takes: motion sources and renderers, by name. Standard library only, as both sides use them.

Motion sources make motion from speech; renderers make frames from motion. Any source goes with any renderer. What is
listed here is what the protocol accepts and what the panel offers; ``core.systems.choice`` has the code behind it. New
ones are added at the end, because a .blend stores a choice as its number.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    seconds_per_frame
        Seconds that a frame of motion takes on two cores: a first guess for estimates.
    has_pose_styles
        Whether it knows several manners of moving the head.
    unheeded
        Settings that it can't honour: fields of ``Generate`` and of its ``PriorStyle`` that are in ``LABELS``.
    """

    seconds_per_frame: float
    has_pose_styles: bool = False
    unheeded: tuple[str, ...] = ()


@dataclass(frozen=True)
class RendererFacts(System):
    """A renderer.

    Attributes
    ----------
    seconds_per_frame
        Seconds that a frame takes on two cores: a constant part, and a part that grows with the pixels, given at 512².
        A first guess for estimates.
    """

    seconds_per_frame: tuple[float, float]


MODEL, NEURAL, GAME = "model", "neural", "game"
HEAD_DETAILS = (
    System(MODEL, "Model", "The head model with the photograph on it: light, as frames are made with it"),
    System(
        NEURAL,
        "Neural",
        "The head model's shape on quads, four times as fine, with hair, lashes and brows built by geometry, clear "
        "corneas, and skin without hair or clothes on it. No network makes the surface",
    ),
    System(
        GAME,
        "Game",
        "As Neural, for game engines: less than 8,000 triangles in all, with a normal map of what they leave out, the "
        "same shapes and the same texture",
    ),
)
"""How detailed the head is that *Add Head* makes; the first one is the default."""
DIFFUSION = "diffusion"
SOURCES = (
    MotionSourceFacts(
        DIFFUSION,
        "Diffusion",
        "Lips follow what is said; a diffusion prior samples head, eyes and brows, in as many ways as there are seeds",
        seconds_per_frame=0.006,
    ),
    MotionSourceFacts(
        "sadtalker",
        "SadTalker",
        "Face by ExpNet, from what is said and the portrait's expression; head by PoseVAE, in one of several styles",
        seconds_per_frame=0.002,
        has_pose_styles=True,
        unheeded=("guidance_scale", "num_inference_steps", "liveliness", "persona"),
    ),
    MotionSourceFacts(
        "autoregressive",
        "Autoregressive",
        "Lips follow what is said; head, eyes and brows follow frame by frame from the frames before. For comparison",
        seconds_per_frame=0.006,
        unheeded=("guidance_scale", "num_inference_steps", "liveliness", "persona"),
    ),
    MotionSourceFacts(
        "diffusion-learned",
        "Diffusion, Learned Code",
        "Lips follow what is said; a small diffusion prior samples the paper's learned code of head, eyes and brows. "
        "For comparison",
        seconds_per_frame=0.002,
    ),
    MotionSourceFacts(
        "facetalk",
        "FaceTalk",
        "Mouth, face and head are sampled together from what is said, by FaceTalk's diffusion on a code of expressions",
        seconds_per_frame=0.002,
        unheeded=("liveliness", "persona"),
    ),
)
"""Motion sources; the first one is the default."""
GAN, WARP = "gan", "warp"
RENDERERS = (
    RendererFacts(
        GAN,
        "Corrected",
        "The photograph warped by geometry, then corrected by the trained network G",
        seconds_per_frame=(0.041, 0.057),
    ),
    RendererFacts(
        WARP,
        "Plain Warp",
        "The photograph warped by geometry only: faster, but seams and lids are more visible",
        seconds_per_frame=(0.023, 0.032),
    ),
    RendererFacts(
        "keypoints",
        "Keypoints",
        "SadTalker's face render: networks move learned keypoints and draw the face. For comparison",
        seconds_per_frame=(0.016, 0.011),
    ),
    RendererFacts(
        "paper",
        "Paper's Generator",
        "Every pixel of the face square drawn by a network without a warp, as in the paper. For comparison",
        seconds_per_frame=(0.038, 0.001),
    ),
)
"""Renderers; the first one is the default."""
LABELS = {
    "guidance_scale": "Guidance",
    "num_inference_steps": "Steps",
    "liveliness": "Temperament",
    "persona": "Persona",
}
"""The panel's labels of the settings that a motion source may be unable to honour."""


def names(systems: Sequence[System]) -> tuple[str, ...]:
    """The names of motion sources or renderers."""
    return tuple(system.name for system in systems)


def source_facts(name: str) -> MotionSourceFacts:
    """What is known of a motion source. Raises KeyError for an unknown name."""
    return {source.name: source for source in SOURCES}[name]


def renderer_facts(name: str) -> RendererFacts:
    """What is known of a renderer. Raises KeyError for an unknown name."""
    return {renderer.name: renderer for renderer in RENDERERS}[name]


def pose_style_of(source: str, wanted: int) -> int:
    """The pose style of a take: the one that is wanted, or 0 where the motion source has none."""
    return wanted if source_facts(source).has_pose_styles else 0
