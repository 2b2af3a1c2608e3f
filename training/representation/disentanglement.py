"""Table 4 of the paper: what moves when only f_l or only f_nl moves.

``python -m training.representation.disentanglement`` paints held-out clips with the small generator of the
representation. It knows a frame only by f_cat = (f_id, f_nl, f_l), as in the paper. Each variant of the last stage
(``Variant`` in ``training.representation.train``) has its own generator: as it ships, as in the paper, and both without
L_ol and without memory banks.

With **f_nl fixed** at the clip's first frame and f_l from the sound, lips should follow the sound: S_c, N_c
(``training.judge.lip_sync_metrics``). With **f_l fixed** and f_nl from the frames, everything else should be as in the
frames. R reads blink, gaze, expression and pose in the painted and the real picture; B_d, G_d, E_d and P_d are the
differences. And the lips should *not* follow the sound: S_c with f_l fixed is the leak. Compare it with S_c of a
picture in which nothing moves.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from core.face.face_view import VIEW_SIDE
from core.face.reconstruction import Face, Reconstruction
from core.motion.channels import BROWS, CHEEKS, EXPRESSIONS, LIP_COLUMNS, NOSE
from core.sound.lips import LipModel

from ..common.engine import CHECKPOINT
from ..common.folders import GRID, RECONSTRUCTION, RUNS
from ..common.results_page import Table, add_results_option, interval, show
from ..corpus.dataset import Clip, Corpus
from ..judge.lip_sync_metrics import confidence_gap, judge_take
from ..judge.model import Judge
from .data import as_input
from .networks import Networks
from .train import TrainConfig, Variant, build, load_stage

VARIANTS = {
    "as the paper": Variant(as_paper=True),
    "as the paper, without L_ol": Variant(as_paper=True, without_ol=True),
    "as the paper, without banks": Variant(as_paper=True, without_banks=True),
    "ours": Variant(),
    "ours, without L_ol": Variant(without_ol=True),
    "ours, without banks": Variant(without_banks=True),
}
SETS = {"s1, held-out clips": "test", "s4, never seen": "unseen"}
BLINKS = [EXPRESSIONS.index(f"eyeBlink_{side}") for side in "LR"]
FACE = [EXPRESSIONS.index(name) for name in BROWS + CHEEKS + NOSE + ("eyeSquint_L", "eyeSquint_R")]
COLUMNS = ("S_c", "N_c", "B_d", "G_d", "E_d", "P_d", "leak")


@dataclass(frozen=True)
class Filmed:
    """A held-out clip: views (T, 3, S, S) 0–1; log-mel for the judge and for the lips, (4 T, 80) float32."""

    views: Tensor
    mel: np.ndarray
    whisper_mel: np.ndarray

    @classmethod
    def of(cls, clip: Clip, side: int) -> Filmed:
        """All frames of a clip of a corpus."""
        views = np.stack([clip.face_view(frame) for frame in range(clip.frames)])
        return cls(as_input(views, side), clip.mel, clip.whisper_mel)


@torch.inference_mode()
def painted(networks: Networks, lips: LipModel, film: Filmed, lips_move: bool, rest_moves: bool) -> Tensor:
    """Pictures (T, 3, s, s) of a clip with f_l from its sound or fixed, and f_nl from its frames or fixed.

    Fixed features are those of the first frame. f_l is computed from the curves, as in the product.
    """
    model = networks.representation
    f_id, face = model.identity_encoder.with_map(film.views[:1])
    f_nl = model.f_nl(model.motion_encoder(film.views))[1]
    motion = torch.zeros(len(film.views), len(model.mean))
    motion[:, LIP_COLUMNS] = torch.from_numpy(lips.hear_and_predict(film.whisper_mel))
    f_l = model.features_of_motion(motion)[0]
    count = len(film.views)
    f_l = f_l if lips_move else f_l[:1].expand(count, -1)
    f_nl = f_nl if rest_moves else f_nl[:1].expand(count, -1)
    motion = torch.cat([f_nl, f_l], 1)
    parts = []
    for some in motion.split(25):
        source, person, map_, rest = (
            first.expand(len(some), *first.shape[1:]) for first in (film.views[:1], f_id, face, motion[:1])
        )
        parts.append(networks.render(source, person, map_, rest, some))
    return torch.cat(parts)


def as_views(pictures: Tensor, through: int) -> Tensor:
    """Pictures (T, 3, s, s) as face views (T, 3, 128, 128), first reduced to the side ``through`` of painted
    pictures."""
    small = F.adaptive_avg_pool2d(pictures, through)
    return F.interpolate(small, size=(VIEW_SIDE, VIEW_SIDE), mode="bicubic", align_corners=False).clamp(0, 1)


def confidence(judge: Judge, views: Tensor, mel: np.ndarray) -> float:
    """S_c of face views (T, 3, 128, 128)."""
    pictures = (views * 255 + 0.5).byte().permute(0, 2, 3, 1).numpy()
    return judge_take(judge, list(pictures), mel)["S_c"]


def differences(told: Face, real: Face) -> dict[str, float]:
    """Mean absolute differences between R's outputs for two series of T frames.

    B_d of the lids' weights, G_d of the eyes' rotation (degrees), E_d of the weights of brows, cheeks, nose and squint,
    P_d of the head's rotation (degrees). Each is relative to its mean over the clip, because identity is not measured.
    """

    def apart(a: Tensor, b: Tensor) -> float:
        return float(((a - a.mean(0)) - (b - b.mean(0))).abs().mean())

    return {
        "B_d": apart(told.expression[:, BLINKS], real.expression[:, BLINKS]),
        "G_d": float(np.rad2deg(apart(told.gaze, real.gaze))),
        "E_d": apart(told.expression[:, FACE], real.expression[:, FACE]),
        "P_d": float(np.rad2deg(apart(told.rotation, real.rotation))),
    }


@torch.inference_mode()
def filmed_truth(judge: Judge, reader: Reconstruction, film: Filmed, side: int) -> tuple[float, Face]:
    """S_c of the real frames, reduced to the resolution of pictures painted at ``side`` px, and R's output for them."""
    views = as_views(film.views, side)
    return confidence(judge, views, film.mel), reader(views)


@torch.inference_mode()
def measure(
    networks: Networks, lips: LipModel, judge: Judge, reader: Reconstruction, film: Filmed, truth: tuple[float, Face]
) -> dict[str, float]:
    """The numbers of one clip compared with its :func:`filmed_truth`. In those named ``still`` nothing moves."""
    side = networks.render.side
    real, real_face = truth
    spoken = as_views(painted(networks, lips, film, True, False), side)
    moved = as_views(painted(networks, lips, film, False, True), side)
    still = as_views(painted(networks, lips, film, False, False), side)
    sure = confidence(judge, spoken, film.mel)
    return {
        "S_c": sure,
        "N_c": confidence_gap(sure, real),
        "leak": confidence(judge, moved, film.mel),
        "leak still": confidence(judge, still, film.mel),
        "S_c real": real,
        **differences(reader(moved), real_face),
        **{f"{name} still": value for name, value in differences(reader(still), real_face).items()},
    }


def table(found: Mapping[str, Mapping[str, list[dict[str, float]]]]) -> Table:
    """The table of the numbers of set → variant → clips.

    Below an ablation are its differences from the variant without ablation, clip by clip. The last rows of a set are
    for a real recording and for a picture in which nothing moves.
    """
    rows = []
    for title, variants in found.items():
        for name, clips in variants.items():
            rows.append((title, name, *(interval([clip[c] for clip in clips], 3) for c in COLUMNS)))
            whole, _, ablation = name.partition(", ")
            if ablation and whole in variants:
                pairs = list(zip(clips, variants[whole], strict=True))
                apart = (interval([one[c] - other[c] for one, other in pairs], 3) for c in COLUMNS)
                rows.append((title, f"{name}: difference", *apart))
        clips = next(iter(variants.values()))
        real = interval([clip["S_c real"] for clip in clips], 3)
        rows.append((title, "real frames", real, *["0.000"] * 5, real))
        still = (interval([clip[f"{c} still"] for clip in clips], 3) for c in COLUMNS[2:])
        rows.append((title, "nothing moves", "", "", *still))
    counts = " and ".join(str(len(next(iter(variants.values())))) for variants in found.values())
    return Table(
        "disentanglement",
        "Disentanglement (the paper's Table 4)",
        "python -m training.representation.disentanglement",
        (
            "clips",
            "f_nl",
            "S_c, f_nl fixed",
            "N_c ↓",
            "B_d, f_l fixed ↓",
            "G_d, degrees ↓",
            "E_d ↓",
            "P_d, degrees ↓",
            "S_c, f_l fixed ↓",
        ),
        tuple(rows),
        (
            f"{counts} clips that nothing was trained on. Pictures are painted at 64 px by the small generator that "
            "each representation was trained with. Values are means with 95 % intervals over clips. Real frames were "
            "reduced to the same resolution.",
            "“As the paper”: only painted pictures and L_ol teach f_nl, and lips are those heard. “Ours”, which ships: "
            "f_nl has to match the f_nl of the true curves.",
        ),
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=RUNS / "representation")
    parser.add_argument("--corpus", type=Path, default=GRID)
    parser.add_argument("--clips", type=int, default=12, help="number for each talker")
    add_results_option(parser)
    options = parser.parse_args()
    torch.set_num_threads(1)
    lips, judge, reader = LipModel.load(), Judge.load(), Reconstruction.load(RECONSTRUCTION)
    trained = {}
    for name, variant in VARIANTS.items():
        folder = variant.folder(options.run)
        if (folder / CHECKPOINT).exists():
            trained[name] = load_stage(folder, build(variant.recipe(TrainConfig()), lips, 0)).eval()
        else:
            print(f"{name}: {folder} is not trained, left out")
    side = TrainConfig().representation.encoders.side
    found = {}
    for title, part in SETS.items():
        films = [Filmed.of(clip, side) for clip in Corpus.open(options.corpus, part)[: options.clips]]
        truths = [filmed_truth(judge, reader, film, TrainConfig().decoder.side) for film in films]
        found[title] = {
            name: [measure(networks, lips, judge, reader, *pair) for pair in zip(films, truths, strict=True)]
            for name, networks in trained.items()
        }
    show(table(found), options.results)


if __name__ == "__main__":
    main()
