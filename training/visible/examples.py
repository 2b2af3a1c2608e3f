"""Examples: cut-outs of eyes and mouths that are seen or hidden, with the face mesh that the product finds there.

Seen are the portraits' own, also through other treatments of the picture (blur, noise, grey, paint, light), with eyes
shut and mouths open by the product's own warp, behind tinted glasses, with skins of all tones and in other light
(``tones.py``), in frames of filmed talkers, and of invented people of all skin tones (``people.py``). Hidden are parts
under the covers of ``covers.py`` on any skin, and all parts where the picture lies on its side or stands on its head
and the landmarks are found elsewhere than on the face.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from core.errors import SoliloquyError
from core.face.face_mesh import FaceMesh
from core.face.points import OUTER_EYES
from core.face.visible import cut_out, features
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.motion.motion import Motion
from core.portrait import picture
from core.portrait.fit import fit_face
from core.renderer import Renderer

from . import people
from .covers import COVERS, OVER_EYES, OVER_MOUTH, shaded
from .tones import made_up, relit, retoned, tone_of, varied

ON_THE_FACE = 0.25
"""Mean distance of landmarks from where they belong, in outer-eye distances, up to which they lie on the face."""
PARTS = 3
"""The person's left eye, the right eye, the mouth."""


@dataclass(frozen=True)
class Example:
    """One found face.

    Attributes
    ----------
    name, kind
        The portrait or clip; what was done to it.
    inputs
        (3, FEATURES) of both eyes and the mouth.
    seen
        (3,) 1 where the part is seen, 0 where it is hidden, −1 where that isn't known.
    """

    name: str
    kind: str
    inputs: np.ndarray
    seen: np.ndarray


class Examples:
    """Makes examples with one detector. ``wide`` adds shut eyes and open mouths, which takes seconds a portrait."""

    def __init__(self, mesh: FaceMesh, seed: int = 0, wide: bool = True) -> None:
        self.mesh, self.seed, self.wide = mesh, seed, wide

    def of_portrait(self, path: Path, covers_each: int) -> Iterator[Example]:
        """Examples of one photograph, with every cover once, and ``covers_each`` times on other skins."""
        r = random.Random(f"{self.seed} {path.name}")
        image = picture.decode(path.read_bytes(), path.name).image
        faces = self.mesh.detect(image)
        if not faces:
            return
        face = faces[0]
        pictures = [("as it is", image, (1, 1, 1))]
        pictures += [("treated", treated(r, image), (1, 1, 1)) for _ in range(covers_each)]
        for name, cover in COVERS.items():
            pictures += [(name, cover(r, image, face), _seen_under(name))]
        pictures += [("tinted glasses", shaded(r, image, face), (1, 1, 1)) for _ in range(covers_each)]
        for kind, shown, seen in pictures:
            if kind not in ("as it is", "treated") and r.random() < 0.3:
                shown = treated(r, shown)
            yield from self._found(path.stem, kind, shown, face, np.array(seen))
        for turns in (1, 2, 3):
            yield from self._found(path.stem, f"turned by {90 * turns}°", *_turned(image, face, turns), np.ones(PARTS))
        yield from self._toned(path.stem, image, face, covers_each)
        if self.wide:
            yield from self._moved(path, image, face)

    def _toned(self, name: str, image: np.ndarray, face: np.ndarray, covers_each: int) -> Iterator[Example]:
        """The person with skins of several tones, made up and in other light, and with covers on such skins."""
        r = random.Random(f"{self.seed} {name} tones")
        seen = np.ones(PARTS)
        for _ in range(3):
            shown = retoned(r, image, face)
            yield from self._found(name, f"{tone_of(shown, face)} skin", shown, face, seen)
        yield from self._found(name, "other light", relit(r, image, face), face, seen)
        yield from self._found(name, "made up", made_up(r, image, face), face, seen)
        for cover in COVERS:
            for _ in range(covers_each):
                shown = COVERS[cover](r, varied(r, image, face), face)
                yield from self._found(name, f"{cover}, any skin", shown, face, np.array(_seen_under(cover)))

    def of_person(self, seed: int, tone: float, covers: bool) -> Iterator[Example]:
        """Examples of an invented person with a skin of ``people.SCALE``; with ``covers`` also under each cover."""
        r = random.Random(f"{self.seed} {seed}")
        yield from self._invented(f"invented-{seed}", r, people.photographed(seed, tone), covers)

    def of_head(self, seed: int) -> Iterator[Example]:
        """Examples of a plainly coloured head of the head model, turned by up to 29°."""
        yield from self._invented(f"head-{seed}", random.Random(f"{self.seed} head {seed}"), people.head(seed), False)

    def _invented(self, name: str, r: random.Random, image: np.ndarray, covers: bool) -> Iterator[Example]:
        seen = np.ones(PARTS)
        for face in self.mesh.detect(image)[:1]:
            kind = f"invented, {tone_of(image, face)} skin"
            shown = [image, relit(r, image, face), made_up(r, image, face), relit(r, made_up(r, image, face), face)]
            for one in shown:
                yield from self._found(name, kind, one, face, seen)
            for cover in COVERS if covers else ():
                one = COVERS[cover](r, shown[r.randrange(3)], face)
                yield from self._found(name, f"invented, {cover}", one, face, np.array(_seen_under(cover)))

    def _moved(self, path: Path, image: np.ndarray, face: np.ndarray) -> Iterator[Example]:
        """The portrait with its eyes shut and with its mouth open, by the product's own warp."""
        try:
            portrait = fit_face(image, face, path.name)
        except SoliloquyError:
            return
        renderer = Renderer(HeadModel.load(), portrait, 256, framing="crop", painter=None)
        weights = np.zeros((2, len(EXPRESSIONS)), np.float32)
        weights[0, [EXPRESSIONS.index("eyeBlink_L"), EXPRESSIONS.index("eyeBlink_R")]] = 1
        weights[1, EXPRESSIONS.index("jawOpen")] = 0.8
        still = np.zeros((2, 3), np.float32)
        frames = renderer.render(Motion(weights, still, still))
        for kind, frame in zip(("eyes shut", "mouth open"), frames, strict=True):
            for face in self.mesh.detect(frame)[:1]:
                yield _example(path.stem, kind, frame, face, np.ones(PARTS))

    def of_film(self, path: Path, count: int) -> Iterator[Example]:
        """Examples of some frames of a film of one talker."""
        film = cv2.VideoCapture(str(path))
        length = int(film.get(cv2.CAP_PROP_FRAME_COUNT))
        for index in np.linspace(0.1, 0.9, count) * max(length - 1, 0):
            film.set(cv2.CAP_PROP_POS_FRAMES, round(index))
            read, frame = film.read()
            if read:
                frame = np.ascontiguousarray(frame[..., ::-1])
                for face in self.mesh.detect(frame)[:1]:
                    yield _example(f"{path.parent.name}-{path.stem}", "filmed", frame, face, np.ones(PARTS))

    def _found(self, name: str, kind: str, shown: np.ndarray, truth: np.ndarray, seen: np.ndarray) -> Iterator[Example]:
        for found in self.mesh.detect(shown)[:1]:
            unit = np.linalg.norm(truth[OUTER_EYES[0], :2] - truth[OUTER_EYES[1], :2])
            off = np.linalg.norm(found[:, :2] - truth[:, :2], axis=1).mean() / unit
            yield _example(name, kind, shown, found, seen if off < ON_THE_FACE else np.zeros(PARTS))


def _seen_under(cover: str) -> tuple[int, int, int]:
    """What is seen under a cover; of covers of an eye or both it isn't known which."""
    return (0, 0, 1) if cover in OVER_EYES else (1, 1, 0) if cover in OVER_MOUTH else (-1, -1, 1)


def treated(r: random.Random, image: np.ndarray) -> np.ndarray:
    """The picture blurred, coarser, noisy, grey, painted, with other light, or with fewer colours."""
    way = r.randrange(8)
    if way == 0:
        return cv2.GaussianBlur(image, (0, 0), r.uniform(0.8, 2.5))
    if way == 1:
        small = cv2.resize(image, None, fx=(share := r.uniform(0.4, 0.8)), fy=share, interpolation=cv2.INTER_AREA)
        return cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    if way == 2:
        noise = np.random.default_rng(r.randrange(1 << 30)).normal(0, r.uniform(4, 20), image.shape)
        return np.clip(image + noise, 0, 255).astype(np.uint8)
    if way == 3:
        return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    if way == 4:
        return np.asarray(cv2.stylization(image, sigma_s=r.uniform(5, 40), sigma_r=r.uniform(0.1, 0.4)))
    if way == 5:
        light = np.clip(image / 255.0 * r.choice([0.2, 0.5, 1.4, 1.9]), 0, 1) ** r.uniform(0.6, 1.6)
        return (255 * light).astype(np.uint8)
    if way == 6:
        step = r.choice([16, 32])
        return (image // step * step + step // 2).astype(np.uint8)
    side = np.linspace(r.uniform(0.3, 1), r.uniform(0.3, 1), image.shape[1])[None, :, None]
    return (image * side).astype(np.uint8)


def _turned(image: np.ndarray, face: np.ndarray, turns: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture and its landmarks after ``turns`` quarter turns against the clock."""
    face = face.copy()
    for _ in range(turns):
        face[:, 0], face[:, 1] = face[:, 1].copy(), image.shape[1] - face[:, 0]
        image = np.ascontiguousarray(np.rot90(image))
    return image, face


def _example(name: str, kind: str, image: np.ndarray, face: np.ndarray, seen: np.ndarray) -> Example:
    inputs = np.stack([features(cut_out(image, face, part)) for part in range(PARTS)])
    return Example(name, kind, inputs, np.asarray(seen, np.float32))
