"""Along the speech, window by window: samples each, gives out what is finished, keeps only what the next one needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..motion.channels import GAZE, NONLIP_CHANNELS
from ..sound.mel import MELS_PER_FRAME
from ..wire.style import PriorStyle
from .blinks import BlinkPacer
from .calibration import Calibration
from .denoiser import EXACT_UP_TO, Denoiser
from .features import FEATURES, channels_from_features, close_blinks, d_nl, features_from_channels, known_features
from .gaze import GazeSettler
from .kept import Kept
from .network import AudioToNonlipPrior
from .sampler import SAMPLERS
from .schedule import CosineSchedule
from .spaces import FeatureSpace
from .steady import steady_head
from .styling import Styling, early_gain, leave_poses, told_spread
from .windows import away_from_known, close_seams, plan_windows

Progress = Callable[[int, int], None]
"""Called with windows done and windows in all; may raise to stop."""
Piece = tuple[int, np.ndarray]
"""First frame, and values (N, n, …) of the frames from there on."""
_NOISE_BLOCK = 50
LOOP_FRAMES = 12
"""Shortest take that can be made a loop."""
_LOOP_REDONE = 50
"""Frames at a loop's end that are sampled again towards its beginning (2 s)."""
_FURTHEST = 5.0
"""Deviations from the mean that kept motion may have in the network's eyes."""
_LID = FEATURES.index("blink")
_LIDS = [i for i, name in enumerate(NONLIP_CHANNELS) if name.startswith("eyeBlink")]
_EYES = [NONLIP_CHANNELS.index(name) for name in GAZE]


@dataclass(frozen=True)
class Sampling:
    """How to sample."""

    guidance_scale: float
    num_inference_steps: int
    own_steps: int
    """Of the weights: what ``spread`` was found for."""
    sampler: str
    spread: np.ndarray
    calibration: Calibration | None
    style: PriorStyle
    transition: int
    levels: np.ndarray
    """(7,) how lively the talker is (``core.prior.levels``); NaN where that is unknown."""


def noise_of(seed: int, first: int, stop: int, size: int) -> np.ndarray:
    """nᵀ (stop − first, size) of frames ``first`` … ``stop`` of a take.

    Drawn in blocks, each from a generator of its own, so that any part of a long take is found without the rest of it.
    """
    begin = first // _NOISE_BLOCK
    blocks = [
        np.random.default_rng([seed, 0, block]).standard_normal((_NOISE_BLOCK, size), np.float32)
        for block in range(begin, (stop - 1) // _NOISE_BLOCK + 1)
    ]
    return np.concatenate(blocks)[first - begin * _NOISE_BLOCK : stop - begin * _NOISE_BLOCK]


class Walk:
    """One way along the speech for the takes of ``seeds``.

    Parameters
    ----------
    network, coarse, schedule, space, mean, deviation
        The trained prior: (d,) statistics of its space; ``coarse`` as of :class:`~core.prior.denoiser.Denoiser`.
    mel
        (4 T, 80) log-mel; only slices of a window's length are ever taken of it.
    kept
        What is given, for these takes.
    tell
        Called after each window.
    """

    def __init__(
        self,
        network: AudioToNonlipPrior,
        coarse: AudioToNonlipPrior,
        schedule: CosineSchedule,
        space: FeatureSpace,
        mean: np.ndarray,
        deviation: np.ndarray,
        mel: np.ndarray,
        seeds: list[int],
        kept: Kept,
        sampling: Sampling,
        tell: Callable[[], None],
    ) -> None:
        self._network, self._coarse, self._schedule, self._space = network, coarse, schedule, space
        self._mean, self._deviation = mean, deviation
        self._mel, self._seeds, self._kept, self._sampling, self._tell = mel, seeds, kept, sampling, tell
        self._frames, self._size = len(mel) // MELS_PER_FRAME, network.config.window
        self._device = next(network.parameters()).device
        self._styling = Styling(sampling.style)
        spread = told_spread(sampling.spread, sampling.levels, sampling.guidance_scale)
        steps = sampling.num_inference_steps, sampling.own_steps
        self._gain = early_gain(sampling.style.liveliness, spread, space, *steps)

    def __iter__(self) -> Iterator[Piece]:
        """First frame and (N, n, 32) channels of finished frames, in order, until all are."""
        values = self._sampled()
        if self._sampling.style.loop and self._frames >= LOOP_FRAMES:
            values = self._closed(values)
        return self._finished(values)

    # In the network's space -------------------------------------------------------------------------------------------

    def _given(self, first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Kept features (N, L, 25) before they were styled, and where they hold (N, L, 25) bool."""
        channels, mask = self._kept.part(first, stop)
        features = self._styling.take_out(features_from_channels(channels))
        known = np.broadcast_to(known_features(mask), features.shape)
        return features, known

    def _normalised(self, features: np.ndarray) -> np.ndarray:
        return (self._space.encode(features) - self._mean) / self._deviation

    def _features(self, values: np.ndarray) -> np.ndarray:
        return self._space.decode(values * self._deviation + self._mean)

    def _sampled(self) -> Iterator[Piece]:
        """Normalised values (N, n, d) of each window's own frames."""
        earlier, begin = np.zeros((len(self._seeds), 0, self._space.size), np.float32), 0
        for window in plan_windows(self._frames, self._size):
            features, known = self._given(window.start, window.end)
            prefix = earlier[:, window.start - begin : window.known - begin]
            frames = np.arange(window.start, window.end)
            earlier, begin = self._fill(frames, features, known, prefix, stream=0), window.start
            self._tell()
            yield window.known, earlier[:, window.known - begin : window.commit - begin]

    def _closed(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """The same with an end that runs into the beginning: the last two seconds are sampled again between both."""
        redone, ahead = min(_LOOP_REDONE, self._frames // 3), min(self._size * 3 // 20, self._frames // 4)
        seen = min(self._size - ahead, self._frames)
        redone = min(redone, seen - 1)
        start = rest = np.zeros((len(self._seeds), 0, self._space.size), np.float32)
        for first, values in pieces:
            start = np.concatenate([start, values[:, : ahead - start.shape[1]]], axis=1)
            rest = np.concatenate([rest, values], axis=1)
            ready = rest.shape[1] - seen
            if ready > 0:
                yield first + values.shape[1] - rest.shape[1], rest[:, :ready]
                rest = rest[:, ready:]
        features, known = self._given(self._frames - seen, self._frames + ahead)
        frames = np.r_[self._frames - seen : self._frames, :ahead]
        again = self._fill(frames, features, known, rest[:, : seen - redone], stream=1, suffix=start)
        self._tell()
        yield self._frames - seen, again[:, :seen]

    def _fill(
        self,
        frames: np.ndarray,
        features: np.ndarray,
        known: np.ndarray,
        prefix: np.ndarray,
        stream: int,
        suffix: np.ndarray | None = None,
    ) -> np.ndarray:
        """(N, L, d) normalised n⁰ of a window.

        Parameters
        ----------
        frames
            (L,) which frames of the take it shows.
        features, known
            (N, L, 25) what is kept.
        prefix, suffix
            (N, …, d) values of its first and its last frames, where they are settled.
        stream
            Tells apart the noise of windows that show the same frames.
        """
        given, mask = self._normalised(features), self._space.known(known).copy()
        settled = np.zeros_like(mask)
        settled[:, : prefix.shape[1]] = True
        given[:, : prefix.shape[1]] = prefix
        if suffix is not None:
            settled[:, -suffix.shape[1] :] = True
            given[:, -suffix.shape[1] :] = suffix
        mask |= settled
        if mask.all():  # nothing to find: a few seconds sampled again in a long take cost only themselves
            return given
        rows = (frames[:, None] * MELS_PER_FRAME + np.arange(MELS_PER_FRAME)).reshape(-1)
        splits = np.flatnonzero(np.diff(rows) != 1) + 1
        sound = np.concatenate([self._mel[part[0] : part[-1] + 1] for part in np.split(rows, splits)])
        sampling, away = self._sampling, self._away_from(mask)
        denoiser = Denoiser(
            self._network,
            self._schedule,
            torch.from_numpy(np.ascontiguousarray(sound, np.float32)).to(self._device),
            sampling.guidance_scale,
            torch.from_numpy(np.clip(given, -_FURTHEST, _FURTHEST)).to(self._device),
            torch.from_numpy(mask).to(self._device),
            None if self._gain is None else 1.0 + (torch.from_numpy(self._gain).to(self._device) - 1.0) * away,
            None if self._space.exact or not known.any() else self._putter(features, known & ~settled[..., :1]),
            torch.from_numpy(sampling.levels).to(self._device),
            self._coarse,
            sampling.calibration,
            away,
            # Of a few steps even the last is taken at a large t.
            max(EXACT_UP_TO * self._schedule.steps, self._schedule.timesteps(sampling.num_inference_steps)[-2]),
        )
        fresh = [np.random.default_rng([seed, 2 + stream, int(frames[0])]) for seed in self._seeds]
        noise = torch.from_numpy(np.stack([self._noise(seed, frames, stream) for seed in self._seeds]))

        def draw() -> Tensor:
            drawn = np.stack([rng.standard_normal(given.shape[1:], np.float32) for rng in fresh])
            return torch.from_numpy(drawn).to(self._device)

        SAMPLERS[sampling.sampler](denoiser, noise.to(self._device), self._schedule, sampling.num_inference_steps, draw)
        predicted = denoiser.last.cpu().numpy()
        for take, values in enumerate(predicted):
            if self._space.exact:
                values = steady_head(values)
            joined = close_seams(values, given[take], settled[take])
            predicted[take] = close_seams(joined, given[take], mask[take], sampling.transition)
        return predicted

    def _away_from(self, mask: np.ndarray) -> Tensor:
        """(N, L, d) of each take's mask."""
        return torch.from_numpy(np.stack([away_from_known(take) for take in mask])).to(self._device)

    def _noise(self, seed: int, frames: np.ndarray, stream: int) -> np.ndarray:
        if stream == 0:
            return noise_of(seed, int(frames[0]), int(frames[-1]) + 1, self._space.size)
        return np.random.default_rng([seed, stream, len(frames)]).standard_normal(
            (len(frames), self._space.size), np.float32
        )

    def _putter(self, features: np.ndarray, known: np.ndarray) -> Callable[[Tensor], Tensor]:
        """Puts kept features into values whose entries each stand for many."""

        def put(clean: Tensor) -> Tensor:
            values = self._normalised(np.where(known, features, self._features(clean.cpu().numpy())))
            changed = known.any(axis=-1, keepdims=True)
            return torch.where(torch.from_numpy(changed), torch.from_numpy(values), clean.cpu()).to(clean.device)

        return put

    # In channels ------------------------------------------------------------------------------------------------------

    def _finished(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """Styled, with settled eyes, blinks at their rate, and kept channels to the bit."""
        style = self._sampling.style
        loop = style.loop and self._frames >= LOOP_FRAMES
        pacers = [BlinkPacer(seed, style.blink_rate) for seed in self._seeds]
        settlers = [GazeSettler(seed, self._styling.glance, loop) for seed in self._seeds]
        waiting, begin = np.zeros((len(self._seeds), 0, d_nl), np.float32), 0
        for first, values in pieces:
            stop = first + values.shape[1]
            last = stop == self._frames
            styled = self._styled(first, values)
            leave_poses(styled, first, self._frames, style, self._kept)
            waiting = np.concatenate([waiting, styled], axis=1)
            rows = self._mel[first * MELS_PER_FRAME : stop * MELS_PER_FRAME]
            loudness = rows.reshape(stop - first, -1).mean(axis=1)  # (4 n, 80) -> (n,)
            mask = self._kept.part(first, stop)[1]
            shut, eyes = mask[:, _LIDS].any(axis=1), mask[:, _EYES].any(axis=1)
            lids = [pacer.push(lid, loudness, shut, last) for pacer, lid in zip(pacers, styled[..., _LID], strict=True)]
            paths = self._styling.looks(styled)
            gaze = [settler.push(path, eyes, last) for settler, path in zip(settlers, paths, strict=True)]
            ready = len(lids[0])  # both keep as much back
            if ready:
                waiting[:, :ready, _LID] = np.stack(lids)
                self._styling.look(waiting[:, :ready], np.stack(gaze))
                kept, mask = self._kept.part(begin, begin + ready)
                yield begin, np.where(mask, kept, channels_from_features(waiting[:, :ready]))
                waiting, begin = waiting[:, ready:], begin + ready

    def _styled(self, first: int, values: np.ndarray) -> np.ndarray:
        """(N, n, 25) features of this style, bent to meet what is kept around them."""
        features = close_blinks(self._styling.apply(self._features(values)))
        if self._styling.neutral and self._space.exact:
            return features  # joined already, in the network's space
        reach = self._sampling.transition
        begin, stop = first - reach, first + values.shape[1] + reach
        channels, mask = self._kept.part(begin, stop)
        known = known_features(mask)
        if not known.any():
            return features
        # What the style makes of the kept part, minus that part, is a known error wherever something is kept.
        wanted = features_from_channels(channels)
        made = self._styling.apply(self._features(self._normalised(self._given(begin, stop)[0])))
        inside = slice(reach, reach + values.shape[1])
        made[:, inside] = np.where(known[inside], made[:, inside], features)
        return np.stack([close_seams(m, w, known, reach)[inside] for m, w in zip(made, wanted, strict=True)])
