"""A result in Cycles, placed as the add-on places it, in the light of a plain studio: what scripts that make pictures in Blender share."""
import json
import os
import sys
from glob import glob

import bpy
from mathutils import Vector

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "plugins/blender-bridge"))
import sider.asset  # noqa: E402
from sider.core import glb  # noqa: E402
from sider.core.job import Result  # noqa: E402

LIGHTS = ((25, (-1.0, -0.85, 0.9), 0.5), (6.5, (1.1, -0.8, 0.2), 0.7))
"""Energy in watts, place from the head, Blender's axes, metres, and side of each lamp."""
WORLD = 0.4


def arguments():
    """Those after `--`."""
    return sys.argv[sys.argv.index("--") + 1 :]


def place(folder, photo=b"", **options):
    """Puts a result's face into an empty scene. @return: (the result, the face)"""

    def read(name):
        with open(os.path.join(folder, name), "rb") as file:
            return file.read()

    for one in list(bpy.data.objects):
        bpy.data.objects.remove(one)
    names = [os.path.relpath(path, folder) for path in glob(os.path.join(folder, "textures/*"))]
    report = {"photoSha256": "", **json.loads(read("report.json"))}
    files = {name: read(name) for name in names}
    result = Result(glb.parse(read("face.glb")), json.loads(read("camera.json")), report, files, [])
    return result, sider.asset.place(result, photo, "face", **options)


def studio(face, samples):
    """Cycles, its lamps about the face, and a pale sky."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = False
    scene.render.threads_mode, scene.render.threads = "FIXED", 2
    scene.render.use_persistent_data = True
    scene.view_settings.view_transform = "Standard"
    if scene.world is None:
        scene.world = bpy.data.worlds.new("World")
    scene.world.use_nodes = True
    background = scene.world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (0.9, 0.95, 1, 1)
    background.inputs["Strength"].default_value = WORLD
    for energy, towards, size in LIGHTS:
        data = bpy.data.lights.new("light", "AREA")
        data.energy, data.size = energy, size
        one = bpy.data.objects.new("light", data)
        one.location = face.location + Vector(towards)
        one.rotation_euler = Vector(towards).to_track_quat("Z", "Y").to_euler()
        scene.collection.objects.link(one)
    return scene


def render(path):
    bpy.context.scene.render.filepath = path
    bpy.ops.render.render(write_still=True)
