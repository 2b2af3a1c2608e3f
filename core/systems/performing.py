"""The performance settings and what is kept, for motion of sources that know neither: it gets the same finish as the
diffusion prior's own samples.

Amplitudes, gaze, the rate of blinks, poses, loops, turning limits and kept motion work on any motion. Liveliness,
guidance and the number of steps act while the prior samples, so they can't work here.
"""

from __future__ import annotations

import numpy as np

from ..motion.channels import LIP_COLUMNS, NONLIP_COLUMNS
from ..prior.features import d_nl, features_from_channels, known_features
from ..prior.finish import Finisher
from ..prior.kept import Kept
from ..prior.sampling import FinishPlan, Sampling, transition_of
from ..prior.spaces import ChannelSpace, NormalisedSpace
from ..prior.styling import Styling, is_loop, pose_constraints
from ..prior.walk import LOOP_REDONE
from ..prior.windows import close_seams
from .motion_source import Wish

_MET = 3
"""Frames of a loop's beginning that its end is led to: close_seams measures a slope over so many."""


def finished(channels: np.ndarray, wish: Wish) -> np.ndarray:
    """(T, 59) float32: ``channels`` (T, 59) as a source made them, in the style that is wished and joined to what is
    kept, which comes back bit for bit."""
    out, kept = np.array(channels, np.float32), wish.kept
    keep = keep_mask = None
    if kept is not None:
        keep, keep_mask = kept.channels[:, NONLIP_COLUMNS], kept.mask[:, NONLIP_COLUMNS]
        before, mask = kept.channels[:, LIP_COLUMNS], kept.mask[:, LIP_COLUMNS]
        lips = close_seams(out[:, LIP_COLUMNS], before, mask, wish.sampling.transition)
        out[:, LIP_COLUMNS] = np.where(mask, before, np.clip(lips, 0.0, 1.0))
    rest = out[:, NONLIP_COLUMNS]
    out[:, NONLIP_COLUMNS] = performed(rest, wish.speech.mel, wish.seed, wish.sampling, keep, keep_mask)
    return out


def performed(
    channels: np.ndarray,
    mel: np.ndarray,
    seed: int,
    sampling: Sampling,
    keep: np.ndarray | None = None,
    keep_mask: np.ndarray | None = None,
) -> np.ndarray:
    """Motion in the style that ``sampling`` asks for, joined to what is kept.

    Parameters
    ----------
    channels
        (T, 32) motion as it was made, in the order of ``core.motion.channels.NONLIP_CHANNELS``.
    mel
        (4 T, 80) log-mel of the speech: blinks are put where it is quiet.
    seed
        Seed of the take.
    sampling
        Its style, transition and turning limits; all else in it is for the prior.
    keep, keep_mask
        (T, 32) channels and (T, 32) bool: kept channels come back bit for bit, and the difference of the motion at a
        seam is eased over the transition.

    Returns
    -------
    (T, 32) float32.
    """
    frames, style = len(channels), sampling.style
    plan = FinishPlan(style=style, transition=transition_of(sampling), turning=sampling.turning)
    given = None if keep is None else keep[None]
    kept = Kept(1, frames, given, keep_mask, pose_constraints(style, frames))
    styling, loop = Styling(style, frames), is_loop(style, frames)
    features = features_from_channels(channels)
    if loop:
        features = closed(features)
    wanted, mask = kept.part(0, frames)
    before = styling.take_out(features_from_channels(wanted[0]))  # as the kept motion was before the style
    known = np.broadcast_to(known_features(mask), features.shape)
    rounds = 3 if loop else 1  # what is known near a loop's beginning also bends its end, and the other way round
    sampled, wished, where = (np.tile(part, (rounds, 1)) for part in (features, before, known))
    features = np.split(close_seams(sampled, wished, where, plan.transition), rounds)[rounds // 2]
    plain = NormalisedSpace(ChannelSpace(), np.zeros(d_nl, np.float32), np.ones(d_nl, np.float32))
    finisher = Finisher(plain, styling, mel, [seed], kept, plan, loop)
    return np.concatenate([piece[0] for _, piece in finisher.finish(iter([(0, features[None])]))])


def closed(features: np.ndarray) -> np.ndarray:
    """Features or channels (T, C) whose last two seconds bend so that they run into the first frames."""
    frames = len(features)
    going_on = features[-1] + np.arange(1, _MET + 1)[:, None] * (features[-1] - features[-2])
    known = np.concatenate([np.zeros_like(features), features[:_MET]])
    mask = np.zeros(known.shape, bool)
    mask[frames:] = True
    joined = close_seams(np.concatenate([features, going_on]), known, mask, min(LOOP_REDONE, frames // 3))
    return joined[:frames].astype(np.float32)
