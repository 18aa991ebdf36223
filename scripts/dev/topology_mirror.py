"""
How many of a result's vertices Blender's own search for mirrored ones (X mirror by topology) finds:

    blender -b --factory-startup -P scripts/dev/topology_mirror.py -- RESULT_FOLDER
"""
import os
import sys

import bmesh
import bpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../pictures"))
import studio  # noqa: E402

_, face = studio.place(studio.arguments()[0], with_camera=False)
bpy.context.view_layer.objects.active = face
face.data.use_mirror_topology = True
bpy.ops.object.mode_set(mode="EDIT")
found = 0
for side in (1, -1):
    bpy.ops.mesh.select_mode(type="VERT")
    mesh = bmesh.from_edit_mesh(face.data)
    for vertex in mesh.verts:
        vertex.select_set(side * vertex.co.x > 1e-4)
    mesh.select_flush_mode()
    bmesh.update_edit_mesh(face.data)
    bpy.ops.mesh.select_mirror(extend=False)
    found += sum(vertex.select for vertex in bmesh.from_edit_mesh(face.data).verts)
beside = sum(abs(vertex.co.x) > 1e-4 for vertex in bmesh.from_edit_mesh(face.data).verts)
print(f"{found} of {beside} vertices beside the middle have a mirrored one: {100 * found / beside:.1f} %")
