"""The prior's table: it has every row, the truth wins, intervals are Student's, missing weights are named."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.prior.features import d_nl
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.told.levels import measure_levels
from training.common.engine import RunConfig
from training.prior import evaluate as evaluate_prior
from training.prior import evaluation as prior_evaluation
from training.prior import train as prior
from training.prior.autoregressive import TrainConfig, train
from training.prior.data import Clip
from training.prior.evaluate import COLUMNS, Options, main, rows, tables
from training.prior.evaluation import mean_and_interval
from training.prior.export import save_shards
from training.speech.prosody import Prosody


def voice(seed, frames=220):
    """Phrases of 1.5 s with accents, and a mel spectrogram of the same loudness."""
    rng = np.random.default_rng(seed)
    speech = (np.arange(frames) % 50 < 38).astype(np.float32)
    phrases = tuple((start, min(start + 38, frames)) for start in range(0, frames, 50))
    accents = np.flatnonzero((np.arange(frames) % 12 == 6) & (speech > 0))
    prosody = Prosody(20 * speech - 30, 2 * speech, speech, phrases, accents, np.full(len(accents), 0.6))
    mel = np.repeat(speech, 4)[:, None] + rng.normal(0, 0.1, (4 * frames, 80))
    return Clip(f"v{seed}", mel.astype(np.float16), None, prosody)


@pytest.fixture(scope="module")
def clips():
    made = {
        part: {"synthetic": [voice(100 * k + i) for i in range(3)], "grid": [], "address": []}
        for k, part in enumerate(("train", "test", "unseen"))
    }
    made["test"]["address"] = [
        Clip("a", None, None, Prosody.silent(1600), np.zeros((1600, 6), np.float32), [30.0, 1550.0])
    ]
    made["train"]["address"] = made["test"]["address"]
    return made


@pytest.fixture
def options(tmp_path, clips, monkeypatch):
    monkeypatch.setattr(prior_evaluation, "load_clips", lambda part, **_: clips[part])
    torch.manual_seed(0)
    network = AudioToNonlipPrior(PriorConfig.tiny())
    torch.nn.init.normal_(network.out.weight, 0, 0.05)
    for name in ("prior", "without"):
        save_shards(network, torch.full((d_nl,), 0.05), torch.full((d_nl,), 0.1), tmp_path / name, 3)
    mix = TrainConfig(size="tiny", batch=2, shares=(("synthetic", 1.0),))
    settings = RunConfig(steps=2, device="cpu", bfloat16=False)
    train(mix, settings, clips["train"], tmp_path / "ar")
    diffusion = prior.TrainConfig(size="tiny", batch=2, shares=(("synthetic", 1.0),))
    prior.train(diffusion, settings, clips["train"], tmp_path / "run")
    return Options(
        clips=3,
        seeds=4,
        draws=5,
        prior=tmp_path / "prior",
        others={
            "diffusion": tmp_path / "run",
            "autoregressive": tmp_path / "ar",
            "without L_vel": tmp_path / "without",
            "without editing": tmp_path / "nowhere",
        },
        steps=(2,),
    )


@pytest.mark.slow
def test_every_row_is_measured_and_the_truth_wins(options):
    told = []
    table = rows(options, told.append)
    names = [row["row"] for row in table]
    assert names == [
        "truth, drawn once more",
        "static",
        "random training clip",
        "shipped prior, 3 steps",
        "shipped prior, 2 steps",
        "diffusion (tiny, 2 training steps)",
        "autoregressive (tiny, 2 training steps)",
        "without L_vel",
    ]
    assert any("without editing: missing" in line for line in told)
    by_name = dict(zip(names, table, strict=True))
    truth, static = by_name["truth, drawn once more"], by_name["static"]
    assert truth["snd"] == min(row["snd"] for row in table) < 0.2 * static["snd"]
    # All voices here have the same rhythm, so apart from chance a random training clip is as good as the truth.
    others = [row["energy"] for row in table if row["row"] not in (truth["row"], "random training clip")]
    assert truth["energy"] < min(others) and truth["energy"] < 0.1 < static["energy"]
    assert truth["var_ratio"] == pytest.approx(1.0, abs=0.35) and static["var_ratio"] == 0
    assert static["diversity_deg"] == 0 < truth["diversity_deg"] and truth["snd_ci"] > 0
    assert np.isfinite([truth["beat_alignment"], by_name["shipped prior, 3 steps"]["seam_rank"]]).all()
    shown = tables(table, "command")
    assert [made.name for made in shown] == ["prior/voices", "prior/voices-behaviour", "prior/voices-smoothness"]
    assert all(len(made.rows) == len(table) for made in shown)
    assert {COLUMNS[key] for key in ("snd", "energy", "recall")} <= set(shown[0].columns)
    together = [heading for made in shown for heading in made.columns[1:]]
    assert together == list(COLUMNS.values()), "each column is in one table"


def test_clips_too_short_for_distances_still_count_in_other_columns(options, clips, monkeypatch):
    with_short = clips["test"] | {"synthetic": [voice(7, frames=60), *clips["test"]["synthetic"]]}
    monkeypatch.setattr(prior_evaluation, "load_clips", lambda part, **_: with_short if part == "test" else clips[part])
    measured = []
    for count in (1, 3):
        (truth, *_) = rows(replace(options, clips=count, alone=True, others={}, steps=()), print)
        measured.append(truth)
    assert "energy" not in measured[0] and np.isfinite(measured[1]["energy"])
    assert np.isfinite([row["snd"] for row in measured]).all()


def test_all_held_out_filmed_clips_are_measured(options, monkeypatch):
    asked = {}

    def nothing(name: str, clips: int, _draws: int) -> prior_evaluation.HeldOut:
        asked[name] = clips
        return prior_evaluation.HeldOut(name, [], [])

    monkeypatch.setattr(evaluate_prior, "held_out", nothing)
    assert rows(replace(options, clips=None, sets=("voices", "training-grid", "unseen")), print) == []
    assert asked == {"voices": 10, "training-grid": 60, "unseen": 60}


def test_only_the_head_of_the_address_is_measured(options, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate_prior, "COMPARED", {})
    arguments = ["--sets", "address,grid", "--clips", "1", "--seeds", "2", "--prior", str(options.prior)]
    main([*arguments, "--out", str(tmp_path / "out" / "table.json")])
    table = json.loads((tmp_path / "out" / "table.json").read_text())
    assert [row["row"] for row in table] == ["truth", "static", "random training clip", "shipped prior, 3 steps"]
    assert all(row["set"] == "address" and "snd" not in row and row["snd_head"] >= -1e-6 for row in table)
    assert table[0]["snd_head"] == pytest.approx(0, abs=1e-6)


def test_a_talker_of_the_training_set_is_also_compared_with_another_talker(options, clips, monkeypatch):
    def tracked(part: str) -> dict[str, list[Clip]]:
        size, rng = {"train": 1.0, "test": 1.1, "unseen": 4.0}[part], np.random.default_rng(len(part))
        motion = size * rng.normal(0, 0.1, (75, d_nl)).astype(np.float32)
        return clips[part] | {"grid": [Clip(part, np.zeros((300, 80), np.float16), motion)]}

    monkeypatch.setattr(prior_evaluation, "load_clips", lambda part, **_: tracked(part))
    table = rows(replace(options, sets=("grid", "unseen"), others={}, steps=(), samplers=(), clips=1, seeds=1), print)
    known, stranger = ([row for row in table if row["set"] == name] for name in ("grid", "unseen"))
    assert [row["row"] for row in known][2:4] == ["random training clip", "random clip of another talker"]
    assert known[3]["snd"] > 4 * known[2]["snd"], "the other talker's motion is four times as large"
    assert "own levels" not in " ".join(row["row"] for row in known)
    assert "random clip of another talker" not in [row["row"] for row in stranger]


def test_one_prior_sampled_in_different_ways(options):
    others = {"the same again": options.prior}
    table = rows(replace(options, alone=True, clips=1, seeds=1, samplers=("ddim", "ddpm:4"), others=others), print)
    assert [row["row"] for row in table] == [
        "truth, drawn once more",
        "shipped prior, 3 steps",
        "shipped prior, 2 steps",
        "shipped prior, 3 steps of DDIM",
        "shipped prior, 4 steps of DDPM",
        "the same again",
    ]
    assert len({row["snd"] for row in table}) == len(table) - 1, "each is sampled with its own settings"
    assert table[-1]["snd"] == table[1]["snd"]
    (shown,) = tables(table, "command", alone=True)
    assert shown.name == "prior/voices-sampling" and len(shown.columns) <= 8


def test_talkers_are_drawn_only_from_training_clips(options, clips):
    """Each take gets the levels of a random training clip; a prior with levels is also sampled without, and at 0."""
    held = prior_evaluation.held_out("voices", 3, 2)
    assert [clip.name for clip in held.training] == [clip.name for clip in clips["train"]["synthetic"]]
    drawn = np.stack([held.levels(clip, seed) for clip in held.clips for seed in range(20)])
    assert len(np.unique(drawn, axis=0)) == len(held.training)
    np.testing.assert_array_equal(held.levels(held.clips[0], 3), held.levels(held.clips[0], 3))
    truth = held.clips[0].features(np.random.default_rng(0))
    np.testing.assert_array_equal(held.own_levels(held.clips[0], 3), measure_levels(truth))
    same = prior_evaluation.held_out("training-voices", 2, 2)
    assert [clip.name for clip in same.clips] == [clip.name for clip in clips["train"]["synthetic"][:2]]

    told = []

    class Listening:
        """Records its levels and moves a little."""

        def sample(self, mel, seeds, sampling, mouth):
            assert mouth is held.clips[1].mouth
            told.append(sampling.levels)
            return np.zeros((1, len(mel) // 4, 32), np.float32)

    for levels in (held.levels, prior_evaluation.unknown_levels, None, prior_evaluation.usual_levels):
        prior_evaluation.prior_sampler(Listening(), levels=levels)(held.clips[1], 5)
    np.testing.assert_array_equal(told[0], held.levels(held.clips[1], 5))
    assert np.isnan(told[1]).all() and told[2] is None
    others = [prior_evaluation.usual_levels(held.clips[1], seed) for seed in (5, 6)]
    np.testing.assert_array_equal(told[3], others[0])
    assert np.abs(others[0] - others[1]).max() > 0.1, "each take has its own persona"


@pytest.mark.slow
def test_rows_of_a_prior_with_levels(options, tmp_path):
    torch.manual_seed(1)
    network = AudioToNonlipPrior(replace(PriorConfig.tiny(), levels=True))
    torch.nn.init.normal_(network.out.weight, 0, 0.05)
    torch.nn.init.normal_(network.levels_in[2].weight, 0, 1.0)
    save_shards(network, torch.full((d_nl,), 0.05), torch.full((d_nl,), 0.1), tmp_path / "told", 3)
    chosen = replace(options, prior=tmp_path / "told", others={}, steps=(), clips=2, seeds=2)
    table = rows(replace(chosen, sets=("training-voices",)), print)
    assert [row["row"] for row in table][3:] == [
        "shipped prior, 3 steps",
        "shipped prior, liveliness unknown",
        "shipped prior, default settings",
    ]
    assert len({row["snd"] for row in table[3:]}) == 3
    shown = tables(table, "command")[0]
    assert shown.name == "prior/training-voices" and "training clips instead of voices" in shown.title
    filmed = rows(replace(chosen, sets=("training-address",), own_levels=True, alone=True), print)
    assert [row["row"] for row in filmed][1:] == [
        "shipped prior, 3 steps",
        "shipped prior, given the clip's own levels",
    ]
    assert filmed[1]["snd_head"] != filmed[2]["snd_head"]
    heads = tables(filmed, "command", alone=True)[0]
    assert "SND head" in heads.columns and "SND" not in heads.columns, "an address has only a head"


def test_intervals_are_students():
    mean, half = mean_and_interval([1.0, 2.0, 3.0, float("nan")])
    assert mean == 2.0 and half == pytest.approx(4.303 * 1.0 / np.sqrt(3), rel=1e-3)
    assert mean_and_interval([5.0])[0] == 5.0 and np.isnan(mean_and_interval([5.0])[1])


def test_address_clips_are_cut_to_a_minute(clips, monkeypatch):
    monkeypatch.setattr(prior_evaluation, "load_clips", lambda part, **_: clips[part])
    clip = prior_evaluation.held_out("address", 1, 4).clips[0]
    assert clip.frames == 1500 == len(clip.head) and clip.blinks == [30.0]


def test_clips_of_one_length_get_different_noise(options):
    """If only the seed counted, all clips of a set would get the same noise: twenty would say no more than one."""
    held = prior_evaluation.held_out("voices", 3, 1)
    silent = [replace(clip, mel=np.zeros_like(clip.mel)) for clip in held.clips[:2]]
    takes = prior_evaluation.prior_sampler(NonlipPrior.load(folder=options.prior))
    drawn = prior_evaluation.random_clip_sampler([voice(i) for i in range(40, 60)])
    for sampler in (takes, drawn):
        one, other = (sampler(clip, 5) for clip in silent)
        assert one.shape == other.shape and not np.allclose(one, other)
        np.testing.assert_array_equal(sampler(silent[0], 5), one)
        assert not np.allclose(sampler(silent[0], 6), one)
