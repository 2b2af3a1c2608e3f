"""Sample takes along the speech, window by window, keeping in memory only what the next window needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from ..sound.mel import MELS_PER_FRAME
from ..wire.style import PriorStyle
from .denoiser import EXACT_UP_TO, Denoiser, Networks
from .features import features_from_channels, known_features
from .finish import Finisher, Piece
from .kept import Kept, Known
from .sampling import SamplingPlan
from .spaces import NormalisedSpace
from .steady import steadied
from .styling import Styling, is_loop
from .windows import close_seams, plan_windows

_NOISE_BLOCK = 50
LOOP_REDONE = 50
"""Frames at a loop's end that are sampled a second time, so that they lead to its beginning (2 s)."""
_FURTHEST = 5.0
"""Kept motion is clipped to this many deviations from the mean before the network sees it."""


def noise_of(seed: int, first: int, stop: int, size: int) -> np.ndarray:
    """nᵀ (stop − first, size) of frames ``first`` … ``stop`` of a take.

    Noise is drawn in blocks, each from its own generator. So any part of a long take can be drawn without the rest.
    """
    begin = first // _NOISE_BLOCK
    blocks = [
        np.random.default_rng([seed, 0, block]).standard_normal((_NOISE_BLOCK, size), np.float32)
        for block in range(begin, (stop - 1) // _NOISE_BLOCK + 1)
    ]
    return np.concatenate(blocks)[first - begin * _NOISE_BLOCK : stop - begin * _NOISE_BLOCK]


def count_windows(frames: int, size: int, style: PriorStyle) -> int:
    """Windows that a take of so many frames is sampled in; a loop has its end sampled a second time."""
    return len(plan_windows(frames, size)) + int(is_loop(style, frames))


class Walk:
    """The takes of ``seeds``, sampled along the speech.

    Iterating yields pieces in order until all frames are done: the first frame, and (N, n, 32) float32 channels from
    that frame on. The pieces lag behind the sampled windows by ``blinks.DELAY`` frames; in a loop they also lag by the
    last window. Memory does not grow with the length: only slices about as long as a window are read from ``mel`` and
    from the kept arrays, which may be memory-mapped files.

    Parameters
    ----------
    networks
        The trained network.
    space
        What it diffuses.
    mel
        (4 T, 80) log-mel.
    kept
        What these takes keep.
    plan
        How to sample.
    tell
        Called after each window.
    mouth
        (T, 9) curves of the mouth (``told.mouth.mouth_curves``), or None if it isn't known.
    """

    def __init__(
        self,
        networks: Networks,
        space: NormalisedSpace,
        mel: np.ndarray,
        seeds: list[int],
        kept: Kept,
        plan: SamplingPlan,
        tell: Callable[[], None],
        mouth: np.ndarray | None = None,
    ) -> None:
        self._networks, self._space = networks, space
        self._mel, self._mouth, self._seeds, self._kept = mel, mouth, seeds, kept
        self._plan, self._tell = plan, tell
        self._frames = len(mel) // MELS_PER_FRAME
        self._styling = Styling(plan.style, self._frames)
        self._size = networks.exact.config.window
        self._device = next(networks.exact.parameters()).device

    def __iter__(self) -> Iterator[Piece]:
        loop = is_loop(self._plan.style, self._frames)
        values = self._sampled()
        if loop:
            values = self._closed(values)
        finisher = Finisher(self._space, self._styling, self._mel, self._seeds, self._kept, self._plan, loop)
        return finisher.finish(values)

    def _nothing(self) -> np.ndarray:
        """(N, 0, d) values of no frames."""
        return np.zeros((len(self._seeds), 0, self._space.size), np.float32)

    def _sampled(self) -> Iterator[Piece]:
        """First frame and (N, n, d) normalised values: of each window, the frames that it commits."""
        earlier, begin = self._nothing(), 0
        for window in plan_windows(self._frames, self._size):
            prefix = earlier[:, window.start - begin : window.known - begin]
            earlier, begin = self._fill(np.arange(window.start, window.end), prefix), window.start
            self._tell()
            yield window.known, earlier[:, window.known - begin : window.commit - begin]

    def _closed(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """The same pieces with an end that runs into the beginning.

        One more window shows the end of the take followed by its beginning. In it, the last two seconds of the end are
        sampled again.
        """
        ahead = min(self._size * 3 // 20, self._frames // 4)  # frames of the beginning in that window
        seen = min(self._size - ahead, self._frames)  # frames of the end in it
        redone = min(LOOP_REDONE, self._frames // 3, seen - 1)
        start = rest = self._nothing()
        for first, values in pieces:
            start = np.concatenate([start, values[:, : ahead - start.shape[1]]], axis=1)
            rest = np.concatenate([rest, values], axis=1)
            ready = rest.shape[1] - seen
            if ready > 0:
                yield first + values.shape[1] - rest.shape[1], rest[:, :ready]
                rest = rest[:, ready:]
        begin = self._frames - seen
        frames = np.r_[begin : self._frames, :ahead]
        again = self._fill(frames, prefix=rest[:, : seen - redone], suffix=start)
        self._tell()
        yield begin, again[:, :seen]

    def _fill(self, frames: np.ndarray, prefix: np.ndarray, suffix: np.ndarray | None = None) -> np.ndarray:
        """(N, L, d) normalised n⁰ of a window.

        Parameters
        ----------
        frames
            (L,) frames of the take that the window shows.
        prefix, suffix
            (N, …, d) values of its first and last frames, where they are decided already. Only the window that closes a
            loop has a suffix; it also draws its own noise.
        """
        # In the window that closes a loop, this looks past the end, where nothing is kept: ``suffix`` is there.
        channels, keep_mask = self._kept.part(int(frames[0]), int(frames[0]) + len(frames))
        before = features_from_channels(channels)
        features = self._styling.take_out(before, int(frames[0]))  # as they were before the style
        kept = np.broadcast_to(known_features(keep_mask), features.shape)
        values, mask = self._space.encode(features), self._space.known(kept).copy()
        decided = np.zeros_like(mask)
        decided[:, : prefix.shape[1]] = True
        values[:, : prefix.shape[1]] = prefix
        if suffix is not None:
            decided[:, -suffix.shape[1] :] = True
            values[:, -suffix.shape[1] :] = suffix
        mask |= decided
        if mask.all():  # so a few seconds that are sampled again in a long take cost only themselves
            return values
        known = Known(
            torch.from_numpy(np.clip(values, -_FURTHEST, _FURTHEST)).to(self._device),
            torch.from_numpy(mask).to(self._device),
            None if self._space.exact or not kept.any() else self._putter(features, kept & ~decided[..., :1]),
        )
        found = self._denoised(frames, known, again=suffix is not None)
        for take in range(len(found)):
            joined = close_seams(steadied(found[take], self._space), values[take], decided[take])
            found[take] = close_seams(joined, values[take], mask[take], self._plan.transition)
        return found

    def _denoised(self, frames: np.ndarray, known: Known, again: bool) -> np.ndarray:
        """(N, L, d) n̂⁰ of a window from noise, before the known entries were put in; ``again`` draws other noise."""
        plan, schedule = self._plan, self._networks.schedule
        # If there are only a few steps, even the last one begins at a large t.
        exact_up_to = max(EXACT_UP_TO * schedule.steps, schedule.timesteps(plan.num_inference_steps)[-2])
        sound, mouth = self._heard(frames)
        denoiser = Denoiser(self._networks, sound, known, plan.guidance, exact_up_to, mouth)
        noise = torch.from_numpy(np.stack([self._noise(seed, frames, again) for seed in self._seeds]))
        generators = [np.random.default_rng([seed, 3 if again else 2, int(frames[0])]) for seed in self._seeds]

        def draw() -> Tensor:
            shape = len(frames), self._space.size
            drawn = np.stack([generator.standard_normal(shape, np.float32) for generator in generators])
            return torch.from_numpy(drawn).to(self._device)

        plan.sampler(denoiser, noise.to(self._device), schedule, plan.num_inference_steps, draw)
        return denoiser.last.cpu().numpy()

    def _heard(self, frames: np.ndarray) -> tuple[Tensor, Tensor | None]:
        """(4 L, 80) log-mel of these frames, taken as slices of consecutive rows, and (L, 9) their mouth or None."""
        rows = (frames[:, None] * MELS_PER_FRAME + np.arange(MELS_PER_FRAME)).reshape(-1)
        slices = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)
        sound = np.concatenate([self._mel[part[0] : part[-1] + 1] for part in slices])
        heard = torch.from_numpy(np.ascontiguousarray(sound, np.float32)).to(self._device)
        if self._mouth is None:
            return heard, None
        return heard, torch.from_numpy(self._mouth[frames].astype(np.float32)).to(self._device)

    def _noise(self, seed: int, frames: np.ndarray, again: bool) -> np.ndarray:
        """(L, d) nᵀ of one take."""
        if again:
            generator = np.random.default_rng([seed, 1, len(frames)])
            return generator.standard_normal((len(frames), self._space.size), np.float32)
        return noise_of(seed, int(frames[0]), int(frames[-1]) + 1, self._space.size)

    def _putter(self, features: np.ndarray, kept: np.ndarray) -> Callable[[Tensor], Tensor]:
        """A function that puts kept features into values each of which depends on many features."""
        changed = torch.from_numpy(kept.any(axis=-1, keepdims=True))

        def put(clean: Tensor) -> Tensor:
            values = self._space.encode(np.where(kept, features, self._space.decode(clean.cpu().numpy())))
            return torch.where(changed, torch.from_numpy(values), clean.cpu()).to(clean.device)

        return put
