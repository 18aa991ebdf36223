"""
Pictures of docs/blender.md: renders of a result in Cycles from the photo's camera and from 45 degrees, in the light of a
plain studio. The bridge is read from the folder plugins:

    blender -b --factory-startup -P scripts/dev/blender_pictures.py -- RESULT_FOLDER PHOTO OUT_FOLDER [displacement]
"""
import json
import math
import os
import sys

import bpy
from mathutils import Matrix, Vector

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../pictures"))
import studio  # noqa: E402
import sider.camera  # noqa: E402
from sider import compat  # noqa: E402

folder, photo, out, *rest = studio.arguments()
with open(photo, "rb") as file:
    result, face = studio.place(folder, file.read(), displacement="displacement" in rest)
camera = sider.camera.of(face)
scene = studio.studio(face, 24)
sider.camera.use(scene, camera)

# The part of the photo that shows the head, with its surroundings.
crop = result.camera["crop"]
width, height = result.camera["width"], result.camera["height"]
half, cx, cy = 0.75 * crop["width"], crop["x"] + crop["width"] / 2, crop["y"] + crop["height"] / 2
scene.render.use_border = scene.render.use_crop_to_border = True
scene.render.border_min_x, scene.render.border_max_x = max(0, (cx - half) / width), min(1, (cx + half) / width)
scene.render.border_min_y, scene.render.border_max_y = max(0, 1 - (cy + half) / height), min(1, 1 - (cy - half) / height)
scene.render.resolution_percentage = round(100 * 640 / (2 * half))


studio.render(os.path.join(out, "camera.png"))
centre = sum((Vector(corner) for corner in face.bound_box), Vector()) / 8
camera.data.show_background_images = False
camera.parent = None
toward = Matrix.Translation(centre) @ Matrix.Rotation(math.radians(45), 4, "Z") @ Matrix.Translation(-centre)
camera.matrix_world = toward @ camera.matrix_world
studio.render(os.path.join(out, "side.png"))
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
studio.render(os.path.join(out, "clay.png"))
json.dump([cx - half, cy - half, 2 * half], open(os.path.join(out, "box.json"), "w"))
