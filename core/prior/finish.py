"""Turn sampled values into finished channels: style, poses, settled eyes, blinks, and the kept channels unchanged."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..motion.channels import FPS, GAZE, NONLIP_CHANNELS
from ..motion.turning import TurningLimits
from ..sound.mel import MELS_PER_FRAME
from .blinks import BlinkPacer
from .features import FEATURES, channels_from_features, close_blinks, d_nl, features_from_channels, known_features
from .gaze import GazeSettler
from .kept import Kept
from .sampling import FinishPlan
from .spaces import NormalisedSpace
from .styling import Styling, leave_poses
from .windows import away_from_known, close_seams

Piece = tuple[int, np.ndarray]
"""First frame, and values (N, n, …) of the frames from there on."""
_LID = FEATURES.index("blink")
_LIDS = [i for i, name in enumerate(NONLIP_CHANNELS) if name.startswith("eyeBlink")]
_TURNS = ("headPitch", "headYaw")
_TURN_CHANNELS = [NONLIP_CHANNELS.index(name) for name in _TURNS]
_TURN_FEATURES = [FEATURES.index(name) for name in _TURNS]
_SECOND = round(FPS)
_EYES = [NONLIP_CHANNELS.index(name) for name in GAZE]


def limit_turns(features: np.ndarray, known: np.ndarray, limits: TurningLimits, inside: slice = slice(None)) -> None:
    """Bring heads of features (…, n, 25) within the limits of their turns, in place.

    Next to known frames the limits come in over a second. ``known`` (L, 32) bool are channels; the frames of the
    features are those ``inside`` of it.
    """
    turns = features[..., _TURN_FEATURES]
    away = away_from_known(known[:, _TURN_CHANNELS])[inside]
    features[..., _TURN_FEATURES] = turns + away * (limits.eased(turns) - turns)


class Finisher:
    """Finishes the takes of ``seeds``, piece by piece.

    Parameters
    ----------
    space
        What the sampled values are.
    styling
        The style of ``plan``.
    mel
        (4 T, 80) log-mel of the speech: blinks are put where it is quiet.
    kept
        What these takes keep.
    plan
        How they are finished.
    loop
        Whether the last frame runs into the first.
    """

    def __init__(
        self,
        space: NormalisedSpace,
        styling: Styling,
        mel: np.ndarray,
        seeds: list[int],
        kept: Kept,
        plan: FinishPlan,
        loop: bool,
    ) -> None:
        self._space, self._styling = space, styling
        self._mel, self._kept, self._plan, self._loop = mel, kept, plan, loop
        self._frames = len(mel) // MELS_PER_FRAME
        self._pacers = [BlinkPacer(seed, plan.style.blink_rate, loop) for seed in seeds]
        self._settlers = [GazeSettler(seed, styling.glance, loop) for seed in seeds]

    def finish(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """First frame and (N, n, 32) channels, from first frame and (N, n, d) normalised values."""
        # Features of the frames whose lids and eyes are not decided yet, and the first of those frames.
        waiting, begin = np.zeros((len(self._pacers), 0, d_nl), np.float32), 0
        for first, values in pieces:
            styled = self._styled(first, values)
            waiting = np.concatenate([waiting, styled], axis=1)
            lids, looks = self._decided(first, styled)
            ready = lids.shape[1]
            if ready:
                features, waiting = waiting[:, :ready], waiting[:, ready:]
                features[..., _LID] = lids
                self._limit_turns(begin, features)
                self._styling.look(features, looks)
                kept, mask = self._kept.part(begin, begin + ready)
                yield begin, np.where(mask, kept, channels_from_features(features))
                begin += ready

    def _decided(self, first: int, styled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lid weights (N, n) and viewing directions (N, n, 2) in degrees of the next n frames, which are now decided.

        ``styled`` holds the features (N, k, 25) of the k frames from ``first`` on. Blinks and eyes hold back the same
        number of frames.
        """
        stop = first + styled.shape[1]
        last = stop == self._frames
        rows = self._mel[first * MELS_PER_FRAME : stop * MELS_PER_FRAME]
        loudness = rows.reshape(stop - first, -1).mean(axis=1)  # (4 k, 80) -> (k,)
        mask = self._kept.part(first, stop)[1]
        keeps_lids, keeps_eyes = mask[:, _LIDS].any(axis=1), mask[:, _EYES].any(axis=1)
        lids = [
            pacer.push(lid, loudness, keeps_lids, last)
            for pacer, lid in zip(self._pacers, styled[..., _LID], strict=True)
        ]
        looks = [
            settler.push(path, keeps_eyes, last)
            for settler, path in zip(self._settlers, self._styling.looks(styled), strict=True)
        ]
        return np.stack(lids), np.stack(looks)

    def _styled(self, first: int, values: np.ndarray) -> np.ndarray:
        """(N, n, 25) features in the style, bent to meet the kept motion around them."""
        features = close_blinks(self._styling.apply(self._space.decode(values), first))
        if not (self._styling.neutral and self._space.exact):  # otherwise they were joined while sampling
            features = self._joined(first, features)
        leave_poses(features, first, self._frames, self._plan.style, self._kept)
        return features

    def _limit_turns(self, first: int, features: np.ndarray) -> None:
        """Bring heads of (N, n, 25) features from ``first`` on within the limits of their turns, in place.

        Next to kept frames and poses the limits come in over a second. The eyes' directions are put in afterwards, so
        they look where they looked.
        """
        if self._plan.turning is None:
            return
        begin, stop = first - _SECOND, first + features.shape[1] + _SECOND
        kept = self._kept.part(begin, stop)[1]
        if self._loop:
            kept |= self._kept.part(begin + self._frames, stop + self._frames)[1]
            kept |= self._kept.part(begin - self._frames, stop - self._frames)[1]
        limit_turns(features, kept, self._plan.turning, slice(_SECOND, -_SECOND))

    def _joined(self, first: int, features: np.ndarray) -> np.ndarray:
        """(N, n, 25) features from ``first`` on, bent where style or code changed the kept motion.

        The kept motion goes the same way as the sampled motion: the style is taken out, it is encoded and decoded, and
        the style is applied. It differs from the kept motion itself by an error that is known wherever something is
        kept. :func:`~core.prior.windows.close_seams` takes that error out.

        In an exact space, encoding and decoding changes only the last digit. It is not skipped, so that the motion of a
        seed stays bit-identical.
        """
        reach = self._plan.transition
        begin, stop = first - reach, first + features.shape[1] + reach
        channels, mask = self._kept.part(begin, stop)
        known = known_features(mask)
        if not known.any():
            return features
        wanted = features_from_channels(channels)
        plain = self._space.decode(self._space.encode(self._styling.take_out(wanted, begin)))
        made = self._styling.apply(plain, begin)
        inside = slice(reach, reach + features.shape[1])
        made[:, inside] = np.where(known[inside], made[:, inside], features)
        return np.stack([close_seams(m, w, known, reach)[inside] for m, w in zip(made, wanted, strict=True)])
