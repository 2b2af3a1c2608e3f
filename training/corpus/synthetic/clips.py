"""Synthetic talkers that speak: motion and sound with exact phones, and pictures of any moment.

Speech is by flite and espeak-ng (``training.speech.synthesis``), whose phones are known exactly. The mouth is made from
the phones (``training.speech.visemes``); head, eyes and brows are from ``training.corpus.synthetic.performance`` for
the same sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.head.rotation import euler_to_matrix, matrix_to_euler
from core.motion.channels import EXPRESSIONS, LIP_COLUMNS, NONLIP_CHANNELS
from core.prior.features import channels_from_features
from core.sound.audio import load_audio

from ...common.splits import identity_seed
from ...lips.data import Utterance, grid_utterances, synthetic_utterances, viseme_table
from ...speech.prosody import Prosody, analyse
from ...speech.synthesis import CACHE as SPEECH
from .light import Lights, draw_lights
from .people import People
from .performance import synthesise
from .photograph import Camera
from .talkers import SyntheticTalkers

WEIGHTS = [i for i, name in enumerate(NONLIP_CHANNELS) if name in EXPRESSIONS]
HEAD = [NONLIP_CHANNELS.index(f"head{axis}") for axis in ("Pitch", "Yaw", "Roll", "X", "Y", "Z")]


@dataclass(frozen=True)
class SpokenMotion:
    """The motion of a speaker, T frames at 25 a second.

    name, voice; mel (4 T, 80) float32; phones (4 T,) int64, indices into ``core.phones.phone_set.PHONES``; expression
    (T, 53), rotation (T, 3) rad and translation (T, 3) cm relative to the rest pose, as in
    ``core.motion.motion.Motion``.
    """

    name: str
    voice: str
    mel: np.ndarray
    phones: np.ndarray
    expression: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray

    @property
    def frames(self) -> int:
        """T."""
        return len(self.expression)


def spoken_motion(speech: Utterance, prosody: Prosody, seed: int) -> SpokenMotion:
    """A random motion for an utterance with a synthetic mouth. Another seed changes everything except the mouth."""
    rest = channels_from_features(synthesise(prosody, seed))
    expression = np.zeros((speech.frames, len(EXPRESSIONS)), np.float32)
    expression[:, LIP_COLUMNS] = speech.mouth
    expression[:, [EXPRESSIONS.index(NONLIP_CHANNELS[i]) for i in WEIGHTS]] = rest[:, WEIGHTS]
    return SpokenMotion(
        name=speech.name,
        voice=speech.name.split("_")[0],
        mel=speech.mel.astype(np.float32),
        phones=speech.phones,
        expression=expression,
        rotation=rest[:, HEAD[:3]],
        translation=rest[:, HEAD[3:]],
    )


@dataclass(frozen=True)
class Scene:
    """One synthetic person, light and camera, for all frames of a clip."""

    people: People
    camera: Camera
    lights: Lights
    background: Tensor
    rotation: Tensor
    translation: Tensor


class SyntheticClips:
    """Spoken motions of the training voices or of the held-out voices, ``clips[i]``, and pictures of them.

    Parameters
    ----------
    split
        ``train`` or ``test``: voices, people and skins.
    size
        Side of the pictures, pixels; they are face views.
    talkers
        May be shared with others, because it holds the skins.
    utterances, speech
        Other utterances than the split's, and the folder of their sound.
    """

    def __init__(
        self,
        split: str = "train",
        size: int = 128,
        talkers: SyntheticTalkers | None = None,
        utterances: Sequence[Utterance] | None = None,
        speech: Path = SPEECH,
    ) -> None:
        self.talkers = talkers or SyntheticTalkers(split, size)
        if utterances is None:
            utterances = synthetic_utterances(viseme_table(grid_utterances("train")), held_out=split == "test")
        self.utterances, self.speech = list(utterances), speech
        self.split = split

    def __len__(self) -> int:
        return len(self.utterances)

    def __getitem__(self, index: int) -> SpokenMotion:
        speech = self.utterances[index]
        return spoken_motion(speech, self.prosody(speech), seed=int(index))

    def prosody(self, speech: Utterance) -> Prosody:
        """Loudness, pitch and phrases of one of the utterances."""
        voice, number = speech.name.split("_", 1)
        sound = load_audio(self.speech / voice / f"{number}.wav")
        return analyse(sound.samples, speech.frames)

    def scene(self, rng: np.random.Generator) -> Scene:
        """A random person, light and camera with the face view of the clip, for :meth:`pictures`."""
        talkers = self.talkers
        people = talkers.casting.draw([identity_seed(rng, self.split)])
        pose = talkers.draw_poses(1, rng)
        pose["expression"] = torch.zeros_like(pose["expression"])
        pose["rotation"] = pose["rotation"] * 0.4  # a speaker more or less faces the camera
        camera, aimed = talkers.aim(people, pose, pose, rng)
        return Scene(
            people, camera, draw_lights(1, rng), talkers.backgrounds(1, rng), aimed["rotation"], aimed["translation"]
        )

    def pictures(self, scene: Scene, motion: SpokenMotion, frames: Sequence[int]) -> dict[str, Tensor]:
        """Pictures and truth of these frames of a motion, as by ``SyntheticTalkers.batch``."""
        rows = list(frames)
        rest, pivot = euler_to_matrix(scene.rotation), self.talkers.model.neck_pivot
        turn = euler_to_matrix(torch.from_numpy(motion.rotation[rows]))
        moved = pivot + torch.from_numpy(motion.translation[rows]) - turn @ pivot  # X' = R_m X + moved
        count = len(rows)
        pose = {
            "expression": torch.from_numpy(motion.expression[rows]),
            "rotation": matrix_to_euler(rest @ turn),
            "translation": (rest @ moved[..., None])[..., 0] + scene.translation,
            "body": torch.full((count,), 0.3),
        }
        camera = Camera(scene.camera.focal.expand(count), scene.camera.centre.expand(count, 2))
        lights = Lights(*(value.expand(count, *value.shape[1:]) for value in vars(scene.lights).values()))
        people = scene.people[torch.zeros(count, dtype=torch.int64)]
        background = scene.background.expand(count, -1, -1, -1)
        return self.talkers.shoot(people, pose, camera, lights, background)[0]
