"""Clips of two made-up talkers and of a voice, whose mouths follow from the phones that are heard."""

import numpy as np

from core.motion.channels import EXPRESSIONS
from core.phones.phone_set import PHONES
from core.sound.lips import Heard
from training.sadtalker.clips import LIDS, Clip

JAW = EXPRESSIONS.index("jawOpen")
OPEN = PHONES.index("AA")


def clip(name: str, frames: int = 80, filmed: bool = True) -> Clip:
    """An open mouth in /aa/, else a shut one; blinks, and brows that nobody hears."""
    rng = np.random.default_rng(sum(name.encode()))
    loud = np.repeat(rng.random(frames // 8 + 1) < 0.5, 8)[:frames]
    phones = np.zeros((4 * frames, len(PHONES)), np.float32)
    phones[np.arange(4 * frames), np.where(np.repeat(loud, 4), OPEN, 0)] = 1.0
    expression = np.zeros((frames, len(EXPRESSIONS)), np.float32)
    expression[:, JAW] = 0.6 * loud
    if filmed:
        expression[:, LIDS] = (rng.random((frames, 1)) < 0.2) * 0.9
        expression[:, EXPRESSIONS.index("browInnerUp_L")] = rng.random(frames)
    talker = name.split("_")[0] if filmed else "voices"
    return Clip(name, talker, Heard(phones, np.zeros((frames, 3), np.float32)), expression, filmed)


def clips() -> list[Clip]:
    """Four of each."""
    return [
        *(clip(f"{who}_{number}") for who in ("ann", "bob") for number in range(4)),
        *(clip(f"voice_{number}", filmed=False) for number in range(4)),
    ]
