"""FaceTalkMotion: the trained diffusion decoder, which makes whole takes of any length, mouth and head together."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import places
from ..compute.threads import single_thread
from ..compute.weight_files import open_weights, write_weights
from ..head.head_model import HeadModel
from ..motion.channels import CHANNELS, EXPRESSIONS, LIP_CHANNELS, LIP_COLUMNS
from ..plurals import counted
from ..prior.sampler import SAMPLERS
from ..prior.schedule import CosineSchedule
from ..prior.walk import noise_of
from ..sound.lips import Heard
from ..sound.mel import MELS_PER_FRAME
from ..stopping import check_cancelled
from .blinks import with_whole_blinks
from .denoiser import predict_clean
from .expression_code import MOVEMENTS, ExpressionCode
from .network import MOTION, ExpressionDecoder, FaceTalkConfig, manner_of
from .smoothing import smoothed

WEIGHTS = places.WEIGHTS / "facetalk.safetensors"
STEPS, GUIDANCE = 10, 1.5
"""Steps of the sampler and scale of the guidance where a caller names none."""
GIVEN = 0.2
"""Share of a window that the window before has made: it is known, and the decoder goes on from there."""
_EXPRESSIONS = len(EXPRESSIONS)
OnFrames = Callable[[int], None]
"""Called with the number of frames that are done."""
Tokens = Callable[[int, int], Tensor]
"""First frame and the frame after the last → tokens (1, L, width), the same in any window."""


class FaceTalkMotion:
    """The diffusion decoder, ready to make takes.

    Attributes
    ----------
    mean, deviation
        (MOTION,) of the motion that it was trained on, in millimetres, radians and centimetres.
    rest
        (27,) weights of the mouth in silence, about which articulation scales it.
    """

    def __init__(
        self, network: ExpressionDecoder, mean: Tensor, deviation: Tensor, rest: Tensor, code: ExpressionCode
    ) -> None:
        """Of a network and its tensors on one device."""
        self.network = network.eval().requires_grad_(False)
        self.mean, self.deviation, self.rest = mean, deviation, rest.cpu().numpy()
        self.code = code
        self.schedule = CosineSchedule(network.config.diffusion_steps)

    @classmethod
    def load(cls, device: str | torch.device = "cpu", path: Path = WEIGHTS) -> FaceTalkMotion:
        """The trained decoder. Raises SoliloquyError ``weights_missing`` or ``weights_damaged``, also for the head
        model."""
        code = ExpressionCode.of(HeadModel.load(device))
        with open_weights(path, "FaceTalk decoder", device=device) as file:
            tensors = dict(file.tensors)
            mean, deviation, rest = (tensors.pop(name) for name in ("mean", "deviation", "rest"))
            if mean.shape != (MOTION,) or deviation.shape != (MOTION,) or rest.shape != (len(LIP_CHANNELS),):
                raise ValueError("it belongs to another version")
            network = ExpressionDecoder(FaceTalkConfig(**file.config))
            network.load_state_dict(tensors)
            return cls(network.to(device), mean, deviation, rest, code)

    def save(self, path: Path) -> None:
        """Write everything in float16. Raises the errors of ``write_weights``."""
        own = {"mean": self.mean, "deviation": self.deviation, "rest": torch.from_numpy(self.rest)}
        write_weights(path, self.network.state_dict() | own, asdict(self.network.config), half=True)

    def sample(
        self,
        heard: Heard,
        mel: np.ndarray,
        seed: int,
        *,
        guidance_scale: float | None = None,
        num_inference_steps: int | None = None,
        presence: np.ndarray | None = None,
        articulation: float = 1.0,
        smooth: bool = True,
        progress: OnFrames | None = None,
    ) -> np.ndarray:
        """A take of T frames.

        Parameters
        ----------
        heard
            What the lip model hears (``LipModel.listen``). Known phones may take the place of those that are heard.
        mel
            (4 T, 80) log-mel (``core.sound.mel``).
        seed
            Another seed gives another motion.
        guidance_scale
            Style strength: s in s·P(motion | speech) + (1 − s)·P(motion | ∅). 0 ignores the speech, 1 is as trained,
            more exaggerates what the speech changes. ``GUIDANCE`` if None.
        num_inference_steps
            Steps of the sampler; ``STEPS`` if None.
        presence
            (T,) in 0–1, where somebody speaks. Elsewhere the mouth rests. None means everywhere.
        articulation
            By how much the movement of the mouth is multiplied.
        smooth
            Whether the motion is smoothed by region; without it, an ablation of the paper, it trembles.
        progress
            Called after each window.

        Returns
        -------
        (T, 59) float32 in the order of ``core.motion.channels.CHANNELS``: weights in 0–1, the head's pose in radians
        and centimetres.

        Raises ValueError if a length doesn't fit.
        """
        frames = len(heard)
        strength = np.ones(frames, np.float32) if presence is None else presence
        for name, values, wanted in (("mel", mel, MELS_PER_FRAME * frames), ("presence", strength, frames)):
            if len(values) != wanted:
                raise ValueError(f"{name} has {counted(len(values), 'row')}, expected {wanted}")
        scale = GUIDANCE if guidance_scale is None else guidance_scale
        steps = STEPS if num_inference_steps is None else num_inference_steps
        out = np.empty((frames, len(CHANNELS)), np.float32)
        if frames:
            tokens = partial(self._tokens, Heard(heard.phones, manner_of(heard, mel)))
            out = with_whole_blinks(self.walk(tokens, frames, seed, scale, steps, progress))
            if smooth:
                out = smoothed(out)
        moved = articulation * strength[:, None] * (out[:, LIP_COLUMNS] - self.rest)
        out[:, LIP_COLUMNS] = self.rest + moved
        np.clip(out[:, :_EXPRESSIONS], 0.0, 1.0, out=out[:, :_EXPRESSIONS])
        return out

    def walk(
        self, tokens: Tokens, frames: int, seed: int, scale: float, steps: int, progress: OnFrames | None = None
    ) -> np.ndarray:
        """Motion (T, 59) float32 of T = ``frames``, window by window, as the network samples it.

        Each window begins with the last frames of the one before. ``tokens`` are what the motion follows; the other
        parameters are those of :meth:`sample`. Weights aren't limited to 0–1.
        """
        out = np.empty((frames, len(CHANNELS)), np.float32)
        size = self.network.config.window
        given = max(1, math.floor(GIVEN * size))
        with torch.inference_mode(), single_thread() if self.mean.device.type == "cpu" else nullcontext():
            done, before = 0, self.mean.new_zeros(0, MOTION)
            while done < frames:
                first = done - len(before)
                stop = min(first + size, frames)
                made = self._window(tokens, first, stop, before, seed, scale, steps)
                out[done:stop] = self._channels(made[len(before) :])
                done, before = stop, made[-given:]
                if progress is not None:
                    progress(done)
        return out

    def _window(
        self, tokens_of: Tokens, first: int, stop: int, before: Tensor, seed: int, scale: float, steps: int
    ) -> Tensor:
        """(L, MOTION) normalised motion of the frames ``first`` … ``stop``, which begin with ``before`` (k, MOTION)."""
        device, frames = self.mean.device, stop - first
        tokens = []
        if scale != 0.0:
            tokens.append(tokens_of(first, stop))
        if scale != 1.0:
            tokens.append(self.network.silence(1, frames))
        speech = torch.cat(tokens)
        known = (torch.arange(frames, device=device) < len(before)).expand(len(tokens), -1)

        def denoise(noisy: Tensor, t: int) -> Tensor:
            check_cancelled()
            noisy = torch.cat([before[None], noisy[:, len(before) :]], 1).expand(len(tokens), -1, -1)
            times = torch.full((len(tokens),), t, device=device)
            clean = predict_clean(self.network, self.schedule, noisy, times, speech, known)
            return clean if len(tokens) == 1 else scale * clean[:1] + (1.0 - scale) * clean[1:]

        noise = torch.from_numpy(noise_of(seed, first, stop, MOTION))[None].to(device)
        return SAMPLERS["ddim"](denoise, noise, self.schedule, steps, lambda: noise)[0]

    def _tokens(self, heard: Heard, first: int, stop: int) -> Tensor:
        """:data:`Tokens` of speech."""
        reach = 1 + sum(self.network.config.dilations)
        begin, end = max(0, first - reach), min(len(heard), stop + reach)
        phones, manner = (
            torch.from_numpy(np.array(values, np.float32))[None].to(self.mean.device)
            for values in (heard.phones[MELS_PER_FRAME * begin : MELS_PER_FRAME * end], heard.manner[begin:end])
        )
        return self.network.hear(phones, manner)[:, first - begin : stop - begin]

    def _channels(self, made: Tensor) -> np.ndarray:
        """(n, 59) channels of normalised motion (n, MOTION); weights aren't limited to 0–1."""
        motion = self.mean + self.deviation * made
        return torch.cat([self.code.decode(motion[:, :MOVEMENTS]), motion[:, MOVEMENTS:]], 1).cpu().numpy()
