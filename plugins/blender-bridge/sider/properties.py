# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel asks for, kept with the scene."""
import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty

from . import compat, probe, session
from .core.generated import PROFILES

_preset_items = []  # Blender needs the strings of a dynamic menu to be kept


def _presets(_self, _context):
    if [item[0] for item in _preset_items] != session.PRESETS:
        about = {
            "preview": "A first look",
            "balanced": "The default",
            "neural": "A little finer; takes some seconds more",
            "paper": "The published method; takes long",
        }
        _preset_items[:] = [(name, name.capitalize(), about.get(name, "")) for name in session.PRESETS]
    return _preset_items


def changed(_group, _context):
    """What was said is of other settings."""
    session.forget()
    probe.forget()


class SIDER_PG_scene(bpy.types.PropertyGroup):
    """What the panel asks for."""

    source: EnumProperty(
        name="From",
        update=changed,
        items=[
            ("FILE", "File", "A photo on the disk"),
            ("IMAGE", "Image", "An image that is open in Blender"),
            ("CLIPBOARD", "Clipboard", "A picture that was copied, or the path of one"),
        ],
    )
    filepath: compat.photo_property("Photo of a face", changed)
    image: PointerProperty(name="Image", type=bpy.types.Image, update=changed)
    preset: EnumProperty(name="Preset", description="How long to compute", items=_presets, default=1, update=changed)
    face_choice: EnumProperty(
        name="Face",
        update=changed,
        description="If the photo shows several faces",
        items=[
            ("ASK", "Ask", "Ask which one"),
            ("LARGEST", "Largest", "Take the largest one"),
            ("NUMBER", "Number", "Take the one of this number, from 0"),
        ],
    )
    face: IntProperty(name="Number", description="As `sider faces`, the page and the panel's question count", min=0, update=changed)
    size: EnumProperty(
        name="Size",
        description="Pixels along a side of the face that is looked at",
        update=changed,
        items=[
            ("0", "As the Preset", "256 in preset balanced"),
            ("256", "256", "Wrinkles and folds"),
            ("384", "384", "Between the two"),
            ("512", "512", "Pores and finer lines where the photo has them; two to three times the time of 256"),
            ("768", "768", "For faces that are larger than that in the photo"),
        ],
    )
    ipd: FloatProperty(
        name="Pupils (mm)",
        description="Distance between the pupils, which sets the size of the head; 0 leaves it to the head model",
        default=63,
        min=0,
        max=90,
        soft_min=50,
        soft_max=75,
        precision=1,
        update=changed,
    )
    profile: EnumProperty(
        name="Profile",
        description="For what program the head is made; it changes other settings, and the files that the engine keeps",
        items=[(name, name.capitalize(), "") for name in PROFILES or ("arkit",)],
        update=changed,
    )
    neutralize: BoolProperty(
        name="Neutral Face",
        description="Take the photo's expression out of the head, for animation; it is a shape key then",
        update=changed,
    )
    displacement: BoolProperty(
        name="Displacement", description="Fine detail by true displacement (if the result has a map) in place of the normal map"
    )
    collection: BoolProperty(name="Collection", description="Put everything into a new collection", default=True)
    photo_camera: BoolProperty(name="Camera", description="Add the camera that took the photo", default=True)
