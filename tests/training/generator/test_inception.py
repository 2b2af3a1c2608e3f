"""Inception v3: the sizes of the published network, and weights that are read or refused."""

import pytest
import torch
from safetensors.torch import save_file

from core.errors import SoliloquyError
from training.generator.inception import FEATURES, Inception

PARAMETERS = 21_785_568
"""Without the classifiers: the published network has 27,161,264 parameters, its classifiers 2,049,000 and 3,326,696."""


def test_it_has_the_published_networks_parameters_and_sizes():
    network = Inception().eval()
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS == 27_161_264 - 2_049_000 - 3_326_696
    state = network.state_dict()
    assert state["Mixed_5b.branch5x5_2.conv.weight"].shape == (64, 48, 5, 5)
    assert state["Mixed_6d.branch7x7dbl_4.conv.weight"].shape == (160, 160, 7, 1)
    assert state["Mixed_7c.branch3x3dbl_3b.conv.weight"].shape == (384, 384, 3, 1)
    sizes = []
    for name in ("Mixed_5d", "Mixed_6e", "Mixed_7c"):
        network.get_submodule(name).register_forward_hook(lambda _, __, out: sizes.append(tuple(out.shape)))
    with torch.inference_mode():
        assert network(torch.rand(1, 3, 64, 64)).shape == (1, FEATURES)
    assert sizes == [(1, 288, 35, 35), (1, 768, 17, 17), (1, 2048, 8, 8)]


def test_weights_are_read_and_others_refused(tmp_path):
    torch.manual_seed(0)
    network = Inception().eval()
    full = {**network.state_dict(), "fc.weight": torch.zeros(2, 2)}
    save_file(full, str(tmp_path / "whole.safetensors"))
    picture = torch.rand(1, 3, 40, 40)
    with torch.inference_mode():
        assert torch.equal(Inception.load(tmp_path / "whole.safetensors")(picture), network(picture))
    del full["Mixed_7a.branch3x3_2.conv.weight"]
    save_file(full, str(tmp_path / "less.safetensors"))
    with pytest.raises(SoliloquyError) as error:
        Inception.load(tmp_path / "less.safetensors")
    assert error.value.code == "inception_unusable" and "Mixed_7a" in error.value.message
