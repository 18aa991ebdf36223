"""
Shots of a result in Cycles, placed as the add-on places it. scripts/close-ups.ts calls it:

    blender -b --factory-startup -P scripts/pictures/close_ups.py -- RESULT_FOLDER ORDER(JSON file) OUT_FOLDER

The order: shots (scripts/pictures/shots.ts), size, away, samples, displacement. Writes 0.png, 1.png, ... in the order of the shots.
"""
import json
import math
import os
import sys
from glob import glob

import bpy
from mathutils import Vector

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "plugins/blender-bridge"))
import sider.asset  # noqa: E402
from sider.camera import TO_BLENDER  # noqa: E402
from sider.core import glb  # noqa: E402
from sider.core.job import Result  # noqa: E402

folder, order_file, out = sys.argv[sys.argv.index("--") + 1 :][:3]
with open(order_file, encoding="utf-8") as file:
    order = json.load(file)


def read(name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def direction(yaw, pitch):
    """The unit vector towards the camera, Blender's axes."""
    a, b = math.radians(yaw), math.radians(pitch)
    return TO_BLENDER.to_3x3() @ Vector((math.sin(a) * math.cos(b), math.sin(b), math.cos(a) * math.cos(b)))


def light(energy, towards, size):
    data = bpy.data.lights.new("light", "AREA")
    data.energy, data.size = energy, size
    one = bpy.data.objects.new("light", data)
    one.location = Vector(towards)
    one.rotation_euler = Vector(towards).to_track_quat("Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(one)


for one in list(bpy.data.objects):
    bpy.data.objects.remove(one)
files = {os.path.relpath(path, folder): None for path in glob(os.path.join(folder, "textures/*"))}
files = {name: read(name) for name in files}
report = {"photoSha256": "", **json.loads(read("report.json"))}
result = Result(glb.parse(read("face.glb")), json.loads(read("camera.json")), report, files, [])
face = sider.asset.place(result, b"", "face", displacement=order["displacement"], with_camera=False)
scene = bpy.context.scene
scene.render.engine = "CYCLES"
scene.cycles.samples = order["samples"]
scene.cycles.use_denoising = False
scene.render.threads_mode, scene.render.threads = "FIXED", 2
scene.render.use_persistent_data = True
scene.view_settings.view_transform = "Standard"
scene.render.resolution_x = scene.render.resolution_y = order["size"]
scene.render.resolution_percentage = 100
if scene.world is None:
    scene.world = bpy.data.worlds.new("World")
scene.world.use_nodes = True
background = scene.world.node_tree.nodes["Background"]
background.inputs["Color"].default_value = (0.9, 0.95, 1, 1)
background.inputs["Strength"].default_value = 0.4
light(24, (-0.9, -0.9, 0.9), 0.5)
light(6, (1.1, -0.8, 0.2), 0.7)
camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
scene.collection.objects.link(camera)
scene.camera = camera
camera.data.clip_start = 0.01
camera.data.sensor_width = 36
keys = face.data.shape_keys.key_blocks if face.data.shape_keys else {}
for i, shot in enumerate(order["shots"]):
    for key in keys:
        key.value = 1 if key.name in shot["keys"] else 0
    target, away = TO_BLENDER.to_3x3() @ Vector(shot["center"]), direction(shot["yaw"], shot["pitch"])
    camera.location = target + order["away"] * away
    camera.rotation_euler = away.to_track_quat("Z", "Y").to_euler()
    camera.data.lens = 18 * order["away"] / shot["radius"]
    scene.render.filepath = os.path.join(out, f"{i}.png")
    bpy.ops.render.render(write_still=True)
