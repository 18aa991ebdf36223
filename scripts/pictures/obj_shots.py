"""
A result's face.obj in Cycles, read by Blender's own importer: front.png, side.png, and its edges. scripts/pictures/profiles.ts calls it:

    blender -b --factory-startup -P scripts/pictures/obj_shots.py -- RESULT_FOLDER OUT_FOLDER PIXELS
"""
import math
import os
import sys

import bpy
from mathutils import Vector

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import studio  # noqa: E402

folder, out, size = studio.arguments()
for one in list(bpy.data.objects):
    bpy.data.objects.remove(one)
bpy.ops.wm.obj_import(filepath=os.path.join(folder, "face.obj"))
parts = [one for one in bpy.context.scene.objects if one.type == "MESH"]
# files in centimetres come in a hundred times too large: Blender's unit is the metre
if max(max(one.dimensions) for one in parts) > 5:
    for one in parts:
        one.scale = (0.01, 0.01, 0.01)
bpy.context.view_layer.update()
face = parts[0]
scene = studio.studio(face, 24)
scene.render.resolution_x = scene.render.resolution_y = int(size)
scene.render.resolution_percentage = 100
camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
scene.collection.objects.link(camera)
scene.camera = camera
camera.data.clip_start, camera.data.sensor_width, camera.data.lens = 0.01, 36, 18 * 0.9 / 0.145
corners = [one.matrix_world @ Vector(corner) for one in parts for corner in one.bound_box]
centre = Vector([(min(c[k] for c in corners) + max(c[k] for c in corners)) / 2 for k in range(3)])


def look(yaw, name, distance=0.9, aim=centre):
    away = Vector((math.sin(math.radians(yaw)), -math.cos(math.radians(yaw)), 0))
    camera.location = aim + distance * away
    camera.rotation_euler = away.to_track_quat("Z", "Y").to_euler()
    studio.render(os.path.join(out, name))


look(0, "front.png")
look(60, "side.png")
for part in parts:
    wires = part.modifiers.new("edges", "WIREFRAME")
    wires.thickness, wires.use_replace, wires.material_offset = 0.00025 / part.scale[0], False, 99
    dark = bpy.data.materials.new("edge")
    dark.use_nodes = True
    dark.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (0.02, 0.02, 0.02, 1)
    while len(part.data.materials) < 100:
        part.data.materials.append(dark)
camera.data.lens *= 2.6
look(20, "edges.png", aim=centre + Vector((0.02, -0.06, 0.01)))
