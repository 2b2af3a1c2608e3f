"""Motion sources and renderers by name: both sides know the same ones, and each loads only when it is used."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from core.places import ROOT
from core.systems import choice
from core.systems.unheeded import unheeded
from core.takes.job_file import JobSettings
from core.takes.models import Models
from core.wire import systems
from core.wire.protocol import Generate, Render
from core.wire.style import PriorStyle


def test_what_is_offered_can_be_made() -> None:
    assert tuple(choice.SOURCES) == systems.names(systems.SOURCES)
    assert tuple(choice.RENDERERS) == systems.names(systems.RENDERERS)
    fields = {spec.name: spec for kind in (Render, Generate) for spec in dataclasses.fields(kind)}
    assert fields["source"].metadata["choices"] == tuple(choice.SOURCES)
    assert fields["renderer"].metadata["choices"] == tuple(choice.RENDERERS)
    assert (fields["source"].default, fields["renderer"].default) == ("diffusion", "gan")


def test_a_source_loads_once_and_only_when_it_is_used(monkeypatch) -> None:
    loaded = []
    for name in choice.SOURCES:
        monkeypatch.setitem(choice.SOURCES, name, lambda device, name=name: loaded.append((name, device)) or name)
    models = Models("cpu")
    monkeypatch.setattr(models, "_lips", object())
    for name in choice.SOURCES:
        assert not models.ready(name)
        models.load(name)
        assert models.ready(name) and models.source(name) == name
    assert loaded == [(name, "cpu") for name in choice.SOURCES]


def test_the_names_need_no_networks() -> None:
    code = "import sys, core.systems.choice; print([m for m in ('torch', 'cv2', 'core.prior') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_settings_that_change_nothing_are_told_in_one_sentence(monkeypatch) -> None:
    plain = {"guidance_scale": 1.5, "num_inference_steps": 10, "liveliness": 0.0}
    changed = {"guidance_scale": 3.0, "num_inference_steps": 20, "liveliness": 0.5}
    assert unheeded("diffusion", changed) == ""
    deaf = systems.MotionSourceFacts("deaf", "Deaf", "", 0.01, unheeded=("liveliness", "guidance_scale"))
    monkeypatch.setattr(systems, "SOURCES", (*systems.SOURCES, deaf))
    assert unheeded("deaf", plain) == ""
    assert unheeded("deaf", changed) == "Settings that don't change the motion of Deaf: Temperament, Guidance."


@pytest.mark.parametrize("source", systems.SOURCES, ids=lambda source: source.name)
def test_what_a_source_does_not_heed_are_settings_with_labels(source) -> None:
    settings = {spec.name for kind in (JobSettings, PriorStyle) for spec in dataclasses.fields(kind)}
    assert set(source.unheeded) <= settings & set(systems.LABELS)
