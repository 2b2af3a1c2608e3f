"""Some damaged files of Blender's side; ``python -m tests.fuzz.blender_files`` reads thousands."""

from __future__ import annotations

from tests.fuzz import blender_files


def test_damaged_files_are_read_or_refused_with_a_sentence(scene, tmp_path, capsys):
    tally = blender_files.search(150, seed=11, first=0, folder=tmp_path)
    assert {result for _, result in tally} == {"read", "refused"}, capsys.readouterr().out
    assert {what.partition(":")[0] for what, _ in tally} >= {"mapping.json", "jobs.json", "jobs.csv", "summary.json"}
    good = blender_files.bases()
    assert good.keys() == set(blender_files._READERS)
    for name, content in good.items():
        case = blender_files.Case("nothing", name, content)
        assert blender_files.outcome(blender_files.KIND, tmp_path / name, case) == ("read", "")
