"""
A GLB through Blender's own importer and exporter. scripts/round-trips.ts calls it:

    blender -b --factory-startup -P scripts/round-trips/blender.py -- FROM.glb TO.glb
"""
import sys

import bpy
import numpy

numpy.bool = bool  # Blender 3.4's importer still uses the name that numpy 1.24 dropped
given, made = sys.argv[sys.argv.index("--") + 1 :][:2]
for one in list(bpy.data.objects):
    bpy.data.objects.remove(one)
bpy.ops.import_scene.gltf(filepath=given)
bpy.ops.export_scene.gltf(filepath=made, export_format="GLB", export_extras=True, export_morph=True)
