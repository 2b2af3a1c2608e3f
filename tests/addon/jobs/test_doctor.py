"""The doctor: its findings, their buttons, and what the estimate learns from the self-test."""

import hashlib
import json
import shutil

import bpy
import pytest
from soliloquy.addon.commands import cli
from soliloquy.addon.jobs import doctor, estimate
from soliloquy.addon.operators import doctor as operators_doctor
from soliloquy.addon.panels import doctor as panels_doctor
from soliloquy.addon.properties import preferences
from soliloquy.core import own_folders
from soliloquy.core.runtime import environment
from soliloquy.core.wire import protocol
from soliloquy.core.wire.protocol import Generate
from soliloquy.core.wire.specs import GenerateSpec
from soliloquy.core.wire.take_file import TakeFacts

PROBED = {
    "version": protocol.version(),
    "python": "3.11",
    "torch": "2",
    "device": "cpu",
    "devices": ["cpu"],
    "device_name": "2 threads",
}
SELF_TEST = {"problem": "", "seconds": 1.0, "take": ""}


def found(**changed):
    """Findings about a worker with this answer, by title."""
    return {finding.title: finding for finding in doctor.of_worker(PROBED | changed, "", 1.0)}


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A folder with one file of weights in place of the shipped ones."""
    folder = tmp_path / "weights"
    folder.mkdir()
    shutil.copy(min(doctor.WEIGHTS.glob("*.safetensors")), folder / "lips.safetensors")
    (folder / doctor.CARDS).mkdir()
    (folder / doctor.CARDS / "lips.md").write_text("card")
    monkeypatch.setattr(doctor, "WEIGHTS", folder)
    return folder


def test_a_missing_runtime_has_a_button(scene, monkeypatch, capsys):
    monkeypatch.delenv("SOLILOQUY_PYTHON")
    monkeypatch.setenv("SOLILOQUY_RUNTIME", "/nowhere/runtime")
    assert cli.run(["doctor"]) == 1
    text = capsys.readouterr().out
    assert "[BAD ] Runtime: not installed -> Install the runtime" in text and "[OK  ] Weights" in text
    assert "Worker" not in text
    runtime = next(finding for finding in doctor.here() if finding.title == "Runtime")
    assert runtime.operator == "soliloquy.install_runtime"


def test_a_python_of_ones_own_that_is_gone_is_named(scene, monkeypatch):
    monkeypatch.setenv("SOLILOQUY_PYTHON", "/nowhere/python")
    runtime = next(finding for finding in doctor.here() if finding.title == "Runtime")
    assert runtime.level == doctor.BAD and "/nowhere/python" in runtime.text
    assert runtime.operator == "preferences.addon_show"


def test_the_worker_is_asked_and_tested(scene, capsys):
    assert cli.run(["doctor"]) == 0
    text = capsys.readouterr().out
    assert "[OK  ] Worker: answered in" in text and "[OK  ] Self-test" in text
    assert cli.run(["doctor", "--quick"]) == 0
    assert "Self-test" not in capsys.readouterr().out


def test_the_panels_button_tells_what_to_look_at(scene, weights):
    assert bpy.ops.soliloquy.doctor() == {"FINISHED"}
    titles = [finding.title for finding in operators_doctor.findings()]
    assert {"Blender", "Runtime", "Disk for takes", "Path length", "Weights", "Worker", "Device"} <= set(titles)
    assert len(titles) == len(set(titles)) and titles[-1] == "Self-test"
    assert doctor.summary(operators_doctor.findings()) == "Everything is available and works"
    (weights / "lips.safetensors").unlink()
    bpy.ops.soliloquy.doctor()
    assert doctor.summary(operators_doctor.findings()) == "Needs attention: Weights"


def test_every_button_is_an_operator_with_words(scene):
    for (operator, _), words in panels_doctor._BUTTONS.items():
        group, name = operator.split(".")
        if group != "extensions":  # the wheels don't load Blender's own extension manager
            assert getattr(getattr(bpy.ops, group), name).get_rna_type() and words


def test_damaged_and_missing_weights_are_seen(scene, weights):
    assert doctor._weights().level == doctor.OK
    whole = (weights / "lips.safetensors").read_bytes()
    (weights / "lips.safetensors").write_bytes(whole[:-7])
    (weights / doctor.CARDS / "prior.md").write_text("card")
    finding = doctor._weights()
    assert finding.level == doctor.BAD and "lips.safetensors is damaged" in finding.text
    assert "prior is missing" in finding.text


def test_weights_are_held_against_the_zips_list(scene, weights):
    digest = hashlib.sha256((weights / "lips.safetensors").read_bytes()).hexdigest()
    assert "Weights' checksums" not in found(weights={"lips.safetensors": digest}), "made from no zip: no list"
    (weights / doctor.SUMS).write_text(f"{digest}  lips.safetensors\n{digest}  prior.safetensors\n")
    both = {"lips.safetensors": digest, "prior.safetensors": digest}
    assert found(weights=both)["Weights' checksums"].level == doctor.OK
    changed = found(weights=both | {"prior.safetensors": "0" * 64})["Weights' checksums"]
    assert changed.level == doctor.BAD and changed.text.endswith("prior.safetensors")


def test_a_device_that_is_not_there_is_told(scene, monkeypatch):
    monkeypatch.setattr(preferences, "device", lambda: "cuda")
    told = found(version="x")
    assert told["Device"].level == doctor.BAD and told["Version"].level == doctor.BAD


def test_an_unused_gpu_and_one_without_room_are_told(scene, monkeypatch):
    monkeypatch.delenv("SOLILOQUY_PYTHON")
    told = found(gpu_note="X needs NVIDIA's driver 580 or newer.")["Device"]
    assert told.level == doctor.WARN and "driver 580" in told.text
    assert (told.operator, told.settings) == ("soliloquy.install_runtime", {"again": True})
    gpu = {"id": "0", "name": "X", "memory": 8_000_000_000, "free": 500_000_000}
    assert found(gpus=[gpu])["GPU memory"].level == doctor.WARN
    assert found(gpus=[gpu | {"free": 7_000_000_000}])["GPU memory"].text == "X: 7.0 of 8.0 GB free"


def test_a_worker_that_fails_has_a_button(scene, monkeypatch):
    assert doctor.of_worker(None, "It died.", 1.0)[0].operator == "preferences.addon_show", "one's own Python"
    monkeypatch.delenv("SOLILOQUY_PYTHON")
    finding = doctor.of_worker(None, "It died.", 1.0)[0]
    assert (finding.level, finding.text, finding.settings) == (doctor.BAD, "It died.", {"again": True})
    tested = found(self_test=SELF_TEST | {"problem": "The mouth doesn't move."})["Self-test"]
    assert tested.level == doctor.BAD and tested.operator == "soliloquy.install_runtime"


def test_an_answer_that_cannot_be_read_is_told(scene):
    finding = doctor.of_worker({"version": "9", "speaks": "another language"}, "", 1.0)[0]
    assert finding.level == doctor.BAD and "device" in finding.text and "missing" in finding.text and finding.fix
    newer = found(version="9", hat="red", self_test=SELF_TEST | {"mood": "good"})
    assert newer["Version"].level == doctor.BAD and newer["Self-test"].level == doctor.OK


def test_the_workers_answer_and_the_self_test_are_told_apart(scene):
    told = {f.title: f for f in doctor.of_worker(PROBED | {"self_test": SELF_TEST | {"seconds": 9.0}}, "", 12.5)}
    assert told["Worker"].text.startswith("answered in 3.5 s") and told["Self-test"].text.endswith("in 9 s")


def test_the_self_test_teaches_the_estimate(scene, tmp_path):
    """The self-test of a slow computer makes the estimate longer; its take is deleted afterwards."""
    request = Generate(audio="a", portrait="p", out=str(tmp_path), size=256, device="cpu")
    before = estimate.cost(request, 10.0, running=True).seconds
    take = tmp_path / "self-test" / "job" / "take-001"
    take.mkdir(parents=True)
    timings = {"frames": 250.0, "motion": 1.0}
    TakeFacts(
        index=1, seed=0, spec=GenerateSpec(), job="x", frame_count=25, fps=25.0, start=0.0, seconds=1.0, device="cpu",
        size=256, framing="portrait", renderer="gan", timings=timings,
    ).write(take)  # fmt: skip
    assert found(self_test=SELF_TEST | {"take": str(take)})["Self-test"].level == doctor.OK
    assert estimate.cost(request, 10.0, running=True).seconds > before + 2000
    assert take.exists(), "without our mark nothing is deleted"
    own_folders.mark(tmp_path / "self-test")
    assert found(self_test=SELF_TEST | {"take": str(take)})["Self-test"].level == doctor.OK
    assert not (tmp_path / "self-test").exists()


def test_the_installed_torch_is_named(scene, monkeypatch, tmp_path):
    runtime = tmp_path / "runtime"
    python = environment.environment_python(runtime)
    python.parent.mkdir(parents=True)
    python.touch()
    stamp = {"requirements": environment.requirements_hash([environment.WORKER_REQUIREMENTS]), "torch": "rocm"}
    (runtime / environment.STAMP).write_text(json.dumps(stamp))
    monkeypatch.delenv("SOLILOQUY_PYTHON")
    monkeypatch.setenv("SOLILOQUY_RUNTIME", str(runtime))
    runtime_finding = next(finding for finding in doctor.here() if finding.title == "Runtime")
    assert runtime_finding.level == doctor.OK and runtime_finding.text.endswith("PyTorch for ROCM")
