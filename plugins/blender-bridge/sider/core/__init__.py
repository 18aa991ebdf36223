"""The bridge without Blender: protocol, files and meshes. Nothing in this package may import bpy; its tests run in plain Python."""
