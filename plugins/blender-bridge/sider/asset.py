# SPDX-License-Identifier: GPL-3.0-or-later
"""The finished face in Blender: meshes with shape keys and materials, the photo's camera, where it all came from."""
import json
import os

import bpy
from mathutils import Vector

from . import camera, compat
from .core.numbers import np
from .meshes import make_image, make_mesh

EXTENSIONS = {"image/jpeg": ".jpg", "image/png": ".png"}
RENDER_LEVELS = 2
"""Subdivisions for true displacement when rendering."""
CARD_LAYERS = 32
"""Hairs of brows lie over each other."""
GAP = 0.06
"""Metres from one thing to the next."""
LARGEST = 3.0
"""What is larger, metres, is a room or a ground to stand in, not a thing to stand beside."""

SCATTER = (0.003, 0.0012, 0.0006)
"""How far red, green and blue light wander through skin, metres."""
SPECULAR = 0.5
"""Of the Principled BSDF: what plastic mirrors."""


def place(result, photo, name, displacement=False, collection=True, with_camera=True):
    """
    Adds the result to the scene at the 3D cursor, beside faces that are there already, and selects it.
    @param photo: bytes of the photo's file; name: for people, such as the photo's file name without ending
    @return: the object of the face; everything else is its child
    """
    scene = bpy.context.scene
    target = scene.collection
    if collection:
        target = bpy.data.collections.new(f"SIDER {name}")
        scene.collection.children.link(target)
    materials = {}
    objects = [_object(part, result, displacement, materials) for part in result.asset.parts]
    face = next((one for one, part in zip(objects, result.asset.parts) if part.name == "face"), objects[0])
    face.name = name
    face.location = _free_place(scene, result.asset.parts)
    if with_camera:
        objects.append(camera.make(f"{name} camera", result.camera, photo))
    for one in objects:
        target.objects.link(one)
        if one is not face:
            one.parent = face
    _follow_keys(face, [one for one in objects if one is not face and one.type == "MESH"])
    _provenance(face, result)
    for one in bpy.context.view_layer.objects:
        one.select_set(one is face)
    bpy.context.view_layer.objects.active = face
    _frame()
    return face


def _free_place(scene, parts):
    """The 3D cursor, or as far to its right as the things there make necessary: other faces, the cube of a new scene."""
    n = np()
    low = n.min([part.positions.min(axis=0) for part in parts], axis=0)
    high = n.max([part.positions.max(axis=0) for part in parts], axis=0)
    bpy.context.view_layer.update()
    boxes = [box for one in scene.objects if one.type == "MESH" and one.visible_get() and (box := _box(one)) is not None]
    place = n.array(scene.cursor.location, float)
    for _ in range(len(boxes) + 1):
        in_the_way = [end for begin, end in boxes if n.all(place + low < end) and n.all(place + high > begin)]
        if not in_the_way:
            break
        place[0] = max(end[0] for end in in_the_way) + GAP - low[0]
    return place.tolist()


def _box(one):
    """Lower and upper corner of an object in the world; None if it is flat, or so large that faces stand in it."""
    corners = np().array([one.matrix_world @ Vector(corner) for corner in one.bound_box])
    size = corners.max(axis=0) - corners.min(axis=0)
    return None if size.min() < 0.01 or size.max() > LARGEST else (corners.min(axis=0), corners.max(axis=0))


def _frame():
    """Shows what is selected in all 3D views; in background mode there are none."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type != "VIEW_3D" or area.spaces.active.region_3d.view_perspective == "CAMERA":
                continue
            region = next(one for one in area.regions if one.type == "WINDOW")
            with bpy.context.temp_override(window=window, area=area, region=region):
                if bpy.ops.view3d.view_selected.poll():
                    bpy.ops.view3d.view_selected()


def _follow_keys(face, others):
    """The face gets all keys, also those that move other parts alone; the others' go where the face's go."""
    for other in others:
        if not other.data.shape_keys:
            continue
        if not face.data.shape_keys:
            face.shape_key_add(name="Basis", from_mix=False)
        known = face.data.shape_keys.key_blocks
        for key in other.data.shape_keys.key_blocks[1:]:
            if key.name not in known:
                face.shape_key_add(name=key.name, from_mix=False).value = 0
            driver = key.driver_add("value").driver
            driver.type = "SUM"
            variable = driver.variables.new()
            variable.targets[0].id_type = "KEY"
            variable.targets[0].id = face.data.shape_keys
            variable.targets[0].data_path = f'key_blocks["{key.name}"].value'


def _object(part, result, displacement, materials):
    """@param materials: those made so far, by name: parts share them"""
    kept, number = part.welded()
    groups = part.faces()
    corners = np().concatenate([group.reshape(-1) for group in groups])
    uv = None if part.uv is None else part.uv[corners]
    normals = None if part.normals is None else part.normals[kept]
    mesh = make_mesh(part.name, part.positions[kept], [number[group] for group in groups], uv, normals)
    if part.material.name not in materials:
        materials[part.material.name] = _material(part, result, displacement)
    mesh.materials.append(materials[part.material.name])
    one = bpy.data.objects.new(part.name, mesh)
    if part.targets:
        one.shape_key_add(name="Basis", from_mix=False)
        for name, displacements in part.targets.items():
            key = one.shape_key_add(name=name, from_mix=False)
            key.data.foreach_set("co", (part.positions + displacements)[kept].astype("f4").reshape(-1))
            key.value = 0
    if displacement and "displacement" in part.extras:
        # the map's heights are over the file's triangles, whose diagonals begin at the first corner
        one.modifiers.new("Triangles of the map", "TRIANGULATE").quad_method = "FIXED"
        modifier = one.modifiers.new("Displaced detail", "SUBSURF")
        modifier.subdivision_type = "SIMPLE"
        modifier.levels, modifier.render_levels = 0, RENDER_LEVELS
    if part.extras.get("observed") is False:
        one["sider_observed"] = False
    return one


def _material(part, result, displacement):
    """
    Principled BSDF with albedo and normal map; the displacement map, if there is one, is there too, and connected in place of
    the normal map if it is asked for: both hold the same detail.
    """
    given = part.material
    material = bpy.data.materials.new(given.name)
    compat.use_nodes(material)
    material.use_backface_culling = not given.double_sided
    tree = material.node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    output = next(node for node in tree.nodes if node.type == "OUTPUT_MATERIAL")
    compat.bsdf_input(shader, "Base Color").default_value = given.base_color
    compat.bsdf_input(shader, "Roughness").default_value = given.roughness
    compat.bsdf_input(shader, "Metallic").default_value = given.metallic
    material.diffuse_color = given.base_color
    if given.base_color[3] < 1:
        compat.bsdf_input(shader, "Alpha").default_value = given.base_color[3]
        compat.set_transparent(material)
    if given.base_image:
        image = make_image(f"{part.name} albedo", given.base_image.data, EXTENSIONS[given.base_image.media_type])
        texture = _texture(tree, image, (-600, 300))
        tree.links.new(texture.outputs["Color"], compat.bsdf_input(shader, "Base Color"))
        if given.cut_out:
            tree.links.new(texture.outputs["Alpha"], compat.bsdf_input(shader, "Alpha"))
            compat.set_transparent(material)
            compat.see_through_layers(bpy.context.scene, CARD_LAYERS)
    if given.roughness_image:
        _skin(tree, shader, _map_image(part, "roughness", given.roughness_image))
    if given.specular_image:
        _mirroring(tree, shader, _map_image(part, "specular", given.specular_image))
    map_node = displacer = None
    if given.normal_image:
        texture = _texture(tree, _map_image(part, "normals", given.normal_image), (-600, 0))
        map_node = tree.nodes.new("ShaderNodeNormalMap")
        map_node.location = (-250, 0)
        map_node.inputs["Strength"].default_value = given.normal_scale
        tree.links.new(texture.outputs["Color"], map_node.inputs["Color"])
    about = part.extras.get("displacement")
    if about and about["file"] in result.files:
        extension = os.path.splitext(about["file"])[1]
        image = make_image(f"{part.name} displacement", result.files[about["file"]], extension, True)
        texture = _texture(tree, image, (-600, -300))
        displacer = tree.nodes.new("ShaderNodeDisplacement")
        displacer.location = (-250, -300)
        displacer.inputs["Midlevel"].default_value = about.get("midlevel", 0.5)
        displacer.inputs["Scale"].default_value = about["scaleMetres"]
        tree.links.new(texture.outputs["Color"], displacer.inputs["Height"])
    if displacer and displacement:
        tree.links.new(displacer.outputs["Displacement"], output.inputs["Displacement"])
        compat.set_displacement(material, "BOTH")
    elif map_node:
        tree.links.new(map_node.outputs["Normal"], compat.bsdf_input(shader, "Normal"))
    return material


def _skin(tree, shader, roughness):
    """What has a map of its roughness is skin: light wanders through it, red furthest."""
    texture = _texture(tree, roughness, (-600, 600))
    separate = tree.nodes.new("ShaderNodeSeparateXYZ")
    separate.location = (-250, 600)
    tree.links.new(texture.outputs["Color"], separate.inputs["Vector"])
    tree.links.new(separate.outputs["Y"], compat.bsdf_input(shader, "Roughness"))
    compat.set_subsurface(tree, shader, SCATTER)


def _mirroring(tree, shader, specular):
    """What the surface mirrors, less than plastic and least in hollows."""
    share = tree.nodes.new("ShaderNodeMath")
    share.operation = "MULTIPLY"
    share.location = (-250, 900)
    share.inputs[1].default_value = SPECULAR
    tree.links.new(_texture(tree, specular, (-600, 900)).outputs["Alpha"], share.inputs[0])
    tree.links.new(share.outputs["Value"], compat.bsdf_input(shader, "Specular IOR Level"))


def _map_image(part, kind, picture):
    return make_image(f"{part.name} {kind}", picture.data, EXTENSIONS[picture.media_type], True)


def _texture(tree, image, location):
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    node.location = location
    node.extension = "EXTEND"
    return node


def _provenance(face, result):
    """Where the face came from, as custom properties; long numbers as text, which Blender would cut."""
    report = result.report
    about = next((part.extras["provenance"] for part in result.asset.parts if "provenance" in part.extras), {})
    face["sider_generator"] = result.asset.generator or str(report.get("generator", ""))
    face["sider_photo_sha256"] = str(about.get("photoSha256") or report["photoSha256"])
    for key in ("head", "headSource", "seed", "field", "backend"):
        value = about.get(key, report.get(key))
        if value is not None:
            face[f"sider_{key}"] = value if isinstance(value, str) else json.dumps(value)
    face["sider_settings"] = json.dumps(report.get("settings", {}))
    face["sider_quality"] = json.dumps(report.get("quality", {}))
    face["sider_camera"] = json.dumps(result.camera)
    for part in result.asset.parts:
        if "metric" in part.extras:
            face["sider_metric"] = json.dumps(part.extras["metric"])
