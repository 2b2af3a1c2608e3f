"""Job lists: what is read, what is run, what is said of it."""

import json
from pathlib import Path

import pytest
from soliloquy.addon import batch, cli, doctor
from soliloquy.core.errors import BadInputError, CancelledError, SoliloquyError


@pytest.fixture
def listed(tmp_path, sound, portrait):
    """Function that writes a CSV with a line for each portrait."""

    def write(*manners: str) -> Path:
        lines = ["name,audio,portrait,out,takes,seed,motion_only"]
        for manner in manners:
            portrait(manner)
            lines.append(f"{manner},{sound.name},{manner}.png,out,2,5,yes")
        path = tmp_path / "jobs ü.csv"
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    return write


def summary_of(path: Path) -> dict:
    return json.loads(path.with_name(f"{path.stem}-summary.json").read_text(encoding="utf-8"))


def test_csv_and_json_say_the_same(listed, tmp_path):
    path = listed("person")
    entry = batch.load(path, {})[0]
    assert (entry.request.takes, entry.request.seed, entry.request.motion_only) == (2, 5, True)
    assert entry.request.audio == str(tmp_path / "speech.wav") and entry.request.out == str(tmp_path / "out")
    data = {"jobs": [{"name": "person", "audio": "speech.wav", "portrait": "person.png", "out": "out", "takes": 2,
                      "seed": 5, "motion_only": True}]}  # fmt: skip
    (tmp_path / "jobs.json").write_text(json.dumps(data))
    assert batch.load(tmp_path / "jobs.json", {})[0].request == entry.request


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "no jobs"), ("audio,portrait\na.wav,", "portrait"), ("audio,portrait,out,colour\na,b,c,red", "colour"),
     ("audio,portrait,out,takes\na,b,c,many", "no number"), ("audio,portrait,out,takes\na,b,c,0", "takes can't be 0"),
     ("audio,portrait,out,motion_only\na,b,c,perhaps", "neither yes nor no")],
)  # fmt: skip
def test_a_bad_list_is_refused_before_anything_runs(tmp_path, text, words):
    path = tmp_path / "jobs.csv"
    path.write_text(text)
    with pytest.raises(BadInputError, match=words) as raised:
        batch.load(path, {})
    assert raised.value.hint


def test_all_jobs_are_run_and_summed_up(scene, listed, capsys):
    path = listed("person", "noface", "other")
    assert cli.run(["batch", str(path)]) == 2, "the only failure is the input's"
    facts = summary_of(path)
    assert facts["counts"] == {"done": 2, "failed": 1}
    assert [job["status"] for job in facts["jobs"]] == ["done", "failed", "done"]
    assert [take["seed"] for take in facts["jobs"][0]["takes"]] == [5, 6]
    assert "No face was found" in facts["jobs"][1]["error"] and facts["jobs"][1]["attempts"] == 1
    assert "2 of 3 jobs done" in capsys.readouterr().out


def test_a_crashed_worker_is_tried_again(scene, listed):
    path = listed("crash", "person")
    assert cli.run(["batch", str(path), "--retries", "2"]) == 1
    facts = summary_of(path)
    assert [(job["status"], job["attempts"]) for job in facts["jobs"]] == [("failed", 3), ("done", 1)]


def test_a_cancelled_run_leaves_a_summary(listed):
    path = listed("one", "two", "three")
    entries = batch.load(path, {})
    ran = []

    def run(request):
        ran.append(request)
        if len(ran) == 2:
            raise CancelledError
        return []

    assert batch.run_all(entries, run, path.with_suffix(".out")) == 130
    facts = json.loads(path.with_suffix(".out").read_text())
    assert [job["status"] for job in facts["jobs"]] == ["done", "cancelled", "waiting"]


def test_a_failure_that_passes_is_forgotten(listed):
    entries = batch.load(listed("one"), {})
    tries = []

    def run(_request):
        tries.append(1)
        if len(tries) == 1:
            raise SoliloquyError("worker_died", "It died.")
        return []

    assert batch.run_all(entries, run, Path(entries[0].request.out).parent / "summary.json") == 0
    assert (entries[0].status, entries[0].attempts, entries[0].error) == ("done", 2, "")


# ---------------------------------------------------------------------------------------------------------- doctor
def test_the_doctor_finds_a_missing_runtime(scene, monkeypatch, capsys):
    monkeypatch.setenv("SOLILOQUY_PYTHON", "/nowhere/python")
    assert cli.run(["doctor"]) == 1
    text = capsys.readouterr().out
    assert "[BAD ] Runtime: not installed -> Install the runtime" in text and "[OK  ] Weights" in text


def test_the_doctor_asks_the_worker(scene, capsys):
    assert cli.run(["doctor"]) == 0
    assert "[OK  ] Worker: answered in" in capsys.readouterr().out


def test_damaged_weights_are_seen(scene, tmp_path, monkeypatch):
    good = next(iter(sorted(doctor.WEIGHTS.glob("*.safetensors"))))
    assert doctor.is_whole(good)
    short = tmp_path / "lips.safetensors"
    short.write_bytes(good.read_bytes()[:-7])
    (tmp_path / "prior.md").write_text("card")
    assert not doctor.is_whole(short)
    monkeypatch.setattr(doctor, "WEIGHTS", tmp_path)
    finding = doctor._weights()
    assert finding.level == doctor.BAD and "lips.safetensors is damaged" in finding.text
    assert "prior is missing" in finding.text


def test_a_device_that_is_not_there_is_told(scene, monkeypatch):
    probed = {
        "version": "x",
        "python": "3",
        "torch": "2",
        "device": "cpu",
        "devices": ["cpu"],
        "device_name": "2 threads",
    }
    monkeypatch.setattr("soliloquy.addon.preferences.device", lambda: "cuda")
    told = {finding.title: finding for finding in doctor.of_worker(probed, "", 1.0)}
    assert told["Device"].level == doctor.BAD and told["Version"].level == doctor.BAD
