"""A head that moves as a filmed head, and lids that blink as filmed lids, in the motion of any source.

They replace what the source made. So lips, brows and all else stay bit for bit, and the eyes look where they looked in
the world, whichever way the head is turned now.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..motion.channels import EXPRESSIONS, EYE_BLINKS, GAZE, HEAD, NONLIP_CHANNELS, NONLIP_COLUMNS
from ..motion.motion import Motion
from ..motion.repeating import again, there_and_back
from ..motion.turning import eased
from ..prior.features import FEATURE_GROUPS, channels_from_features, close_lids, features_from_channels, known_features
from ..prior.finish import limit_turns
from ..prior.kept import Kept
from ..prior.sampling import transition_of
from ..prior.styling import Styling, is_loop, leave_poses, pose_constraints
from ..prior.windows import close_seams
from .motion_source import Wish
from .performing import closed

OPEN = 0.1
"""Weight of eyeBlink up to which an eye counts as open."""
REACH = 6.0
"""Centimetres that a filmed head may be away from its rest in pictures. People who speak to a camera move less; those
who walk would leave the photograph's shoulders behind."""
_LIDS = [NONLIP_CHANNELS.index(name) for name in EYE_BLINKS]
_HEAD = [NONLIP_CHANNELS.index(name) for name in HEAD]
_TURNED = [NONLIP_CHANNELS.index(name) for name in (*HEAD, *GAZE)]
_HEAD_FEATURES = list(FEATURE_GROUPS["head"])
_ROTATIONS = 3


@dataclass(frozen=True, eq=False)
class Reference:
    """What films show (`core.readback.film`): the motion of the head in one, the lids in one. None: as sampled."""

    pose: Motion | None = None
    blinks: Motion | None = None


def with_reference(channels: np.ndarray, wish: Wish, reference: Reference) -> np.ndarray:
    """(T, 59) channels of a source with the head and the lids of the reference.

    - A film that is shorter than the speech: the head goes back on its way (`there_and_back`), and the lids blink as
      from the film's beginning.
    - The performance settings hold: the amplitude of the head, poses, loops, and how far a portrait's head may turn. Of
      blinks they change nothing.
    - What is kept comes back bit for bit, and the filmed motion joins it smoothly.
    """
    out = np.array(channels, np.float32)
    if reference.pose is None and reference.blinks is None:
        return out
    frames, given, style = len(out), wish.kept, wish.sampling.style
    old = None if given is None else given.channels[None, :, NONLIP_COLUMNS]
    stays = None if given is None else given.mask[:, NONLIP_COLUMNS]
    kept = Kept(1, frames, old, stays, pose_constraints(style, frames))
    known, mask = kept.part(0, frames)
    made = out[:, NONLIP_COLUMNS]
    if reference.pose is not None:
        made[:, _TURNED] = _turned(made, wish, reference.pose, kept)[:, _TURNED]
    if reference.blinks is not None:
        made[:, _LIDS] = _blinking(wish, reference.blinks, known[0][:, _LIDS], mask[:, _LIDS])
    out[:, NONLIP_COLUMNS] = np.where(mask, known[0], made)
    return out


def _turned(made: np.ndarray, wish: Wish, film: Motion, kept: Kept) -> np.ndarray:
    """(T, 32) channels whose head is the filmed one, and whose eyes look where those of ``made`` (T, 32) look."""
    frames, sampling = len(made), wish.sampling
    style, limits = sampling.style, sampling.turning
    styling, features = Styling(style, frames), features_from_channels(made)
    looks = styling.looks(features)
    filmed = np.zeros_like(features)
    filmed[:, _HEAD_FEATURES] = there_and_back(np.hstack([film.rotation, film.translation]), frames)
    if is_loop(style, frames):
        filmed = closed(filmed)
    head = styling.apply(filmed)[:, _HEAD_FEATURES]
    if limits is not None:
        head[:, _ROTATIONS:] = eased(head[:, _ROTATIONS:], -REACH, REACH)
    known, mask = kept.part(0, frames)
    wanted, fixed = features_from_channels(known[0])[:, _HEAD_FEATURES], known_features(mask)[:, _HEAD_FEATURES]
    features[:, _HEAD_FEATURES] = close_seams(head, wanted, fixed, transition_of(sampling))
    leave_poses(features[None], 0, frames, style, kept)
    if limits is not None:
        limit_turns(features, mask, limits)
    styling.look(features, looks)
    return channels_from_features(features)


def _blinking(wish: Wish, film: Motion, known: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(T, 2) weights of the filmed lids, joined to those that are known (T, 2)."""
    lids = close_lids(film.expression[:, [EXPRESSIONS.index(name) for name in EYE_BLINKS]])
    frames = len(known)
    out = again(lids, frames, _open(lids))
    if is_loop(wish.sampling.style, frames):  # no blink is cut off where the end runs into the beginning
        out[np.flatnonzero(np.append(True, _open(out)))[-1] :] = 0.0
    return np.clip(close_seams(out.astype(np.float32), known, mask, wish.sampling.transition), 0.0, 1.0)


def _open(lids: np.ndarray) -> np.ndarray:
    """(T,) bool: whether both eyes (T, 2) are open."""
    opened: np.ndarray = (lids <= OPEN).all(axis=1)
    return opened
