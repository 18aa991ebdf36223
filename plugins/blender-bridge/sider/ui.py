# SPDX-License-Identifier: GPL-3.0-or-later
"""Panel, menus, preferences, and what is registered with Blender."""
import bpy
from bpy.app.handlers import persistent
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from . import camera, compat, faces, operators, session
from .core.words import wrap

_preset_items = []  # Blender needs the strings of a dynamic menu to be kept


def _presets(_self, _context):
    if [item[0] for item in _preset_items] != session.PRESETS:
        about = {
            "preview": "A first look",
            "balanced": "The default",
            "neural": "Finer wrinkles, in a minute more",
            "paper": "The published method; takes long",
        }
        _preset_items[:] = [(name, name.capitalize(), about.get(name, "")) for name in session.PRESETS]
    return _preset_items


class SIDER_PG_scene(bpy.types.PropertyGroup):
    """What the panel asks for."""

    source: EnumProperty(
        name="From",
        items=[
            ("FILE", "File", "A photo on the disk"),
            ("IMAGE", "Image", "An image that is open in Blender"),
            ("CLIPBOARD", "Clipboard", "A picture that was copied, or the path of one"),
        ],
    )
    filepath: compat.photo_property("Photo of a face")
    image: PointerProperty(name="Image", type=bpy.types.Image)
    preset: EnumProperty(name="Preset", description="How long to compute", items=_presets, default=1)
    face_choice: EnumProperty(
        name="Face",
        description="If the photo shows several faces",
        items=[
            ("ASK", "Ask", "Ask which one"),
            ("LARGEST", "Largest", "Take the largest one"),
            ("NUMBER", "Number", "Take the one of this number, from 0"),
        ],
    )
    face: IntProperty(name="Number", min=0)
    displacement: BoolProperty(
        name="Displacement", description="Fine detail by true displacement (if the result has a map) in place of the normal map"
    )
    collection: BoolProperty(name="Collection", description="Put everything into a new collection", default=True)
    photo_camera: BoolProperty(name="Camera", description="Add the camera that took the photo", default=True)


class SIDER_PG_state(bpy.types.PropertyGroup):
    """Shows how far the job is, where the layout has no bar of its own."""

    progress: FloatProperty(min=0, max=100, precision=0, subtype="PERCENTAGE", get=lambda _self: _percent())


def _percent():
    return 100 * session.current.fraction if session.current else 0.0


class SIDER_preferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    server_url: StringProperty(name="Server", description="Address of the engine; empty finds the one of this machine")
    token: StringProperty(
        name="Token", description="Secret of the server; empty reads that of this machine's engine", subtype="PASSWORD"
    )
    start_engine: BoolProperty(
        name="Start the engine by itself", description="Start `sider serve` when no engine of this machine answers", default=True
    )
    engine_command: StringProperty(
        name="Command", description="How to start the engine; empty is `sider`, another is: node /path/to/sider/dist/cli.js"
    )

    def draw(self, _context):
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


def _placeholder(text):
    return {"placeholder": text} if compat.VERSION >= (4, 1, 0) else {}


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
        _draw_request(self.layout, context)
        if here is not None:
            _draw_end(self.layout, context, here)
        if camera.of(context.view_layer.objects.active):
            self.layout.operator("sider.use_photo_camera", icon="VIEW_CAMERA")


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
        _text(layout, context, here.status)
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
        _text(layout, context, message)


def _draw_end(layout, context, here):
    if here.error:
        box = layout.box()
        box.alert = True
        _text(box, context, str(here.error), "ERROR")
    elif here.state == "Done":
        layout.label(text=f"Done in {int(here.seconds) // 60}:{int(here.seconds) % 60:02d}", icon="CHECKMARK")
        for message in here.messages[-3:]:
            _text(layout, context, message, "INFO")


BESIDE_TEXT = 90
"""Of the sidebar's width: the tabs, the margins of panel and box, and an icon."""


def _text(layout, context, text, icon="NONE"):
    """Wraps a text to the sidebar's width, so that all of it can be read."""
    room = context.region.width - BESIDE_TEXT * context.preferences.system.ui_scale
    column = layout.column(align=True)
    column.scale_y = 0.8
    for i, line in enumerate(wrap(text, room, compat.text_width(context))):
        column.label(text=line, icon=icon if i == 0 else "BLANK1" if icon != "NONE" else "NONE")


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
CLASSES = (*operators.CLASSES, SIDER_PG_scene, SIDER_PG_state, SIDER_preferences, SIDER_PT_panel)


def register():
    for one in CLASSES:
        bpy.utils.register_class(one)
    bpy.types.Scene.sider = PointerProperty(type=SIDER_PG_scene)
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
