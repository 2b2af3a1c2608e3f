"""The training loop: runs resume exactly, two processes train one network, and damaged files give clear errors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import SoliloquyError
from training.common.checkpoint import load_module
from training.common.engine import Run, RunConfig, Step, short_attention, warm_up_cosine

ROOT = Path(__file__).parents[3]


def _run(folder: Path, steps: int, width: int = 8, **settings) -> Run:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, width), nn.Dropout(0.2), nn.Tanh(), nn.BatchNorm1d(width), nn.Linear(width, 1))
    optimiser = torch.optim.AdamW(net.parameters(), 0.02)
    config = RunConfig(steps, device="cpu", log_every=2, save_every=5, bfloat16=False, **settings)
    return Run(folder, config, {"net": net}, {"net": optimiser}, averaged=["net"])


def _step(run: Run):
    def make(step: Step) -> dict[str, float]:
        inputs = torch.from_numpy(step.rng.normal(size=(32, 4)).astype(np.float32))
        loss = (run.forward["net"](inputs) - inputs.sum(1, keepdim=True).tanh()).square().mean()
        return {"loss": loss.detach(), "norm": step.update("net", loss, clip=1.0)}

    return make


def _weights(run: Run) -> dict[str, torch.Tensor]:
    return {
        f"{k}/{n}": v for k, m in (("m", run.modules), ("a", run.averages)) for n, v in m["net"].state_dict().items()
    }


def test_the_loss_falls_and_is_logged(tmp_path):
    run = _run(tmp_path, 200)
    lines = run.fit(_step(run))
    assert lines[-1]["loss"] < 0.6 * lines[0]["loss"] and lines[-1]["step"] == 200
    written = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert written[0]["run"]["steps"] == 200 and len(written) == 1 + len(lines)


def test_an_interrupted_run_ends_where_an_unbroken_one_does(tmp_path):
    whole = _run(tmp_path / "whole", 14)
    whole.fit(_step(whole))
    for steps in (5, 9, 14):
        part = _run(tmp_path / "parts", steps)
        part.fit(_step(part))
    left, right = _weights(whole), _weights(part)
    assert left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_a_stopped_run_keeps_its_steps(tmp_path):
    run = _run(tmp_path, 100)
    make = _step(run)

    def stop_at_seven(step: Step) -> dict[str, float]:
        if step.index == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        return make(step)

    run.fit(stop_at_seven)
    assert _run(tmp_path, 100).step == run.step == 7
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_batches_drawn_ahead_equal_those_drawn_in_time(tmp_path):
    """A batch drawn ahead uses the random numbers of its step, also in a resumed run; none is drawn past the end."""
    drawn = {}

    def draw(rng: np.random.Generator) -> np.ndarray:
        return rng.normal(size=(32, 4)).astype(np.float32)

    def ahead(run: Run):
        def make(step: Step) -> dict[str, float]:
            drawn.setdefault(run.folder.name, []).append(step.batch)
            inputs = torch.from_numpy(step.batch)
            loss = (run.forward["net"](inputs) - inputs.sum(1, keepdim=True).tanh()).square().mean()
            return {"loss": loss.detach(), "norm": step.update("net", loss, clip=1.0)}

        return make

    whole = _run(tmp_path / "whole", 14)
    whole.fit(_step(whole))
    for steps in (5, 14):
        part = _run(tmp_path / "parts", steps)
        part.fit(ahead(part), draw=draw)
    assert len(drawn["parts"]) == 14
    left, right = _weights(whole), _weights(part)
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_a_batch_that_cannot_be_drawn_ends_the_run(tmp_path):
    def draw(rng: np.random.Generator) -> None:
        raise ValueError("no clips")

    run = _run(tmp_path, 3)
    with pytest.raises(ValueError, match="no clips"):
        run.fit(_step(run), draw=draw)


def test_averages_lag_behind_and_can_be_loaded_without_a_run(tmp_path):
    run = _run(tmp_path, 30, ema=0.9)
    run.fit(_step(run))
    now, average = run.modules["net"][0].weight, run.averages["net"][0].weight
    assert not torch.equal(now, average) and float((now - average).detach().abs().max()) < 0.5
    loaded = load_module(run.checkpoint, "net", _run(tmp_path / "other", 1).modules["net"])
    assert torch.equal(loaded[0].weight, average) and not loaded.training


def test_other_networks_and_damage_are_errors(tmp_path):
    run = _run(tmp_path, 5)
    run.fit(_step(run))
    with pytest.raises(SoliloquyError) as told:
        _run(tmp_path, 5, width=9)
    assert told.value.code == "run_other_config"
    run.checkpoint.write_bytes(b"no checkpoint")
    with pytest.raises(SoliloquyError) as told:
        _run(tmp_path, 5)
    assert told.value.code == "run_damaged"


def test_learning_rates_rise_at_first_and_end_low():
    rates = [warm_up_cosine(step, 1000, 1e-3, 50) for step in range(1001)]
    assert rates[0] == pytest.approx(2e-5, rel=1e-3) and max(rates) <= 1e-3 and rates[-1] == pytest.approx(1e-5)
    assert rates[60:] == sorted(rates[60:], reverse=True)


TWO_PROCESSES = """
import atexit, os, sys, torch
from pathlib import Path
from torch import nn
from training.common.engine import Run, RunConfig

def threads(when):
    names = [Path(task, "comm").read_text().strip() for task in Path("/proc/self/task").glob("*")]
    Path(sys.argv[1], f"threads {when} {os.environ['RANK']}.txt").write_text(" ".join(names))

atexit.register(threads, "left")  # registered before the run's own, so called after it

torch.manual_seed(0)
net = nn.Linear(3, 1)
run = Run(Path(sys.argv[1]), RunConfig(6, device="cpu", bfloat16=False), {"net": net},
          {"net": torch.optim.SGD(net.parameters(), 0.1)}, averaged=["net"])

def step(step):
    inputs = torch.from_numpy(step.rng.normal(size=(8, 3))).float()
    loss = (run.forward["net"](inputs) - inputs.sum(1, keepdim=True)).square().mean()
    step.update("net", loss)
    return {"loss": loss.detach()}

run.fit(step)
threads("training")
Path(sys.argv[1], f"rank{run.rank}.txt").write_text(" ".join(map(repr, net.weight.flatten().tolist())))
"""


@pytest.mark.slow
def test_two_processes_train_one_network(tmp_path):
    script = tmp_path / "two.py"
    script.write_text(TWO_PROCESSES)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(tmp_path)], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    weights = [[float(v) for v in (tmp_path / f"rank{rank}.txt").read_text().split()] for rank in (0, 1)]
    assert weights[0] == weights[1]

    # One process that averages the gradients of both parts by hand reaches the same weights.
    torch.manual_seed(0)
    net = nn.Linear(3, 1)
    optimiser = torch.optim.SGD(net.parameters(), 0.1)
    for index in range(6):
        parts = []
        for rank in (0, 1):
            rng = np.random.default_rng([0, index, rank])
            rng.integers(2**62), rng.integers(2**62)  # a step draws these seeds first
            parts.append(torch.from_numpy(rng.normal(size=(8, 3))).float())
        loss = sum((net(part) - part.sum(1, keepdim=True)).square().mean() / 2 for part in parts)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    np.testing.assert_allclose(weights[0], net.weight.detach().flatten().numpy(), rtol=1e-5)
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 2

    # If a thread of the process group lives longer than the interpreter, the process sometimes aborts.
    for rank in (0, 1) if sys.platform == "linux" else ():
        training, left = ((tmp_path / f"threads {when} {rank}.txt").read_text() for when in ("training", "left"))
        assert "gloo" in training and "gloo" not in left


def test_short_attention_is_the_same_attention_without_the_flash_kernel():
    query, key, value = torch.randn(3, 2, 4, 30, 16).requires_grad_().unbind()
    usual = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    with short_attention(torch.device("cpu")):
        assert not torch.backends.cuda.flash_sdp_enabled()
        plain = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    assert torch.backends.cuda.flash_sdp_enabled()
    torch.testing.assert_close(plain, usual)
