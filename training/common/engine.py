"""The loop of every trainer: seeds, bfloat16, averages, safetensors checkpoints, a JSON log, several processes.

A trainer provides its networks, its optimisers and a function that makes one step; :class:`Run` does the rest. The
random numbers of step i depend only on (seed, i, rank), so an interrupted run ends with the same networks as an
uninterrupted one. Under ``torchrun`` the networks are wrapped in DistributedDataParallel, and every process draws its
own part of the batch.
"""

from __future__ import annotations

import argparse
import atexit
import copy
import gc
import json
import math
import os
import signal
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from core.compute.devices import choose_device, fast_bfloat16

from .checkpoint import load_checkpoint, save_checkpoint

CHECKPOINT = "checkpoint.safetensors"

_runs: weakref.WeakSet[Run] = weakref.WeakSet()


@dataclass(frozen=True)
class RunConfig:
    """Settings that every run has.

    Attributes
    ----------
    steps
        The run ends after this step; a later call with more steps goes on.
    seed
        Seed of initial weights, batches, noise and dropout.
    threads
        Processor threads of torch.
    bfloat16
        Whether to use autocast on devices with fast bfloat16 (``core.compute.devices.fast_bfloat16``).
    device
        "auto", "cuda", "mps" or "cpu".
    ema
        Share of the averaged weights that is kept at each step.
    log_every, save_every, sample_every
        Steps between lines of the log, checkpoints, and pictures (0: none).
    """

    steps: int
    seed: int = 0
    threads: int = 1
    bfloat16: bool = True
    device: str = "auto"
    ema: float = 0.999
    log_every: int = 20
    save_every: int = 200
    sample_every: int = 0


def short_attention(device: torch.device) -> AbstractContextManager[Any]:
    """A context in which processors compute attention as plain products. Over a hundred frames the backward pass of
    torch's flash kernel is slower (a step of the small prior takes 0.48 s instead of 0.35 s)."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def warm_up_cosine(step: int, steps: int, peak: float, warm_up: int, floor: float = 0.01) -> float:
    """Learning rate: linear to ``peak`` over ``warm_up`` steps, then half a cosine down to ``floor · peak``."""
    progress = min(step / max(steps, 1), 1.0)
    fall = floor + (1.0 - floor) * (0.5 + 0.5 * math.cos(math.pi * progress))
    return peak * min(1.0, (step + 1) / max(warm_up, 1)) * fall


def warm_up_plateau_cosine(step: int, steps: int, peak: float, warm_up: int, decay_from: float) -> float:
    """Learning rate: linear to ``peak`` over ``warm_up`` steps; after the part ``decay_from`` of all steps half a
    cosine down to a hundredth."""
    fall_start = round(decay_from * steps)
    fall = warm_up_cosine(max(step - fall_start, 0), steps - fall_start, 1.0, 0)
    return peak * min(1.0, (step + 1) / max(warm_up, 1)) * fall


class Step:
    """One step of a run, as the trainer sees it.

    Attributes
    ----------
    index
        Number of the step, from 0.
    rng, generator
        Random numbers of this step and process, of numpy and of torch (on the processor).
    batch
        The batch that was drawn ahead of time, if :meth:`Run.fit` has a function that draws it.
    """

    def __init__(self, run: Run, index: int, draw: Callable[[np.random.Generator], Any] | None = None) -> None:
        self._run, self.index = run, index
        self.rng = np.random.default_rng([run.config.seed, index, run.rank])
        self.generator = torch.Generator().manual_seed(int(self.rng.integers(2**62)))
        self._dropout = int(self.rng.integers(2**62))
        self.batch: Any = draw(self.rng) if draw else None

    def begin(self) -> None:
        """Seed the global random numbers, which dropout uses, for this step."""
        torch.manual_seed(self._dropout)

    def autocast(self) -> AbstractContextManager[Any]:
        """A context with bfloat16, if the run uses it and the device is fast at it."""
        return torch.autocast(self._run.device.type, torch.bfloat16, enabled=self._run.bfloat16)

    def set_rate(self, optimiser: str, rate: float) -> None:
        """Set the learning rate of an optimiser."""
        for group in self._run.optimisers[optimiser].param_groups:
            group["lr"] = rate

    def update(self, optimiser: str, loss: Tensor, clip: float | None = None) -> float:
        """Compute the gradients of ``loss`` for one optimiser's parameters, and make its step; returns the norm of the
        gradients before clipping."""
        stepper = self._run.optimisers[optimiser]
        stepper.zero_grad(set_to_none=True)
        loss.backward()
        parameters = [p for group in stepper.param_groups for p in group["params"]]
        norm = nn.utils.clip_grad_norm_(parameters, math.inf if clip is None else clip)
        stepper.step()
        return float(norm)


class Run:
    """A training run in a folder: ``checkpoint.safetensors`` and ``log.jsonl``.

    Parameters
    ----------
    folder
        Created if it is missing. If it has a checkpoint, the run goes on from it.
    modules
        Networks by name; they are moved to the device.
    optimisers
        By name, over parameters of the modules. The trainer sets the learning rates at each step.
    averaged
        Names of the modules with a moving average.
    recipe
        Everything else the run depends on, for the log and the checkpoint (JSON values).

    Attributes
    ----------
    modules, forward, averages
        The networks; the networks as training calls them (wrapped for several processes); the averaged copies.
    step
        Number of finished steps.

    Raises SoliloquyError ``run_damaged`` or ``run_other_config`` if the run can't go on from the folder's checkpoint.
    """

    def __init__(
        self,
        folder: Path,
        config: RunConfig,
        modules: Mapping[str, nn.Module],
        optimisers: Mapping[str, Optimizer],
        averaged: Sequence[str] = (),
        recipe: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder, self.config, self.recipe = folder, config, dict(recipe or {})
        self.rank, self.world = join_processes(config.device)
        self.device = run_device(config.device)
        self.bfloat16 = config.bfloat16 and fast_bfloat16(self.device)
        torch.set_num_threads(config.threads)
        self.modules = {name: module.to(self.device) for name, module in modules.items()}
        self.optimisers = dict(optimisers)
        self.averages = {name: copy.deepcopy(self.modules[name]).eval().requires_grad_(False) for name in averaged}
        self.step, self.seconds = 0, 0.0
        folder.mkdir(parents=True, exist_ok=True)
        if self.checkpoint.exists():
            facts = load_checkpoint(self.checkpoint, self.modules, self.averages, self.optimisers)
            self.step, self.seconds = int(facts["step"]), float(facts["seconds"])
        self.forward = {name: self._parallel(module) for name, module in self.modules.items()}
        _runs.add(self)

    @property
    def checkpoint(self) -> Path:
        """The run's checkpoint."""
        return self.folder / CHECKPOINT

    def _parallel(self, module: nn.Module) -> nn.Module:
        learns = any(parameter.requires_grad for parameter in module.parameters())
        return DistributedDataParallel(module, forward_sync_buffers=False) if self.world > 1 and learns else module

    def save(self) -> None:
        """Write the checkpoint, whole or not at all. Only the first process does this."""
        if self.rank == 0:
            facts = {"step": self.step, "seconds": round(self.seconds, 1), "recipe": self.recipe}
            save_checkpoint(self.checkpoint, self.modules, self.averages, self.optimisers, facts)

    def fit(
        self,
        make_step: Callable[[Step], Mapping[str, float | Tensor]],
        sample: Callable[[int], None] | None = None,
        draw: Callable[[np.random.Generator], Any] | None = None,
    ) -> list[dict[str, float]]:
        """Train to ``config.steps``. ^C and SIGTERM end the run after the current step, with a checkpoint.

        Parameters
        ----------
        make_step
            Makes one step and returns the values to log. The log has their means over the steps between two lines.
        sample
            Called by the first process every ``sample_every`` steps, with the number of finished steps.
        draw
            Draws a step's batch, using only the step's random numbers. It runs in its own thread during the previous
            step, and its result is ``step.batch``.

        Returns
        -------
        The new lines of the log.
        """
        lines: list[dict[str, float]] = []
        recent: list[dict[str, float]] = []
        following: Future[Step] | None = None
        config = self.config
        with (
            (self.folder / "log.jsonl").open("a", encoding="utf-8") as log,
            stop_signals() as stopped,
            ThreadPoolExecutor(1) as ahead,
        ):
            if self.rank == 0:
                print(
                    json.dumps({"run": asdict(config), "recipe": self.recipe, "from": self.step}), file=log, flush=True
                )
            while self.step < config.steps and not stopped:
                began = time.perf_counter()
                step = following.result() if following else Step(self, self.step, draw)
                following = None
                if draw and self.step + 1 < config.steps:
                    following = ahead.submit(Step, self, self.step + 1, draw)
                step.begin()
                values = make_step(step)
                self._average()
                self.step += 1
                self.seconds += time.perf_counter() - began
                recent.append({name: float(value) for name, value in values.items()})
                last = self.step == config.steps or bool(stopped)
                if self.step % config.log_every == 0 or last:
                    names = sorted({name for entry in recent for name in entry})
                    means = {n: float(np.mean([entry[n] for entry in recent if n in entry])) for n in names}
                    recent.clear()
                    lines.append({"step": self.step, "seconds": round(self.seconds, 1)} | means)
                    if self.rank == 0:
                        print(json.dumps({n: round(v, 6) for n, v in lines[-1].items()}), file=log, flush=True)
                if self.step % config.save_every == 0 or last:
                    self.save()
                if sample and config.sample_every and self.rank == 0 and (self.step % config.sample_every == 0 or last):
                    sample(self.step)
        return lines

    @torch.no_grad()
    def _average(self) -> None:
        # The average forgets quickly at first, because the initial weights are far from the final ones.
        keep = min(self.config.ema, (1 + self.step) / (10 + self.step))
        for name, average in self.averages.items():
            now = self.modules[name].state_dict()
            for key, value in average.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(now[key], 1.0 - keep)
                else:
                    value.copy_(now[key])


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """A list that gets an entry when the process is asked to end (^C, SIGTERM), so that a step can be finished and
    saved."""
    received: list[int] = []
    earlier = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            earlier[number] = signal.signal(number, lambda sign, _frame: received.append(sign))
        except ValueError:  # not the main thread, which then handles the signals itself
            break
    try:
        yield received
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def join_processes(device: str) -> tuple[int, int]:
    """(rank, world) of this process; joins the other processes that ``torchrun`` started, if any."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1 and not torch.distributed.is_initialized():
        on_gpu = device in ("auto", "cuda") and torch.cuda.is_available()
        torch.distributed.init_process_group("nccl" if on_gpu else "gloo")
        atexit.register(_leave_processes)
    return int(os.environ.get("RANK", "0")), world


def _leave_processes() -> None:
    """End the threads of the process group before the interpreter shuts down.

    The threads release Python objects after their last all-reduce. If that happens during interpreter shutdown, the
    process aborts although its work is done. The threads end with the group, to which the wrapped networks also hold
    references. So these are removed first: whatever drops the last reference waits for the threads, and only the
    group's own destruction waits without holding the interpreter's lock.
    """
    for run in _runs:
        run.forward.clear()
    gc.collect()
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def run_device(wanted: str) -> torch.device:
    """The device of this process; with several GPUs the one with its local rank."""
    name = choose_device(wanted)
    return torch.device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if name == "cuda" else name)


def add_run_arguments(
    parser: argparse.ArgumentParser, run: Path, defaults: RunConfig, sizes: Sequence[str] = ("tiny", "base")
) -> None:
    """Add the arguments of every trainer: ``--run --size --steps --seed --threads --device --fp32``."""
    parser.add_argument("--run", type=Path, default=run, help="folder of checkpoint, log and samples")
    parser.add_argument("--size", choices=sizes, default="base")
    parser.add_argument("--steps", type=int, default=defaults.steps)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--threads", type=int, default=defaults.threads)
    parser.add_argument("--device", default=defaults.device, help="auto, cuda, mps or cpu")
    parser.add_argument("--fp32", action="store_true", help="no bfloat16")


def run_config(options: argparse.Namespace, defaults: RunConfig) -> RunConfig:
    """``defaults``, changed by the options of the command line."""
    named = {name: getattr(options, name) for name in ("steps", "seed", "threads", "device")}
    return RunConfig(**{**asdict(defaults), **named, "bfloat16": defaults.bfloat16 and not options.fp32})
