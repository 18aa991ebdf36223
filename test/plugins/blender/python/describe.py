"""What there is of a reconstructed face in Blender, as JSON, for tests to judge."""
import bpy
from bpy_extras.object_utils import world_to_camera_view


def describe(face, compat):
    """Mesh, material, shape keys, camera and custom properties. @param compat: the bridge's module"""
    material = face.data.materials[0]
    nodes = [
        {
            "type": node.type,
            "image": node.image.name if node.type == "TEX_IMAGE" else None,
            "space": node.image.colorspace_settings.name if node.type == "TEX_IMAGE" else None,
            "packed": bool(node.image.packed_file) if node.type == "TEX_IMAGE" else None,
            "float": node.image.is_float if node.type == "TEX_IMAGE" else None,
        }
        for node in material.node_tree.nodes
    ]
    links = [
        f"{link.from_node.type}.{link.from_socket.name} > {link.to_node.type}.{link.to_socket.name}"
        for link in material.node_tree.links
    ]
    keys = face.data.shape_keys
    displacement = next((node for node in material.node_tree.nodes if node.type == "DISPLACEMENT"), None)
    camera = next((one for one in face.children if one.type == "CAMERA"), None)
    return {
        "name": face.name,
        "vertices": len(face.data.vertices),
        "corners": {str(k): sum(1 for one in face.data.polygons if one.loop_total == k) for k in (3, 4)},
        "dimensions": list(face.dimensions),
        "smooth": all(polygon.use_smooth for polygon in face.data.polygons),
        "uv": len(face.data.uv_layers),
        "normals": face.data.has_custom_normals,
        "nodes": nodes,
        "links": links,
        "scale": displacement.inputs["Scale"].default_value if displacement else None,
        "midlevel": displacement.inputs["Midlevel"].default_value if displacement else None,
        "method": compat.displacement_of(material),
        "modifiers": [modifier.type for modifier in face.modifiers],
        "keys": [[key.name, key.value] for key in keys.key_blocks] if keys else [],
        "moved": moved(keys),
        "followed": followed(face),
        "clear": clear(face, compat),
        "collections": [one.name for one in face.users_collection],
        "properties": {key: face[key] for key in face.keys() if key.startswith("sider_")},
        "children": sorted(one.type for one in face.children),
        "active": bpy.context.view_layer.objects.active == face and face.select_get(),
        "facing": facing(face),
        "camera": project(camera, face) if camera else None,
    }


def moved(keys):
    """How far each shape key moves the first vertex."""
    if not keys:
        return {}
    first = keys.key_blocks[0].data[0].co
    return {key.name: list(key.data[0].co - first) for key in keys.key_blocks[1:]}


def followed(face):
    """Values of the other parts' keys where the face's are 1 and a half in turn."""
    if not face.data.shape_keys:
        return {}
    keys = face.data.shape_keys.key_blocks
    others = [one for one in face.children if one.type == "MESH" and one.data.shape_keys]
    names = [key.name for one in others for key in one.data.shape_keys.key_blocks[1:]]
    for i, name in enumerate(names):
        keys[name].value = 1 if i % 2 == 0 else 0.5
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    found = {
        key.name: round(key.value, 3)
        for one in others
        for key in one.evaluated_get(graph).data.shape_keys.key_blocks[1:]
    }
    for name in names:
        keys[name].value = 0
    return found


def clear(face, compat):
    """Alpha of the materials that let light through."""
    found = []
    for one in face.children:
        for material in one.data.materials if one.type == "MESH" else []:
            shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
            found.append(round(compat.bsdf_input(shader, "Alpha").default_value, 3))
    return [alpha for alpha in found if alpha < 1]


def facing(face):
    """Mean direction of the polygons, by their areas."""
    total = sum((polygon.normal * polygon.area for polygon in face.data.polygons), face.location * 0)
    return list(total.normalized())


def project(camera, face):
    """Where the photo's camera sees some vertices, pixels from the photo's upper left corner; and where they are."""
    bpy.context.view_layer.objects.active = face
    bpy.ops.sider.use_photo_camera()
    bpy.context.view_layer.update()
    scene = bpy.context.scene
    width, height = scene.render.resolution_x, scene.render.resolution_y
    rows = []
    step = max(1, len(face.data.vertices) // 5)
    for vertex in list(face.data.vertices)[::step]:
        seen = world_to_camera_view(scene, camera, face.matrix_world @ vertex.co)
        rows.append([list(vertex.co), [seen.x * width, (1 - seen.y) * height]])
    backgrounds = [one.image for one in camera.data.background_images]
    return {
        "points": rows,
        "size": [width, height],
        "scene": scene.camera == camera,
        "background": list(backgrounds[0].size) if backgrounds else None,
        "shown": camera.data.show_background_images,
    }
