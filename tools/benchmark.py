"""Measures the renderer's frames per second, and how much of the time each of its parts takes.

    python tools/benchmark.py --portrait a.jpg --size 256 512

Without a portrait it uses scikit-image's test photograph. Each processor core draws its own frames. Wall time and the
CPU time of all threads are printed: on a busy machine only the CPU time shows the cost of the code.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from core.head.head_model import HeadModel  # noqa: E402
from core.motion.channels import EXPRESSIONS, FPS  # noqa: E402
from core.motion.motion import Motion  # noqa: E402
from core.portrait.fit import fit_portrait  # noqa: E402
from core.portrait.load import load_portrait  # noqa: E402
from core.portrait.portrait import Portrait  # noqa: E402
from core.renderer import Renderer  # noqa: E402
from core.renderer.generator import refine  # noqa: E402
from core.wire.options import number_or_text  # noqa: E402
from core.wire.picture_size import FIT  # noqa: E402


def speech_like(frames: int, seed: int = 0) -> Motion:
    """Motion of a mouth that opens and closes at 4 Hz, a blink every 3 s and a head that sways by up to ±6°."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(frames) / FPS
    expression = np.zeros((frames, len(EXPRESSIONS)), np.float32)
    expression[:, EXPRESSIONS.index("jawOpen")] = 0.2 + 0.2 * np.sin(2 * np.pi * 4 * time_s)
    expression[:, EXPRESSIONS.index("mouthPucker")] = np.clip(0.5 * np.sin(2 * np.pi * 1.7 * time_s), 0, 1)
    blink = np.clip(1 - np.abs((time_s % 3) - 1) / 0.12, 0, 1)
    for side in "LR":
        expression[:, EXPRESSIONS.index(f"eyeBlink_{side}")] = blink
    phase = rng.uniform(0, 2 * np.pi, 3)
    rotation = np.radians(6) * np.sin(2 * np.pi * time_s[:, None] * (0.31, 0.23, 0.17) + phase)
    return Motion(expression, rotation.astype(np.float32), np.zeros((frames, 3), np.float32), FPS)


class Stopwatch:
    """Adds up the CPU time of functions in the threads that call them. Several functions can share a name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def record(self, name: str, owner: object, attribute: str) -> None:
        """From now on add the time of the function ``owner.attribute`` to ``name``."""
        function: Callable[..., Any] = getattr(owner, attribute)

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds[name] += time.thread_time() - start

        setattr(owner, attribute, timed)


def measure(
    portrait: Portrait, model: HeadModel, size: int, frames: int, batch: int, gan: bool, picture: int | str
) -> None:
    """Render ``frames`` frames whose face square has ``size`` pixels, in a picture of a size, and print the times."""
    start = time.perf_counter()
    renderer = Renderer(model, portrait, size, painter="shipped" if gan else None, picture=picture)
    analysed = time.perf_counter() - start
    motion = speech_like(frames)
    for _ in renderer.render(motion.slice(0, batch), batch):
        pass

    watch = Stopwatch()
    watch.record("pose the head", renderer.geometry, "pose")
    watch.record("flow", renderer, "flow_field")
    watch.record("mouth", renderer.mouth, "draw")
    for eye in renderer.eyes:
        watch.record("eyes", eye, "draw")
    if renderer.detail:
        watch.record("fine detail", renderer.detail, "added")
    if renderer.refiner:
        watch.record("parts and normals for G", renderer, "surfaces")
        watch.record("G", renderer.refiner, "correct")
    start, start_cpu = time.perf_counter(), time.process_time()
    for _ in renderer.render(motion, batch):
        pass
    wall, cpu = time.perf_counter() - start, time.process_time() - start_cpu

    height, width = renderer.frame_shape
    wall_ms, cpu_ms = wall / frames * 1e3, cpu / frames * 1e3
    print(f"{size}², {picture}: {frames / wall:.1f} frames/s ({wall_ms:.1f} ms wall, {cpu_ms:.1f} ms CPU a frame)")
    print(f"    portrait analysed in {analysed:.2f} s, frames of {width} × {height}")
    watch.seconds["warp, composition, pasting"] = cpu - sum(watch.seconds.values())
    for name, seconds in sorted(watch.seconds.items(), key=lambda item: -item[1]):
        print(f"    {name:<28}{seconds / frames * 1e3:6.1f} ms  {100 * seconds / cpu:4.0f} %")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portrait", type=Path, help="Photograph with one face. Default: scikit-image's astronaut.")
    parser.add_argument(
        "--size",
        type=int,
        nargs="+",
        default=[256, 512],
        help="Pixels of the face square, one or several. Default: 256 512.",
    )
    parser.add_argument(
        "--picture",
        type=number_or_text,
        nargs="+",
        default=[FIT],
        help="Size of the frames, one or several: photograph, fit (as earlier numbers), or pixels. Default: fit.",
    )
    parser.add_argument("--frames", type=int, default=100, help="Number of frames. Default: 100.")
    parser.add_argument("--batch", type=int, default=8, help="Frames that are made at once. Default: 8.")
    parser.add_argument("--warp", action="store_true", help="Use the plain warp, without G.")
    parser.add_argument("--float32", action="store_true", help="Compute as on a processor without bfloat16.")
    args = parser.parse_args()
    if args.float32:
        refine.fast_bfloat16 = lambda device: False
    if args.portrait:
        portrait = load_portrait(args.portrait)
    else:
        import skimage.data

        portrait = fit_portrait(skimage.data.astronaut())
    for size in args.size:
        for picture in args.picture:
            measure(portrait, HeadModel.load(), size, args.frames, args.batch, not args.warp, picture)


if __name__ == "__main__":
    main()
