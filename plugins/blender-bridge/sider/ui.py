# SPDX-License-Identifier: GPL-3.0-or-later
"""Panel, menus, preferences, and what is registered with Blender."""
import bpy
from bpy.app.handlers import persistent
from bpy.props import BoolProperty, FloatProperty, PointerProperty, StringProperty

from . import camera, compat, faces, operators, probe, properties, remedies, session
from .core.errors import SiderError
from .core.generated import PROFILES
from .core.numbers import np
from .properties import changed
from .remedies import text

class SIDER_PG_state(bpy.types.PropertyGroup):
    """Shows how far the job is, where the layout has no bar of its own."""

    progress: FloatProperty(min=0, max=100, precision=0, subtype="PERCENTAGE", get=lambda _self: _percent())


def _percent():
    return 100 * session.current.fraction if session.current else 0.0


class SIDER_preferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    server_url: StringProperty(
        name="Server", description="Address of the engine; empty finds the one of this machine", update=changed
    )
    token: StringProperty(
        name="Token",
        description="Secret of the server; empty reads that of this machine's engine",
        subtype="PASSWORD",
        update=changed,
    )
    start_engine: BoolProperty(
        name="Start the engine by itself",
        description="Start `sider serve` when no engine of this machine answers",
        default=True,
        update=changed,
    )
    engine_command: StringProperty(
        name="Command",
        description="How to start the engine; empty is `sider`, another is: node /path/to/sider/dist/cli.js",
        update=changed,
    )

    def draw(self, context):
        column = self.layout.column()
        column.use_property_split = True
        column.prop(self, "server_url", **_placeholder("found by itself"))
        column.prop(self, "token", **_placeholder("found by itself"))
        column.prop(self, "start_engine")
        row = column.row()
        row.active = self.start_engine
        row.prop(self, "engine_command", **_placeholder("sider"))
        if not compat.online():
            column.label(text="Blender is offline: only engines of this machine can be used", icon="INTERNET_OFFLINE")
        self.layout.operator("sider.test_engine", icon="CHECKMARK")
        if session.problem is not None:
            remedies.draw(self.layout, context, session.problem)
        elif probe.current is not None:
            _draw_probe(self.layout, context)


def _draw_probe(layout, context):
    if probe.current.error:
        remedies.draw(layout, context, probe.current.error)
    else:
        text(layout, context, probe.current.words, "CHECKMARK" if probe.current.done else "TIME")


def _placeholder(text):
    return {"placeholder": text} if compat.VERSION >= (4, 1, 0) else {}


def _missing():
    """The error of what this Blender lacks, or None: said at once, not when a face is to be made."""
    try:
        np()
    except SiderError as error:
        return error
    return None


class SIDER_PT_panel(bpy.types.Panel):
    bl_label = "Face from a Photo"
    bl_idname = "SIDER_PT_panel"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "SIDER"

    def draw(self, context):
        here = session.current
        if here is not None and here.active:
            _draw_job(self.layout, context, here)
            return
        if (missing := _missing()) is not None:
            remedies.draw(self.layout, context, missing)
            return
        _draw_request(self.layout, context)
        if session.problem is not None:
            remedies.draw(self.layout, context, session.problem)
        elif probe.current is not None:
            _draw_probe(self.layout, context)
        elif here is not None:
            _draw_end(self.layout, context, here)
        if camera.of(context.view_layer.objects.active):
            self.layout.operator("sider.use_photo_camera", icon="VIEW_CAMERA")


class SIDER_PT_settings(session.WhileIdle, bpy.types.Panel):
    bl_label = "Settings"
    bl_parent_id = "SIDER_PT_panel"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        given = context.scene.sider
        self.layout.use_property_split = True
        self.layout.use_property_decorate = False
        for name in ("size", "ipd", "neutralize", *(["profile"] if PROFILES else [])):
            self.layout.prop(given, name)


def _draw_request(layout, context):
    given = context.scene.sider
    layout.row().prop(given, "source", expand=True)
    if given.source == "FILE":
        layout.prop(given, "filepath", text="")
    elif given.source == "IMAGE":
        layout.template_ID(given, "image", open="image.open")
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(given, "preset")
    column.prop(given, "face_choice")
    if given.face_choice == "NUMBER":
        column.prop(given, "face")
    add = column.column(heading="Add")
    add.prop(given, "photo_camera")
    add.prop(given, "collection")
    column.column(heading="Detail").prop(given, "displacement")
    row = layout.row()
    row.scale_y = 1.5
    row.operator("sider.reconstruct_panel", icon="USER")


def _draw_job(layout, context, here):
    layout.label(text=here.request.name, icon="USER")
    if here.state == "input_required" and here.question:
        layout.label(text="Which face?", icon="QUESTION")
        grid = layout.grid_flow(columns=3, even_columns=True)
        for face in here.question:
            column = grid.column()
            if icon := faces.icon(face["face"]):
                column.template_icon(icon_value=icon, scale=4)
            button = column.operator("sider.control", text=str(face["face"]))
            button.action, button.face = "FACE", face["face"]
    else:
        compat.progress(layout, context.window_manager.sider, here.fraction, f"{round(100 * here.fraction)} %")
        text(layout, context, here.status)
    row = layout.row(align=True)
    if here.state == "paused":
        row.operator("sider.control", text="Go on").action = "RESUME"
    else:
        pausing = row.row(align=True)
        pausing.enabled = here.state in ("queued", "running")
        pausing.operator("sider.control", text="Pause").action = "PAUSE"
    keeping = row.row(align=True)
    keeping.enabled = here.state == "running" and here.previews > 0
    keeping.operator("sider.control", text="Keep").action = "KEEP"
    row.operator("sider.control", text="Cancel").action = "CANCEL"
    if here.sdf is not None:
        layout.operator("sider.snapshot_sdf", icon="MESH_ICOSPHERE")
    for message in here.messages[-2:]:
        text(layout, context, message)


def _draw_end(layout, context, here):
    if here.error:
        remedies.draw(layout, context, here.error)
    elif here.state == "Done":
        row = layout.row()
        row.label(text=f"Done in {int(here.seconds) // 60}:{int(here.seconds) % 60:02d}", icon="CHECKMARK")
        row.operator("sider.forget", text="", icon="X", emboss=False)
        for message in here.messages[-3:]:
            text(layout, context, message, "INFO")


def _import_menu(self, _context):
    self.layout.operator("sider.import_photo", text="SIDER Face from Photo (.jpg, .png, .webp, .tif)")
    self.layout.operator("sider.import_sdf", text="SIDER Distance Grid (.npz)")


def _image_menu(self, _context):
    self.layout.separator()
    self.layout.operator("sider.reconstruct_image", icon="USER")


@persistent
def _replaced(*_arguments):
    session.tidy()


HANDLERS = ("undo_post", "redo_post", "load_post")
CLASSES = (
    *operators.CLASSES,
    *remedies.CLASSES,
    properties.SIDER_PG_scene,
    SIDER_PG_state,
    SIDER_preferences,
    SIDER_PT_panel,
    SIDER_PT_settings,
)


def register():
    for one in CLASSES:
        bpy.utils.register_class(one)
    bpy.types.Scene.sider = PointerProperty(type=properties.SIDER_PG_scene)
    bpy.types.WindowManager.sider = PointerProperty(type=SIDER_PG_state)
    bpy.types.TOPBAR_MT_file_import.append(_import_menu)
    bpy.types.IMAGE_MT_image.append(_image_menu)
    for name in HANDLERS:
        getattr(bpy.app.handlers, name).append(_replaced)


def unregister():
    session.shut_down()
    for name in HANDLERS:
        getattr(bpy.app.handlers, name).remove(_replaced)
    bpy.types.IMAGE_MT_image.remove(_image_menu)
    bpy.types.TOPBAR_MT_file_import.remove(_import_menu)
    del bpy.types.WindowManager.sider
    del bpy.types.Scene.sider
    for one in reversed(CLASSES):
        bpy.utils.unregister_class(one)
