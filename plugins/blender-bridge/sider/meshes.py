# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes from arrays, and what stands for a photo or texture in Blender."""
import os
import tempfile

import bpy

from . import compat

PREVIEW = "sider_preview"
"""Custom property of the object that shows a job under way; its value is the job's key."""


def make_mesh(name, positions, groups, uv=None, normals=None):
    """@param positions: [n, 3]; groups: of faces, [m, 3] or [m, 4]; uv: [corners of all faces, 2]; normals: [n, 3]"""
    groups = [group for group in groups if len(group)]
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(positions))
    mesh.vertices.foreach_set("co", positions.reshape(-1))
    compat.add_faces(mesh, groups)
    if uv is not None:
        layer = mesh.uv_layers.new(name="UVMap")
        layer.data.foreach_set("uv", uv.reshape(-1))
    mesh.update(calc_edges=True)
    mesh.validate()
    if normals is not None:
        compat.set_vertex_normals(mesh, normals)
    return mesh


def make_image(name, data, extension, non_color=False):
    """An image of a file's bytes, packed into the .blend file."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"{name}{extension}")
        with open(path, "wb") as file:
            file.write(data)
        image = bpy.data.images.load(path)
        image.name = name
        image.pack()
        image.filepath_raw = f"//{name}{extension}"  # a name to unpack to; the raw one, for the other would read it again
    if non_color:
        image.colorspace_settings.name = "Non-Color"
    return image


def find_preview(key):
    """The preview of a job, looked up anew every time: undo and loading files replace all objects."""
    return next((one for one in bpy.data.objects if one.get(PREVIEW) == key), None)


def show_preview(key, part):
    """
    Shows a mesh of a job under way: in place if the triangles are the same, else as a new mesh of the same object. A mesh in
    Edit Mode is left alone. @return: the object
    """
    preview = find_preview(key)
    if preview is None:
        preview = bpy.data.objects.new("SIDER preview", _preview_mesh(part))
        preview[PREVIEW] = key
        bpy.context.scene.collection.objects.link(preview)
        return preview
    if preview.mode == "EDIT":
        return preview
    mesh = preview.data
    if mesh.get("sider_topology") == part.extras["topology"] and len(mesh.vertices) == len(part.positions):
        mesh.vertices.foreach_set("co", part.positions.reshape(-1))
        mesh.update()
    else:
        preview.data = _preview_mesh(part)
        bpy.data.meshes.remove(mesh)
    return preview


def _preview_mesh(part):
    mesh = make_mesh("SIDER preview", part.positions, [part.triangles])
    mesh["sider_topology"] = part.extras["topology"]
    return mesh


def remove_previews(keep=None):
    """Removes the previews of all jobs but one, with their meshes."""
    for preview in [one for one in bpy.data.objects if one.get(PREVIEW) not in (None, keep)]:
        mesh = preview.data
        bpy.data.objects.remove(preview)
        if mesh is not None and mesh.users == 0:
            bpy.data.meshes.remove(mesh)
