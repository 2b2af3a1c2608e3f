"""Skins for synthetic talkers: ``python -m training.corpus.synthetic.skins --data ../shared/data``.

*Photographed*: the portraits' textures, unwrapped by the fit (``core.portrait.texture``). Everything that is not skin
(background, collar, teeth between the lips) is replaced, and the photograph's light is removed, so that the skins can
be lit in another way. *Procedural*: ``training.corpus.synthetic.person``, painted into the same texture. Both are
stored in ``.cache/skins``, one safetensors file for each skin. Existing skins are kept.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import safe_open
from scipy import ndimage
from torch import Tensor
from tqdm import tqdm

from core.errors import BadInputError, SoliloquyError
from core.head.head_model import PARTS, HeadModel
from core.head.rotation import euler_to_matrix
from core.portrait.load import load_portrait
from core.portrait.portrait import Portrait
from core.portrait.texture import Texels, diffuse, project_texture, texels_of
from core.renderer.layers.matte import find_person

from ...common import folders
from ...common.arrays import save_tensors
from ...common.splits import identity_seed, portrait_split
from .person import Look, Noise, hair_mask, paint

SIZE = 512
"""Side of a texture, texels: about twelve for each centimetre of face."""
CACHE = folders.CACHE / "skins"
BACKDROPS = "backdrops.bin"
"""File in the folder of each split with blurred photographs, as backgrounds of synthetic talkers."""
PROCEDURAL = {"train": 100, "test": 20}
SKIN_DISTANCE = 2.3
"""Texels outside the face whose colour differs more from the face's, in standard deviations, do not count as skin."""
LIGHT_RANGE = (0.65, 1.3)
"""Range of the removed light's brightness, relative to the front. Values beyond it are shadows and edges."""


@dataclass(frozen=True)
class Skin:
    """A person's surface without light: texture (S, S, 3) uint8 display RGB, and colours 0–1 of hair and iris (3,)."""

    name: str
    texture: np.ndarray
    hair: np.ndarray
    iris: np.ndarray

    def save(self, path: Path) -> None:
        """Write the skin to a file, whole or not at all."""
        save_tensors(path, {"texture": self.texture, "hair": self.hair, "iris": self.iris}, {"name": self.name})

    @classmethod
    def load(cls, path: Path) -> Skin:
        """Read a file of :meth:`save`."""
        with safe_open(str(path), framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (safe_open has no iterator)
            return cls(name=(file.metadata() or {})["name"], **arrays)


class Surface:
    """The head model's texels, and their places on the mean head; made once for all skins."""

    def __init__(self, head: HeadModel, size: int = SIZE) -> None:
        self.head, self.size = head, size
        self.texels: Texels = texels_of(head, size)
        triangles = head.triangles[self.texels.triangle]
        weights = torch.from_numpy(self.texels.weights)
        self.mean: Tensor = (head.mean[triangles] * weights[..., None]).sum(1)  # (n, 3) cm
        self.part: Tensor = head.triangle_part[self.texels.triangle]  # (n,)
        x, y, z = self.mean.unbind(-1)
        oval = (x / 6.2).square() + ((y - 0.3) / 7.6).square()
        self.face = ((oval < 1) & (z > 4) & (self.part == PARTS.index("skin"))).numpy()
        """(n,) texels that are certainly face: forehead to chin, cheek to cheek."""
        self.scalp = (hair_mask(self.mean, 8.8, 0.35 * Noise(0)(self.mean, 2.5)) > 0.3).numpy()

    def at(self, field: np.ndarray) -> np.ndarray:
        """Values (V, C) on the vertices -> (n, C) at the texels."""
        corners = field[self.head.triangles.numpy()[self.texels.triangle]]
        return (corners * self.texels.weights[..., None]).sum(1)

    def to_vertices(self, colour: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean colour (V, 3) and weight (V,) of the texels around each vertex."""
        count = len(self.head.mean)
        total, share, reach = np.zeros((count, 3)), np.zeros(count), np.zeros(count)
        for corner in range(3):
            vertex = self.head.triangles.numpy()[self.texels.triangle, corner]
            near = self.texels.weights[:, corner]
            np.add.at(total, vertex, (near * weight)[:, None] * colour)
            np.add.at(share, vertex, near * weight)
            np.add.at(reach, vertex, near)
        return total / np.maximum(share, 1e-9)[:, None], share / np.maximum(reach, 1e-9)

    def picture(self, colour: np.ndarray) -> np.ndarray:
        """(S, S, 3) uint8 of texel colours (n, 3) in 0–255. Outside the charts the nearest colour continues."""
        out, covered = np.zeros((self.size, self.size, 3), np.float32), np.zeros((self.size, self.size), bool)
        out[self.texels.row, self.texels.column] = colour
        covered[self.texels.row, self.texels.column] = True
        nearest = ndimage.distance_transform_edt(~covered, return_distances=False, return_indices=True)
        return np.clip(out[nearest[0], nearest[1]] + 0.5, 0, 255).astype(np.uint8)


def photographed_skin(surface: Surface, portrait: Portrait, name: str) -> Skin:
    """The skin of a fitted portrait: other parts are filled from the skin around, then the photograph's light is
    removed.
    """
    head, texels = surface.head, surface.texels
    texture = project_texture(head, portrait, surface.size)
    colour = texture[texels.row, texels.column].astype(np.float64)  # (n, 3)
    normal, pixel = _seen(head, portrait)
    person = _sample_mask(_person(portrait), surface.at(pixel))

    face = surface.face & (person > 0.5)
    middle = np.median(colour[face], axis=0)
    # Chroma distinguishes skin from cloth and wall. Brightness varies with the light and counts less.
    spread = np.cov((colour[face] - middle).T) + 40 * np.eye(3)
    distance = np.sqrt(np.einsum("nc,cd,nd->n", colour - middle, np.linalg.inv(spread), colour - middle))
    keep = surface.face | ((distance < SKIN_DISTANCE) & (person > 0.9)) | (surface.scalp & (person > 0.8))
    lips = (surface.part == PARTS.index("lips")).numpy()
    redness = colour[:, 0] / np.maximum(colour.mean(1), 1)
    toothy = redness < middle[0] / middle.mean() - 0.02  # paler than the skin: teeth between the lips
    keep = np.where(lips, ~toothy, keep & (surface.mean[:, 1].numpy() > -13.5))
    seen, weight = surface.to_vertices(colour, keep.astype(float))
    shell = head.part_triangles("skin", "lips", "eye_socket_left", "eye_socket_right").numpy()
    filled = surface.at(diffuse(seen, np.where(weight > 0.7, weight, 0.0), head.triangles.numpy()[shell]))
    skin = np.isin(surface.part, [PARTS.index(p) for p in ("skin", "lips", "eye_socket_left", "eye_socket_right")])
    soft = surface.at(weight[:, None])[:, 0] * keep
    colour = np.where(skin[:, None], soft[:, None] * colour + (1 - soft[:, None]) * filled, colour)
    shade = np.clip(_light(surface.at(normal), colour, face), *LIGHT_RANGE)
    colour = np.where(skin[:, None], colour / shade[:, None], colour)

    brow = face & (surface.mean[:, 1].numpy() > 5.0) & (surface.mean[:, 1].numpy() < 7.5)
    dark = colour[brow][np.argsort(colour[brow].sum(1))[: max(8, int(0.04 * brow.sum()))]]
    iris = _iris_colour(surface, colour)
    return Skin(name, surface.picture(colour), (dark.mean(0) / 255).astype(np.float32), iris)


def _seen(head: HeadModel, portrait: Portrait) -> tuple[np.ndarray, np.ndarray]:
    """Normals (V, 3) in camera axes, and pixels (V, 2), of the portrait's head."""
    shape = head.vertices(torch.from_numpy(portrait.identity).float(), torch.from_numpy(portrait.expression).float())
    turn = euler_to_matrix(torch.from_numpy(portrait.rotation).float())
    camera = (shape @ turn.T + torch.from_numpy(portrait.translation).float()).numpy()
    flat = camera[:, :2] * (1.0, -1.0)
    return (head.normals(shape) @ turn.T).numpy(), portrait.centre + portrait.focal * flat / -camera[:, 2:]


def _person(portrait: Portrait) -> tuple[np.ndarray, np.ndarray]:
    """Mask (256, 256) of the person in the portrait's crop, and the map (2, 3) from picture to crop pixels."""
    x, y, side = portrait.crop
    scale = 256 / side
    to_crop = np.array([[scale, 0, -scale * x], [0, scale, -scale * y]])
    crop = cv2.warpAffine(portrait.image, to_crop, (256, 256), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    points = portrait.landmarks[:, :2] @ to_crop[:, :2].T + to_crop[:, 2]
    return find_person(crop, points)[0, 0].numpy(), to_crop


def _sample_mask(mask: tuple[np.ndarray, np.ndarray], pixels: np.ndarray) -> np.ndarray:
    """(n,) values of a mask by :func:`_person` at pixels (n, 2) of the picture."""
    values, to_crop = mask
    place = pixels @ to_crop[:, :2].T + to_crop[:, 2]
    return ndimage.map_coordinates(values, [place[:, 1] - 0.5, place[:, 0] - 0.5], order=1, mode="nearest")


def _light(normal: np.ndarray, colour: np.ndarray, face: np.ndarray) -> np.ndarray:
    """(n,) brightness as a linear function of the normal (spherical harmonics of first order), 1 for the front."""
    luma = colour[face] @ (0.299, 0.587, 0.114)
    plain = np.abs(luma / np.median(luma) - 1) < 0.4  # no brows, beard or highlights
    design = np.column_stack([np.ones(len(luma)), normal[face]])[plain]
    ridge = 0.02 * len(design) * np.diag([0.0, 1, 1, 1])
    c = np.linalg.solve(design.T @ design + ridge, design.T @ (luma[plain] / np.median(luma)))
    return (c[0] + normal @ c[1:]) / max(c[0] + c[3], 0.3)


def _iris_colour(surface: Surface, colour: np.ndarray) -> np.ndarray:
    """(3,) 0–1 mean colour between pupil and rim of the irises painted by ``project_texture``."""
    head = surface.head
    rings = []
    for side, name in enumerate(("eye_left", "eye_right")):
        inside = surface.part == PARTS.index(name)
        centre = head.mean[head.iris_points[side]]
        limbus = (head.mean[head.iris_ring[side]] - centre)[:, :2].norm(dim=1).mean()
        radius = (surface.mean[inside] - centre)[:, :2].norm(dim=1) / limbus
        front = surface.mean[inside][:, 2] > centre[2] - 0.5
        rings.append(colour[inside.numpy()][((radius > 0.5) & (radius < 0.8) & front).numpy()])
    return (np.concatenate(rings).mean(0) / 255).astype(np.float32)


def procedural_skin(surface: Surface, seed: int) -> Skin:
    """The painted skin of a seed's :class:`Look`."""
    look, noise = Look.draw(seed, surface.head.identity_count), Noise(seed)
    colour, _ = paint(surface.mean, surface.part, surface.head, look, noise)
    return Skin(f"procedural-{seed}", surface.picture(colour.numpy() * 255), look.hair.numpy(), look.iris.numpy())


def backdrops(pictures: list[Path], size: int = 128) -> np.ndarray:
    """(N, size, size, 3) uint8: photographs strongly blurred and upside down, so that nobody can be recognised."""
    out = []
    for path in pictures:
        small = cv2.resize(cv2.imread(str(path)), (size, size), interpolation=cv2.INTER_AREA)
        soft = cv2.GaussianBlur(small, (0, 0), size / 16, borderType=cv2.BORDER_REFLECT)
        out.append(soft[::-1, :, ::-1])
    return np.ascontiguousarray(np.stack(out))


def build(data: Path, limit: int | None = None) -> dict[str, str]:
    """Make every missing skin; returns the names of skipped portraits with the reasons."""
    surface = Surface(HeadModel.load())
    skipped: dict[str, str] = {}
    for path in tqdm(sorted((data / "portraits").glob("*.jpg"))[:limit], desc="portraits' skins"):
        target = CACHE / portrait_split(path.stem) / f"{path.stem}.safetensors"
        if target.exists():
            continue
        try:
            photographed_skin(surface, load_portrait(path, folders.PORTRAITS), path.stem).save(target)
        except (BadInputError, SoliloquyError) as error:
            skipped[path.stem] = str(error)
    for part, count in PROCEDURAL.items():
        rng = np.random.default_rng(0)
        for seed in tqdm([identity_seed(rng, part) for _ in range(count)][:limit], desc=f"procedural skins ({part})"):
            target = CACHE / part / f"procedural-{seed}.safetensors"
            if not target.exists():
                procedural_skin(surface, seed).save(target)
        photographs = [p for p in sorted((data / "portraits").glob("*.jpg"))[:limit] if portrait_split(p.stem) == part]
        if photographs and not (CACHE / part / BACKDROPS).exists():
            save_tensors(CACHE / part / BACKDROPS, {"pictures": backdrops(photographs[:120])})
    (CACHE / "skipped.json").write_text(json.dumps(skipped, indent=1))
    return skipped


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=folders.data_folder())
    parser.add_argument("--limit", type=int, help="largest number of portraits and of seeds")
    options = parser.parse_args()
    torch.set_num_threads(1)
    skipped = build(options.data, options.limit)
    print(f"{len(skipped)} portraits left out" + "".join(f"\n  {name}: {why}" for name, why in skipped.items()))


if __name__ == "__main__":
    main()
