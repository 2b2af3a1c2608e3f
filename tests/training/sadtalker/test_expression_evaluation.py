"""Measures of ExpNet: perfect control is told from none, and tables have what they promise."""

import torch

from core.head.head_model import HeadModel
from core.sadtalker.exp_net import ExpNet, ExpNetConfig
from tests.training.lips import made
from training.lips.mouth_geometry import MouthGeometry
from training.lips.sampler import talker
from training.sadtalker.ablations import VARIANTS, ablation_table
from training.sadtalker.clips import LIDS
from training.sadtalker.expression_evaluation import MOUTH_COLUMNS, HeldOut, control, mouth_table


def network(blink=0.0):
    torch.manual_seed(0)
    net = ExpNet(ExpNetConfig.tiny()).eval()
    with torch.no_grad():
        net.out.weight[:, : net.config.code] = 0.0
        net.out.weight[:, -1] = 0.0
        net.out.weight[LIDS, -1] = blink
    return net


def test_perfect_control_is_told_from_none():
    obeys, ignores = control(network(blink=1.0)), control(network())
    assert obeys["blink error"] < 0.15 and ignores["blink error"] > 0.4
    assert obeys["rest"] < 0.5 and obeys["blink leak"] < 0.01


def test_a_network_without_its_reference_is_far_from_faces():
    assert control(network(), reference=False)["rest"] > 4 * control(network())["rest"]


class Shown(HeldOut):
    """Clips that are made up."""

    def __init__(self, clips):
        self.geometry = MouthGeometry.of(HeadModel.load())
        self.heard = {clip.name: clip for clip in clips}
        self.sets = {talker(clip): [clip] for clip in clips}


def clips():
    return [made.utterance(seed, name=f"{who}_{seed}") for seed, who in enumerate(("s1", "s4", "s34"))]


def test_the_filmed_mouth_itself_is_right_and_a_still_one_is_not():
    shown = Shown(clips())
    true = shown.mouths("s1", lambda clip: clip.mouth)
    still = shown.mouths("s1", lambda clip: 0 * clip.mouth)
    assert true["opening"] > 0.9 and true["own lag"] >= true["opening"] and true["closed"] > 0.8
    assert still["opening"] == 0 and still["deviation"] == 0


def test_tables_have_a_row_for_each_model_and_set():
    shown = Shown(clips())
    table = mouth_table(shown, {"film": lambda clip: clip.mouth, "none": lambda clip: 0 * clip.mouth}, "command")
    assert table.columns == ("clips", "model", *MOUTH_COLUMNS) and len(table.rows) == 6
    assert [row[1] for row in table.rows] == ["film", "none"] * 3


def test_ablations_leave_one_part_out_each():
    whole = VARIANTS["whole"]
    assert whole.reference and min(vars(whole.losses).values()) > 0 and whole.voices > 0
    assert not VARIANTS["without the reference"].reference
    assert VARIANTS["without lip reading"].losses.reading == 0
    assert VARIANTS["without landmarks"].losses.landmarks == VARIANTS["without landmarks"].losses.eyes == 0
    assert VARIANTS["without voices"].voices == 0
    for name, variant in VARIANTS.items():
        assert name == "whole" or variant != whole


def test_the_ablations_table_tells_lost_faces(monkeypatch):
    monkeypatch.setattr("training.sadtalker.ablations.shown_mouth", lambda network: lambda clip: clip.mouth)
    networks = {name: (network(), VARIANTS[name]) for name in ("whole", "without the reference")}
    table = ablation_table(Shown(clips()), networks, "command")
    rest = {row[0]: float(row[table.columns.index("rest, mm")]) for row in table.rows}
    assert len(table.rows) == 6 and rest["without the reference"] > 2 * rest["whole"]
