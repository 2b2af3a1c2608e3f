"""Does what a new user does, in a real Blender with an empty profile and no network, with real weights and takes.

    python tools/new_user_trial.py --blender DIR/blender --wheels WHEELS --portrait FACE --out DIR

Drops the zip onto the window, installs the runtime from a folder of wheels (``pip download --no-deps -r
core/requirements/worker.txt -d WHEELS``), runs the doctor, makes three takes, resamples blinks, bakes on three rigs,
edits a curve and renders it again. Then it runs a batch without the window, removes the runtime and uninstalls the
extension. Pictures of each step go to ``--out``. The exit code is 0 only if every step worked. ``--blender`` is the
program that ``tools/real_blender.sh`` installs; ``blender-gui`` must be next to it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.runtime.processes import own_group, time_limit  # noqa: E402  (the repository's root must be on the path first)
from tools.build_zip import build  # noqa: E402

SPEECH = ROOT / "tools" / "assets" / "demo_speech.flac"


def environment(profile: Path, seen: list[Path]) -> dict[str, str]:
    """Variables for an empty profile, and for the folders ``seen`` that a wrapped Blender needs.

    Leaves out all variables of Soliloquy: they could make the installation of the runtime unnecessary.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SOLILOQUY_")}
    return kept | {
        "BLENDER_USER_RESOURCES": str(profile),
        "BLENDER_BIND": ":".join(dict.fromkeys(str(path) for path in seen)),
    }


def command_line(blender: Path, out: Path, variables: dict[str, str], wheels: Path) -> None:
    """The part without the window: batch, doctor, removal. Raises if something doesn't work."""

    def run(*arguments: str | Path) -> str:
        command = [str(blender), *(str(argument) for argument in arguments)]
        done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, errors="replace")
        print(f"$ blender {' '.join(command[1:4])} …: exit code {done.returncode}")
        if done.returncode:
            raise RuntimeError(done.stdout[-3000:] + done.stderr[-3000:])
        return done.stdout

    jobs = out / "jobs.csv"
    jobs.write_text(
        "name,audio,portrait,out,takes,seed,size,duration\n"
        f"one,{SPEECH},{out / 'portrait.png'},{out / 'batch'},1,1,256,1.0\n"
        f"two,{SPEECH},{out / 'portrait.png'},{out / 'batch'},2,5,256,0.6\n",
        encoding="utf-8",
    )
    print(run("-b", "--command", "soliloquy", "batch", jobs))
    summary = json.loads((out / "jobs-summary.json").read_text(encoding="utf-8"))
    assert summary["counts"] == {"done": 2}, summary
    assert len(list((out / "batch").glob("*/take-*/take.json"))) == 3
    print(run("-b", "--command", "soliloquy", "doctor"))
    code = "import bpy; assert bpy.ops.soliloquy.remove_runtime('EXEC_DEFAULT') == {'FINISHED'}"
    run("-b", "--python-exit-code", "1", "--python-expr", code)
    left = [path for path in out.glob("profile/**/soliloquy/*") if path.name.startswith("runtime")]
    assert not left, left
    run("--command", "extension", "remove", "soliloquy")
    assert any(wheels.glob("*.whl")), "the user's folder of wheels must stay"


def main() -> int:
    """Runs the trial. Returns 0 when every step worked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blender", type=Path, required=True, help="A real Blender's program.")
    parser.add_argument(
        "--wheels", type=Path, required=True, help="Folder with the packages that the runtime is installed from."
    )
    parser.add_argument("--portrait", type=Path, required=True, help="Photograph or painting with one face.")
    parser.add_argument("--out", type=Path, required=True, help="Folder for pictures, takes and the profile.")
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="Length of the takes: so much of the speech is used."
    )
    parser.add_argument(
        "--keep", action="store_true", help="Continue an earlier trial: update the extension, keep runtime and takes."
    )
    parser.add_argument(
        "--limit", type=int, default=3600, help="Seconds after which Blender's window is ended. Default: 3600."
    )
    chosen = parser.parse_args()
    out, wheels, blender = (path.absolute() for path in (chosen.out, chosen.wheels, chosen.blender))
    out.mkdir(parents=True, exist_ok=True)
    archive = build(out)
    if not chosen.keep:
        shutil.rmtree(out / "profile", ignore_errors=True)
        shutil.rmtree(out / "takes", ignore_errors=True)
    shutil.copy(chosen.portrait, out / "portrait.png")
    variables = environment(out / "profile", [ROOT, out, wheels])
    command = [blender.with_name("blender-gui"), "--enable-event-simulate", "--offline-mode"]
    command += ["--python", ROOT / "tools" / "new_user_trial_inside.py", "--", "--zip", archive, "--wheels", wheels]
    command += ["--audio", SPEECH, "--portrait", out / "portrait.png", "--out", out]
    command += ["--seconds", chosen.seconds]
    if chosen.keep:
        update = [blender, "--command", "extension", "install-file", "-r", "user_default", "--enable", archive]
        subprocess.run([str(word) for word in update], env=variables, cwd=ROOT, check=True)
        command.append("--installed")
    window = subprocess.Popen(
        [str(word) for word in command],
        env=variables,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
        **own_group(),
    )
    ended = False
    assert window.stdout is not None
    with time_limit(window, chosen.limit) as over:
        for line in window.stdout:
            print(line, end="", flush=True)
            ended |= line.strip() == "ENDED"
        code = window.wait()
    if over.is_set():
        print(f"Blender was not ready after {chosen.limit} s and was ended.", file=sys.stderr)
    if code or not ended:
        print("The trial in the window did not come to its end.", file=sys.stderr)
        return 1
    command_line(blender, out, variables, wheels)
    print("Everything worked.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
