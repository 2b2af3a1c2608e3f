"""NonlipPrior: the trained P_a2nl with its sampler, for motion of any length, sampled whole or in part."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from ..audio_encoder import AudioEncoderConfig
from ..channels import NONLIP_CHANNELS
from ..errors import SoliloquyError
from ..mel import MEL_BANDS, MELS_PER_FRAME
from .features import channels_from_features, close_blinks, d_nl, features_from_channels, known_features
from .network import AudioToNonlipPrior, PriorConfig
from .sampler import SAMPLERS
from .schedule import CosineSchedule
from .skip import correct_slowly
from .windows import Window, close_seams, plan_windows

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
Progress = Callable[[int, int], None]
"""Called with windows done and windows in all; may raise to stop."""


@dataclass(frozen=True)
class Known:
    """What the caller keeps of one take: features (T, d_nl), normalised, and where they hold (T, d_nl) bool."""

    features: np.ndarray
    mask: np.ndarray


class NonlipPrior:
    """P_a2nl ready to sample.

    Attributes
    ----------
    num_inference_steps, guidance_scale
        Defaults measured by ``training.prior evaluate`` and stored with the weights.
    """

    def __init__(
        self,
        network: AudioToNonlipPrior,
        mean: Tensor,
        deviation: Tensor,
        num_inference_steps: int = 10,
        guidance_scale: float = 1.0,
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.mean = mean.cpu().numpy().astype(np.float32)
        self.deviation = deviation.cpu().numpy().astype(np.float32)
        self.num_inference_steps = num_inference_steps
        self.guidance_scale = guidance_scale
        self.schedule = CosineSchedule(network.config.diffusion_steps)
        self.device = next(network.parameters()).device

    @classmethod
    def load(cls, device: str | torch.device = "cpu", folder: Path = WEIGHTS) -> NonlipPrior:
        """Read ``prior-*.safetensors`` (float16 shards) from ``folder``.

        Raises
        ------
        SoliloquyError
            ``weights_missing`` where there are none or a shard is absent.
        """
        shards = sorted(Path(folder).glob("prior-*.safetensors"))
        tensors: dict[str, Tensor] = {}
        metadata: dict[str, str] = {}
        for shard in shards:
            with safe_open(shard, framework="pt") as file:
                metadata |= file.metadata() or {}
                tensors |= {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        if not shards or len(shards) != int(metadata["shards"]):
            raise SoliloquyError(
                "weights_missing",
                f"The weights of the motion prior are not complete in {folder}.",
                "Install the extension again.",
            )
        shape = json.loads(metadata["config"])
        audio = {name: tuple(v) if isinstance(v, list) else v for name, v in shape["audio"].items()}
        config = PriorConfig(**(shape | {"audio": AudioEncoderConfig(**audio)}))
        network = AudioToNonlipPrior(config)
        mean, deviation = tensors.pop("mean"), tensors.pop("deviation")
        network.load_state_dict(tensors)
        return cls(
            network.to(device),
            mean,
            deviation,
            int(metadata["num_inference_steps"]),
            float(metadata["guidance_scale"]),
        )

    @torch.inference_mode()
    def sample(
        self,
        mel: np.ndarray,
        seeds: list[int],
        guidance_scale: float | None = None,
        num_inference_steps: int | None = None,
        keep: np.ndarray | None = None,
        keep_mask: np.ndarray | None = None,
        progress: Progress | None = None,
        sampler: str = "dpm_solver_pp",
    ) -> np.ndarray:
        """Sample one motion for each seed.

        A take depends on its own seed alone: its noise is drawn by a generator of its own, and on a processor takes
        run one after the other (a window fills the cores already; batching them would only let matrix products round
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
            (N, T, 32) channels and (T, 32) bool: what is kept, to the bit; the rest is sampled to go with it.
        progress
            Told after each window.
        sampler
            Name in ``sampler.SAMPLERS``.

        Returns
        -------
        (N, T, 32) float32 in the order of ``core.channels.NONLIP_CHANNELS``.

        Raises
        ------
        ValueError
            On arrays of other shapes.
        """
        frames = len(mel) // MELS_PER_FRAME
        if mel.shape != (frames * MELS_PER_FRAME, MEL_BANDS) or frames < 1:
            raise ValueError(f"mel must be (4 T, {MEL_BANDS}) with T ≥ 1, not {mel.shape}")
        scale = self.guidance_scale if guidance_scale is None else guidance_scale
        steps = self.num_inference_steps if num_inference_steps is None else num_inference_steps
        known = self._known(len(seeds), frames, keep, keep_mask)
        windows = plan_windows(frames, self.network.config.window)
        chunks = [[i] for i in range(len(seeds))] if self.device.type == "cpu" else [list(range(len(seeds)))]
        out = np.empty((len(seeds), frames, len(NONLIP_CHANNELS)), dtype=np.float32)
        done, total = 0, len(windows) * len(chunks)
        for chunk in chunks:
            generators = [torch.Generator().manual_seed(seeds[i]) for i in chunk]
            noise = torch.stack([torch.randn(frames, d_nl, generator=g) for g in generators])  # (n, T, d_nl)
            made = np.zeros((len(chunk), frames, d_nl), dtype=np.float32)
            for window in windows:
                self._window(window, mel, noise, generators, made, [known[i] for i in chunk], scale, steps, sampler)
                done += 1
                if progress is not None:
                    progress(done, total)
            out[chunk] = channels_from_features(close_blinks(made * self.deviation + self.mean))
        if keep is not None and keep_mask is not None:
            out = np.where(keep_mask, keep.astype(np.float32), out)
        return out

    def _known(self, takes: int, frames: int, keep: np.ndarray | None, keep_mask: np.ndarray | None) -> list[Known]:
        if (keep is None) != (keep_mask is None):
            raise ValueError("keep and keep_mask go together")
        if keep is None or keep_mask is None:
            return [Known(np.zeros((frames, d_nl), np.float32), np.zeros((frames, d_nl), bool))] * takes
        channels = len(NONLIP_CHANNELS)
        if keep.shape != (takes, frames, channels) or keep_mask.shape != (frames, channels):
            raise ValueError(
                f"keep must be {(takes, frames, channels)} and keep_mask {(frames, channels)}, "
                f"not {keep.shape} and {keep_mask.shape}"
            )
        mask = known_features(keep_mask)
        return [Known((features_from_channels(take) - self.mean) / self.deviation, mask) for take in keep]

    def _window(
        self,
        window: Window,
        mel: np.ndarray,
        noise: Tensor,
        generators: list[torch.Generator],
        made: np.ndarray,
        known: list[Known],
        scale: float,
        steps: int,
        sampler: str,
    ) -> None:
        """Fill ``made`` (n, T, d_nl) from ``window.known`` to ``window.commit``."""
        seen = slice(window.start, window.end)
        given = np.stack([take.features[seen] for take in known])  # (n, L, d_nl)
        mask = np.stack([take.mask[seen] for take in known])
        earlier = window.known - window.start
        given[:, :earlier] = made[:, window.start : window.known]
        mask[:, :earlier] = True
        fresh = slice(earlier, window.commit - window.start)
        if mask[:, fresh].all():  # nothing to find: a few seconds sampled again in a long take cost only themselves
            made[:, window.known : window.commit] = given[:, fresh]
            return
        sound = torch.from_numpy(np.ascontiguousarray(mel[MELS_PER_FRAME * window.start : MELS_PER_FRAME * window.end]))
        denoiser = _Denoiser(self.network, self.schedule, sound.float().to(self.device), scale, given, mask)

        def draw() -> Tensor:
            shape = (window.end - window.start, d_nl)
            return torch.stack([torch.randn(shape, generator=g) for g in generators]).to(self.device)

        start = noise[:, seen].to(self.device)
        SAMPLERS[sampler](denoiser, start, self.schedule, steps, draw)
        predicted = denoiser.last.cpu().numpy()
        for i in range(len(known)):
            made[i, window.known : window.commit] = close_seams(predicted[i], given[i], mask[i])[fresh]


class _Denoiser:
    """nᵗ, t → n̂⁰ of one window, guided, with the known entries put in.

    Putting them into n̂⁰ at every step keeps nᵗ there on the path that leads to them.
    ``last`` is the last n̂⁰ before that, which :func:`close_seams` needs.
    """

    def __init__(
        self,
        network: AudioToNonlipPrior,
        schedule: CosineSchedule,
        mel: Tensor,
        scale: float,
        given: np.ndarray,
        mask: np.ndarray,
    ) -> None:
        self.network, self.schedule, self.scale = network, schedule, scale
        self.given, self.mask = (torch.from_numpy(array).to(mel.device) for array in (given, mask))
        takes, frames, _ = given.shape
        conditions = []
        if scale != 0.0:
            conditions.append(network.encode_audio(mel[None]).expand(takes, -1, -1))
        if scale != 1.0:
            conditions.append(network.empty_audio(takes, frames))
        self.audio = torch.cat(conditions)  # (n or 2 n, L, condition): conditional first
        self.repeat = len(conditions)
        self.last = self.given

    def __call__(self, noisy: Tensor, t: int) -> Tensor:
        takes = len(noisy)

        def both(x: Tensor) -> Tensor:
            return x.repeat(self.repeat, 1, 1)  # (n, L, d) -> (n or 2 n, L, d)

        times = torch.full((takes * self.repeat,), t, device=noisy.device)
        clean = self.network(both(noisy), times, self.audio, both(self.given), both(self.mask))
        clean = correct_slowly(clean, both(noisy), times, self.schedule)
        if self.repeat == 2:
            conditional, empty = clean.split(takes)
            clean = self.scale * conditional + (1.0 - self.scale) * empty
        self.last = clean
        return torch.where(self.mask, self.given, clean)
