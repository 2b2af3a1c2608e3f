"""The tables of the checks: their counts, and the worst portrait."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np

from training.checks import portrait_report, roundtrip


def test_the_round_trip_shows_the_median_and_the_worst_portrait():
    trips = [
        roundtrip.RoundTrip(pose, 2 * pose, opening, blink, 0.9)
        for pose, opening, blink in ((0.5, 0.99, 0.9), (1.5, 0.97, float("nan")), (0.7, 0.98, 0.5))
    ]
    made = roundtrip.table(trips, 256, by_network=False)
    rows = {name: cells for name, *cells in made.rows}
    assert made.name == "roundtrip"
    assert rows["head rotation, mean error, degrees"] == ["0.700", "1.500"]
    assert rows["mouth opening, correlation"] == ["0.980", "0.970"]
    assert rows["blinks, correlation"][0] == "0.700", "a portrait without a value doesn't count for the median"
    assert "3 portraits at 256²" in made.notes[0]
    by_network = roundtrip.table(trips, 256, by_network=True)
    assert by_network.name == "roundtrip-network" and by_network.command.endswith("--network")


def test_the_portraits_that_fit_and_those_that_are_refused_are_counted():
    portraits = [
        SimpleNamespace(residual=residual, rotation=np.radians([4.0, 0.0, 0.0]), identity=np.array([0.4, -0.6]))
        for residual in (0.01, 0.011, 0.04)
    ]
    made = portrait_report.table(portraits, [0.5, 0.4, 2.0], Counter(portrait_tiny_face=1), 4)
    rows = dict(made.rows)
    assert rows["fitted"] == "3 of 4" and rows["refused"] == "1 × `portrait_tiny_face`"
    assert rows["portraits with 3 % or more"] == "1"
    assert rows["median landmark residual without the contour, of the outer-eye distance"] == (
        "median 1.10 %, 90th percentile 3.42 %, worst 4.00 %"
    )
    assert rows["time for each, one core, models loaded"] == "median 0.50 s, worst 2.00 s"
    assert rows["fitted pitch, yaw, roll: median (standard deviation)"] == "4.0° (0.0°), 0.0° (0.0°), 0.0° (0.0°)"
    assert rows["mean size of the identity coefficients (1 σ of the model = 0.80)"] == "0.50"
