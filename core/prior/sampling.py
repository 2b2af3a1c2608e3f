"""How a take is sampled: the choices a caller has, and the same choices with the weights' own values filled in."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..motion.turning import TurningLimits
from ..wire.style import PriorStyle
from .guidance import Guidance
from .sampler import SAMPLERS, Sampler
from .styling import POSE_TRANSITION
from .told.levels import LEVELS
from .windows import SEAM_FRAMES


@dataclass(frozen=True, kw_only=True, eq=False)
class Sampling:
    """What a caller chooses. None means the value that is stored with the weights.

    Attributes
    ----------
    guidance_scale
        s in s·P(n | audio) + (1 − s)·P(n | ∅) (eq. 10). 1 uses the conditional model only, which is half the work.
    num_inference_steps
        Steps of the sampler, 1 … 1000.
    sampler
        A name in ``sampler.SAMPLERS``.
    style
        How the motion looks.
    transition
        Frames, at least 1, over which sampled motion bends to meet kept motion.
    levels
        (7,) how lively the talker is, as ``told.levels.measure_levels`` returns it; NaN where that is unknown. If None,
        the style's liveliness decides: people at the middle of it (``told.personas.centre_of``).
    turning
        How far sampled heads may turn. None: as far as they do. Kept motion and poses that a style asks for stay, and
        the limits come in over a second next to them.

    Raises
    ------
    ValueError
        If the sampler is unknown, the transition is shorter than 1 frame, or ``levels`` has another shape.
    """

    guidance_scale: float | None = None
    num_inference_steps: int | None = None
    sampler: str | None = None
    style: PriorStyle = field(default_factory=PriorStyle)
    transition: int = SEAM_FRAMES
    levels: np.ndarray | None = None
    turning: TurningLimits | None = None

    def __post_init__(self) -> None:
        if self.sampler is not None and self.sampler not in SAMPLERS:
            raise ValueError(f"sampler must be one of {', '.join(SAMPLERS)}, not {self.sampler!r}")
        if self.transition < 1:
            raise ValueError(f"transition must be at least 1 frame, not {self.transition}")
        if self.levels is not None and np.shape(self.levels) != (len(LEVELS),):
            raise ValueError(f"levels must be {len(LEVELS)} numbers, not {np.shape(self.levels)}")


@dataclass(frozen=True, kw_only=True, eq=False)
class FinishPlan:
    """How motion is finished, whatever made it.

    Attributes
    ----------
    style
        How the motion looks.
    transition
        Frames over which new motion bends to meet kept motion.
    turning
        How far heads may turn, or None.
    """

    style: PriorStyle
    transition: int
    turning: TurningLimits | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class SamplingPlan(FinishPlan):
    """A :class:`Sampling` in which every value is decided.

    Attributes
    ----------
    sampler, num_inference_steps
        The sampler and its number of steps.
    guidance
        What is done to the network's answer in each step.
    """

    sampler: Sampler
    num_inference_steps: int
    guidance: Guidance


def transition_of(sampling: Sampling) -> int:
    """Frames over which new motion bends to meet kept motion and poses."""
    style = sampling.style
    posed = style.start_pose is not None or style.end_pose is not None or bool(style.poses)
    return max(sampling.transition, POSE_TRANSITION) if posed else sampling.transition
