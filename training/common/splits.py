"""Which data are for training and which are held out. Fixed by name, the same for every trainer and every run.

| data | training | held out |
|---|---|---|
| clips of video corpora | nine recordings in ten | ``test``: by the hash of the recording's name |
| clips for the lips | all others | ``validation``: ``VALIDATION_TALKERS``; else as clips of video corpora |
| clips for the generator | most clips of most talkers | :func:`generator_split` |
| talkers, for all other networks | all others | ``unseen``: GRID's s4; in corpora of many talkers one in ten |
| portraits | 85 % | 15 %, by the hash of the file's name; one half is the generator's ``validation`` |
| synthetic identities | seeds below 1 000 000 | seeds from 1 000 000 |
| synthesised voices | all others | ``HELD_OUT_VOICES`` |
| texts | nine sentences in ten | by the hash of their words |
| the judge of lip sync | nine in ten of the training clips, by a hash of its own | the others choose its settings |

The judge (``training.judge``) shares talkers with the networks it judges, because there are only two talkers. It shares
no weights and no loss with them, and is measured on clips that neither the judge nor the networks have seen.
"""

from __future__ import annotations

import hashlib

import numpy as np

UNSEEN_TALKER = "s4"
"""GRID talker that only lips and generator are trained on (:func:`lips_split`, :func:`generator_split`). Other
networks' numbers for strangers come from her clips."""
VALIDATION_TALKERS = ("s32", "s33", "s34", "president")
"""Talkers on whom lips are compared and chosen, and never trained: three of GRID and the talker of the addresses."""
TALKERS_OF_FEW_CLIPS = ("s2", "s3", "s5", "s20", "s22", "s23", "s30")
"""Talkers of one or two clips, with all of which lips and generator are trained."""
GENERATOR_VALIDATION, GENERATOR_UNSEEN = ("s32",), ("s33", "s34")
"""Strangers to the generator: the one that it is chosen on, and those that are only looked at when all is chosen."""
LAST_TRAINED_ADDRESS = 4
"""The generator is trained on the sentences of the addresses up to this number."""
HELD_OUT_SHARE = 0.10
HELD_OUT_PORTRAITS = 0.15
HELD_OUT_VOICES = ("awb", "espeak-f4", "espeak-m7")
"""Synthesised voices that are never used for training."""
FIRST_HELD_OUT_SEED = 1_000_000
"""Synthetic identities from this seed on are only for tests."""


def _share(name: str) -> float:
    """Number in [0, 1) that depends only on ``name``."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64


def recording(name: str) -> str:
    """Name of the recording that a clip or a piece of one (``<recording>-<first frame>``) comes from."""
    return name.split("-")[0]


def split(name: str) -> str:
    """``train``, ``test`` (held-out clips of a talker who is used for training) or ``unseen`` (all clips of the talker
    who is not).

    ``name`` is a file name without suffix: ``s1_bbaf2n``, ``address_03-00412``, … Pieces of one recording stay
    together.
    """
    if name.split("_")[0] == UNSEEN_TALKER:
        return "unseen"
    return "test" if _share(recording(name)) < HELD_OUT_SHARE else "train"


def lips_split(name: str) -> str:
    """``train``, ``test`` or ``validation`` of a filmed clip for the lips, which are trained on most of the talkers.

    ``test`` are held-out clips of talkers of many clips, by the same hash as in :func:`split`. ``validation`` are all
    clips of :data:`VALIDATION_TALKERS`.
    """
    talker = name.split("_")[0]
    if talker in VALIDATION_TALKERS:
        return "validation"
    if talker in TALKERS_OF_FEW_CLIPS:
        return "train"
    return "test" if _share(recording(name)) < HELD_OUT_SHARE else "train"


def generator_split(name: str) -> str:
    """``train``, ``validation``, ``test`` or ``unseen`` of a filmed clip for the generator.

    The generator is chosen on ``validation``: a stranger, and clips of talkers who are trained on. ``test`` are other
    clips of such talkers, ``unseen`` all clips of other strangers. Of s4, who has few clips, two in five are held out.
    The addresses show one man: his later sentences are new sentences of a known person.
    """
    talker = name.split("_")[0]
    if talker in GENERATOR_VALIDATION + GENERATOR_UNSEEN:
        return "validation" if talker in GENERATOR_VALIDATION else "unseen"
    if talker in TALKERS_OF_FEW_CLIPS:
        return "train"
    if talker == "president":
        return "train" if int(recording(name).split("_")[1]) <= LAST_TRAINED_ADDRESS else "test"
    held_out = 4 * HELD_OUT_SHARE if talker == UNSEEN_TALKER else HELD_OUT_SHARE
    share = _share(recording(name))
    return "train" if share >= held_out else "validation" if share < held_out / 2 else "test"


def talker_split(name: str, talker: str, talkers: int) -> str:
    """:func:`split` of a clip of ``talker``. In a corpus of ten or more talkers one in ten talkers is unseen."""
    if talkers >= 10 and _share(f"talker {talker}") < HELD_OUT_SHARE:
        return "unseen"
    return split(name)


def portrait_split(name: str) -> str:
    """``train`` or ``test`` of a portrait's file name without suffix."""
    return "test" if _share(f"portrait {name}") < HELD_OUT_PORTRAITS else "train"


def generator_portrait_split(name: str) -> str:
    """``train``, ``validation`` or ``test`` of a portrait for the generator: the held-out portraits are halved."""
    if portrait_split(name) == "train":
        return "train"
    return "validation" if _share(f"portrait {name}") < HELD_OUT_PORTRAITS / 2 else "test"


def identity_seed(rng: np.random.Generator, part: str) -> int:
    """Random seed of a synthetic identity of ``train`` or ``test``, whose seeds never overlap. Another part raises
    ValueError."""
    ranges = {"train": (0, FIRST_HELD_OUT_SEED), "test": (FIRST_HELD_OUT_SEED, 2 * FIRST_HELD_OUT_SEED)}
    if part not in ranges:
        raise ValueError(f"no synthetic identities for {part!r}; there are {', '.join(ranges)}")
    return int(rng.integers(*ranges[part]))


def voice_split(name: str) -> str:
    """``train`` or ``test`` of a synthesised voice."""
    return "test" if name in HELD_OUT_VOICES else "train"


def text_split(text: str) -> str:
    """``train`` or ``test`` of a sentence; capitals and spaces do not matter."""
    return "test" if _share(f"text {' '.join(text.lower().split())}") < HELD_OUT_SHARE else "train"


def judge_split(name: str) -> str:
    """``train`` or ``tune`` among the training clips, by a hash of the judge's own; else as in :func:`split`."""
    part = split(name)
    if part == "train" and _share(f"judge {recording(name)}") < HELD_OUT_SHARE:
        return "tune"
    return part
