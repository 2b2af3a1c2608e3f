"""Make the detailed head: ``python -m training.head.detailed --ict ../shared/data/ict_facekit.npz``.

It needs the head model's file, whose identity coefficients it shares. Writes the shards and the card.
"""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path

import torch

from core.compute.shards import save_shards
from core.detailed_head.parts import DETAILED_PARTS, STEM
from core.files import make_folder
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.places import CARDS, WEIGHTS
from core.plurals import counted

from ...common.folders import data_folder
from ..closures import with_closed_lips, with_closing_lids
from ..ict import load_ict
from ..topology import build_topology
from .basis import Agreement, agreement, build_tensors, mixture_of
from .game import build_game, loaded
from .surface import build_surface, following


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="training.head.detailed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ict", type=Path, default=data_folder() / "ict_facekit.npz")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="folder that receives the shards and the card")
    parser.add_argument("--seed", type=int, default=1, help="of the lashes")
    arguments = parser.parse_args()
    head = HeadModel.load()
    published = load_ict(arguments.ict)
    closed = with_closing_lids(with_closed_lips(published))
    topology = build_topology(closed)
    mixture = mixture_of(closed, topology, head)
    surface, source = build_surface(following(published, closed), arguments.seed)
    tensors = build_tensors(source, surface, mixture)
    found = agreement(tensors, surface, topology, head)
    tensors |= build_game(loaded(tensors))
    facts = {"detailed_head": json.dumps({"parts": DETAILED_PARTS, "expressions": EXPRESSIONS})}
    stored = {name: torch.from_numpy(value) for name, value in tensors.items()}
    paths = save_shards(STEM, stored, None, arguments.out, facts)
    card = arguments.out / CARDS / f"{STEM}.md"
    make_folder(card.parent)
    size = sum(path.stat().st_size for path in paths)
    card.write_text(_card(tensors, found, size), encoding="utf-8")
    faces, shards = tensors["faces"], counted(len(paths), "shard")
    print(f"{len(tensors['mean'])} vertices, {len(faces)} faces, {size / 1e6:.1f} MB in {shards}")
    print(f"game preset: {len(tensors['game_triangles'])} triangles")
    print(f"distance to the head model: median {found.median:.3f} mm, 95 % {found.p95:.3f} mm")


def _card(tensors: dict, found: Agreement, size: int) -> str:
    faces = tensors["faces"]
    quads = (faces[:, 3] >= 0).mean()
    paragraphs = (
        "# Detailed head",
        f"A linear head for Blender on ICT-FaceKit's own topology: {len(tensors['mean']):,} vertices and "
        f"{len(faces):,} faces, {100 * quads:.1f} % of them quads and the rest triangles: skin, mouth, teeth, tongue, "
        "eyeballs with a clear cornea, lashes as single hairs. It is left/right symmetric and in centimetres. It has "
        "the same 50 identity coefficients and the same 53 expressions as the head model, so a fit to the one is a fit "
        f"to the other. The shards have {size / 1e6:.1f} MB: shapes are 16-bit integers with one scale each, and "
        f"expressions are kept for the {len(tensors['moving']):,} vertices that they move.",
        "**Source.** ICT-FaceKit (light), © 2020 USC Institute for Creative Technologies, MIT, and the head model.",
        "**Command.** `python -m training.head.detailed --ict ../shared/data/ict_facekit.npz`",
        "**How.** The source's lips and lids are closed as for the head model, and its lashes follow. The bust is cut "
        "off along an edge loop at the neck, the cut is made flat, and the neck is led on to a level edge. Each "
        "identity component of the head model is a mixture of the source's identity shapes; least squares finds the "
        "mixture, which is then computed on all vertices. Hairs of the lashes are grown on the source's lash cards, "
        "whose shapes they follow. Eyeballs are polar grids on the source's shells.",
        f"**Game preset.** {len(tensors['game_triangles']):,} triangles of the same vertices: the left half is "
        "simplified by half-edge collapses that keep the shape of several expressions, the seams and the lids, and "
        "then mirrored.",
        "**Agreement**, printed by the same command: distance between the same points of the detailed head and of the "
        "head model above the neck, on 50 people with coefficients from N(0, 1) (seed 20001): median "
        f"{found.median:.3f} mm, 95 % {found.p95:.3f} mm.",
        "**Limits.** It repeats the head model's shapes; what is finer than them is topology, not learned detail. Eyes "
        "turn by bones. It has no pores and no wrinkles: materials and `core/detailed_head/wrinkles.py` add them.",
    )
    return "\n\n".join(textwrap.fill(p, 120, break_on_hyphens=False) for p in paragraphs) + "\n"


if __name__ == "__main__":
    main()
