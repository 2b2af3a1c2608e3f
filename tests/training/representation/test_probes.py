"""Probes find existing information and no other; Table 4 shows which features move which quantity."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.face.reconstruction import Face
from core.motion.channels import CHANNELS
from core.sound.lips import LipModel, LipModelConfig
from training.representation.disentanglement import COLUMNS, Filmed, as_views, differences, painted, table
from training.representation.probes import (
    Features,
    about_clip,
    about_identity,
    explained,
    looked_at,
    median_correlation,
    predict,
    probe,
    ridge,
)
from training.representation.train import TrainConfig, build


def _known(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows, 4)) * (1, 5, 0.1, 1) + 3.0
    return inputs, inputs[:, :2] @ np.array([[1.0, -1.0], [0.2, 0.5]]) + 2.0


def test_a_probe_finds_a_linear_relation_and_nothing_in_noise():
    (x, y), (x2, y2) = _known(400, 0), _known(100, 1)
    assert probe(x, y, x2, y2)["linear"] > 0.99
    noise = np.random.default_rng(2).normal(size=(500, 4))
    found = probe(noise[:400], y, noise[400:], y2)
    assert abs(found["linear"]) < 0.1 and found["kernel"] < 0.1


def test_the_kernel_probe_finds_a_nonlinear_relation():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(900, 3))
    y = np.cos(2 * x[:, :1])
    found = probe(x[:700], y[:700], x[700:], y[700:])
    assert found["linear"] < 0.1 and found["kernel"] > 0.6


def test_ridge_regression_without_strength_is_least_squares():
    x, y = _known(50, 3)
    expected, *_ = np.linalg.lstsq(np.column_stack([x, np.ones(50)]), y, rcond=None)
    other = _known(10, 4)[0]
    np.testing.assert_allclose(
        predict(ridge(x, y, 0.0), other), np.column_stack([other, np.ones(10)]) @ expected, atol=1e-6
    )
    assert explained(y, y) == 1.0 and explained(y, np.broadcast_to(y.mean(0), y.shape)) == pytest.approx(0.0)


def test_correlations_are_taken_clip_by_clip():
    rng = np.random.default_rng(0)
    truth, clip = rng.normal(size=(60, 2)), np.repeat([0, 1, 2], 20)
    shifted = truth + np.array([0.0, 100.0, -50.0])[clip][:, None]  # a different level in each clip
    assert median_correlation(shifted, truth, clip) == pytest.approx(1.0)
    assert np.isnan(median_correlation(truth, 0 * truth, clip))


def _features(seed: int, person: np.ndarray, of_person: np.ndarray) -> Features:
    noise = np.random.default_rng(seed).normal(size=(len(person), 12))
    channels = np.zeros((len(person), len(CHANNELS)))
    return Features(
        f_v=noise, f_ol=noise, f_nl=noise, f_id=of_person[person] + 0.1 * noise, f_cl=noise,
        channels=channels, f_a=noise, f_l=noise, clip=person, person=person,
    )  # fmt: skip


def test_people_are_recognised_by_features_that_contain_their_identity():
    of_person = np.random.default_rng(9).normal(size=(9, 12))
    told = about_identity(
        _features(0, np.repeat(np.arange(8), 15), of_person), _features(1, np.repeat(np.arange(1, 9), 15), of_person)
    )
    assert told["f_id"] == 1.0 and told["f_v"] < 0.35 and told["chance"] == round(1 / 7, 3)


def test_probes_measure_changes_within_clips():
    clip = np.repeat(np.arange(6), 20)
    level, motion = 100.0 * clip[:, None], np.random.default_rng(0).normal(size=(120, 1))
    centred = about_clip(level + motion, clip)
    np.testing.assert_allclose([centred[clip == i].mean() for i in range(6)], 0.0, atol=1e-9)
    np.testing.assert_allclose(about_clip(centred, clip), centred, atol=1e-9)


def test_a_leak_too_small_to_move_anything_is_not_found():
    """Noise of a tenth of its unit is added to f_nl, so a leak of a thousandth gives no information."""
    rng, person = np.random.default_rng(0), np.repeat(np.arange(40), 20)
    speech = rng.normal(size=(800, 3))
    features = _features(0, person, np.zeros((40, 12)))
    large, small = (replace(features, f_nl=size * np.tile(speech, 4)) for size in (1.0, 1e-3))
    found = [
        probe(looked_at(f, "f_nl")[:600], speech[:600], looked_at(f, "f_nl")[600:], speech[600:])["linear"]
        for f in (large, small)
    ]
    assert found[0] > 0.9 and found[1] < 0.05


@pytest.fixture(scope="module")
def painting():
    torch.manual_seed(0)
    lips = LipModel(LipModelConfig.tiny()).eval()
    networks = build(TrainConfig.tiny(), lips, 0).eval()
    with torch.no_grad():  # the output of untrained networks is nearly constant
        for name, values in networks.named_parameters():
            if name.endswith("bias") and "affine" not in name:
                values.zero_()
        networks.representation.mlp_nl[-1].weight.mul_(1e5)
        networks.representation.mlp_m2l[-1].weight.mul_(1e3)
        networks.render.out.weight.normal_(0, 3.0)
    rng = np.random.default_rng(0)
    views = torch.from_numpy(np.kron(rng.random((6, 3, 4, 4)), np.ones((32, 32))).astype(np.float32))
    mel, heard = rng.normal(size=(2, 24, 80)).astype(np.float32)
    return networks, lips, Filmed(views, mel, heard)


def replace_later(lips):
    """Lips that say something else from the second frame on."""

    class Later:
        def hear_and_predict(self, mel):
            mouth = lips.hear_and_predict(mel)
            return np.concatenate([mouth[:1], 1.0 - mouth[1:]])

    return Later()


def test_only_the_right_quantities_move(painting):
    networks, lips, film = painting
    still = painted(networks, lips, film, False, False)
    # on some processors the order of sums depends on a picture's place in its batch
    torch.testing.assert_close(still, still[:1].expand_as(still), atol=1e-5, rtol=0)
    others = replace(film, views=torch.cat([film.views[:1], 1.0 - film.views[1:]]))
    # Bit-identical: later frames have no influence.
    assert torch.equal(painted(networks, lips, others, False, False), still)
    spoken, moved = (painted(networks, lips, film, *which) for which in ((True, False), (False, True)))
    assert (spoken - spoken[:1]).abs().max() > 1e-4 and (moved - moved[:1]).abs().max() > 1e-4
    other = replace(film, whisper_mel=film.whisper_mel[::-1].copy())
    assert not torch.equal(painted(networks, lips, other, True, False)[1:], spoken[1:])
    judged = replace(film, mel=film.mel[::-1].copy())  # what the judge hears doesn't move the lips
    assert torch.equal(painted(networks, lips, judged, True, False), spoken)
    # with f_l fixed the sound reaches the picture only through the first frame's f_l
    first = replace_later(lips)
    assert torch.equal(painted(networks, first, film, False, True), moved)
    assert not torch.equal(painted(networks, first, film, True, False)[1:], spoken[1:])
    views = as_views(moved, 32)
    assert views.shape == (6, 3, 128, 128) and 0 <= float(views.min()) <= float(views.max()) <= 1


def test_differences_are_from_the_clips_mean_and_in_degrees():
    def face(turn: float, lid: float) -> Face:
        steps = torch.linspace(-1, 1, 5)[:, None]
        expression = torch.zeros(5, 53)
        expression[:, 8:10] = lid * steps
        zeros = torch.zeros(5, 3)
        gaze = (turn * steps).expand(5, 4).reshape(5, 2, 2) + 0.3
        return Face(torch.zeros(5, 50), expression, zeros + turn * steps, zeros, gaze, torch.zeros(5, 9, 3))

    same = differences(face(0.2, 0.1), face(0.2, 0.1))
    assert all(value == pytest.approx(0.0, abs=1e-6) for value in same.values())
    apart = differences(face(0.2, 0.0), face(0.0, 0.0))
    assert apart["P_d"] == pytest.approx(np.rad2deg(0.2 * 0.6), rel=1e-4)  # mean of |−1, −½, 0, ½, 1| is 0.6
    assert apart["G_d"] == pytest.approx(apart["P_d"], rel=1e-4) and apart["E_d"] == 0.0


def test_the_table_names_every_variant_and_its_difference():
    def clips(*values: float) -> list[dict[str, float]]:
        still = {f"{name} still": 1.0 for name in COLUMNS} | {"S_c real": 2.0}
        return [dict.fromkeys(COLUMNS, value) | still for value in values]

    found = {"s1": {"ours": clips(0.25, 0.75), "ours, without L_ol": clips(0.5, 1.0)}}
    text = table(found).markdown(datetime.date(2026, 1, 1))
    assert "| s1 | ours | 0.500 ± 0.490 |" in text  # 1.96 · √(2 · 0.25²) / √2
    assert "| s1 | ours, without L_ol | 0.750 ± 0.490 |" in text
    assert "| s1 | ours, without L_ol: difference | 0.250 ± 0.000 |" in text
    assert "| s1 | nothing moves |  |  | 1.000" in text and "| s1 | real frames | 2.000" in text
