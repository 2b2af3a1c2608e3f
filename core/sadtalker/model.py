"""SadTalkerMotion: the trained ExpNet and PoseVAE, which together make takes of any length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import places
from ..compute.weight_files import open_weights, write_weights
from ..head.expression import motion_expression
from ..motion.channels import CHANNELS, EXPRESSIONS, LIP_COLUMNS
from ..plurals import counted
from ..sound.lips import Heard
from ..sound.mel import MELS_PER_FRAME
from ..sound.prosody import prosody
from .blinks import random_blinks
from .exp_net import ExpNet, ExpNetConfig
from .pose_vae import PoseVae, PoseVaeConfig

WEIGHTS = places.WEIGHTS / "sadtalker.safetensors"
_PIECE_FRAMES = 500
"""Frames whose expressions are computed together."""
_POSE, _BLINK = 0x905E, 0xB11
"""Numbers of the random streams, so that takes with and without blinks have the same head motion."""


class SadTalkerMotion:
    """ExpNet and PoseVAE, ready to make takes.

    Attributes
    ----------
    styles
        Names of the pose styles, which are the talkers from whom they were learned.
    """

    def __init__(self, expression: ExpNet, pose: PoseVae, styles: Sequence[str]) -> None:
        """Of two networks on one device. ``styles`` has a name for each style of ``pose``, else ValueError."""
        if len(styles) != pose.config.styles:
            raise ValueError(f"{len(styles)} names for {pose.config.styles} styles")
        self.expression = expression.eval().requires_grad_(False)
        self.pose = pose.eval().requires_grad_(False)
        self.styles = tuple(styles)

    @classmethod
    def load(cls, device: str | torch.device = "cpu", path: Path = WEIGHTS) -> SadTalkerMotion:
        """The trained networks. Raises SoliloquyError ``weights_missing`` or ``weights_damaged``."""
        with open_weights(path, "SadTalker networks", device=device) as file:
            config = file.config
            expression = ExpNet(ExpNetConfig(**config["expression"]))
            pose = PoseVae(PoseVaeConfig(**config["pose"]))
            for name, network in (("expression", expression), ("pose", pose)):
                network.load_state_dict(_below(file.tensors, f"{name}."))
            return cls(expression.to(device), pose.to(device), config["styles"])

    def save(self, path: Path) -> None:
        """Write both networks in float16. Raises the errors of ``write_weights``."""
        tensors = {f"expression.{name}": value for name, value in self.expression.state_dict().items()}
        tensors |= {f"pose.{name}": value for name, value in self.pose.state_dict().items()}
        config = {
            "expression": asdict(self.expression.config),
            "pose": asdict(self.pose.config),
            "styles": list(self.styles),
        }
        write_weights(path, tensors, config, half=True)

    def sample(
        self,
        heard: Heard,
        mel: np.ndarray,
        seed: int,
        *,
        reference: np.ndarray | None = None,
        pose_style: int = 0,
        blink: np.ndarray | None = None,
        presence: np.ndarray | None = None,
        articulation: float = 1.0,
    ) -> np.ndarray:
        """A take of T frames.

        Parameters
        ----------
        heard
            What the lip model hears (``LipModel.listen``). Known phones may take the place of those that are heard.
        mel
            (4 T, 80) log-mel (``core.sound.mel``), which head motion follows.
        seed
            Decides head motion and the places of blinks.
        reference
            (53,) the portrait's own expression (``Portrait.expression``). None: a neutral face.
        pose_style
            Index into :attr:`styles`.
        blink
            (T,) in 0–1, how far the eyes are shut: zeros for none. None: blinks at random places.
        presence
            (T,) in 0–1, where somebody speaks. Elsewhere the mouth rests. None means everywhere.
        articulation
            By how much the movement of the mouth is multiplied.

        Returns
        -------
        (T, 59) float32 in the order of ``core.motion.channels.CHANNELS``: weights in 0–1 as a motion has them, beside
        the portrait's own expression (``core.head.expression.target_expression``), and the head's pose relative to the
        portrait's, which it begins with.

        Raises ValueError if a length or the style doesn't fit.
        """
        frames = len(heard)
        if not 0 <= pose_style < len(self.styles):
            raise ValueError(f"there are {len(self.styles)} pose styles, none has the number {pose_style}")
        shut = random_blinks(frames, np.random.default_rng([seed, _BLINK])) if blink is None else blink
        own = np.zeros(len(EXPRESSIONS), np.float32) if reference is None else reference
        strength = np.ones(frames, np.float32) if presence is None else presence
        for name, values, wanted in (
            ("mel", mel, MELS_PER_FRAME * frames),
            ("blink", shut, frames),
            ("presence", strength, frames),
        ):
            if len(values) != wanted:
                raise ValueError(f"{name} has {counted(len(values), 'row')}, expected {wanted}")
        out = np.empty((frames, len(CHANNELS)), np.float32)
        out[:, : len(EXPRESSIONS)] = self.expressions(heard, own, shut, articulation * strength)
        if frames:
            spoken = prosody(torch.from_numpy(np.ascontiguousarray(mel, np.float32))[None])[0].numpy()
            start = np.zeros(len(CHANNELS) - len(EXPRESSIONS), np.float32)
            out[:, len(EXPRESSIONS) :] = self.pose.sample(
                spoken, pose_style, start, np.random.default_rng([seed, _POSE])
            )
        return out

    @torch.inference_mode()
    def expressions(self, heard: Heard, reference: np.ndarray, blink: np.ndarray, strength: np.ndarray) -> np.ndarray:
        """(T, 53) float32 weights of a motion; see :meth:`sample`. ``strength`` (T,) multiplies the movement of the
        mouth about its rest."""
        net, device = self.expression, self.expression.out.weight.device
        own = torch.from_numpy(np.asarray(reference, np.float32)).to(device)
        rest = self._at_rest(own)
        lips = torch.tensor(LIP_COLUMNS, device=device)
        out = np.empty((len(heard), len(EXPRESSIONS)), np.float32)
        reach = net.config.context_frames
        for first in range(0, len(heard), _PIECE_FRAMES):
            last = min(first + _PIECE_FRAMES, len(heard))
            begin, end = max(0, first - reach), min(len(heard), last + reach)
            phones, manner, shut, moving = (
                torch.from_numpy(np.asarray(values, np.float32)).to(device)
                for values in (
                    heard.phones[MELS_PER_FRAME * begin : MELS_PER_FRAME * end],
                    heard.manner[begin:end],
                    blink[begin:end],
                    strength[first:last],
                )
            )
            shown = net(phones[None], manner[None], own[None], shut[None])[0, first - begin : last - begin]
            shown[:, lips] = rest[lips] + moving[:, None] * (shown[:, lips] - rest[lips])
            out[first:last] = motion_expression(own, shown.clamp(0.0, 1.0)).cpu().numpy()
        return out

    def _at_rest(self, own: Tensor) -> Tensor:
        """(53,) what is shown in silence with open eyes, not limited to 0–1."""
        nothing = Heard.nothing(2 * self.expression.config.context_frames + 1, self.expression.config.manner)
        phones, manner = (torch.from_numpy(values)[None].to(own.device) for values in (nothing.phones, nothing.manner))
        shown: Tensor = self.expression(phones, manner, own[None], own.new_zeros(1, len(nothing)))
        return shown[0, len(nothing) // 2]


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
