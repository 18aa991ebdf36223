# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong, in full, and beside it the buttons that mend it."""
import sys

import bpy
from bpy.props import BoolProperty, StringProperty
from bpy_extras.io_utils import ImportHelper

from . import compat, probe, session, source
from .core.errors import SiderError
from .core.words import wrap

BESIDE_TEXT = 90
"""Of a region's width: the tabs, the margins of panel and box, and an icon."""
BUTTON = 45
"""Of the width of a text with a button beside it."""
INSTALL_NUMPY = "sudo apt install python3-numpy"

PREFERENCES = ("sider.open_preferences", "Open Preferences", "PREFERENCES")
ONLINE = ("sider.allow_online", "Open Network Preferences", "INTERNET_OFFLINE")
START = ("sider.start_engine", "Start the Engine", "PLAY")
PHOTO = ("sider.choose_photo", "Choose a Photo", "FILE_IMAGE")
FACE = ("sider.ask_for_face", "Choose the Face", "COMMUNITY")
AGAIN = ("sider.reconstruct_panel", "Try Again", "FILE_REFRESH")
COMMAND = ("sider.copy_text", "Copy the Command", "COPYDOWN")
REMEDIES = {
    "UNAUTHORISED": [PREFERENCES],
    "URL": [PREFERENCES],
    "TOKEN": [PREFERENCES],
    "REFUSED": [PREFERENCES],
    "NO_ENGINE": [PREFERENCES],
    "NO_SERVER": [START, PREFERENCES],
    "NO_REMOTE_SERVER": [PREFERENCES, AGAIN],
    "OFFLINE": [ONLINE, PREFERENCES],
    "NO_PHOTO": [PHOTO],
    "IMAGE_NOT_FOUND": [PHOTO],
    "IMAGE_UNREADABLE": [PHOTO],
    "IMAGE_TOO_SMALL": [PHOTO],
    "IMAGE_TOO_LARGE": [PHOTO],
    "TOO_LARGE": [PHOTO],
    "NO_FACE": [PHOTO],
    "FACE_CUT": [FACE, PHOTO],
    "FACE_TOO_SMALL": [FACE, PHOTO],
    "FACE_UNCLEAR": [FACE, PHOTO],
    "SEVERAL_FACES": [FACE],
    "FACE_NOT_LISTED": [FACE],
    "NUMPY": [COMMAND] if sys.platform.startswith("linux") else [],
}
"""By the error's name; others can be tried again, unless they say that something is to be reported or installed."""
NOTHING_HELPS = {"BRIDGE", "INTERNAL", "VERSION", "BUSY", "GLB", "CANCELLED"}


def draw(layout, context, error):
    """The error in a box of its own, all of it, with what helps from here: the preferences need no button that opens them."""
    box = layout.box()
    row = box.row()
    column = row.column()
    column.alert = True
    text(column, context, str(error), "ERROR", BESIDE_TEXT + BUTTON)
    row.operator("sider.forget", text="", icon="X", emboss=False)
    for operator, label, icon in REMEDIES.get(error.name, [] if error.name in NOTHING_HELPS else [AGAIN]):
        if context.region.type == "WINDOW" and operator in ("sider.open_preferences", "sider.reconstruct_panel"):
            continue
        button = box.operator(operator, text=label, icon=icon)
        if operator == "sider.copy_text":
            button.text = INSTALL_NUMPY


def text(layout, context, words, icon="NONE", beside=BESIDE_TEXT):
    """Wraps a text to the region's width but for what is beside it, so that all of it can be read."""
    room = context.region.width - beside * context.preferences.system.ui_scale
    column = layout.column(align=True)
    column.scale_y = 0.8
    for i, line in enumerate(wrap(words, room, compat.text_width(context))):
        column.label(text=line, icon=icon if i == 0 else "BLANK1" if icon != "NONE" else "NONE")


class SIDER_OT_forget(bpy.types.Operator):
    """Close this message"""

    bl_idname = "sider.forget"
    bl_label = "Close"
    bl_options = {"INTERNAL"}

    def execute(self, _context):
        session.forget()
        probe.forget()
        return {"FINISHED"}


class SIDER_OT_open_preferences(bpy.types.Operator):
    """Open the add-on's preferences: the engine's address, its token, and how it is started"""

    bl_idname = "sider.open_preferences"
    bl_label = "Open Preferences"
    bl_options = {"INTERNAL"}

    def execute(self, _context):
        bpy.ops.preferences.addon_show(module=__package__)
        return {"FINISHED"}


class SIDER_OT_allow_online(bpy.types.Operator):
    """Open Blender's preferences where online access is allowed"""

    bl_idname = "sider.allow_online"
    bl_label = "Open Network Preferences"
    bl_options = {"INTERNAL"}

    def execute(self, context):
        context.preferences.active_section = "SYSTEM"
        bpy.ops.screen.userpref_show("INVOKE_DEFAULT")
        return {"FINISHED"}


class SIDER_OT_test_engine(bpy.types.Operator):
    """Look whether the engine answers and takes the token; it is started if need be, and if that is allowed above"""

    bl_idname = "sider.test_engine"
    bl_label = "Test"
    bl_options = {"INTERNAL"}

    start: BoolProperty(name="Start", description="Start an engine if none answers", options={"HIDDEN"})

    @classmethod
    def poll(cls, _context):
        return probe.current is None or probe.current.done

    def execute(self, _context):
        try:
            seen = probe.begin(self.start)
        except SiderError as error:
            seen = None
            session.fail(error)
        if bpy.app.background and (seen is None or seen.error):
            self.report({"ERROR"}, str(session.problem if seen is None else seen.error))
            return {"CANCELLED"}
        return {"FINISHED"}


class SIDER_OT_start_engine(bpy.types.Operator):
    """Start the engine of this machine"""

    bl_idname = "sider.start_engine"
    bl_label = "Start the Engine"
    bl_options = {"INTERNAL"}

    def execute(self, _context):
        session.forget()
        return bpy.ops.sider.test_engine(start=True)


class SIDER_OT_choose_photo(bpy.types.Operator, ImportHelper):
    """Choose the photo of a face"""

    bl_idname = "sider.choose_photo"
    bl_label = "Choose Photo"
    bl_options = {"INTERNAL"}

    filename_ext = ".jpg"
    filter_glob: StringProperty(default=source.PATTERNS, options={"HIDDEN"})

    def execute(self, context):
        given = context.scene.sider
        given.source, given.filepath = "FILE", self.filepath
        return {"FINISHED"}


class SIDER_OT_ask_for_face(bpy.types.Operator):
    """Look at the photo again, and ask which of its faces is meant"""

    bl_idname = "sider.ask_for_face"
    bl_label = "Choose the Face"
    bl_options = {"INTERNAL"}

    def execute(self, context):
        context.scene.sider.face_choice = "ASK"
        return bpy.ops.sider.reconstruct_panel()


class SIDER_OT_copy_text(bpy.types.Operator):
    """Copy the command to the clipboard; paste it into a terminal"""

    bl_idname = "sider.copy_text"
    bl_label = "Copy"
    bl_options = {"INTERNAL"}

    text: StringProperty(options={"HIDDEN"})

    def execute(self, context):
        context.window_manager.clipboard = self.text
        return {"FINISHED"}


CLASSES = (
    SIDER_OT_forget,
    SIDER_OT_open_preferences,
    SIDER_OT_allow_online,
    SIDER_OT_test_engine,
    SIDER_OT_start_engine,
    SIDER_OT_choose_photo,
    SIDER_OT_ask_for_face,
    SIDER_OT_copy_text,
)
