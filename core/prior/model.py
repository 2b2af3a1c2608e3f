"""NonlipPrior: the trained P_a2nl with its sampler. Samples motion of any length, whole or in part."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from ..compute.devices import fast_bfloat16
from ..compute.shards import open_shards
from ..compute.threads import side_by_side, single_thread
from ..motion.channels import NONLIP_CHANNELS
from ..places import WEIGHTS
from ..representation.model import Representation
from ..sound.audio_encoder import AudioEncoderConfig
from ..sound.mel import MEL_BANDS, MELS_PER_FRAME
from .calibration import Calibration
from .denoiser import Networks
from .guidance import Guidance, early_gain, spread_for
from .kept import Kept
from .network import AudioToNonlipPrior, PriorConfig, stem_of
from .sampler import SAMPLERS
from .sampling import Sampling, SamplingPlan, transition_of
from .schedule import CosineSchedule
from .spaces import ChannelSpace, CodeSpace, FeatureSpace, NormalisedSpace
from .styling import pose_constraints
from .told.mouth import MOUTH
from .told.personas import centre_of
from .walk import Walk, count_windows

OnWindow = Callable[[int, int], None]
"""Called with the number of windows done and of all windows. It may raise an error to stop the sampling."""


class NonlipPrior:
    """P_a2nl ready to sample.

    Attributes
    ----------
    num_inference_steps, guidance_scale, sampler
        Defaults, measured by ``training.prior.evaluate`` and stored with the weights.
    space
        What the network diffuses.
    coarse
        The network in bfloat16 for the early steps, which halves their time, if the processor is fast at bfloat16.
        Otherwise the network itself.
    calibration
        Weighs the network's answers against nᵗ. None if it was not measured.
    spread
        (d,) how far takes are led from the mean of all motion (``guidance.early_gain``). 1 leaves them to the network.
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
    def load(cls, device: str | torch.device = "cpu", folder: Path = WEIGHTS, *, learned: bool = False) -> NonlipPrior:
        """Read ``prior-*.safetensors`` (float16 shards) from ``folder``, or ``learned_prior-*.safetensors`` if
        ``learned``: the prior that diffuses the learned f_nl.

        Raises
        ------
        SoliloquyError
            ``weights_missing`` if there are no shards or one is absent; ``weights_damaged``.
        """
        what = "motion prior of learned codes" if learned else "motion prior"
        with open_shards(stem_of(learned), what, folder) as file:
            facts, shape, tensors = file.facts, file.config, file.tensors
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
        sampling: Sampling = Sampling(),  # noqa: B008 - frozen
        *,
        mouth: np.ndarray | None = None,
        keep: np.ndarray | None = None,
        keep_mask: np.ndarray | None = None,
        progress: OnWindow | None = None,
    ) -> np.ndarray:
        """Sample one motion for each seed.

        A take depends only on its own seed. Its noise is drawn by its own generator. On a processor each take runs in
        its own thread (``core.compute.threads``); takes in one batch would change the rounding of matrix products. On
        other devices all takes of a window run together.

        Parameters
        ----------
        mel
            (4 T, 80) log-mel of T ≥ 1 frames.
        sampling
            How to sample.
        mouth
            (T, 9) curves of the mouth (``told.mouth.mouth_curves``). None if it isn't known.
        keep, keep_mask
            (N, T, 32) channels and (T, 32) bool: kept channels come back bit for bit, and the rest is sampled to fit.
            Any mask will do: earlier frames (a continuation), frames on both sides (in-betweening), single channels, or
            all of these.
        progress
            Called after each window. If there are several takes, their threads call it, one at a time.

        Returns
        -------
        (N, T, 32) float32 in the order of ``core.motion.channels.NONLIP_CHANNELS``.

        Raises
        ------
        ValueError
            If an array has another shape, or the schedule does not have that many steps.
        """
        frames = len(mel) // MELS_PER_FRAME
        if mel.shape != (frames * MELS_PER_FRAME, MEL_BANDS) or frames < 1:
            raise ValueError(f"mel must be (4 T, {MEL_BANDS}) with T ≥ 1, not {mel.shape}")
        if mouth is not None and mouth.shape != (frames, len(MOUTH)):
            raise ValueError(f"mouth must be ({frames}, {len(MOUTH)}), not {mouth.shape}")
        plan = self._plan(sampling)
        kept = Kept(len(seeds), frames, keep, keep_mask, pose_constraints(plan.style, frames))
        networks = Networks(self.network, self.coarse, self.schedule)
        space = NormalisedSpace(self.space, self.mean, self.deviation)
        on_processor = self.device.type == "cpu"
        groups = [[i] for i in range(len(seeds))] if on_processor else [list(range(len(seeds)))]
        tell = _counter(progress, len(groups) * count_windows(frames, self.network.config.window, plan.style))
        out = np.empty((len(seeds), frames, len(NONLIP_CHANNELS)), dtype=np.float32)

        def work(group: list[int]) -> None:
            walk = Walk(networks, space, mel, [seeds[i] for i in group], kept.takes(group), plan, tell, mouth)
            with torch.inference_mode(), self._threads():
                for first, channels in walk:
                    out[group, first : first + channels.shape[1]] = channels

        # A single take needs no thread of its own.
        for _ in side_by_side(work, groups) if len(groups) > 1 else map(work, groups):
            pass
        return out

    def _plan(self, sampling: Sampling) -> SamplingPlan:
        """The caller's choices with the weights' own values filled in."""
        style, own_steps = sampling.style, self.num_inference_steps
        steps = own_steps if sampling.num_inference_steps is None else sampling.num_inference_steps
        scale = self.guidance_scale if sampling.guidance_scale is None else sampling.guidance_scale
        levels = centre_of(style.liveliness) if sampling.levels is None else np.asarray(sampling.levels, np.float32)
        gain = early_gain(spread_for(self.spread, levels, scale), steps, own_steps)
        guidance = Guidance(
            scale,
            torch.from_numpy(levels).to(self.device),
            self.calibration,
            None if gain is None else torch.from_numpy(gain).to(self.device),
        )
        return SamplingPlan(
            style=style,
            transition=transition_of(sampling),
            turning=sampling.turning,
            sampler=SAMPLERS[sampling.sampler or self.sampler],
            num_inference_steps=steps,
            guidance=guidance,
        )

    def _threads(self) -> AbstractContextManager[None]:
        return single_thread() if self.device.type == "cpu" else nullcontext()


def _counter(progress: OnWindow | None, total: int) -> Callable[[], None]:
    """Counts calls and reports them to ``progress``, one at a time."""
    count, lock = itertools.count(1), Lock()

    def tell() -> None:
        if progress is not None:
            with lock:
                progress(next(count), total)

    return tell
