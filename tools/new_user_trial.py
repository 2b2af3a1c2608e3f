"""What a new user does, in a real Blender with an empty profile and no network; made with real weights and takes.

    python tools/new_user_trial.py --blender DIR/blender --wheels WHEELS --portrait FACE --out DIR

Drops the zip onto the window, installs the runtime from a folder of wheels (``pip download --no-deps -r
core/requirements/worker.txt -d WHEELS``), asks the doctor, makes three takes, resamples blinks, bakes on three rigs,
edits a curve and renders it again; then runs a batch without the window, removes the runtime and uninstalls the
extension. Pictures of each step go to ``--out``. Exit code 0 only when every step worked. ``--blender`` is what
``tools/real_blender.sh`` leaves; ``blender-gui`` stands beside it.
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

from tools.build_zip import build  # noqa: E402  (the repository's root has to be on the path first)

SPEECH = ROOT / "tools" / "assets" / "demo_speech.flac"


def environment(profile: Path, seen: list[Path]) -> dict[str, str]:
    """An empty profile, and the folders that a wrapped Blender has to see; nothing that would spare the installing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SOLILOQUY_")}
    return kept | {
        "BLENDER_USER_RESOURCES": str(profile),
        "BLENDER_BIND": ":".join(dict.fromkeys(str(path) for path in seen)),
    }


def command_line(blender: Path, out: Path, variables: dict[str, str], wheels: Path) -> None:
    """Batch, doctor, removal: what is done without the window. Raises where something doesn't work."""

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
    assert any(wheels.glob("*.whl")), "the user's folder is the user's"


def main() -> int:
    """Returns 0 when every step worked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blender", type=Path, required=True)
    parser.add_argument("--wheels", type=Path, required=True)
    parser.add_argument("--portrait", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=2.0, help="of the speech that are spoken")
    parser.add_argument(
        "--keep", action="store_true", help="go on from an earlier trial: update the extension, keep runtime and takes"
    )
    parser.add_argument("--limit", type=int, default=3600, help="seconds after which the window is given up")
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
        [str(word) for word in command], env=variables, cwd=ROOT, stdout=subprocess.PIPE, text=True, errors="replace"
    )
    ended = False
    assert window.stdout is not None
    for line in window.stdout:
        print(line, end="", flush=True)
        ended |= line.strip() == "ENDED"
    if window.wait(chosen.limit) or not ended:
        print("The trial in the window did not come to its end.", file=sys.stderr)
        return 1
    command_line(blender, out, variables, wheels)
    print("Everything worked.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
