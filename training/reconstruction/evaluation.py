"""Measure R on held-out data: on synthetic test people with exact truth, and on real clips and portraits. There it is
compared with fits of the face mesh, which have errors of their own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.face.face_view import VIEW_SIDE
from core.face.landmark_model import LandmarkModel
from core.face.reconstruction import Face, Reconstruction, camera_pose
from core.head.camera import pinhole
from core.head.head_model import HeadModel
from core.head.rotation import matrix_to_euler, rotation_vector
from core.motion.channels import EXPRESSIONS

from ..common.folders import GRID
from ..common.results_page import Table, number
from ..corpus.synthetic.views import CACHE as SYNTHETIC
from .data import Batch, Example, GridExamples, PortraitExamples, SyntheticExamples, collate

JAW = EXPRESSIONS.index("jawOpen")
BLINKS = [EXPRESSIONS.index(f"eyeBlink_{side}") for side in "LR"]
COUNTS = ("views", "clips", "portraits")
"""Quantities that are whole numbers."""
OPEN_LID = 0.5
"""The gaze of an eye with a larger closure is not measured."""


class Sight:
    """R's output for a list of examples, and the truth, as arrays over all of them."""

    def __init__(self, network: Reconstruction, examples: Sequence[Example], batch: int = 32) -> None:
        faces: list[Face] = []
        truths: list[Batch] = []
        poses: list[tuple[Tensor, Tensor]] = []
        device = next(network.parameters()).device
        with torch.inference_mode():
            for first in range(0, len(examples), batch):
                truth = collate(examples[first : first + batch])
                face = network(truth.view.to(device))
                face = Face(**{name: value.cpu() for name, value in vars(face).items()})
                faces.append(face)
                truths.append(truth)
                poses.append(camera_pose(face, (truth.focal, truth.centre), VIEW_SIDE))
        self.face = Face(**{name: torch.cat([vars(face)[name] for face in faces]) for name in vars(faces[0])})
        self.truth = Batch.joined(truths)
        self.rotation = torch.cat([rotation for rotation, _ in poses])
        self.translation = torch.cat([translation for _, translation in poses])

    def turn_errors(self) -> Tensor:
        """(n,) degrees of the rotation between R's pose and the truth."""
        return torch.rad2deg(rotation_vector(self.rotation @ self.truth.rotation.mT).norm(dim=-1))

    def gaze_errors(self) -> Tensor:
        """(m,) degrees between R's gaze and the truth, for open eyes."""
        ours, theirs = _directions(self.face.gaze), _directions(self.truth.gaze)
        cosine = (ours * theirs).sum(-1).clamp(-1, 1)
        return torch.rad2deg(torch.acos(cosine))[self.truth.expression[:, BLINKS] < OPEN_LID]


def _directions(gaze: Tensor) -> Tensor:
    """(..., 3) unit vectors of yaw and pitch (..., 2)."""
    yaw, pitch = gaze.unbind(-1)
    return torch.stack([torch.sin(yaw) * torch.cos(pitch), -torch.sin(pitch), torch.cos(yaw) * torch.cos(pitch)], -1)


class Geometry:
    """Landmarks of the heads that R describes."""

    def __init__(self) -> None:
        self.model = LandmarkModel.face_mesh(HeadModel.load())

    def points(self, identity: Tensor, expression: Tensor) -> Tensor:
        """(n, 478, 3) head space, cm."""
        model = self.model
        return (
            model.mean
            + torch.einsum("bi,ipk->bpk", identity, model.identity)
            + torch.einsum("be,epk->bpk", expression, model.expression)
        )

    def opening(self, face: Face) -> Tensor:
        """(n,) gap of the inner lips, divided by the outer-eye distance."""
        points, pairs = self.points(face.identity, face.expression), self.model.lip_pairs
        right, left = self.model.outer_eyes
        gap = (points[:, pairs[:, 0]] - points[:, pairs[:, 1]])[..., 1].clamp_min(0).mean(1)
        return gap / (points[:, left] - points[:, right]).norm(dim=-1)

    def landmark_errors(self, sight: Sight) -> Tensor:
        """(n,) mean distance of R's landmarks from the true ones, divided by the true outer-eye distance, without the
        contour."""
        posed = self.points(sight.face.identity, sight.face.expression) @ sight.rotation.mT
        posed = posed + sight.translation[:, None]
        pixels = pinhole(posed, sight.truth.focal[:, None, None], sight.truth.centre[:, None])
        right, left = self.model.outer_eyes
        truth = sight.truth.landmarks
        eyes = (truth[:, left] - truth[:, right]).norm(dim=-1)
        inner = ~self.model.contour
        return (pixels - truth)[:, inner].norm(dim=-1).mean(1) / eyes


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation; NaN if one of them is constant."""
    if a.std() < 1e-6 or b.std() < 1e-6:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def evaluate_exact(network: Reconstruction, geometry: Geometry, folder: Path) -> dict[str, float]:
    """Errors on synthetic test people, with skins, identities and mouths that were not used for training."""
    source = SyntheticExamples(folder, "test")
    sight = Sight(network, [source.of(index) for index in range(len(source))])
    face, truth = sight.face, sight.truth
    return {
        "views": len(source),
        "rotation median, °": float(sight.turn_errors().median()),
        "landmarks, % of outer-eye distance": 100 * float(geometry.landmark_errors(sight).mean()),
        "jawOpen correlation": correlation(face.expression[:, JAW].numpy(), truth.expression[:, JAW].numpy()),
        "blink correlation": correlation(
            face.expression[:, BLINKS].mean(1).numpy(), truth.expression[:, BLINKS].mean(1).numpy()
        ),
        "gaze median, °": float(sight.gaze_errors().median()),
        "identity correlation": correlation(face.identity.flatten().numpy(), truth.identity.flatten().numpy()),
        "identity correlation, first 10": correlation(
            face.identity[:, :10].flatten().numpy(), truth.identity[:, :10].flatten().numpy()
        ),
        "light correlation": correlation(face.light[:, :4].flatten().numpy(), truth.light[:, :4].flatten().numpy()),
    }


def evaluate_clips(
    network: Reconstruction, geometry: Geometry, corpus: Path, split: str, clips: int = 24
) -> dict[str, float]:
    """Differences between R and the fit of the face mesh on real clips; medians over clips."""
    source = GridExamples(corpus, split)
    picks = np.linspace(0, len(source.clips) - 1, min(clips, len(source.clips))).round().astype(int)
    rows = []
    for index in picks:
        clip = source.clips[index]
        frames = range(0, clip.frames, 2)
        sight = Sight(network, [source.of(int(index), frame) for frame in frames])
        ours, theirs = matrix_to_euler(sight.rotation), matrix_to_euler(sight.truth.rotation)
        moving = torch.rad2deg((ours - ours.median(0).values - theirs + theirs.median(0).values).abs())
        closure = sight.truth.expression[:, BLINKS].mean(1).numpy()
        row = {
            "rotation median, °": float(sight.turn_errors().median()),
            "rotation about the clip's own middle, °": float(moving.mean()),
            "landmarks, % of outer-eye distance": 100 * float(geometry.landmark_errors(sight).mean()),
            "opening correlation": correlation(
                geometry.opening(sight.face).numpy(), clip.array("opening")[list(frames)]
            ),
            "jawOpen correlation": correlation(
                sight.face.expression[:, JAW].numpy(), sight.truth.expression[:, JAW].numpy()
            ),
            "gaze median, °": float(sight.gaze_errors().median()),
        }
        if closure.max() > 0.6:
            seen = sight.face.expression[:, BLINKS].mean(1).numpy()
            row["blink correlation (clips with a blink)"] = correlation(seen, closure)
        rows.append(row)
    names = sorted({name for row in rows for name in row})
    middle = {name: float(np.nanmedian([row[name] for row in rows if name in row])) for name in names}
    return {"clips": len(rows), **middle}


def evaluate_portraits(network: Reconstruction, geometry: Geometry, data: Path) -> dict[str, float]:
    """Differences between R and the fits of held-out portraits."""
    source = PortraitExamples(data / "portraits", "test")
    sight = Sight(network, [source.of(index) for index in range(len(source.portraits))])
    fitted = Face(**{**vars(sight.face), "identity": sight.truth.identity, "expression": sight.truth.expression})
    return {
        "portraits": len(source.portraits),
        "rotation median, °": float(sight.turn_errors().median()),
        "landmarks, % of outer-eye distance": 100 * float(geometry.landmark_errors(sight).mean()),
        "opening correlation": correlation(geometry.opening(sight.face).numpy(), geometry.opening(fitted).numpy()),
        "gaze median, °": float(sight.gaze_errors().median()),
    }


def evaluate(
    network: Reconstruction, data: Path, synthetic: Path = SYNTHETIC, corpus: Path = GRID
) -> dict[str, dict[str, float]]:
    """All measurements, by the set of people."""
    torch.set_num_threads(1)
    geometry = Geometry()
    report = {
        "synthetic people, exact truth": evaluate_exact(network, geometry, synthetic),
        "GRID s1, held-out clips": evaluate_clips(network, geometry, corpus, "test"),
        "GRID s4, talker never seen": evaluate_clips(network, geometry, corpus, "unseen"),
        "held-out portraits": evaluate_portraits(network, geometry, data),
    }
    return {part: {name: round(value, 3) for name, value in values.items()} for part, values in report.items()}


def table(report: Mapping[str, Mapping[str, float]]) -> Table:
    """The report as a table: a row for each quantity, a column for each set."""
    names = list(dict.fromkeys(name for values in report.values() for name in values))

    def digits(name: str) -> int:
        return 0 if name in COUNTS else 3

    rows = tuple(
        (name, *(number(values.get(name, math.nan), digits(name)) for values in report.values())) for name in names
    )
    note = "Real clips and portraits are compared with face mesh and fit, synthetic people with the exact truth."
    command = "python -m training.reconstruction evaluate"
    return Table("reconstruction", "R, faces read from pictures", command, ("", *report), rows, (note,))
