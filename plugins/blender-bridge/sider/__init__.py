# SPDX-License-Identifier: GPL-3.0-or-later
"""
SIDER's bridge for Blender: one photo of a face in, a detailed, textured 3D face out, computed by a SIDER engine
(`sider serve`). From Blender 4.2 on it is an extension (blender_manifest.toml), before that an add-on (bl_info).
"""
import os
import sys

bl_info = {
    "name": "SIDER: face from a photo",
    "author": "SIDER contributors",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "3D View > Sidebar > SIDER, File > Import, Image Editor > Image",
    "description": "Reconstructs a detailed, textured 3D face of one photo, and shows it sharpen while it is computed",
    "category": "Import-Export",
}


def _find_websocket():
    """Extensions get the wheel installed by Blender; add-ons read it where it lies (it is pure Python)."""
    try:
        import websocket  # noqa: F401
    except ImportError:
        folder = os.path.join(os.path.dirname(__file__), "wheels")
        sys.path += [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".whl")]


def register():
    _find_websocket()
    from . import ui

    ui.register()


def unregister():
    from . import ui

    ui.unregister()
