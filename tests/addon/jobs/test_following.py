"""What the panel, the status bar and the command line are told of a running job."""

from __future__ import annotations

import time

import bpy
import pytest
from soliloquy.addon.jobs import jobs
from soliloquy.addon.panels import status_bar
from soliloquy.addon.words import time_left
from soliloquy.core.batch.following import Following
from soliloquy.core.wire.protocol import Generate, Probe, Progress


def progress(**facts: object) -> Progress:
    return Progress(**({"id": "", "stage": "frames", "done": 1, "total": 9, "take": 1} | facts))


def test_the_share_never_falls_and_the_time_is_the_workers():
    job = Following(Probe())
    for share, eta in ((0.4, 30.0), (0.2, 36.0), (None, None), (0.5, 20.0)):
        job.take_in(progress(share=share, eta=eta))
        assert job.left == eta and job.share >= (share or 0.4)


def test_a_stopping_job_says_so_and_nothing_else():
    job = Following(Probe())
    job.take_in(progress(share=0.69, eta=360.0))
    job.stop()
    job.take_in(progress(share=0.7, eta=350.0))
    assert (job.stage, job.left, job.share) == ("Stopping…", None, 0.69)


@pytest.fixture
def slow(scene, sound, portrait, fake_python, tmp_path):
    """A running job that takes a while."""
    request = Generate(audio=str(sound), portrait=str(portrait("slow")), out=str(tmp_path))
    job = jobs.start(request, "Generate", scene)
    while not job.share:
        assert job.error is None
        job.poll()
        time.sleep(0.01)
    yield job
    jobs.kill_worker()


def test_while_a_job_stops_every_place_says_so(slow):
    assert "left" in status_bar.words(slow) and slow.left is not None
    assert bpy.ops.soliloquy.cancel() == {"FINISHED"}
    for _ in range(3):
        assert status_bar.words(slow) == "Soliloquy: Stopping…" and slow.stage == "Stopping…"
        assert jobs.why_busy() == "Stopping…"
        time.sleep(0.05)
        slow.poll()


def test_the_least_time_is_told_in_words():
    assert [time_left(seconds) for seconds in (3, 5, 6, 75)] == ["a few seconds", "a few seconds", "6 s", "1 min 15 s"]
