"""The command line of a restorer: which programs are found, which are refused, and what stands for the folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from core.errors import BadInputError
from core.wire.options import Parser, add_options
from core.wire.protocol import Generate
from core.wire.restorer import IN, OUT, command_digest, restorer_command, with_folders


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "restore me"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_folders_come_last_unless_they_are_named(program) -> None:
    assert restorer_command([str(program)]) == (str(program), IN, OUT)
    assert restorer_command([str(program), "-s", "2"]) == (str(program), "-s", "2", IN, OUT)
    named = (str(program), "--in={in}", "-o", "{out}/", "-s", "2")
    assert restorer_command(named) == named == restorer_command(restorer_command(named))
    for only in (IN, OUT):
        with pytest.raises(BadInputError, match="The restorer's arguments have no"):
            restorer_command([str(program), only])


def test_programs_are_found_by_path_or_on_the_path_but_not_in_the_current_folder(program, monkeypatch) -> None:
    monkeypatch.chdir(program.parent)
    monkeypatch.setenv("PATH", os.pathsep.join(["/usr/bin", "."]))
    for name in (program.name, f"./{program.name}", "//restore me", "/none", "", "a\0b"):
        with pytest.raises(BadInputError, match="There is no restorer"):
            restorer_command([name])
    assert restorer_command([f"./{program.name}"], program.parent)[0] == str(program)
    assert restorer_command([program.name], program.parent)[0] == str(program), "the command line's own folder"
    monkeypatch.setenv("PATH", str(program.parent))
    if sys.platform != "win32":
        assert restorer_command([program.name])[0] == str(program)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permission")
def test_files_that_are_no_programs_are_refused(program) -> None:
    program.chmod(0o644)
    with pytest.raises(BadInputError, match="is no program"):
        restorer_command([str(program)])


def test_folders_are_put_in_once_each() -> None:
    given, wanted = Path("/a {out}/in"), Path("/b {in}/out")
    assert with_folders(["p", "--in={in}", "{out}:{in}"], given, wanted) == [
        "p",
        f"--in={given}",
        f"{wanted}:{given}",
    ]
    assert command_digest(["a", "b"]) != command_digest(["a b"]) and len(command_digest(["a"])) == 12


def test_the_option_takes_all_that_follows_it() -> None:
    parser = Parser(prog="speak")
    add_options(parser, Generate, only=("takes", "restorer"))
    options = vars(
        parser.parse_args(["--takes", "2", "--restorer", "gfp.py", "-i", "{in}", "--takes", "9", "-o", "{out}"])
    )
    assert options == {"takes": 2, "restorer": ["gfp.py", "-i", "{in}", "--takes", "9", "-o", "{out}"]}
