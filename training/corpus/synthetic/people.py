"""Invented people, many at once: shape, skin, hair, glasses and clothes of each are drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.errors import SoliloquyError
from core.head.head_model import PARTS, HeadModel

from . import props
from .person import BACKGROUNDS, HAIRS, IRISES, SHIRTS, Noise, hair_mask, torso
from .skins import CACHE, Skin

TORSO = (14, 40)
"""Rows and columns of the shirt's mesh."""
EAR_TOP = (7.6, 3.4, -0.6)
"""Point of the mean head where the left temple of glasses ends (the person's left)."""
CURTAIN_SHARE, GLASSES_SHARE, BALD_SHARE = 0.33, 0.2, 0.1


@dataclass(frozen=True)
class SkinBank:
    """The skins of one split: textures (N, S, S, 3) uint8, colours of hair and iris (N, 3), and whether a skin is
    painted (N,)."""

    textures: Tensor
    hair: Tensor
    iris: Tensor
    painted: Tensor

    @classmethod
    def load(cls, split: str, folder: Path = CACHE, limit: int | None = None) -> SkinBank:
        """The skins of ``train`` or ``test``, at most ``limit``. Raises SoliloquyError ``skins_missing``."""
        paths = sorted((folder / split).glob("*.safetensors"))[:limit]
        if not paths:
            raise SoliloquyError(
                "skins_missing",
                f"There are no skins for synthetic talkers in {folder / split}.",
                "Make them with: python -m training.corpus.synthetic.skins",
            )
        skins = [Skin.load(path) for path in paths]
        return cls(
            textures=torch.from_numpy(np.stack([skin.texture for skin in skins])),
            hair=torch.from_numpy(np.stack([skin.hair for skin in skins])),
            iris=torch.from_numpy(np.stack([skin.iris for skin in skins])),
            painted=torch.tensor([skin.name.startswith("procedural") for skin in skins]),
        )


@dataclass(frozen=True)
class People:
    """B people.

    Attributes
    ----------
    identity
        (B, 50) coefficients.
    skin
        (B,) row of the bank. ``tint`` (B, 3) is a factor on its colours.
    hair, iris, cloth, teeth, frame
        (B, 3) colours 0–1; ``frame`` is the colour of the glasses.
    scalp
        (B, V) 0..1: density of hair on the head model. ``lift`` (B, V) is its height over the skin, centimetres.
    strands
        (B,) variation of brightness between strands.
    lashes, gloss
        (B,) darkness of the lashes, and shine of the skin.
    place
        (B, 3) position of this person in the noise.
    curtain, glasses
        (B, ·, 3) meshes of ``props``, NaN for people without them.
    """

    identity: Tensor
    skin: Tensor
    tint: Tensor
    hair: Tensor
    iris: Tensor
    cloth: Tensor
    teeth: Tensor
    frame: Tensor
    scalp: Tensor
    lift: Tensor
    strands: Tensor
    lashes: Tensor
    gloss: Tensor
    place: Tensor
    curtain: Tensor
    glasses: Tensor

    def __len__(self) -> int:
        return len(self.identity)

    def to(self, device: str | torch.device) -> People:
        """The same people on another device."""
        return replace(self, **{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def __getitem__(self, rows: Tensor | slice) -> People:
        """Some of the people. A row may be taken several times, for several frames of one person."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self)})


class Casting:
    """Draws random people for a head model and a bank of skins."""

    def __init__(self, model: HeadModel, bank: SkinBank) -> None:
        self.model, self.bank, self.noise = model, bank, Noise(0)
        self.is_skin = model.vertex_part == PARTS.index("skin")
        target = torch.tensor([EAR_TOP, (-EAR_TOP[0], *EAR_TOP[1:])])
        distance = torch.cdist(target, model.mean) + 1e3 * (~self.is_skin)
        self.ears = distance.argmin(1)

    def draw(self, seeds: list[int]) -> People:
        """The people of these seeds. Each depends only on its own seed."""
        drawn = [self._draw_one(np.random.default_rng(seed)) for seed in seeds]
        values = {name: torch.stack([person[name] for person in drawn]) for name in drawn[0]}
        line, short, hairy = values.pop("line"), values.pop("short"), values.pop("hairy")
        mean, place = self.model.mean, values["place"]
        count = len(seeds)
        points = (mean[None] + place[:, None]).reshape(-1, 3)  # (B, V, 3) -> (B·V, 3)
        wobble = self.noise(points, 2.5).reshape(count, -1)
        coarse = self.noise(points, 4.0, 2).reshape(count, -1)
        scalp = hair_mask(mean, line, 0.6 * wobble + 0.5 * coarse) * self.is_skin * hairy
        crown = 0.1 * torch.relu(mean[:, 1] - 8)
        behind = torch.sigmoid(1.4 * (mean[:, 1] - line - 0.8 - 0.5 * (mean[:, 2] - 6)))  # hair lies flat at its edge
        behind = torch.where(mean[:, 2] > 3, behind, torch.ones_like(behind)).clamp_min(0.12)
        lift = scalp * behind * (short * (1 + 0.35 * coarse + 0.15 * wobble) + crown * short.clamp(max=1.2))
        identity = values["identity"]
        neutral = self.model.neutral(identity)
        shape = values.pop("curtain_shape")  # (B, 5): length, thickness, reach, flare, unevenness
        width = neutral[:, self.ears, 0].abs().mean(1) / abs(EAR_TOP[0])
        row = torch.linspace(0, 4, props.CURTAIN_ROWS)[:, None].expand(-1, props.CURTAIN_AROUND)
        column = torch.linspace(0, 12, props.CURTAIN_AROUND)[None].expand(props.CURTAIN_ROWS, -1)
        lattice = torch.stack([row, column, torch.zeros_like(row)], -1).reshape(-1, 3)
        wave = self.noise((lattice[None] + place[:, None]).reshape(-1, 3), 1.5, 2)
        wave = wave.reshape(count, props.CURTAIN_ROWS, props.CURTAIN_AROUND) * shape[:, 4, None, None]
        curtain = props.curtain(shape[:, 0], shape[:, 1], shape[:, 2], shape[:, 3], width, wave)
        rims = values.pop("rims")  # (B, 4): half width, half height, roundness, tube
        ears = neutral[:, self.ears] + torch.tensor([[0.25, 0.0, 0.0], [-0.25, 0.0, 0.0]])
        glasses = props.glasses(self.model.eye_centres_of(identity), ears, rims[:, :2], rims[:, 2], rims[:, 3])
        return People(scalp=scalp, lift=lift, curtain=curtain, glasses=glasses, **values)

    def _draw_one(self, rng: np.random.Generator) -> dict[str, Tensor]:
        bank = self.bank
        skin = int(rng.integers(len(bank.textures)))
        painted = bool(bank.painted[skin])
        if painted and rng.random() < 0.5:  # real skin teaches more
            skin = int(rng.integers(len(bank.textures)))
            painted = bool(bank.painted[skin])

        def colour(values: tuple[tuple[float, ...], ...], spread: float = 0.1) -> np.ndarray:
            return np.array(values[rng.integers(len(values))]) * rng.uniform(1 - spread, 1 + spread, 3)

        own_hair = rng.random() < 0.5
        hair = bank.hair[skin].numpy() * rng.uniform(0.6, 1.3) if own_hair else colour(HAIRS, 0.15)
        if rng.random() < 0.15:
            hair = np.full(3, rng.uniform(0.35, 0.75)) * rng.uniform(0.96, 1.04, 3)  # grey and white
        long = rng.random() < CURTAIN_SHARE
        shape = np.array([
            rng.uniform(12, 34), rng.uniform(0.8, 3.6), rng.uniform(1.75, 2.5),
            rng.uniform(-0.6, 2.5), rng.uniform(0.1, 1.2),
        ])  # fmt: skip
        wears = rng.random() < GLASSES_SHARE
        rims = np.array([rng.uniform(2.1, 2.8), rng.uniform(1.4, 2.3), rng.uniform(2, 4), rng.uniform(0.05, 0.22)])
        frame = colour(((0.06, 0.05, 0.05), (0.25, 0.14, 0.08), (0.55, 0.5, 0.42), (0.35, 0.36, 0.4)))
        bald = not long and rng.random() < BALD_SHARE
        values = {
            "identity": rng.normal(0, rng.uniform(0.6, 1.0), self.model.identity_count),
            "skin": np.array(skin),
            "tint": rng.uniform(0.82, 1.12) * rng.normal(1, 0.025, 3),
            "hair": np.clip(hair, 0.02, 0.95),
            "iris": np.clip(colour(IRISES, 0.25) if rng.random() < 0.7 else bank.iris[skin].numpy(), 0.04, 0.6),
            "cloth": np.clip(colour((*SHIRTS, *BACKGROUNDS, (0.9, 0.9, 0.9), (0.08, 0.08, 0.1)), 0.25), 0.02, 0.97),
            "teeth": rng.uniform(0.75, 1.05) * np.array([1.0, rng.uniform(0.92, 0.99), rng.uniform(0.78, 0.95)]),
            "frame": np.clip(frame, 0.02, 0.9),
            "strands": np.array(rng.uniform(0.25, 0.65)),
            "lashes": np.array(rng.uniform(0.15, 0.85)),
            "gloss": np.array(rng.uniform(0.05, 0.3)),
            "place": rng.uniform(0, 60, 3),
            # Photographs have their own hairline: the hair's shell begins there, or hangs over it as a fringe.
            "line": np.array([_hair_line(rng, bald, painted)]),
            "short": np.array([rng.uniform(0.2, 1.9)]),
            "hairy": np.array([0.25 if bald else 1.0]),
            "curtain_shape": shape if long else np.full(5, np.nan),
            "rims": rims if wears else np.full(4, np.nan),
        }
        return {n: torch.from_numpy(v) if n == "skin" else torch.from_numpy(v).float() for n, v in values.items()}


def _hair_line(rng: np.random.Generator, bald: bool, painted: bool) -> float:
    """Random height of the hairline over the forehead, centimetres on the mean head."""
    if bald:
        return float(rng.uniform(10.5, 13))
    if rng.random() < 0.15:
        return float(rng.uniform(6.6, 8.0))
    return float(rng.uniform(7.8, 10.0) if painted else rng.uniform(8.6, 10.8))


def shirt(identity_neutral: Tensor, model: HeadModel) -> Tensor:
    """(B, V, 3) vertices of the shirt for neutral heads (B, V, 3), scaled to the width of the neck."""
    base, _ = torso(*TORSO)
    mean = model.mean
    neck = (mean[:, 1] < -11.0) & (mean[:, 1] > -12.5) & (mean[:, 0].abs() < 8)
    fit = identity_neutral[:, neck, 0].abs().amax(1) / mean[neck, 0].abs().max()
    scale = torch.stack([fit, torch.ones_like(fit), fit], -1)[:, None]
    shift = (identity_neutral[:, neck] - mean[neck]).mean(1) * torch.tensor([0.0, 1.0, 1.0])
    return base * scale + shift[:, None]
