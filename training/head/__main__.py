"""Make the head model: ``python -m training.head --ict ../shared/data/ict_facekit.npz``.

The model has a simplified symmetric topology, identity components, expressions with turning eyeballs, and the places of
mediapipe's points. Prints held-out errors and writes the card.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from core.files import make_folder
from core.head.head_model import PARTS, WEIGHTS, HeadModel
from core.motion.channels import EXPRESSIONS
from core.places import CARDS

from ..common.arrays import save_tensors
from ..common.folders import data_folder
from .build import HeadModelConfig, build
from .closures import with_closed_lips, with_closing_lids
from .ict import load_ict
from .report import held_out_errors, pose_errors, write_card
from .topology import build_topology


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="training.head", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ict", type=Path, default=data_folder() / "ict_facekit.npz")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--components", type=int, default=HeadModelConfig.components)
    parser.add_argument("--seed", type=int, default=HeadModelConfig.seed)
    arguments = parser.parse_args()
    config = HeadModelConfig(components=arguments.components, seed=arguments.seed)
    published = load_ict(arguments.ict)
    source = with_closing_lids(with_closed_lips(published))
    topology = build_topology(source)
    tensors, facts = build(source, topology, config)
    meta = {"parts": PARTS, "expressions": EXPRESSIONS, "config": asdict(config)}
    save_tensors(arguments.out, tensors, {"head_model": json.dumps(meta)})
    arguments.out.chmod(0o644)  # safetensors makes files that only their owner can read
    head = HeadModel.load(path=arguments.out)
    errors = held_out_errors(published, topology, head)
    command = "python -m training.head --ict ../shared/data/ict_facekit.npz"
    size = arguments.out.stat().st_size
    card = arguments.out.parent / CARDS / f"{arguments.out.stem}.md"
    make_folder(card.parent)
    write_card(card, head, errors, facts, pose_errors(head), size, command)
    for name, error in errors.items():
        print(f"{name}: median {error.median:.3f} mm, mean {error.mean:.3f} mm, 95 % {error.p95:.3f} mm")


if __name__ == "__main__":
    main()
