"""PoseVAE: head motion from speech, in one of several styles (arXiv 2211.12194, section 3.2).

A conditional variational auto-encoder of 32 frames. It makes the *residual* of the head's pose to that of the first
frame, from what is heard, a style (as many as there are talkers) and the first pose. Differences from the paper: the
residual networks run over time only, because the six numbers of a pose have no order that a convolution could use; the
residual has a sign, so there is no sigmoid; and the next 32 frames begin where the last ones end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
import scipy.signal
import torch
from torch import Tensor, nn

from ..motion.channels import FPS, HEAD

POSE = len(HEAD)
SMOOTHED = (13, 2)
"""Length in frames and order of the Savitzky–Golay filter over a whole take, as in the paper's program."""
SWAY = 2.5
"""Seconds of the running mean (Gaussian, standard deviation) around which heads move, in training and in takes. A
speaker who turns from teleprompter to teleprompter or leans in by 12 cm shows more than one portrait can, and a take
that is made piece by piece would wander off."""
OVERLAP = 8
"""Frames over which a stretch passes into the next one."""


@dataclass(frozen=True)
class PoseVaeConfig:
    """Sizes of PoseVAE.

    Attributes
    ----------
    styles
        Number of styles.
    heard
        Numbers that describe the sound of a frame.
    frames
        Frames of a stretch; divisible by 4.
    spoken
        Numbers a frame that the sound is reduced to.
    latent
        Width of z and of a style.
    hidden
        Width between z and the poses.
    widths
        Channels of the residual networks at each frame, every second and every fourth frame.
    """

    styles: int
    heard: int
    frames: int = 32
    spoken: int = 6
    latent: int = 64
    hidden: int = 128
    widths: tuple[int, int, int] = (32, 64, 64)

    @classmethod
    def tiny(cls, styles: int, heard: int) -> PoseVaeConfig:
        """Small enough for tests."""
        return cls(styles, heard, latent=8, hidden=16, widths=(8, 8, 8))


class _Block(nn.Module):
    """A residual block over time (B, C, L)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.SiLU(), nn.Conv1d(width, width, 3, padding=1), nn.SiLU(), nn.Conv1d(width, width, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, L) → (B, C, L)."""
        return x + self.layers(x)


class ResidualUNet(nn.Module):
    """(B, T, 6) → (B, T, 6) along time, at three resolutions; T is divisible by 4."""

    def __init__(self, widths: tuple[int, int, int]) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.enter = nn.Conv1d(POSE, fine, 3, padding=1)
        self.down = nn.ModuleList([nn.Conv1d(fine, middle, 4, 2, 1), nn.Conv1d(middle, coarse, 4, 2, 1)])
        self.up = nn.ModuleList(
            [nn.ConvTranspose1d(coarse, middle, 4, 2, 1), nn.ConvTranspose1d(middle, fine, 4, 2, 1)]
        )
        self.blocks = nn.ModuleList([_Block(width) for width in (fine, middle, coarse, middle, fine)])
        self.leave = nn.Conv1d(fine, POSE, 3, padding=1)

    def forward(self, poses: Tensor) -> Tensor:
        """Of poses or residuals in standard deviations."""
        fine = self.blocks[0](self.enter(poses.transpose(1, 2)))
        middle = self.blocks[1](self.down[0](fine))
        coarse = self.blocks[2](self.down[1](middle))
        middle = self.blocks[3](middle + self.up[0](coarse))
        fine = self.blocks[4](fine + self.up[1](middle))
        return self.leave(fine).transpose(1, 2)


class PoseVae(nn.Module):
    """P(residuals | what is heard, style, first pose).

    Poses are in radians and centimetres, relative to the talker's usual pose. ``scale`` (6,) is their standard
    deviation, by which they are divided inside.
    """

    scale: Tensor

    def __init__(self, config: PoseVaeConfig) -> None:
        super().__init__()
        self.config = config
        flat, spoken = config.frames * POSE, config.frames * config.spoken
        self.listen = nn.Linear(config.heard, config.spoken)
        self.nothing = nn.Parameter(torch.zeros(config.spoken))
        self.style = nn.Embedding(config.styles, config.latent)
        self.read = ResidualUNet(config.widths)
        self.to_latent = nn.Sequential(
            nn.Linear(flat + spoken + config.latent + POSE, config.hidden),
            nn.SiLU(),
            nn.Linear(config.hidden, 2 * config.latent),
        )
        self.from_latent = nn.Sequential(
            nn.Linear(config.latent + spoken + POSE, config.hidden), nn.SiLU(), nn.Linear(config.hidden, flat)
        )
        self.write = ResidualUNet(config.widths)
        self.register_buffer("scale", torch.ones(POSE))

    def spoken(self, heard: Tensor, known: Tensor) -> Tensor:
        """(B, T, spoken) numbers of what is heard (B, T, heard). Recordings whose sound isn't ``known``, (B,) bool, all
        get the same ones."""
        return torch.where(known[:, None, None], self.listen(heard), self.nothing)

    def encode(self, residuals: Tensor, spoken: Tensor, style: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance (B, latent) of z, for residuals (B, T, 6), :meth:`spoken`, styles (B,) and
        first poses (B, 6)."""
        seen = self.read(residuals / self.scale).flatten(1)
        every = torch.cat([seen, spoken.flatten(1), self.style(style), first / self.scale], 1)
        mean, log_variance = self.to_latent(every).chunk(2, 1)
        return mean, log_variance

    def decode(self, z: Tensor, spoken: Tensor, style: Tensor, first: Tensor) -> Tensor:
        """Residuals (B, T, 6) of z (B, latent); see :meth:`encode`. Those of the first frame are 0."""
        every = torch.cat([z + self.style(style), spoken.flatten(1), first / self.scale], 1)
        made = self.write(self.from_latent(every).unflatten(1, (-1, POSE)))
        return (made - made[:, :1]) * self.scale

    @torch.inference_mode()
    def sample(self, heard: np.ndarray, style: int, first: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Head poses of a recording of any length.

        Each stretch begins within the last one, at its pose ``OVERLAP`` frames before its end, and passes over into it.
        Then the whole is smoothed, as in the paper's program, and its running mean is taken out.

        Parameters
        ----------
        heard
            (T, heard) numbers that describe the sound.
        style
            Number of the style.
        first
            (6,) pose of the first frame, radians and centimetres.
        rng
            Gives every stretch its own z.

        Returns
        -------
        (T, 6) float32; the first one is ``first``.
        """
        length, count = self.config.frames, len(heard)
        out = np.empty((count + length, POSE), np.float32)
        begin = seen = np.asarray(first, np.float32)
        rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(OVERLAP) + 0.5) / OVERLAP)[:, None]
        done = 0
        while done < count:
            place = max(done - OVERLAP, 0)
            part = heard[np.minimum(np.arange(place, place + length), count - 1)]
            made = begin + self._stretch(part, style, seen, rng)
            if done:
                made[:OVERLAP] = out[place:done] + rise * (made[:OVERLAP] - out[place:done])
            done = place + length
            out[place:done] = made
            begin = out[done - OVERLAP]
            seen = begin - out[max(0, done - round(SWAY * FPS)) : done].mean(0)
        return _settled(_smoothed(out[:count]), first)

    def _stretch(self, heard: np.ndarray, style: int, first: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(frames, 6) residuals of one stretch."""
        device = self.scale.device
        z = torch.from_numpy(rng.standard_normal((1, self.config.latent), np.float32)).to(device)
        spoken = self.listen(torch.from_numpy(heard)[None].float().to(device))
        pose = torch.from_numpy(first)[None].to(device)
        return self.decode(z, spoken, torch.tensor([style], device=device), pose)[0].cpu().numpy()


def _smoothed(poses: np.ndarray) -> np.ndarray:
    """(T, 6) poses smoothed over time."""
    window, order = SMOOTHED
    if len(poses) < window:
        return poses
    smoothed: np.ndarray = scipy.signal.savgol_filter(poses, window, order, axis=0)
    return smoothed


def around_the_mean(poses: np.ndarray) -> np.ndarray:
    """(T, 6) float32 poses without their running mean."""
    mean = scipy.ndimage.gaussian_filter1d(poses, SWAY * FPS, axis=0, mode="nearest")
    return (poses - mean).astype(np.float32)


def _settled(poses: np.ndarray, first: np.ndarray) -> np.ndarray:
    """(T, 6) float32 poses around their running mean, to which they pass from the first pose (6,)."""
    around = around_the_mean(poses)
    fading = np.exp(-np.arange(len(poses)) / (SWAY * FPS))[:, None]
    return (around + fading * (first - around[0])).astype(np.float32)
