"""
Blender with a window, for test/plugins/blender/window.test.ts: installs the zip, shows the sidebar with SIDER's tab, and writes every
half second what there is to see: blender -P window.py -- STATUS_FILE ARGUMENTS(JSON). The clicks come from outside.
"""
import json
import os
import sys
import time
from math import radians

import bpy
from mathutils import Euler

status_file, arguments = sys.argv[sys.argv.index("--") + 1 :][:2]
given = json.loads(arguments)
bpy.ops.preferences.addon_install(filepath=given["zip"])
bpy.ops.preferences.addon_enable(module="sider")
bpy.context.preferences.addons["sider"].preferences.start_engine = False
bpy.context.preferences.view.show_splash = False
ticks = [0]
costs = {"running": 0.0, "placing": 0.0}


def measure():
    """Notes the longest that the bridge has held up Blender's window: seconds of the main thread, whatever else the machine does."""
    from sider import session

    tick = session.Session.tick

    def measured(self, *arguments):
        before = time.thread_time()
        tick(self, *arguments)
        kind = "running" if self.active else "placing"
        costs[kind] = max(costs[kind], time.thread_time() - before)

    session.Session.tick = measured


def set_up():
    """The view looks at a face from the front and a little from its side; the startup cube would hide it."""
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    scene = bpy.context.scene
    scene.sider.filepath, scene.sider.preset = given["photo"], "preview"
    area = next(one for one in bpy.context.window_manager.windows[0].screen.areas if one.type == "VIEW_3D")
    area.spaces.active.show_region_ui = True
    view = area.spaces.active.region_3d
    view.view_distance, view.view_location, view.view_perspective = 0.75, (0, 0, 0), "PERSP"
    view.view_rotation = Euler((radians(85), 0, radians(20))).to_quaternion()
    bpy.ops.ed.undo_push(message="set up")


def report():
    from sider import session

    here = session.current
    ticks[0] += 1
    told = {
        "ticks": ticks[0],
        "costs": costs,
        "state": here.state if here else "",
        "status": here.status if here else "",
        "fraction": here.fraction if here else 0,
        "previews": here.previews if here else 0,
        "error": str(here.error) if here and here.error else "",
        "faces": [one.name for one in bpy.data.objects if "sider_generator" in one],
        "shown": [one.name for one in bpy.data.objects if "sider_preview" in one],
        "camera": bpy.context.scene.camera.name if bpy.context.scene.camera else "",
        "objects": sorted(one.name for one in bpy.data.objects),
    }
    with open(f"{status_file}.new", "w") as file:
        json.dump(told, file)
    os.replace(f"{status_file}.new", status_file)
    return 0.5


measure()
bpy.app.timers.register(set_up, first_interval=0.5)
bpy.app.timers.register(report, first_interval=1.5, persistent=True)
