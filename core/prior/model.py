"""NonlipPrior: the trained P_a2nl with its sampler, for motion of any length, sampled whole or in part."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from ..compute.devices import fast_bfloat16
from ..compute.threads import side_by_side, single_thread
from ..compute.weight_files import INSTALL_AGAIN, open_weights
from ..errors import SoliloquyError
from ..motion.channels import NONLIP_CHANNELS
from ..places import WEIGHTS
from ..representation.model import Representation
from ..sound.audio_encoder import AudioEncoderConfig
from ..sound.mel import MEL_BANDS, MELS_PER_FRAME
from ..wire.style import PriorStyle
from .calibration import Calibration
from .kept import Kept
from .levels import LEVELS, levels_of
from .network import AudioToNonlipPrior, PriorConfig
from .sampler import SAMPLERS
from .schedule import CosineSchedule
from .spaces import ChannelSpace, CodeSpace, FeatureSpace
from .styling import POSE_TRANSITION, pose_constraints
from .walk import LOOP_FRAMES, Piece, Progress, Sampling, Walk
from .windows import SEAM_FRAMES, plan_windows


class NonlipPrior:
    """P_a2nl ready to sample.

    Attributes
    ----------
    num_inference_steps, guidance_scale, sampler
        Defaults measured by ``training.prior.evaluate`` and stored with the weights.
    space
        What the network diffuses.
    coarse
        The network in bfloat16 where the processor is fast at that, for the early steps: half of their time.
    calibration
        What weighs the network's answers against nᵗ; None where it wasn't measured.
    spread
        (d,) how far takes are led from the mean of all motion (``styling.early_gain``); 1 leaves them to the network.
    """

    def __init__(
        self,
        network: AudioToNonlipPrior,
        mean: Tensor,
        deviation: Tensor,
        num_inference_steps: int = 10,
        guidance_scale: float = 1.0,
        space: FeatureSpace | None = None,
        sampler: str = "dpm_solver_pp",
        spread: Tensor | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self.space, self.sampler, self.calibration = space or ChannelSpace(), sampler, calibration
        self.network = network.eval().requires_grad_(False)
        self.device = next(network.parameters()).device
        fast = self.device.type == "cpu" and fast_bfloat16(self.device)
        self.coarse = copy.deepcopy(self.network).bfloat16() if fast else self.network
        self.mean = mean.cpu().numpy().astype(np.float32)
        self.deviation = deviation.cpu().numpy().astype(np.float32)
        self.spread = np.ones(self.space.size, np.float32) if spread is None else spread.cpu().numpy()
        self.num_inference_steps = num_inference_steps
        self.guidance_scale = guidance_scale
        self.schedule = CosineSchedule(network.config.diffusion_steps)

    @classmethod
    def load(cls, device: str | torch.device = "cpu", folder: Path = WEIGHTS) -> NonlipPrior:
        """Read ``prior-*.safetensors`` (float16 shards) from ``folder``.

        Raises
        ------
        SoliloquyError
            ``weights_missing`` where there are none or a shard is absent, ``weights_damaged``.
        """
        shards = sorted(Path(folder).glob("prior-*.safetensors"))
        missing = SoliloquyError(
            "weights_missing", f"The weights of the motion prior are not complete in {folder}.", INSTALL_AGAIN
        )
        if not shards:
            raise missing
        with open_weights(shards, "motion prior") as file:
            facts, shape, tensors = file.facts, file.config, file.tensors
            if len(shards) != int(facts["shards"]):
                raise missing
            config = PriorConfig(**(shape | {"audio": AudioEncoderConfig(**shape["audio"])}))
            network = AudioToNonlipPrior(config)
            mean, deviation, spread = (tensors.pop(name) for name in ("mean", "deviation", "spread"))
            tables = [tensors.pop(name) for name in ("calibration.keep", "calibration.trust") if name in tensors]
            network.load_state_dict(tensors)
            return cls(
                network.to(device),
                mean,
                deviation,
                int(facts["num_inference_steps"]),
                float(facts["guidance_scale"]),
                CodeSpace(Representation.load(device)) if config.learned else ChannelSpace(),
                facts.get("sampler", "dpm_solver_pp"),
                spread,
                Calibration(*tables) if tables else None,
            )

    def sample(
        self,
        mel: np.ndarray,
        seeds: list[int],
        guidance_scale: float | None = None,
        num_inference_steps: int | None = None,
        keep: np.ndarray | None = None,
        keep_mask: np.ndarray | None = None,
        progress: Progress | None = None,
        sampler: str | None = None,
        style: PriorStyle = PriorStyle(),  # noqa: B008 - frozen
        transition: int = SEAM_FRAMES,
        levels: np.ndarray | None = None,
    ) -> np.ndarray:
        """Sample one motion for each seed.

        A take depends on its own seed alone: its noise is drawn by a generator of its own, and on a processor each
        take runs in a thread of its own (``core.compute.threads``; batching takes would only let matrix products round
        differently). On other devices all takes of a window run together.

        Parameters
        ----------
        mel
            (4 T, 80) log-mel of T ≥ 1 frames.
        guidance_scale
            s in s·P(n | audio) + (1 − s)·P(n | ∅) (eq. 10); 1 is the conditional model alone and half the work.
        num_inference_steps
            Steps of the sampler, 1 … 1000.
        keep, keep_mask
            (N, T, 32) channels and (T, 32) bool: what is kept, to the bit; the rest is sampled to go with it. Any mask
            will do: frames before (a continuation), around (in-betweening), single channels, or all of these.
        progress
            Told after each window, of several takes by their threads.
        sampler
            Name in ``sampler.SAMPLERS``; that of the weights when left out.
        style
            How the motion is to look.
        transition
            Frames, at least 1, over which what is sampled bends to meet what is kept.
        levels
            (7,) how lively the talker is, by ``levels.measure_levels``, whatever the style's liveliness says; NaN where
            nothing is known of that.

        Returns
        -------
        (N, T, 32) float32 in the order of ``core.motion.channels.NONLIP_CHANNELS``.

        Raises
        ------
        ValueError
            On arrays of other shapes, or another sampler.
        """
        sampling = self._sampling(guidance_scale, num_inference_steps, sampler, style, transition, levels)
        kept = self._kept(mel, len(seeds), keep, keep_mask, style)
        on_processor = self.device.type == "cpu"
        chunks = [[i] for i in range(len(seeds))] if on_processor else [list(range(len(seeds)))]
        out = np.empty((len(seeds), len(mel) // MELS_PER_FRAME, len(NONLIP_CHANNELS)), dtype=np.float32)
        tell = _counter(progress, len(chunks) * self._windows(mel, style))

        def work(chunk: list[int]) -> None:
            for first, channels in self._walk(mel, [seeds[i] for i in chunk], kept.takes(chunk), sampling, tell):
                out[chunk, first : first + channels.shape[1]] = channels

        # One take alone needs no thread of its own.
        for _ in side_by_side(work, chunks) if on_processor and len(chunks) > 1 else map(work, chunks):
            pass
        return out

    def stream(
        self,
        mel: np.ndarray,
        seed: int,
        guidance_scale: float | None = None,
        num_inference_steps: int | None = None,
        keep: np.ndarray | None = None,
        keep_mask: np.ndarray | None = None,
        progress: Progress | None = None,
        sampler: str | None = None,
        style: PriorStyle = PriorStyle(),  # noqa: B008 - frozen
        transition: int = SEAM_FRAMES,
        levels: np.ndarray | None = None,
    ) -> Iterator[Piece]:
        """The same motion as :meth:`sample` gives for this seed, in pieces as windows finish.

        Memory doesn't grow with the length: of ``mel``, ``keep`` and ``keep_mask`` only slices of a window's length are
        taken, so that they may be memory-mapped files. ``keep`` is (1, T, 32).

        Yields
        ------
        First frame, and (n, 32) float32 channels from there on; the pieces follow one another. What is given out lags
        behind the sampled windows by ``blinks.DELAY`` frames, and by the last window where the take is a loop.
        """
        sampling = self._sampling(guidance_scale, num_inference_steps, sampler, style, transition, levels)
        kept = self._kept(mel, 1, keep, keep_mask, style)
        tell = _counter(progress, self._windows(mel, style))
        for first, channels in self._walk(mel, [seed], kept, sampling, tell):
            yield first, channels[0]

    def _sampling(
        self,
        guidance_scale: float | None,
        steps: int | None,
        sampler: str | None,
        style: PriorStyle,
        transition: int,
        levels: np.ndarray | None,
    ) -> Sampling:
        sampler = sampler or self.sampler
        if sampler not in SAMPLERS:
            raise ValueError(f"sampler must be one of {', '.join(SAMPLERS)}, not {sampler!r}")
        if transition < 1:
            raise ValueError(f"transition must be at least 1 frame, not {transition}")
        levels = levels_of(style.liveliness) if levels is None else np.asarray(levels, np.float32)
        if levels.shape != (len(LEVELS),):
            raise ValueError(f"levels must be {len(LEVELS)} numbers, not {levels.shape}")
        if style.start_pose is not None or style.end_pose is not None:
            transition = max(transition, POSE_TRANSITION)
        return Sampling(
            self.guidance_scale if guidance_scale is None else guidance_scale,
            self.num_inference_steps if steps is None else steps,
            self.num_inference_steps,
            sampler,
            self.spread,
            self.calibration,
            style,
            transition,
            levels,
        )

    def _kept(
        self, mel: np.ndarray, takes: int, keep: np.ndarray | None, keep_mask: np.ndarray | None, style: PriorStyle
    ) -> Kept:
        frames = len(mel) // MELS_PER_FRAME
        if mel.shape != (frames * MELS_PER_FRAME, MEL_BANDS) or frames < 1:
            raise ValueError(f"mel must be (4 T, {MEL_BANDS}) with T ≥ 1, not {mel.shape}")
        return Kept(takes, frames, keep, keep_mask, pose_constraints(style, frames))

    def _threads(self) -> AbstractContextManager[None]:
        return single_thread() if self.device.type == "cpu" else nullcontext()

    def _windows(self, mel: np.ndarray, style: PriorStyle) -> int:
        return len(plan_windows(len(mel) // MELS_PER_FRAME, self.network.config.window)) + int(
            style.loop and len(mel) // MELS_PER_FRAME >= LOOP_FRAMES
        )

    def _walk(
        self, mel: np.ndarray, seeds: list[int], kept: Kept, sampling: Sampling, tell: Callable[[], None]
    ) -> Iterator[Piece]:
        networks, statistics = (self.network, self.coarse), (self.mean, self.deviation)
        walk = Walk(*networks, self.schedule, self.space, *statistics, mel, seeds, kept, sampling, tell)
        pieces = iter(walk)
        while True:
            with torch.inference_mode(), self._threads():  # not across a yield: they would hold for the caller too
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece


def _counter(progress: Progress | None, total: int) -> Callable[[], None]:
    """Counts calls and tells ``progress``, one at a time."""
    count, lock = itertools.count(1), Lock()

    def tell() -> None:
        if progress is not None:
            with lock:
                progress(next(count), total)

    return tell
