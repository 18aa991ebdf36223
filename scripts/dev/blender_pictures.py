"""
Pictures of docs/blender.md: renders of a result in Cycles from the photo's camera and from 45 degrees, in the light of a
plain studio. The bridge is read from the folder plugins:

    blender -b --factory-startup -P scripts/dev/blender_pictures.py -- RESULT_FOLDER PHOTO OUT_FOLDER [displacement]
"""
import json
import math
import os
import sys
from glob import glob

import bpy
from mathutils import Matrix, Vector

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "plugins/blender-bridge"))
import sider.asset  # noqa: E402
import sider.camera  # noqa: E402
from sider import compat  # noqa: E402
from sider.core import glb  # noqa: E402
from sider.core.job import Result  # noqa: E402

folder, photo, out, *rest = sys.argv[sys.argv.index("--") + 1 :]


def read(name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def light(energy, direction, size, face):
    data = bpy.data.lights.new("light", "AREA")
    data.energy, data.size = energy, size
    one = bpy.data.objects.new("light", data)
    one.matrix_world = face.matrix_world @ Matrix.Translation(Vector(direction))
    one.rotation_euler = (-Vector(direction)).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(one)


for one in list(bpy.data.objects):
    bpy.data.objects.remove(one)
files = {os.path.relpath(path, folder): None for path in glob(os.path.join(folder, "textures/*"))}
files = {name: read(name) for name in files}
report = {"photoSha256": "", **json.loads(read("report.json"))}
result = Result(glb.parse(read("face.glb")), json.loads(read("camera.json")), report, files, [])
with open(photo, "rb") as file:
    face = sider.asset.place(result, file.read(), "face", displacement="displacement" in rest)
camera = sider.camera.of(face)
scene = bpy.context.scene
sider.camera.use(scene, camera)
scene.render.engine = "CYCLES"
scene.cycles.samples = 24
scene.cycles.use_denoising = False
scene.render.threads_mode, scene.render.threads = "FIXED", 2
scene.view_settings.view_transform = "Standard"
scene.world.use_nodes = True
background = scene.world.node_tree.nodes["Background"]
background.inputs["Color"].default_value = (0.9, 0.95, 1, 1)
background.inputs["Strength"].default_value = 0.35
light(26, (-1.0, -0.8, 0.9), 0.5, face)
light(7, (1.1, -0.8, 0.2), 0.7, face)

# The part of the photo that shows the head, with its surroundings.
crop = result.camera["crop"]
width, height = result.camera["width"], result.camera["height"]
half, cx, cy = 0.75 * crop["width"], crop["x"] + crop["width"] / 2, crop["y"] + crop["height"] / 2
scene.render.use_border = scene.render.use_crop_to_border = True
scene.render.border_min_x, scene.render.border_max_x = max(0, (cx - half) / width), min(1, (cx + half) / width)
scene.render.border_min_y, scene.render.border_max_y = max(0, 1 - (cy + half) / height), min(1, 1 - (cy - half) / height)
scene.render.resolution_percentage = round(100 * 640 / (2 * half))


def render(name):
    scene.render.filepath = os.path.join(out, name)
    bpy.ops.render.render(write_still=True)


render("camera.png")
centre = sum((Vector(corner) for corner in face.bound_box), Vector()) / 8
camera.data.show_background_images = False
camera.parent = None
toward = Matrix.Translation(centre) @ Matrix.Rotation(math.radians(45), 4, "Z") @ Matrix.Translation(-centre)
camera.matrix_world = toward @ camera.matrix_world
render("side.png")
clay = bpy.data.materials.new("clay")
compat.use_nodes(clay)
shader = next(node for node in clay.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
shader.inputs["Base Color"].default_value, shader.inputs["Roughness"].default_value = (0.6, 0.58, 0.55, 1), 0.45
normal = next((node for node in face.data.materials[0].node_tree.nodes if node.type == "NORMAL_MAP"), None)
if normal:  # clay shows the normal map's detail too
    texture, bump = clay.node_tree.nodes.new("ShaderNodeTexImage"), clay.node_tree.nodes.new("ShaderNodeNormalMap")
    texture.image = normal.inputs["Color"].links[0].from_node.image
    clay.node_tree.links.new(texture.outputs["Color"], bump.inputs["Color"])
    clay.node_tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])
scene.view_layers[0].material_override = clay
render("clay.png")
json.dump([cx - half, cy - half, 2 * half], open(os.path.join(out, "box.json"), "w"))
