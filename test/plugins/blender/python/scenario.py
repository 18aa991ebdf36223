"""
What tests do in Blender, without a window: blender -b --factory-startup -P scenario.py -- NAME RESULT ARGUMENTS(JSON)
Writes what was found as JSON; test/plugins/blender/blender.test.ts judges it. The bpy module runs it as plain Python.
"""
import json
import os
import sys
import time
import traceback
import types

import bpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pictures  # noqa: E402
from describe import describe  # noqa: E402

name, result_file, arguments = sys.argv[sys.argv.index("--") + 1 :][:3]
given = json.loads(arguments)
LEGACY = bpy.app.version < (4, 2, 0)


def install():
    """Installs the zip as a user does, into the clean user folder that the environment names."""
    if LEGACY:
        bpy.ops.preferences.addon_install(filepath=given["zip"])
        bpy.ops.preferences.addon_enable(module="sider")
        return "sider"
    import addon_utils

    addon_utils.enable("bl_pkg", default_set=True)
    bpy.ops.extensions.package_install_files(filepath=given["zip"], repo="user_default", enable_on_install=True)
    return "bl_ext.user_default.sider"


module = install()
session, compat, ui = (sys.modules[f"{module}.{one}"] for one in ("session", "compat", "ui"))
Options, Request = session.Options, sys.modules[f"{module}.core.job"].Request
SiderError = sys.modules[f"{module}.core.errors"].SiderError
preferences = bpy.context.preferences.addons[module].preferences
preferences.start_engine = False
preferences.server_url = given.get("url", "")
preferences.token = given.get("token", "")


def census():
    return {
        kind: sorted(one.name for one in getattr(bpy.data, kind))
        for kind in ("objects", "meshes", "materials", "images", "cameras", "collections", "shape_keys")
    }


def photo():
    with open(given["photo"], "rb") as file:
        return file.read()


def start(options=None, **changes):
    return session.start(Request(photo(), "someone.jpg", "preview", **{"face": 0, **changes}), options or Options())


def until(condition, seconds=300):
    """Pumps by hand, as there are no timers in background mode."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"still {session.current.status}, {session.current.error}")
        session.current.tick()
        time.sleep(0.01)


def preview():
    return next((one for one in bpy.data.objects if "sider_preview" in one), None)


def coordinates(one):
    values = [0.0] * (3 * len(one.data.vertices))
    one.data.vertices.foreach_get("co", values)
    return values


def over():
    return not session.current.active


def face_object():
    return next(one for one in bpy.data.objects if "sider_generator" in one)


def failing(act):
    try:
        act()
    except (SiderError, RuntimeError) as error:
        return str(error)
    return None


from types import SimpleNamespace  # noqa: E402

scenarios = SimpleNamespace()


def scenario(function):
    setattr(scenarios, function.__name__, function)
    return function


@scenario
def whole():
    """The operator as in a batch render, then one undo step."""
    bpy.ops.ed.undo_push(message="before")
    before = census()
    status = bpy.ops.sider.reconstruct(filepath=given["photo"], preset="preview", face=0, **given.get("options", {}))
    found = {"status": list(status), **describe(face_object(), compat), "during": census()}
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    found["kept"] = any("sider_generator" in one for one in bpy.data.objects)
    bpy.ops.ed.undo()
    return {**found, "before": before, "after": census(), "again": has_camera()}


def has_camera():
    return bpy.context.scene.camera.name if bpy.context.scene.camera else None


@scenario
def live():
    """Previews in place; undo, deletion, Edit Mode and a new file while the job runs."""
    found = {}
    bpy.ops.ed.undo_push(message="before")
    start()
    until(lambda: preview() is not None)
    mesh = preview().data
    first, count = coordinates(preview()), session.current.previews
    until(lambda: session.current.previews > count + 1)
    found["in_place"] = preview().data == mesh
    found["moved"] = max(abs(a - b) for a, b in zip(first, coordinates(preview())))
    bpy.context.view_layer.objects.active = preview()
    bpy.ops.object.mode_set(mode="EDIT")
    count = session.current.previews
    for _ in range(50):
        session.current.tick()
        time.sleep(0.01)
    found["in_edit_mode"] = session.current.previews - count
    bpy.ops.object.mode_set(mode="OBJECT")
    until(lambda: session.current.previews > count)
    bpy.ops.ed.undo_push(message="something else")
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.ed.undo_push(message="cube")
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    count = session.current.previews
    until(lambda: session.current.previews > count)
    found["after_undo"] = preview() is not None
    bpy.ops.wm.read_homefile(use_factory_startup=False, use_empty=True)
    count = session.current.previews
    until(lambda: session.current.previews > count)
    found["after_load"] = preview() is not None
    bpy.data.objects.remove(preview())
    for _ in range(50):
        session.current.tick()
        time.sleep(0.01)
    found["deleted_stays_away"] = preview() is None
    bpy.ops.ed.undo_push(message="before the end")
    session.current.job.keep()
    until(over)
    found["face"] = face_object().name
    found["left"] = [one.name for one in bpy.data.objects if "sider_preview" in one]
    bpy.ops.ed.undo()
    found["undone"] = not any("sider_generator" in one for one in bpy.data.objects)
    return found


@scenario
def cancel():
    before = census()
    start()
    until(lambda: preview() is not None)
    bpy.ops.sider.control(action="CANCEL")
    job = session.current.job
    job.join(20)
    return {"before": before, "after": census(), "active": session.current.active, "told": job.ended, "id": job.id}


@scenario
def keep():
    """Pause, go on, and keep what is there."""
    start()
    until(lambda: session.current.previews > 0)
    bpy.ops.sider.control(action="PAUSE")
    until(lambda: session.current.state == "paused")
    bpy.ops.sider.control(action="RESUME")
    until(lambda: session.current.state == "running")
    bpy.ops.sider.control(action="KEEP")
    until(over)
    return {"state": session.current.state, "error": str(session.current.error), "face": face_object().name}


class Drawn:
    """A layout that notes the buttons and lines that are drawn into it."""

    def __init__(self):
        self.buttons = []
        self.lines = []

    def operator(self, name, text="", **_more):
        self.buttons.append(types.SimpleNamespace(name=name, text=text, action="", face=-1))
        return self.buttons[-1]

    def label(self, text="", **_more):
        self.lines.append(text)

    def __getattr__(self, _name):
        return lambda *_arguments, **_more: self


@scenario
def ask():
    """Several faces: the question, and its answer."""
    start(face=-1, several_faces="ask")
    until(lambda: session.current.question)
    count = len(session.current.question)
    layout = Drawn()
    ui._draw_job(layout, bpy.context, session.current)
    places = {face["face"]: face["x"] for face in session.current.question}
    buttons = [{"text": one.text, "face": one.face, "x": places[one.face]} for one in layout.buttons if one.action == "FACE"]
    bpy.ops.sider.control(action="FACE", face=1)
    until(over)
    return {"faces": count, "buttons": buttons, "state": session.current.state, "job": session.current.job.id}


@scenario
def killed():
    """The test kills the engine when told that a preview has come, and starts it again on another port."""
    start()
    until(lambda: session.current.previews > 0)
    with open(given["signal"], "w") as file:
        file.write("kill")
    until(lambda: session.current.connection)
    lost, count = session.current.status, session.current.previews
    until(lambda: session.current.previews > count)
    until(over)
    return {"lost": lost, "state": session.current.state, "face": face_object().name}


@scenario
def refused():
    """What is said when it cannot work."""
    act = lambda: bpy.ops.sider.reconstruct(filepath=given["photo"])  # noqa: E731
    found = {"no_photo": failing(lambda: bpy.ops.sider.reconstruct(filepath="/nowhere.jpg"))}
    preferences.token = "x" * 32
    found["token"] = failing(act)
    preferences.token, preferences.server_url = "", "ws://127.0.0.1:9/"
    found["absent"] = failing(act)
    preferences.start_engine, preferences.engine_command = True, "no-such-engine"
    found["no_engine"] = failing(act)
    preferences.server_url = "wss://render.example:7437/"
    if not LEGACY:
        bpy.context.preferences.system.use_online_access = False
        found["offline"] = failing(act)
        bpy.context.preferences.system.use_online_access = True
    found["no_token"] = failing(act)
    return {**found, "census": census()}


def shown():
    """What the panel shows while no job runs: all of its words, and the operators of its buttons."""
    scene = types.SimpleNamespace(sider=bpy.context.scene.sider)
    region = types.SimpleNamespace(width=260, type="UI")
    context = types.SimpleNamespace(
        scene=scene, region=region, preferences=bpy.context.preferences, view_layer=bpy.context.view_layer
    )
    layout = Drawn()
    ui.SIDER_PT_panel.draw(types.SimpleNamespace(layout=layout), context)
    return {"words": " ".join(layout.lines), "buttons": [one.name for one in layout.buttons]}


@scenario
def panel():
    """Errors in full with what helps, until something changes; the settings; what is missing; the test of the engine."""
    asked = bpy.context.scene.sider
    press = lambda: failing(lambda: bpy.ops.sider.reconstruct_panel())  # noqa: E731
    press()
    found = {"no_photo": shown()}
    asked.filepath = given["photo"]
    found["changed"] = shown()
    asked.preset, asked.face_choice, asked.face, asked.filepath = "preview", "NUMBER", 7, given["wrong"]
    press()
    until(over)
    found["no_such_face"] = shown()
    asked.face_choice, asked.filepath = "LARGEST", given["photo"]
    found["forgotten"] = session.current is None
    asked.size, asked.ipd, asked.neutralize, asked.profile = "512", 61.5, True, "faceit"
    press()
    until(over)
    found["done"] = shown()
    found["settings"] = session.current.request.settings
    found["job"] = session.current.job.id
    bpy.ops.sider.forget()
    found["closed"] = shown()
    url, preferences.token = preferences.server_url, "x" * 32
    found["refused"] = failing(lambda: bpy.ops.sider.test_engine())
    preferences.token, preferences.server_url = "", "ws://127.0.0.1:9/"
    press()
    until(over)
    found["absent"] = shown()
    preferences.server_url = url
    found["works"] = failing(lambda: bpy.ops.sider.test_engine())
    found["tested"] = shown()
    with open(given["text"], "w") as file:
        file.write("no picture")
    asked.filepath = given["text"]
    press()
    until(over)
    found["no_picture"] = shown()
    numbers = sys.modules["numpy"]
    sys.modules["numpy"] = None  # as where it is not installed
    found["no_numpy"] = shown()
    sys.modules["numpy"] = numbers
    return found


@scenario
def room():
    """Where faces are put in a scene with things in it."""
    places, beside = [], []
    for number in range(3):
        bpy.ops.sider.reconstruct(filepath=given["photo"], preset="preview", face=0)
        places.append(list(bpy.context.view_layer.objects.active.location))
        beside.append(bpy.context.view_layer.objects.active.users_collection[0].name)
    return {"places": places, "collections": beside}


@scenario
def real():
    """The engine is started by itself, and reconstructs."""
    preferences.start_engine, preferences.engine_command = True, given["command"]
    start(settings=given["settings"])
    until(lambda: session.current.previews > 0 or over(), 600)
    if session.current.error:
        raise session.current.error
    first, count = coordinates(preview()), session.current.previews
    until(lambda: session.current.previews > count or over(), 600)
    changed = not over() and coordinates(preview()) != first
    until(over, 600)
    if session.current.error:
        raise session.current.error
    face = face_object()
    return {"pid": session.engine.process.pid, "previews": session.current.previews, "changed": changed, **describe(face, compat)}


@scenario
def images():
    """Photos out of Blender's images and the clipboard, upright ones of turned files; the distance grid as a mesh."""
    source, camera = sys.modules[f"{module}.source"], sys.modules[f"{module}.camera"]
    return {**pictures.look(source, camera, given), "nothing": failing(source.from_clipboard)}


@scenario
def registered():
    """Registers, unregisters and registers again; everything is in its place."""
    import addon_utils

    found = {"menu": hasattr(bpy.ops.sider, "import_photo"), "panel": hasattr(bpy.types, "SIDER_PT_panel")}
    addon_utils.disable(module, default_set=True)
    found["gone"] = not hasattr(bpy.types, "SIDER_PT_panel") and not hasattr(bpy.types.Scene, "sider")
    addon_utils.enable(module, default_set=True)
    found["back"] = hasattr(bpy.types, "SIDER_PT_panel")
    import websocket

    return {**found, "websocket": websocket.__file__, "module": module}


try:
    answer = getattr(scenarios, name)()
except Exception:
    answer = {"failed": traceback.format_exc()}
with open(result_file, "w") as output:
    json.dump({"version": bpy.app.version_string, **answer}, output)
