# SPDX-License-Identifier: GPL-3.0-or-later
"""What buttons, menus and scripts do."""
import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty
from bpy_extras.io_utils import ImportHelper

from . import camera, compat, meshes, probe, session, source
from .core import sdf
from .core.errors import SiderError
from .core.generated import PROFILES
from .core.job import Request
from .core.words import sentence, wrap

COLUMNS = 80
"""Of the window that shows an error: Blender makes it as wide as the longest line, wider than the screen if need be."""


def _lines(text):
    return text if bpy.app.background else "\n".join(wrap(text, COLUMNS, len))


class _Failing:
    """Reports what fails as an error; scripts get it as RuntimeError."""

    def execute(self, context):
        try:
            return self.act(context) or {"FINISHED"}
        except SiderError as error:
            self.report({"ERROR"}, _lines(str(error)))
            return {"CANCELLED"}


class _Options:
    preset: StringProperty(name="Preset", description="How long to compute: preview, balanced or paper", default="balanced")
    face: IntProperty(
        name="Face", description="Number of the face from 0; -1 takes the only one, or decides as 'ask' says", default=-1, min=-1
    )
    ask: BoolProperty(name="Ask", description="Ask which one if there are several faces, else take the largest", default=True)
    settings: StringProperty(name="Settings", description="Changes to the preset, as JSON with dotted names", default="")
    displacement: BoolProperty(
        name="Displacement", description="Fine detail by true displacement (if the result has a map) in place of the normal map"
    )
    collection: BoolProperty(name="Collection", description="Put everything into a new collection", default=True)
    photo_camera: BoolProperty(name="Camera", description="Add the camera that took the photo", default=True)
    wait: BoolProperty(name="Wait", description="Return when the face is there; Blender does not react meanwhile")

    def reconstruct(self, photo, name):
        import json

        try:
            settings = json.loads(self.settings or "{}")
        except ValueError as error:
            raise SiderError("SETTINGS", f"the settings are no JSON: {error}", 'Write {"relief.steps": 50}.') from error
        blocking = bpy.app.background or self.wait
        asking = self.ask and not blocking
        request = Request(photo, name, self.preset, self.face, "ask" if asking else "largest", settings, previews=not blocking)
        session.start(request, session.Options(self.displacement, self.collection, self.photo_camera))
        if blocking:
            session.wait()


class SIDER_OT_reconstruct(_Failing, _Options, bpy.types.Operator):
    """Make a detailed 3D face of a photo. In background mode it returns when the face is there"""

    bl_idname = "sider.reconstruct"
    bl_label = "Reconstruct Face"
    bl_options = {"REGISTER"}

    filepath: StringProperty(name="Photo", subtype="FILE_PATH")
    image: StringProperty(name="Image", description="Name of an image of Blender, in place of a file")

    def act(self, _context):
        if self.image:
            data, name = source.from_image(bpy.data.images.get(self.image))
        else:
            data, name = source.from_file(self.filepath)
        self.reconstruct(data, name)


def settings_of(given):
    """Changes to the preset that the panel's settings ask for."""
    return {
        **({"photo.cropSize": int(given.size)} if given.size != "0" else {}),
        **({"head.ipdMm": given.ipd} if given.is_property_set("ipd") else {}),
        **({"surface.neutralize": True} if given.neutralize else {}),
        **({"output.profile": given.profile} if given.profile in PROFILES[1:] else {}),
    }


class SIDER_OT_reconstruct_panel(_Failing, session.WhileIdle, bpy.types.Operator):
    """Make a detailed 3D face of the photo. Blender can be used meanwhile"""

    bl_idname = "sider.reconstruct_panel"
    bl_label = "Reconstruct Face"
    bl_options = {"INTERNAL"}

    def execute(self, context):
        try:
            return self.act(context) or {"FINISHED"}
        except SiderError as error:
            session.fail(error)  # the panel says it, with what helps
            self.report({"ERROR" if bpy.app.background else "WARNING"}, sentence(error.message))
            return {"CANCELLED"}

    def act(self, context):
        given = context.scene.sider
        read = {"FILE": lambda: source.from_file(given.filepath), "IMAGE": lambda: source.from_image(given.image)}
        data, name = read.get(given.source, source.from_clipboard)()
        several = {"ASK": "ask", "LARGEST": "largest", "NUMBER": "fail"}[given.face_choice]
        face = given.face if given.face_choice == "NUMBER" else -1
        options = session.Options(given.displacement, given.collection, given.photo_camera)
        probe.forget()
        session.start(Request(data, name, given.preset or "balanced", face, several, settings_of(given)), options)


class SIDER_OT_import(_Failing, _Options, bpy.types.Operator, ImportHelper):
    """Make a detailed 3D face of a photo"""

    bl_idname = "sider.import_photo"
    bl_label = "Reconstruct Face"

    filename_ext = ".jpg"
    filter_glob: StringProperty(default=source.PATTERNS, options={"HIDDEN"})

    def draw(self, _context):
        for name in ("preset", "face", "ask", "displacement", "collection", "photo_camera"):
            self.layout.prop(self, name)

    def act(self, _context):
        self.reconstruct(*source.from_file(self.filepath))


class SIDER_OT_image(_Failing, bpy.types.Operator):
    """Make a detailed 3D face of the image in this editor"""

    bl_idname = "sider.reconstruct_image"
    bl_label = "Reconstruct Face"

    @classmethod
    def poll(cls, context):
        return getattr(context.space_data, "image", None) is not None

    def act(self, context):
        given = context.scene.sider
        given.source, given.image = "IMAGE", context.space_data.image
        bpy.ops.sider.reconstruct_panel()


class SIDER_OT_control(_Failing, bpy.types.Operator):
    """Acts on the reconstruction under way"""

    bl_idname = "sider.control"
    bl_label = "Reconstruction"
    bl_options = {"INTERNAL"}

    action: EnumProperty(
        items=[
            ("PAUSE", "Pause", "Stop computing for now; it goes on where it was"),
            ("RESUME", "Go on", "Go on computing"),
            ("KEEP", "Keep", "Stop computing, and keep what is there so far"),
            ("CANCEL", "Cancel", "Stop, and leave nothing behind"),
            ("FACE", "Choose", "Take this face"),
        ]
    )
    face: IntProperty()

    @classmethod
    def description(cls, _context, properties):
        return cls.bl_rna.properties["action"].enum_items[properties.action].description if properties.action else ""

    @classmethod
    def poll(cls, _context):
        return session.busy()

    def act(self, _context):
        here = session.current
        if self.action == "CANCEL":
            here.cancel()
        elif self.action == "FACE":
            here.job.choose_face(self.face)
            here.question = []
        else:
            {"PAUSE": here.job.pause, "RESUME": here.job.resume, "KEEP": here.job.keep}[self.action]()
        session.redraw()


class SIDER_OT_use_camera(_Failing, bpy.types.Operator):
    """Look through the camera that took the photo, and give renders the photo's size"""

    bl_idname = "sider.use_photo_camera"
    bl_label = "View Through Photo"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        return camera.of(context.view_layer.objects.active) is not None

    def act(self, context):
        camera.use(context.scene, camera.of(context.view_layer.objects.active))
        for area in context.screen.areas if context.screen else ():
            if area.type == "VIEW_3D":
                area.spaces.active.region_3d.view_perspective = "CAMERA"


class SIDER_OT_import_sdf(_Failing, bpy.types.Operator, ImportHelper):
    """Import the zero level of a distance grid (a result's sdf.npz) as a mesh"""

    bl_idname = "sider.import_sdf"
    bl_label = "SIDER Distance Grid"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".npz"
    filter_glob: StringProperty(default="*.npz", options={"HIDDEN"})
    level: bpy.props.FloatProperty(name="Level", description="Distance of the surface", subtype="DISTANCE", default=0.0)

    def act(self, context):
        data, name = source.from_file(self.filepath)
        _add_surface(context, sdf.from_npz(data), self.level, name.rsplit(".", 1)[0])


class SIDER_OT_snapshot_sdf(_Failing, bpy.types.Operator):
    """Add the newest distance grid of the reconstruction, as a mesh of its own"""

    bl_idname = "sider.snapshot_sdf"
    bl_label = "Distance Grid as Mesh"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        return session.current is not None and session.current.sdf is not None and context.mode == "OBJECT"

    def act(self, context):
        _add_surface(context, session.current.sdf, 0.0, "SIDER distance grid")


def _add_surface(context, grid, level, name):
    positions, quads = sdf.surface(grid, level)
    context.scene.collection.objects.link(bpy.data.objects.new(name, meshes.make_mesh(name, positions, [quads])))


CLASSES = (
    SIDER_OT_reconstruct,
    SIDER_OT_reconstruct_panel,
    SIDER_OT_import,
    SIDER_OT_image,
    SIDER_OT_control,
    SIDER_OT_use_camera,
    SIDER_OT_import_sdf,
    SIDER_OT_snapshot_sdf,
)
