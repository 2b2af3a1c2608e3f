"""Install the worker's runtime: a thread does the work, a timer shows the progress."""

from __future__ import annotations

import atexit
import threading
from dataclasses import dataclass, field
from pathlib import Path

import bpy
from bpy.props import BoolProperty

from ...core.errors import CancelledError, SoliloquyError
from ...core.runtime import environment
from ..jobs import jobs
from ..properties import preferences
from ..redrawing import redraw
from ..session import session
from ..typed import Result, manager_of
from ..words import later, say

SIZE = later("0.4 GB to download and 2 GB on disk; with an NVIDIA or AMD GPU 3 GB and at least 10 GB; several minutes")
WORDS = {
    "cuda": later("Installed, for the GPU"),
    "mps": later("Installed, for Apple's GPU"),
    "cpu": later("Installed, for the processor"),
}
"""Message after an installation, by the device that the installed torch can use."""


@dataclass
class Installation:
    """A running or finished installation. The thread writes its fields, the main thread reads them; no ``bpy``."""

    folder: Path
    wheels: Path | None = None
    removing: bool = False
    again: bool = False
    text: str = later("Starting")
    running: bool = True
    cancelled: threading.Event = field(default_factory=threading.Event)
    error: str = ""
    thread: threading.Thread | None = None

    def run(self) -> None:
        """Make or remove the environment; runs in the thread."""
        try:
            if self.removing:
                self.text = later("Removing")
                environment.remove(self.folder)
                self.text = later("Removed")
                return
            environment.prepare(
                self.folder,
                wheels=self.wheels,
                keep_downloads=True,
                again=self.again,
                progress=self._tell,
                cancelled=self.cancelled.is_set,
            )
            facts = environment.installed_facts(self.folder)
            self.text = WORDS.get(facts.get("device", ""), later("Installed"))
        except CancelledError:
            self.text = later("Installation cancelled; the next one continues with the downloaded files")
        except SoliloquyError as error:
            self.text = self.error = str(error)
        finally:
            self.running = False

    def _tell(self, text: str) -> None:
        self.text = text


@dataclass
class LatestInstallation:
    """The installation that runs or ran last in this session, if there was one."""

    value: Installation | None = None


def installation() -> Installation | None:
    """The installation that runs or ran last in this session."""
    return session().part(LatestInstallation).value


def is_installing() -> bool:
    """Whether an installation runs."""
    latest = installation()
    return latest is not None and latest.running


def _watch() -> float | None:
    redraw()  # at each call, because a ring turns next to the text
    if is_installing():
        return 0.25
    latest = installation()
    if latest is not None:
        jobs.tell(say("Runtime: {text}", text=say(latest.text)), bad=bool(latest.error))
    return None


class SOLILOQUY_OT_install_runtime(bpy.types.Operator):
    """Download and install the Python packages that Soliloquy's models need, in an environment of their own"""

    bl_idname = "soliloquy.install_runtime"
    bl_label = "Install Runtime"

    again: BoolProperty(
        name="Again", description="Replace a runtime that is there but doesn't work", options={"SKIP_SAVE", "HIDDEN"}
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Online access is allowed or a folder of wheels is chosen, and no installation or job is running."""
        if is_installing() or jobs.why_busy():
            cls.poll_message_set(say("The installation is running") if is_installing() else jobs.why_busy())
            return False
        if not bpy.app.online_access and preferences.wheels_folder() is None:
            cls.poll_message_set(
                say("Online access is off: allow it in Preferences > System > Network, or choose a folder of wheels")
            )
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> Result:
        """Start the thread, and wait for it under ``-b``."""
        jobs.kill_worker()
        wanted = Installation(preferences.runtime_folder(), preferences.wheels_folder(), again=self.again)
        return _start(self, wanted)


def _start(operator: bpy.types.Operator, started: Installation) -> Result:
    session().part(LatestInstallation).value = started
    started.thread = threading.Thread(target=started.run, daemon=True)
    started.thread.start()
    if bpy.app.background:
        started.thread.join()
        if started.error:
            operator.report({"ERROR"}, started.error)
            return {"CANCELLED"}
    else:
        bpy.app.timers.register(_watch, first_interval=0.25)
    return {"FINISHED"}


class SOLILOQUY_OT_remove_runtime(bpy.types.Operator):
    """Delete the installed Python packages from the disk; takes and settings stay"""

    bl_idname = "soliloquy.remove_runtime"
    bl_label = "Remove Runtime"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """A runtime is installed or partly downloaded, and not in use."""
        if is_installing() or jobs.why_busy():
            cls.poll_message_set(say("Something is running: wait for it or cancel it"))
            return False
        if not environment.is_there(preferences.runtime_folder()):
            cls.poll_message_set(say("No runtime is installed in the runtime folder"))
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Ask first."""
        return manager_of(context).invoke_confirm(self, event)

    def execute(self, _context: bpy.types.Context) -> Result:
        """Remove in a thread as well, because there are many thousand files."""
        jobs.kill_worker()
        return _start(self, Installation(preferences.runtime_folder(), removing=True))


class SOLILOQUY_OT_cancel_install(bpy.types.Operator):
    """Stop the installation; the downloaded files are kept for the next one"""

    bl_idname = "soliloquy.cancel_install"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """An installation is running."""
        return is_installing()

    def execute(self, _context: bpy.types.Context) -> Result:
        """Tell the thread to stop."""
        latest = installation()
        if latest is not None:
            latest.cancelled.set()
        return {"FINISHED"}


def stop() -> None:
    """End a running installation, with its child processes and incomplete files."""
    latest = installation()
    if latest is not None and latest.running:
        latest.cancelled.set()
        if latest.thread is not None:
            latest.thread.join(timeout=10.0)


def register() -> None:
    """End a running installation when Blender quits."""
    atexit.register(stop)


def unregister() -> None:
    """Stop a running installation and its timer."""
    atexit.unregister(stop)
    stop()
    if bpy.app.timers.is_registered(_watch):
        bpy.app.timers.unregister(_watch)


CLASSES = (SOLILOQUY_OT_install_runtime, SOLILOQUY_OT_remove_runtime, SOLILOQUY_OT_cancel_install)
