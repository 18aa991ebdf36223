# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge without Blender: protocol, files and meshes. Nothing in this package may import bpy; its tests run in plain Python."""
