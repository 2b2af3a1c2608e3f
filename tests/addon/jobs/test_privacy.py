"""The doctor's report goes to others: it holds no user's name, whatever the paths look like."""

import pytest
from soliloquy.addon.jobs import doctor, privacy
from soliloquy.addon.jobs.privacy import hidden


@pytest.mark.parametrize(
    ("home", "name", "text", "expected"),
    [
        ("/home/anna", "anna", "5 GB free in /home/anna/films", "5 GB free in ~/films"),
        ("/home/anna", "anna", "there is no drive for /home/anna", "there is no drive for ~"),
        ("/home/anna", "anna", "“/home/anna” is gone.", "“~” is gone."),
        ("/home/anna", "anna", "/home/anna.\nNext", "~.\nNext"),
        ("/home/anna", "anna", "see /home/anna-maria/x", "see /home/[user]/x"),
        ("/home/anna", "anna", "/mnt/backup/home/anna/x", "/mnt/backup/home/[user]/x"),
        ("/home/anna", "anna", "/tmp/anna-blender/x", "/tmp/[user]-blender/x"),
        ("/home/anna", "anna", "on /run/media/anna/disk now", "on /run/media/[user]/disk now"),
        ("/home/anna", "anna", "/srv/Films of Anna 2024/a.blend", "/srv/Films of [user] 2024/a.blend"),
        ("/home/anna", "anna", "/srv/hanna/annabel", "/srv/hanna/annabel"),
        ("/home/anna", "anna", "/home/bob/x, /Users/bob/y", "/home/[user]/x, /Users/[user]/y"),
        ("/Users/jürgen", "jürgen", "/Users/ju\u0308rgen/x, /Volumes/J\u00fcrgen/a", "~/x, /Volumes/[user]/a"),
        (r"C:\Users\Anna Maria", "Anna Maria", r"C:\Users\Anna Maria\AppData\Local\Temp\x", r"~\AppData\Local\Temp\x"),
        (r"C:\Users\Anna Maria", "Anna Maria", "c:/users/anna maria/takes", "~/takes"),
        (r"C:\Users\Anna Maria", "Anna Maria", r"C:\Users\ANNAMA~1\Temp\x", r"C:\Users\[user]\Temp\x"),
        (r"C:\Users\Anna Maria", "Anna Maria", r"D:\Anna Maria\takes (denied)", r"D:\[user]\takes (denied)"),
        (r"C:\Users\Anna Maria", "Anna Maria", r"'C:\\Users\\Anna Maria\\takes'", r"'~\\takes'"),
        (r"C:\Users\Anna Maria", "Anna Maria", r"\\server\Users\Bob B\takes", r"\\server\Users\[user]\takes"),
        ("/home/a", "a", "needs a GPU: /opt/a/python is a file", "needs a GPU: /opt/[user]/python is a file"),
        ("/home/python", "python", "Blender 5.0, Python 3.11, Linux", "Blender 5.0, Python 3.11, Linux"),
        ("/home/user", "user", "/home/user/x /home/bob/y", "~/x /home/[user]/y"),
        ("/", "", "5 GB free in /srv/x", "5 GB free in /srv/x"),
    ],
)  # fmt: skip
def test_names_are_hidden_and_the_rest_stays(home, name, text, expected):
    assert hidden(text, [home], [name]) == expected
    assert hidden(expected, [home], [name]) == expected, "hiding twice changes nothing"


def test_every_part_of_every_finding_is_in_the_report_without_the_name(monkeypatch):
    monkeypatch.setenv("HOME", "/home/zacharias")
    monkeypatch.setenv("USERPROFILE", r"C:\Users\Zacharias Q")
    monkeypatch.setenv("USER", "zacharias")
    paths = ["/home/zacharias/a.blend", "/tmp/zacharias/x", r"C:\Users\Zacharias Q\takes", "/media/zacharias/disk"]
    findings = [doctor.Finding(doctor.BAD, f"Folder {path}", f"{path} is gone", f"Look at {path}.") for path in paths]
    text = doctor.report(findings)
    assert "zacharias" not in text.lower() and text.count("is gone") == len(paths)
    assert "~/a.blend is gone" in text and r"~\takes is gone" in text


def test_the_report_of_this_computer_has_no_home(scene, monkeypatch):
    monkeypatch.setenv("HOME", "/home/zacharias")
    monkeypatch.setenv("SOLILOQUY_PYTHON", "/home/zacharias/venv/bin/python")
    assert "/home/zacharias" in doctor.here()[1].text + doctor.here()[2].text
    text = doctor.report(doctor.here())
    assert "zacharias" not in text and "~/venv/bin/python" in text


def test_a_computer_without_an_account_has_a_report(monkeypatch):
    def none():
        raise KeyError("uid not found")

    monkeypatch.setattr(privacy.getpass, "getuser", none)
    for variable in ("HOME", "USERPROFILE", "USER", "LOGNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    assert hidden("/srv/x")
