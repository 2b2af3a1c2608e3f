"""The representation: shapes, factorised features, saving and loading, errors for bad files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from core.errors import SoliloquyError
from core.face.reconstruction import Reconstruction, ReconstructionConfig
from core.motion.channels import CHANNELS, LIP_COLUMNS, NONLIP_CHANNELS, NONLIP_COLUMNS
from core.representation.encoders import D_ID, EncoderConfig, MotionEncoder
from core.representation.model import WEIGHTS, Representation, RepresentationConfig

needs_weights = pytest.mark.skipif(not WEIGHTS.exists(), reason=f"core/weights/{WEIGHTS.name} isn't trained yet")


def _tiny(seed: int = 0) -> Representation:
    torch.manual_seed(seed)
    return Representation(RepresentationConfig.tiny()).eval()


def test_shapes_of_the_features() -> None:
    model, views = _tiny(), torch.rand(3, 3, 128, 128)
    f_v = model.motion_encoder(views)
    f_ol, f_nl = model.f_nl(f_v)
    f_id, face = model.identity_encoder.with_map(views)
    assert f_v.shape == (3, 48) and f_ol.shape == (3, 24) and f_nl.shape == (3, 64)
    assert model.mlp_cl(f_v).shape == (3, model.config.sound)
    assert f_id.shape == (3, D_ID) and face.shape == (3, model.config.encoders.map_shape[0], 8, 8)
    torch.testing.assert_close(f_id.norm(dim=-1), torch.full((3,), D_ID**0.5))
    assert model.decode_nonlip(f_nl).shape == (3, len(NONLIP_CHANNELS))
    f_l, f_nl = model.features_of_motion(torch.rand(2, 5, len(CHANNELS)))
    assert f_l.shape == (2, 5, 32) and f_nl.shape == (2, 5, 64)


def test_lips_and_other_channels_do_not_influence_each_others_features() -> None:
    model, channels = _tiny(), torch.rand(4, len(CHANNELS))
    f_l, f_nl = model.features_of_motion(channels)
    other_head, other_lips = channels.clone(), channels.clone()
    other_head[:, NONLIP_COLUMNS] = torch.rand(4, 32)
    other_lips[:, LIP_COLUMNS] = torch.rand(4, 27)
    assert torch.equal(model.features_of_motion(other_head)[0], f_l)
    assert torch.equal(model.features_of_motion(other_lips)[1], f_nl)
    assert not torch.equal(model.features_of_motion(other_head)[1], f_nl)


def test_decoded_weights_stay_between_0_and_1() -> None:
    model = _tiny()
    model.scale.fill_(5.0)
    with torch.no_grad():
        channels = model.decode_nonlip(30.0 * torch.randn(200, 64))
    assert float(channels[:, :26].min()) == 0.0 and float(channels[:, :26].max()) == 1.0
    assert float(channels[:, 26:].abs().max()) > 1.0  # rotations and translations have no limits


def test_saved_and_loaded_again(tmp_path: Path) -> None:
    model = _tiny()
    model.mean.uniform_()
    model.save(tmp_path / "r.safetensors")
    again = Representation.load(path=tmp_path / "r.safetensors")
    views = torch.rand(2, 3, 128, 128)
    assert again.config == model.config and again.mean.dtype == torch.float32 and not again.training
    with torch.no_grad():
        expected, loaded = model.motion_encoder(views), again.motion_encoder(views)
    torch.testing.assert_close(loaded, expected, atol=5e-3, rtol=5e-3)  # float16 on disk


def test_missing_and_damaged_weights_have_their_own_errors(tmp_path: Path) -> None:
    def code(path: Path) -> str:
        with pytest.raises(SoliloquyError) as caught:
            Representation.load(path=path)
        return caught.value.code

    assert code(tmp_path / "nothing.safetensors") == "weights_missing"
    (tmp_path / "noise.safetensors").write_bytes(b"not a model" * 100)
    assert code(tmp_path / "noise.safetensors") == "weights_damaged"
    save_file({"other": torch.zeros(1)}, str(tmp_path / "other.safetensors"), {"config": "{}"})
    assert code(tmp_path / "other.safetensors") == "weights_damaged"


def test_e_v_starts_from_the_weights_of_r() -> None:
    torch.manual_seed(1)
    encoder, reader = _tiny().motion_encoder, Reconstruction(ReconstructionConfig.tiny()).eval()
    encoder.start_from(reader)
    views = torch.rand(2, 3, 128, 128)
    with torch.no_grad():
        assert torch.equal(encoder(views), reader.embedding(views))
    with pytest.raises(ValueError, match="another network"):
        encoder.start_from(Reconstruction())
    with pytest.raises(ValueError, match="128 px"):
        MotionEncoder(EncoderConfig(side=64))


def test_the_weights_are_smaller_than_15_mib() -> None:
    floats = sum(v.numel() for v in Representation(RepresentationConfig()).state_dict().values())
    assert 2 * floats < 15 * 2**20


@needs_weights
def test_shipped_weights_load_and_give_finite_features() -> None:
    model = Representation.load()
    side = model.config.encoders.side
    with torch.no_grad():
        f_ol, f_nl = model.f_nl(model.motion_encoder(torch.rand(2, 3, side, side)))
        f_l, driven = model.features_of_motion(torch.zeros(2, len(CHANNELS)))
    for features in (f_ol, f_nl, f_l, driven):
        assert torch.isfinite(features).all()
    assert f_nl.shape == driven.shape == (2, 64) and f_l.shape == (2, 32)


def test_weights_with_the_papers_backbones_are_refused() -> None:
    values = asdict(RepresentationConfig.tiny())
    values["encoders"]["paper"] = False
    assert RepresentationConfig.read(values) == RepresentationConfig.tiny()
    values["encoders"]["paper"] = True
    with pytest.raises(TypeError, match="paper"):
        RepresentationConfig.read(values)
