"""The renderer on a GPU: its tensors never meet those of the processor. The GPU is pretended."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.compute import weight_files
from core.head.head_model import HeadModel
from core.motion.motion import Motion
from core.portrait.fit import fit_portrait
from core.portrait.portrait import Portrait
from core.renderer import Renderer
from core.renderer import renderer as renderer_module
from core.renderer.generator.layers import ModulatedConv
from core.renderer.generator.refine import Painter
from core.renderer.generator.weights import load_generator
from core.renderer.teeth.appearance import load_teeth
from core.representation.model import Representation
from tests.core.compute.pretend_gpu import GPU, OnGpu, OpenedForGpu, PretendGpu, moved_to_gpu


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return fit_portrait(pytest.importorskip("skimage.data").astronaut())


def lively(frames: int) -> Motion:
    """Motion in which mouth, lids, tongue, head and body all move."""
    rng = np.random.default_rng(0)
    columns = len(Motion.zeros(1).table()[0])
    table = rng.uniform(0.0, 1.0, (frames, columns))
    table[:, -6:] = rng.normal(0.0, 0.1, (frames, 6))
    return Motion.from_table(table, body=rng.uniform(0.0, 0.5, (frames, 4)))


def test_a_pretended_gpu_keeps_apart() -> None:
    with PretendGpu() as pretended:
        there = torch.ones(3, device=GPU)
        assert isinstance(there + 1, OnGpu) and there.device == GPU and not isinstance(there.cpu(), OnGpu)
        with pytest.raises(RuntimeError, match="same device"):
            there + torch.ones(3)
        with pytest.raises(TypeError, match="numpy"):
            there.numpy()
        with pretended.made_on(GPU):
            assert isinstance(torch.zeros(2), OnGpu)


def networks() -> Painter:
    """The shipped networks of G, loaded again."""
    return Painter(load_generator(), Representation.load().requires_grad_(False))


@pytest.mark.parametrize(("framing", "paints"), [("portrait", False), ("crop", True)])
def test_frames_of_a_gpu_are_those_of_the_processor(
    portrait: Portrait, framing: str, paints: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    motion, model = lively(2), HeadModel.load()
    painter = networks() if paints else None
    expected = list(Renderer(model, portrait, 256, framing=framing, painter=painter).render(motion))
    with PretendGpu() as pretended:
        monkeypatch.setattr(renderer_module, "_made_on", pretended.made_on)
        monkeypatch.setattr(weight_files, "safe_open", OpenedForGpu)
        there = networks() if paints else None
        for network in (there.generator, there.styles) if there else ():
            for part in moved_to_gpu(network).modules():
                if isinstance(part, ModulatedConv):
                    part.settle(torch.float32)
        frames = list(Renderer(model, portrait, 256, GPU, framing, there).render(motion))
    load_teeth.cache_clear()
    np.testing.assert_allclose(np.stack(frames).astype(int), np.stack(expected).astype(int), atol=1)
