# SPDX-License-Identifier: GPL-3.0-or-later
"""
The job under way, and what becomes of it in the scene. One at a time; it belongs to this Blender, not to a file, and lives on
when files are loaded. The job's thread only fills a queue; everything here runs on the main thread, by a timer or by hand.
"""
import time
import traceback
import uuid
from dataclasses import dataclass

import bpy

from . import asset, compat, faces, meshes
from .core import local
from .core.errors import SiderError
from .core.job import Job
from .core.numbers import np

CLIENT = {"name": "Blender " + bpy.app.version_string}
TICK_SECONDS = 0.1
BUDGET_MS = 12
PRESETS = ["preview", "balanced", "neural", "paper"]
"""Names of presets; a server replaces them by its own."""
WORDS = {
    "queued": "Waiting for its turn",
    "pausing": "Pausing after this step",
    "finishing": "Finishing after this step",
    "input_required": "Waiting for the face",
    "paused": "Paused",
}
engine = local.LocalEngine()
current = None
problem = None
"""Why the last reconstruction could not even begin, for the panel."""
schema = {}
"""The engine's settings, once one has been reached."""


@dataclass
class Options:
    displacement: bool = False
    collection: bool = True
    camera: bool = True


class Session:
    """A job with its state for the panel: `status`, `fraction`, `error`, `question`, `active`."""

    def __init__(self, request, options, endpoint, start_engine=None):
        self.key = uuid.uuid4().hex
        self.request = request
        self.options = options
        self.state, self.stage, self.connection = "", "", "Connecting"
        self.fraction, self.eta, self.iteration = 0.0, None, ""
        self.question = []
        self.error = None
        self.messages = []
        self.sdf = None
        self.result = None
        self.active = True
        self.previews = 0
        self.started = time.monotonic()
        self.seconds = 0.0
        self._preview_due = None
        self._shown = False
        self._replaced = False
        self.job = Job(request, endpoint, CLIENT, start_engine).start()

    def tick(self, budget_ms=BUDGET_MS):
        """Takes in what has happened, for a few milliseconds, and shows it."""
        self.job.pump(budget_ms, self._take)
        self._show()

    def cancel(self):
        """Ends the job and leaves nothing behind."""
        self.job.cancel()
        self._end("Cancelled")

    def objects_replaced(self):
        """Undo or a loaded file may have taken the preview away: it is made anew, unlike one that somebody deleted."""
        self._replaced = True

    def looks(self):
        """What the panel shows, to compare."""
        return self.status, round(self.fraction, 2), self.active, self.state, len(self.messages), self.previews > 0, self.sdf is None

    @property
    def status(self):
        if self.connection:
            return self.connection
        if self.result is not None:
            return "The result waits until you leave Edit Mode" if bpy.context.mode != "OBJECT" else "Placing the result"
        if self.state == "running":
            left = "" if self.eta is None else f", {int(self.eta) // 60}:{int(self.eta) % 60:02d} left"
            return f"{self.stage.capitalize() or 'Starting'}{self.iteration}{left}"
        return WORDS.get(self.state, self.state)

    def _take(self, kind, value):
        if not self.active:
            return
        if kind == "state":
            self.state = value
        elif kind == "connection":
            self.connection = value
        elif kind == "session":
            PRESETS[:] = [preset["name"] for preset in value["presets"]]
            schema.update(value.get("settings", {}))
        elif kind == "progress":
            self.stage, self.fraction, self.eta = value["stage"], value["fraction"], value.get("etaSeconds")
            self.iteration = f" {value['iteration']}/{value['iterations']}" if "iterations" in value else ""
        elif kind == "question":
            self.question = value
            if not bpy.app.background and not faces.show(self.request.photo, self.question):
                self._say("This Blender cannot show the photo: the numbers are those of `sider faces`.")
        elif kind == "log":
            self._say(value)
        elif kind == "mesh":
            self._preview_due = value
        elif kind == "sdf":
            self.sdf = value
        elif kind == "result":
            self.result = value
        elif kind == "failed":
            self.error = value
            self._end("Failed")
        elif kind == "cancelled":
            self._end("Cancelled")

    def _say(self, message):
        if message not in self.messages:
            self.messages.append(message)

    def _show(self):
        """Brings the scene up to date, unless Blender renders it at the moment."""
        if not self.active or _rendering():
            return
        if self.result is not None:
            if bpy.context.mode == "OBJECT" or bpy.app.background:
                self._place()
        elif self._preview_due is not None:
            self._show_preview()

    def _show_preview(self):
        there = meshes.find_preview(self.key) is not None
        if self._shown and not there and not self._replaced:
            self._preview_due = None  # somebody deleted it: they do not want to see it
            return
        preview = meshes.show_preview(self.key, self._preview_due)
        if preview.mode != "EDIT":
            self._preview_due = None
            self.previews += 1
        self._shown, self._replaced = True, False

    def _place(self):
        if bpy.context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        name = self.request.name.rsplit(".", 1)[0] or "face"
        options = self.options
        try:
            asset.place(
                self.result, self.request.photo, name, options.displacement, options.collection, options.camera
            )
        except SiderError as error:
            self.error = error
        except Exception as error:  # or the timer would end, and the panel wait for ever
            self.error = SiderError("BRIDGE", f"the face cannot be placed: {error!r}", "Please report it.")
            traceback.print_exc()
        for warning in self.result.warnings:
            self._say(warning)
        self._end("Failed" if self.error else "Done")
        if self.error is None:
            bpy.ops.ed.undo_push(message="Reconstruct Face")

    def _end(self, state):
        self.active = False
        faces.clear()
        self.state, self.connection, self.question = state, "", []
        self.result = self._preview_due = None
        self.seconds = time.monotonic() - self.started
        meshes.remove_previews()


def busy():
    """Whether a job is under way."""
    return current is not None and current.active


class WhileIdle:
    """For Blender's classes that are of use while no job is under way."""

    @classmethod
    def poll(cls, _context):
        return not busy()


def start(request, options):
    """Begins a job. Raises SiderError if one is under way, something that it needs is missing, or there is nowhere to send it."""
    global current
    if busy():
        raise SiderError("BUSY", "a reconstruction is under way", "Wait for it, or cancel it.")
    np()
    forget()
    current = Session(request, options, *reaching(compat.preferences()))
    if not bpy.app.background and not bpy.app.timers.is_registered(_timer):
        bpy.app.timers.register(_timer, first_interval=TICK_SECONDS, persistent=True)
    return current


def reaching(prefs, start=False):
    """
    Functions that say where the engine is, and start it (None if it may not be): both for a thread that must not touch bpy, so all
    settings are taken here. Raises SiderError if they are wrong.
    """
    url, token, command, online = prefs.server_url, prefs.token, prefs.engine_command, compat.online()

    def endpoint():
        return local.find(url, token, online)

    starts = (start or prefs.start_engine) and local.is_loopback(endpoint().url)
    return endpoint, (lambda: engine.start(command)) if starts else None


def fail(error):
    """What the panel says until something changes."""
    global problem
    problem = error
    redraw()


def forget():
    """What was said of the last reconstruction is over: something else is to be made, or settings have changed."""
    global current, problem
    problem = None
    if not busy():
        current = None


def wait():
    """Follows the job to its end without a timer. Raises SiderError if it fails or is cancelled."""
    said = None
    while current.active:
        current.tick(1000)
        if bpy.app.background and (line := f"SIDER: {round(100 * current.fraction)} % {current.stage}") != said:
            print(said := line, flush=True)
        time.sleep(0.02)
    if current.error:
        raise current.error
    if current.state == "Cancelled":
        raise SiderError("CANCELLED", "the reconstruction was cancelled")


def tidy():
    """After undo, redo and loading: previews of jobs that have ended are not to come back, nor is what was said of them."""
    forget()
    if current is not None:
        current.objects_replaced()
    meshes.remove_previews(keep=current.key if busy() else None)


def shut_down():
    """The add-on goes: the job is left to the server."""
    global current
    if busy():
        current.job.leave()
        meshes.remove_previews()
    current = None
    if bpy.app.timers.is_registered(_timer):
        bpy.app.timers.unregister(_timer)


def _timer():
    before = current.looks()
    current.tick()
    if current.looks() != before:
        redraw()
    return TICK_SECONDS if current.active else None


def redraw():
    """Draws the sidebars and preferences anew; the views see for themselves that a mesh has changed."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions if area.type in ("VIEW_3D", "PREFERENCES") else ():
                if region.type == ("UI" if area.type == "VIEW_3D" else "WINDOW"):
                    region.tag_redraw()


def _rendering():
    return bpy.app.is_job_running("RENDER")
