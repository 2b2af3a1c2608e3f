"""Measures of head motion against motion whose numbers are known."""

import numpy as np
import pytest
import torch

from core.sadtalker.pose_vae import PoseVae, PoseVaeConfig
from core.sound.prosody import PROSODY
from training.sadtalker.pose_evaluation import between, deviation, parts, pose_table, seam_speed, speed
from training.sadtalker.poses import Recording


def nods(frames=500, degrees=5.0, frequency=0.5):
    poses = np.zeros((frames, 6), np.float32)
    poses[:, 0] = np.radians(degrees) * np.sin(2 * np.pi * frequency * np.arange(frames) / 25)
    return poses


def test_a_sine_has_the_deviation_and_the_speed_of_a_sine():
    assert deviation(nods()) == pytest.approx(5 / np.sqrt(2), rel=1e-3)
    assert speed(nods()) == pytest.approx(4 * 5 * 0.5, rel=1e-2)
    moved = nods()
    moved[:, 3:] += 7.0
    assert deviation(moved) == deviation(nods()) and speed(moved) == speed(nods())


def test_between_takes_is_the_mean_over_pairs():
    takes = [nods(degrees=degrees) for degrees in (1.0, 2.0, 4.0)]
    pairs = [takes[a][:, 0] - takes[b][:, 0] for a, b in ((0, 1), (0, 2), (1, 2))]
    assert between(takes) == pytest.approx(np.degrees(np.sqrt(np.mean(np.square(pairs)))), rel=1e-4)


def test_parts_are_as_long_as_takes():
    assert [len(part) for part in parts(nods(250), 100)] == [100, 100]
    assert [len(part) for part in parts(nods(80), 100)] == [80]


def test_seams_that_jump_are_seen():
    network = PoseVae(PoseVaeConfig.tiny(1, PROSODY))
    steady = np.zeros((300, 6), np.float32)
    steady[:, 1] = np.radians(np.arange(300))
    assert seam_speed(network, steady) == pytest.approx(1.0, rel=1e-3)
    jumps = steady.copy()
    for seam in range(24, 300, 24):
        jumps[seam + 4 :, 1] += np.radians(8.0)
    assert seam_speed(network, jumps) > 1.5


def test_the_table_has_a_row_for_each_style():
    torch.manual_seed(0)
    network = PoseVae(PoseVaeConfig.tiny(3, PROSODY)).eval()
    network.scale.fill_(0.05)
    heard = np.random.default_rng(0).standard_normal((80, PROSODY)).astype(np.float32)
    filmed = [Recording("ann_1", "ann", nods(80), heard), Recording("cy_1", "cy", nods(400), None)]
    filmed.append(Recording("dan_1", "dan", nods(60), heard[:60]))
    table = pose_table(network, ("ann", "bob", "cy"), filmed, "command")
    assert [row[0] for row in table.rows] == ["ann (1)", "bob (0)", "cy (1)"]
    assert [row[1] == "–" for row in table.rows] == [False, True, False]
    shares = [float(row[table.columns.index("share")]) for row in table.rows[::2]]
    made, real = (float(table.rows[0][table.columns.index(f"turned, {kind}")]) for kind in ("made", "filmed"))
    assert shares[0] == pytest.approx(made / real, abs=0.02) and made > 0
