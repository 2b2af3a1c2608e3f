"""Pairs from single photographs of real people.

``portraits``: our own renderer re-poses the photograph. The result becomes the source, is fitted again like a user's
portrait, and is posed back. The photograph itself is the truth. In this way the generator sees real teeth, lids,
irises, ears and hair of many people where the warp has only drawn or smeared ones. The source is rendered at twice the
size and shrunk, so it is hardly softer than the photograph: the generator should not learn to sharpen.

``own``: the unchanged photograph is the source. The truth is the photograph, or the photograph moved by a few degrees
at twice the size. Where the warp is right the generator should not change it.

``lids``: like ``own``, with closing lids. No photograph shows how its lids would look when shut. A generator that knows
closed lids only from rendered people and one filmed talker smears the lids of strangers. The warp draws them well.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from core.errors import BadInputError
from core.face.face_mesh import FaceMesh
from core.head.head_model import HeadModel
from core.head.rotation import matrix_to_euler
from core.motion.channels import EXPRESSIONS
from core.portrait.fit import fit_portrait
from core.portrait.load import load_portrait
from core.portrait.portrait import Portrait
from core.renderer import Renderer

from ...common.splits import generator_portrait_split
from ...tracking.landmarks import mouth_shape
from .pair import Pair
from .poses import SIZE, Pose, Source, Truth

SOURCES = 2
"""Re-posed sources of each portrait."""
OPEN_MOUTH = 0.03
"""A photograph with an opening above this, divided by the outer-eye distance, shows teeth."""
SOFTENED = 0.3
"""Share of photographs that are blurred a little, like portraits of lower resolution. Their truth is blurred alike."""
SMALL_MOTIONS = 2
"""Moved truths of kind ``own`` for each portrait."""
LID_MOTIONS = 2
"""Truths of kind ``lids`` for each portrait."""


@dataclass(frozen=True)
class Move:
    """A motion: weights by name (a name without side moves both sides), rotation (3,) degrees, translation (3,) cm."""

    weights: dict[str, float]
    rotation: tuple[float, float, float]
    translation: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weights (1, 53), rotation (1, 3) rad, translation (1, 3) cm."""
        weights = [
            self.weights.get(name, self.weights.get(name.removesuffix("_L").removesuffix("_R"), 0.0))
            for name in EXPRESSIONS
        ]
        return (
            torch.tensor([weights]).clamp(0, 1),
            torch.deg2rad(torch.tensor([self.rotation])),
            torch.tensor([self.translation]),
        )


def seed_of(name: str) -> np.random.Generator:
    """Random numbers that depend only on ``name``."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(f"pairs {name}".encode()).digest()[:8], "big"))


def mouth_move(rng: np.random.Generator, shows_teeth: bool) -> dict[str, float]:
    """Weights that hide the mouth of the photograph: closed lips if it shows teeth, otherwise an open mouth of any
    shape."""
    if shows_teeth and rng.random() < 0.75:
        return {
            "mouthPress": rng.uniform(0, 0.3),
            "mouthSmile": rng.uniform(0, 0.3),
            "mouthPucker": rng.choice([0, 0, 0.4]),
        }
    shapes = [
        {"jawOpen": rng.uniform(0.15, 0.7)},
        {"jawOpen": rng.uniform(0.1, 0.4), "mouthStretch": rng.uniform(0.2, 0.6)},
        {"jawOpen": rng.uniform(0.1, 0.4), "mouthFunnel": rng.uniform(0.3, 0.7)},
        {"jawOpen": rng.uniform(0.05, 0.3), "mouthSmile": rng.uniform(0.3, 0.8), "mouthUpperUp": rng.uniform(0.1, 0.5)},
        {"mouthPucker": rng.uniform(0.3, 0.8)},
    ]
    return shapes[int(rng.integers(len(shapes)))]


def source_move(rng: np.random.Generator, turned: bool, shows_teeth: bool) -> Move:
    """A random motion away from the photograph. ``turned``: the head turns by 6 to 15 degrees of yaw."""
    weights = mouth_move(rng, shows_teeth)
    if rng.random() < 0.08:
        weights["eyeBlink"] = float(rng.choice([1.0, rng.uniform(0.3, 0.8)]))
    if rng.random() < 0.4:
        weights |= {"browInnerUp": rng.uniform(0, 0.6), "browDown": rng.uniform(0, 0.4)}
    if rng.random() < 0.4:
        side, strength = rng.integers(2), rng.uniform(0.2, 0.7)
        weights |= {("eyeLookOut_L", "eyeLookIn_L")[side]: strength, ("eyeLookIn_R", "eyeLookOut_R")[side]: strength}
    yaw = rng.choice([-1, 1]) * rng.uniform(6, 15) if turned else rng.normal(0, 2.5)
    pitch = rng.normal(0, 5 if turned else 2.5)
    rotation = (float(np.clip(pitch, -10, 10)), float(yaw), float(rng.normal(0, 2.5)))
    return Move({k: float(v) for k, v in weights.items()}, rotation)


def small_move(rng: np.random.Generator) -> Move:
    """A motion so small that the warp is right: nothing opens, closes or gets uncovered."""
    names = ("browInnerUp", "mouthSmile", "cheekSquint", "browOuterUp")
    weights = {name: float(rng.uniform(0, 0.2)) for name in names}
    rotation = tuple(float(v) for v in rng.normal(0, (1.2, 2.0, 1.2)))
    return Move(weights, (rotation[0], rotation[1], rotation[2]), (0.0, 0.0, float(rng.normal(0, 0.3))))


def lid_move(rng: np.random.Generator) -> Move:
    """A small motion with closing lids, fully closed in half of all cases. The head may turn by up to 15 degrees."""
    small = small_move(rng)
    shut = float(rng.choice([1.0, rng.uniform(0.3, 1.0)]))
    yaw = float(np.clip(rng.normal(0, 6), -15, 15))
    rotation = (small.rotation[0], yaw, small.rotation[2])
    return replace(small, weights=small.weights | {"eyeBlink": shut}, rotation=rotation)


class Photograph:
    """A portrait at twice the size, cut at the photograph's own edges, and its renderer."""

    def __init__(self, head: HeadModel, portrait: Portrait) -> None:
        self.renderer = Renderer(head, portrait, 2 * SIZE, framing="crop", painter=None)
        framing = self.renderer.framing
        rows, columns = (np.flatnonzero(framing.inside.any(axis)) for axis in (1, 0))
        self._cut = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
        corner = np.array([columns[0], rows[0]], np.float32)
        self.image = np.ascontiguousarray(framing.crop[self._cut])
        self.landmarks = portrait.landmarks.copy()
        self.landmarks[:, :2] = framing.to_crop(portrait.landmarks) - corner
        x0, y0, side = portrait.crop
        focal, (cx, cy) = framing.camera(portrait)
        middle = framing.to_crop(np.array([x0 + side / 2, y0 + side / 2], np.float32))
        origin = middle - side * framing.scale / 2 - corner
        rotation, translation = framing.pose(portrait)
        self.portrait = replace(
            portrait,
            image=self.image,
            landmarks=self.landmarks,
            rotation=matrix_to_euler(rotation).numpy(),
            translation=translation.numpy(),
            focal=focal,
            centre=np.array([cx, cy], np.float32) - corner,
            crop=(float(origin[0]), float(origin[1]), side * framing.scale),
            alpha=None,
        )

    def moved(self, move: Move, beside_own: bool = False) -> np.ndarray:
        """The photograph re-posed, as large as ``image``. ``beside_own``: add the weights to all of its own weights."""
        expression, rotation, translation = move.tensors()
        if beside_own:
            expression = (self.renderer.geometry.own_expression + expression).clamp(0, 1)
        picture = self.renderer.warp(expression, rotation, translation, absolute=beside_own).picture[0]
        square = (picture * 255 + 0.5).clamp(0, 255).byte().permute(1, 2, 0).numpy()
        return np.ascontiguousarray(square[self._cut])


def cycle_pairs(head: HeadModel, photograph: Photograph, name: str, facts: dict[str, str]) -> list[Pair]:
    """Pairs with the re-posed photograph as source and the photograph as truth."""
    rng = seed_of(name)
    opening, _ = mouth_shape(photograph.landmarks[None])
    pairs = []
    for k in range(SOURCES):
        move = source_move(rng, turned=k % 2 == 1, shows_teeth=bool(opening[0] > OPEN_MOUTH))
        softness = float(rng.uniform(0.5, 1.3)) if rng.random() < SOFTENED else 0.0
        picture, image = photograph.moved(move), photograph.image
        if softness:
            picture, image = (cv2.GaussianBlur(p, (0, 0), softness) for p in (picture, image))
        try:
            source = Source(head, fit_portrait(picture, name=name))
        except BadInputError:
            continue  # the re-posed face looks strange: no user's portrait looks like that
        truth = Truth(image, photograph.landmarks, source.pose_on(photograph.landmarks), describe(move))
        pairs += source.pairs([truth], {**facts, "kind": "portraits"}, shoulders_move=False, own_background=True)
    return pairs


def own_pairs(head: HeadModel, photograph: Photograph, name: str, facts: dict[str, str]) -> list[Pair]:
    """Pairs with the photograph as source, and as truth the same photograph, unchanged or moved a little."""
    rng = seed_of(f"own {name}")
    source = Source(head, photograph.portrait)
    own = source.renderer.geometry.own_expression
    itself = Truth(photograph.image, photograph.landmarks, Pose(own, torch.zeros(3), torch.zeros(3)), "itself")
    truths = [itself, *moved_truths(photograph, own, [small_move(rng) for _ in range(SMALL_MOTIONS)])]
    return source.pairs(truths, {**facts, "kind": "own"}, shoulders_move=False, own_background=True)


def lid_pairs(head: HeadModel, photograph: Photograph, name: str, facts: dict[str, str]) -> list[Pair]:
    """Pairs with the photograph as source; the truth is the photograph moved a little by the renderer, lids closing."""
    rng = seed_of(f"lids {name}")
    source = Source(head, photograph.portrait)
    moves = [lid_move(rng) for _ in range(LID_MOTIONS)]
    truths = moved_truths(photograph, source.renderer.geometry.own_expression, moves)
    return source.pairs(truths, {**facts, "kind": "lids"}, shoulders_move=False, own_background=True) if truths else []


def moved_truths(photograph: Photograph, own: Tensor, moves: list[Move]) -> list[Truth]:
    """The photograph moved by each of ``moves``, added to its ``own`` weights (53,). Results without a detectable face
    are left out."""
    truths = []
    with FaceMesh(video=False) as mesh:
        for move in moves:
            expression, rotation, translation = move.tensors()
            image = photograph.moved(move, beside_own=True)
            faces = mesh.detect(image)
            if faces:
                pose = Pose((own + expression[0]).clamp(0, 1), rotation[0], translation[0])
                truths.append(Truth(image, faces[0], pose, describe(move)))
    return truths


def describe(move: Move) -> str:
    """A short description of the motion, for sheets."""
    weights = [f"{name} {value:.1f}" for name, value in move.weights.items() if value >= 0.1]
    pitch, yaw, roll = move.rotation
    return ", ".join([*weights, f"pitch {pitch:.0f} yaw {yaw:.0f} roll {roll:.0f}"])


def portrait_pairs(head: HeadModel, path: Path, cache: Path, lids: bool = False) -> list[Pair]:
    """Pairs of a portrait's file: of kind ``lids``, or else of kinds ``portraits`` and ``own``.

    Raises BadInputError for a portrait that the product refuses.
    """
    name = path.stem
    facts = {"name": name, "split": generator_portrait_split(name)}
    photograph = Photograph(head, load_portrait(path, cache))
    if lids:
        return lid_pairs(head, photograph, name, facts)
    pairs = cycle_pairs(head, photograph, name, facts)
    if seed_of(f"is own {name}").random() < 0.5:
        pairs += own_pairs(head, photograph, name, facts)
    return pairs
