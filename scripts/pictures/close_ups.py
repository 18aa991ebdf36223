"""
Shots of a result in Cycles, placed as the add-on places it. scripts/close-ups.ts calls it:

    blender -b --factory-startup -P scripts/pictures/close_ups.py -- RESULT_FOLDER ORDER(JSON file) OUT_FOLDER

The order: shots (scripts/pictures/shots.ts), size, away, samples, displacement. Writes 0.png, 1.png, ... in the order of the shots.
"""
import json
import math
import os
import sys

import bpy
from mathutils import Vector

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import studio  # noqa: E402
from sider.camera import TO_BLENDER  # noqa: E402

folder, order_file, out = studio.arguments()[:3]
with open(order_file, encoding="utf-8") as file:
    order = json.load(file)


def direction(yaw, pitch):
    """The unit vector towards the camera, Blender's axes."""
    a, b = math.radians(yaw), math.radians(pitch)
    return TO_BLENDER.to_3x3() @ Vector((math.sin(a) * math.cos(b), math.sin(b), math.cos(a) * math.cos(b)))


_, face = studio.place(folder, displacement=order["displacement"], with_camera=False)
scene = studio.studio(face, order["samples"])
scene.render.resolution_x = scene.render.resolution_y = order["size"]
scene.render.resolution_percentage = 100
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
    studio.render(os.path.join(out, f"{i}.png"))
