"""Renders the asset in Blender's Cycles: from the photo's camera unlit (and compares with the photo), from both sides lit, with
shape keys. Checks the importer too.

usage: blender -b --factory-startup -P scripts/dev/render_asset.py -- RESULT_FOLDER PHOTO OUT_FOLDER [pixels]
"""
import json
import math
import os
import sys

import bpy
import numpy as np
from mathutils import Matrix

np.bool = bool  # Blender 3.4's importer still uses the name that numpy 1.24 dropped
folder, photo, out = sys.argv[sys.argv.index("--") + 1 :][:3]
pixels = int((sys.argv[sys.argv.index("--") + 4 :] or [512])[0])
os.makedirs(out, exist_ok=True)

bpy.ops.object.select_all(action="SELECT")
bpy.ops.object.delete()
bpy.ops.import_scene.gltf(filepath=os.path.join(folder, "face.glb"))
face = next(o for o in bpy.context.scene.objects if o.type == "MESH")
keys = face.data.shape_keys.key_blocks
print("imported", face.name, len(face.data.vertices), "vertices", len(keys) - 1, "keys", [i.name for i in bpy.data.images])

scene = bpy.context.scene
scene.render.engine = "CYCLES"
scene.cycles.samples = 24
scene.cycles.use_denoising = False
scene.render.threads_mode = "FIXED"
scene.render.threads = 2
scene.view_settings.view_transform = "Standard"
scene.render.image_settings.file_format = "PNG"
scene.render.image_settings.color_mode = "RGBA"
scene.render.film_transparent = True
camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
scene.collection.objects.link(camera)
scene.camera = camera


def render(name, width, height):
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.filepath = os.path.join(out, name + ".png")
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath)
    # Blender counts rows from below
    return np.array(image.pixels[:]).reshape(height, width, 4)[::-1]


# 1. the photo's camera, the photo's colours as emission
c = json.load(open(os.path.join(folder, "camera.json")))
to_blender = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
pose = to_blender @ np.linalg.inv(np.array(c["headToCamera"])) @ np.diag([1, -1, -1, 1.0])
camera.matrix_world = Matrix(pose.tolist())
w, h = c["width"], c["height"]
camera.data.sensor_fit = "HORIZONTAL"
camera.data.sensor_width = 36
camera.data.lens = c["fx"] / w * 36
camera.data.shift_x = -(c["cx"] - w / 2) / w
camera.data.shift_y = (c["cy"] - h / 2) / w
camera.data.clip_start = 0.01
material = face.data.materials[0]
nodes, links = material.node_tree.nodes, material.node_tree.links
surface = nodes.get("Material Output").inputs["Surface"]
lit = surface.links[0].from_socket


def emission(file, space):
    texture = nodes.new("ShaderNodeTexImage")
    texture.image = bpy.data.images.load(os.path.join(folder, "textures", file))
    texture.image.colorspace_settings.name = space
    texture.extension = "EXTEND"
    shader = nodes.new("ShaderNodeEmission")
    links.new(texture.outputs["Color"], shader.inputs["Color"])
    links.new(shader.outputs[0], surface)


name = "photo.jpg" if os.path.exists(os.path.join(folder, "textures/photo.jpg")) else "albedo.jpg"
scene.cycles.samples = 8
emission(name, "sRGB")
picture = render("photo-camera", w, h)
emission("observed.png", "Non-Color")
scene.view_settings.view_transform = "Raw"
observed = render("photo-camera-observed", w, h)
scene.view_settings.view_transform = "Standard"
source = bpy.data.images.load(photo)
truth = np.array(source.pixels[:]).reshape(source.size[1], source.size[0], -1)[::-1]
mask = (observed[..., 0] > 0.5) & (picture[..., 3] > 0.99)
error = ((picture[..., :3] - truth[..., :3])[mask] ** 2).mean()
print("PSNR %.2f dB over %d pixels" % (-10 * math.log10(error), mask.sum()))

# 2. lit, from the sides, and with keys
links.new(lit, surface)
scene.cycles.samples = 24
world = bpy.data.worlds.new("world")
scene.world = world
world.use_nodes = True
world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.75, 0.8, 0.9, 1)
world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.45
for energy, place, size in ((22, (-0.7, -0.9, 0.7), 0.5), (6, (0.9, -0.6, 0.2), 0.6)):
    lamp = bpy.data.objects.new("lamp", bpy.data.lights.new("lamp", "AREA"))
    lamp.data.energy, lamp.data.size = energy, size
    lamp.location = place
    scene.collection.objects.link(lamp)
    lamp.rotation_euler = (Matrix.Translation((0, 0, 0)).to_translation() - lamp.location).to_track_quat("-Z", "Y").to_euler()
camera.data.shift_x = camera.data.shift_y = 0
camera.data.lens = 100


def orbit(yaw):
    a = math.radians(yaw)
    middle = np.array([0, -0.02, -0.01])
    place = middle + 0.85 * np.array([math.sin(a), -math.cos(a), 0])
    camera.location = place
    direction = Matrix.Translation((middle - place).tolist()).to_translation()
    camera.rotation_euler = direction.to_track_quat("-Z", "Y").to_euler()


for yaw in (-45, 0, 45):
    orbit(yaw)
    render("yaw%+d" % yaw, pixels, pixels)
orbit(18)
for name in ("jawOpen", "eyeBlink", "mouthSmile"):
    chosen = [k for k in keys if k.name.startswith(name)]
    for key in chosen:
        key.value = 0.6 if name == "jawOpen" else 0.8 if name == "mouthSmile" else 1
    render("key-" + name, pixels, pixels)
    for key in chosen:
        key.value = 0
