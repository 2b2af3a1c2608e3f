"""Render synthetic talkers on the fly, with exact truth: ``SyntheticTalkers(split="train").batch(16, rng)``.

Each picture shows another person (``training.common.splits`` keeps training and test people apart), with another
expression, pose, light, background and camera. Framing ``face`` is the networks' view (``core.face.face_view``),
framing ``head`` is the renderer's crop (``core.portrait``). ``python -m training.corpus.synthetic.talkers --out
runs/synthetic.png`` writes a contact sheet.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.numpy import load_file
from torch import Tensor

from core.face.face_view import ANCHORS, anchor_points
from core.face.landmark_model import LandmarkModel
from core.head.head_model import HeadModel
from core.head.raster import interpolate_fragments
from core.head.rotation import euler_to_matrix, matrix_to_euler
from core.motion.channels import EXPRESSIONS
from core.portrait.fit import CROP_MARGIN

from ...common.folders import RUNS
from ...common.splits import identity_seed
from .light import Lights, draw_lights
from .motions import MotionBank, gaze_of
from .people import Casting, People, SkinBank
from .photograph import Camera, Frames, Studio, turn_of_body
from .skins import BACKDROPS, CACHE

HIDDEN = -1.0e4
"""Flow of target pixels that are not visible in the source."""
DEPTH_TOLERANCE_CM = 0.35


class SyntheticTalkers:
    """Draws batches of synthetic people.

    Parameters
    ----------
    split
        ``train`` or ``test``, which have different skins, identities and motion.
    size
        Side of the pictures, pixels.
    framing
        ``face`` or ``head``.
    samples
        Samples per pixel along each axis.
    skins
        Largest number of skins, for tests.
    device
        Device for rendering and for all results. People, poses and cameras are drawn on the processor, so they are the
        same for every device.
    """

    def __init__(
        self,
        split: str = "train",
        size: int = 128,
        framing: str = "face",
        samples: float = 1.5,
        skins: int | None = None,
        cache: Path = CACHE,
        device: str | torch.device = "cpu",
    ) -> None:
        self.split, self.size, self.framing, self.samples = split, size, framing, samples
        self.model = HeadModel.load()
        bank = SkinBank.load(split, cache, skins)
        self.casting, self.studio = Casting(self.model, bank), Studio(self.model, bank, device)
        self.device = self.studio.device
        self.motions = MotionBank.load(split)
        self.points = LandmarkModel.face_mesh(self.model)
        backdrops = cache / split / BACKDROPS
        self.backdrops = load_file(backdrops)["pictures"] if backdrops.exists() else None

    def batch(self, n: int, rng: np.random.Generator, pairs: bool = False) -> dict[str, Tensor]:
        """n pictures.

        Returns
        -------
        picture (n, 3, S, S) RGB 0–1; identity (n, 50); expression (n, 53); rotation (n, 3) radians and translation
        (n, 3) cm of the head in the axes of the picture's camera; focal (n,), centre (n, 2) of that camera, pixels of
        the picture; gaze (n, 2 eyes, 2) yaw, pitch radians relative to the head, the person's left eye first; light
        (n, 9, 3) irradiance coefficients (``light.harmonic_terms``); landmarks (n, 478, 2) px; parts (n, S, S).
        With ``pairs`` there is a second frame of the same people, light and camera: the same keys with the prefix
        ``source_``, and flow (n, S, S, 2): the source's pixel for each pixel of ``picture``, ``HIDDEN`` if it is not
        visible in the source.
        """
        people = self.casting.draw([identity_seed(rng, self.split) for _ in range(n)])
        lights, background = draw_lights(n, rng), self.backgrounds(n, rng)
        pose = self.draw_poses(n, rng)
        near = self._poses_near(pose, rng)
        camera, pose = self.aim(people, pose, near, rng)
        out, frames = self.shoot(people, pose, camera, lights, background)
        if pairs:
            other, source = self.shoot(people, self._moved(pose, rng), camera, lights, background)
            out |= {f"source_{name}": value for name, value in other.items()}
            with self.device:
                out["flow"] = self._flow(frames, source)
        return out

    def draw_poses(self, n: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Random poses: expression (n, 53), rotation (n, 3), translation (n, 3), and body (n,), the share of the head's
        turn that the body follows."""
        expression = np.stack([self.motions.draw_expression(rng) for _ in range(n)])
        rotation = np.stack([self.motions.draw_rotation(rng) for _ in range(n)])
        distance = np.exp(rng.uniform(np.log(60), np.log(220), n))
        aside = rng.normal(0, (0.05, 0.04), (n, 2)) * distance[:, None]
        values = {
            "expression": expression,
            "rotation": rotation,
            "translation": np.column_stack([aside, -distance]),
            "body": rng.uniform(-0.1, 0.8, n),
        }
        return {name: torch.from_numpy(value).float() for name, value in values.items()}

    def _poses_near(self, pose: dict[str, Tensor], rng: np.random.Generator) -> dict[str, Tensor]:
        """The poses that determine the framing: often the picture's own, else like the average of a clip around it."""
        n = len(pose["rotation"])
        far = torch.from_numpy((rng.random(n) < 0.6).astype(np.float32))[:, None]
        turn = torch.from_numpy(rng.normal(0, np.deg2rad((4, 7, 3)), (n, 3))).float()
        shift = torch.from_numpy(rng.normal(0, (0.8, 0.5, 1.0), (n, 3))).float()
        return {
            "expression": pose["expression"] * (1 - 0.7 * far),
            "rotation": pose["rotation"] + far * turn,
            "translation": pose["translation"] + far * shift,
        }

    def _moved(self, pose: dict[str, Tensor], rng: np.random.Generator) -> dict[str, Tensor]:
        """Another moment of the same people in front of the same camera."""
        n = len(pose["rotation"])
        turn = torch.from_numpy(rng.normal(0, np.deg2rad((7, 11, 5)), (n, 3))).float()
        expression = np.stack([self.motions.draw_expression(rng) for _ in range(n)])
        shift = torch.from_numpy(rng.normal(0, (0.8, 0.5, 1.0), (n, 3))).float()
        return {
            **pose,
            "expression": torch.from_numpy(expression),
            "rotation": pose["rotation"] + turn,
            "translation": pose["translation"] + shift,
        }

    def _landmarks(self, people: People, pose: dict[str, Tensor], camera: Camera) -> Tensor:
        """(n, 478, 2) px."""
        shape = self.points
        points = (
            shape.mean
            + torch.einsum("bi,ipk->bpk", people.identity, shape.identity)
            + torch.einsum("be,epk->bpk", pose["expression"], shape.expression)
        )
        turned = points @ euler_to_matrix(pose["rotation"]).mT + pose["translation"][:, None]
        return camera.project(turned)[..., :2]

    def aim(
        self, people: People, pose: dict[str, Tensor], near: dict[str, Tensor], rng: np.random.Generator
    ) -> tuple[Camera, dict[str, Tensor]]:
        """The camera whose picture is the view, and the pose in its axes. The view's turn becomes a roll of the
        camera."""
        n = len(people)
        unit = Camera(torch.ones(n), torch.zeros(n, 2))
        seen = self._landmarks(people, near, unit)
        linear, target = view_similarities(seen) if self.framing == "face" else head_similarities(seen)
        error = np.where(rng.random(n) < 0.5, 1.0, 0.25)  # framing is never exact
        linear = linear * torch.from_numpy(
            np.exp(error * (rng.normal(0, 0.06, n) + 1j * rng.normal(0, 0.05, n))).astype(np.complex64)
        )
        drift = torch.from_numpy((error * (rng.normal(0, 0.03, n) + 1j * rng.normal(0, 0.03, n))).astype(np.complex64))
        # A similarity z -> a z + b of the image plane is a camera rolled by −arg a, with focal length |a|.
        roll = torch.zeros(n, 3)
        roll[:, 2] = -torch.angle(linear)
        centre = (target + drift - linear * torch.complex(*anchor_middle(seen).unbind(-1))) * self.size
        turn = euler_to_matrix(roll)
        turned = dict(pose)
        turned["rotation"] = matrix_to_euler(turn @ euler_to_matrix(pose["rotation"]))
        turned["translation"] = (turn @ pose["translation"][..., None])[..., 0]
        return Camera(linear.abs() * self.size, torch.stack([centre.real, centre.imag], -1)), turned

    def shoot(
        self, people: People, pose: dict[str, Tensor], camera: Camera, lights: Lights, background: Tensor
    ) -> tuple[dict[str, Tensor], Frames]:
        """Render people; returns picture and truth as :meth:`batch` does, and the rendered frames."""
        truth = {
            "identity": people.identity,
            "expression": pose["expression"],
            "rotation": pose["rotation"],
            "translation": pose["translation"],
            "focal": camera.focal,
            "centre": camera.centre,
            "gaze": torch.from_numpy(gaze_of(pose["expression"].numpy())),
            "light": lights.harmonics(),
            "landmarks": self._landmarks(people, pose, camera),
        }
        out = {name: value.to(self.device) for name, value in truth.items()}
        body = turn_of_body(pose["rotation"], pose["body"]).to(self.device)
        people, background = people.to(self.device), background.to(self.device)
        lights = Lights(*(value.to(self.device) for value in vars(lights).values()))
        camera = Camera(out["focal"], out["centre"])
        with self.device:
            rotation = euler_to_matrix(out["rotation"])
            surface = self.studio.camera_space(people, out["expression"], rotation, out["translation"], body)
            frames = self.studio.shoot(people, *surface, camera, lights, background, self.samples)
        return {"picture": frames.picture, "parts": frames.parts} | out, frames

    def _flow(self, target: Frames, source: Frames) -> Tensor:
        """(n, S, S, 2) source pixels of the target's pixels, from the head model's vertices; props have no flow."""
        fragments, size = target.fragments, self.size
        own = fragments.face < self.studio.head_faces
        # Vertices of props have no row in ``pixels``; their pixels are hidden anyway.
        triangles = self.studio.triangles.clamp_max(source.pixels.shape[1] - 1)
        place = interpolate_fragments(fragments, triangles, source.pixels)  # (N, 3): x, y, distance
        frame = fragments.address // size**2
        x, y = place[:, 0].long().clamp(0, size - 1), place[:, 1].long().clamp(0, size - 1)
        depth = source.fragments.depth[frame, y, x]
        inside = (place[:, :2] >= 0).all(1) & (place[:, :2] < size).all(1)
        visible = own & inside & (place[:, 2] < depth + DEPTH_TOLERANCE_CM)
        return fragments.scatter(place[:, :2].where(visible[:, None], torch.tensor(HIDDEN)), HIDDEN)

    def backgrounds(self, n: int, rng: np.random.Generator) -> Tensor:
        """(n, 3, S, S): a gradient, clouds, or a blurred photograph."""
        size = self.size
        y, x = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size), indexing="ij")
        out = np.empty((n, size, size, 3), np.float32)
        for i in range(n):
            kind, colour = rng.random(), rng.uniform(0.05, 0.95, 3) * 0.3 + rng.uniform(0.05, 0.95) * 0.7
            if kind < 0.5 and self.backdrops is not None:
                picture = self.backdrops[rng.integers(len(self.backdrops))].astype(np.float32) / 255
                rows = np.linspace(0, len(picture) - 1, size).astype(int)
                out[i] = picture[rows][:, rows][:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
                continue
            angle = rng.uniform(0, 2 * np.pi)
            slope = (np.cos(angle) * x + np.sin(angle) * y)[..., None] * (rng.normal(0, 0.2) + rng.normal(0, 0.05, 3))
            out[i] = colour + slope
            if kind > 0.8:
                grid = rng.integers(2, 12, 2)
                coarse = rng.normal(0, 0.12, (1, 1, *grid)) + rng.normal(0, 0.04, (1, 3, *grid))
                coarse = coarse.astype(np.float32)
                cloud = torch.nn.functional.interpolate(torch.from_numpy(coarse), (size, size), mode="bicubic")
                out[i] += cloud[0].permute(1, 2, 0).numpy()
        return torch.from_numpy(np.clip(out, 0, 1)).permute(0, 3, 1, 2)


def anchor_middle(landmarks: Tensor) -> Tensor:
    """(n, 2) middle of the three anchors of the face view, for landmarks (n, 478, 2)."""
    return torch.from_numpy(anchor_points(landmarks.numpy())).mean(1)


def view_similarities(landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """For landmarks (n, 478, 2) the face view's similarity z -> a (z − middle of the anchors) + target, with complex a
    and target (n,): like ``core.face.face_view.clip_similarity``, for many pictures."""
    points = torch.from_numpy(anchor_points(landmarks.numpy()))
    source = torch.complex(*(points - points.mean(1, keepdim=True)).unbind(-1))  # (n, 3)
    flat = torch.from_numpy(ANCHORS - ANCHORS.mean(0)).float()
    target = torch.complex(flat[:, 0], flat[:, 1])
    a = (source.conj() * target).sum(1) / source.abs().square().sum(1)
    return a, torch.complex(*torch.from_numpy(ANCHORS.mean(0)).float()).expand(len(a))


def head_similarities(landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """The same for a portrait's ``head_crop``. There a is real, because the crop is not rotated."""
    lower, upper = landmarks[:, :468].amin(1), landmarks[:, :468].amax(1)
    side = CROP_MARGIN * (upper - lower).amax(1)
    corner = (lower + upper) / 2 - side[:, None] * torch.tensor([0.5, 0.52])
    target = (anchor_middle(landmarks) - corner) / side[:, None]
    return torch.complex(1 / side, torch.zeros_like(side)), torch.complex(target[:, 0], target[:, 1])


def main() -> None:
    """Write a contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RUNS / "synthetic.png")
    parser.add_argument("--split", default="train", choices=("train", "test"))
    parser.add_argument("--framing", default="face", choices=("face", "head"))
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--samples", type=float, default=1.5)
    parser.add_argument("--rows", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    talkers = SyntheticTalkers(options.split, options.size, options.framing, options.samples)
    rng = np.random.default_rng(options.seed)
    rows = []
    started = time.perf_counter()
    for _ in range(options.rows):
        pictures = talkers.batch(8, rng)["picture"].permute(0, 2, 3, 1)
        rows.append(torch.cat(list(pictures), 1))
    seconds = time.perf_counter() - started
    sheet = (torch.cat(rows) * 255 + 0.5).byte().numpy()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(options.out), sheet[..., ::-1])
    print(f"{options.out}: {8 * options.rows / seconds:.1f} pictures a second, {len(EXPRESSIONS)} channels each")


if __name__ == "__main__":
    main()
