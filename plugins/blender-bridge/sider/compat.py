# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything in which the versions of Blender from 3.4 to 5.x differ."""
import bpy

from .core.numbers import np

VERSION = bpy.app.version


def online():
    """Whether add-ons may use the network beyond this machine. A setting since 4.2; before, nothing forbids it."""
    return getattr(bpy.app, "online_access", True)


def add_faces(mesh, groups):
    """Gives a mesh that has its vertices faces: each group is [n, k], of k corners each."""
    n = np()
    totals = n.concatenate([n.full(len(group), group.shape[1], "i4") for group in groups])
    count = len(totals)
    mesh.loops.add(int(totals.sum()))
    mesh.loops.foreach_set("vertex_index", n.concatenate([group.reshape(-1) for group in groups]))
    mesh.polygons.add(count)
    mesh.polygons.foreach_set("loop_start", n.concatenate([[0], n.cumsum(totals)[:-1]]).astype("i4"))
    if VERSION < (4, 1, 0):  # later it follows from the starts and is read-only
        mesh.polygons.foreach_set("loop_total", totals)
    mesh.polygons.foreach_set("use_smooth", n.ones(count, bool))


def set_vertex_normals(mesh, normals):
    """Custom normals [vertices, 3]."""
    if VERSION < (4, 1, 0):  # later custom normals always count
        mesh.use_auto_smooth = True
    mesh.normals_split_custom_set_from_vertices(normals.tolist())


def bsdf_input(node, name):
    """An input of the Principled BSDF by its present name; 4.0 renamed some."""
    old = {"Specular IOR Level": "Specular", "Subsurface Weight": "Subsurface", "Emission Color": "Emission"}
    return node.inputs[name] if name in node.inputs else node.inputs[old[name]]


def set_subsurface(tree, shader, radius):
    """Lets light into the material. @param radius: metres for red, green, blue"""
    bsdf_input(shader, "Subsurface Weight").default_value = 1
    shader.inputs["Subsurface Radius"].default_value = radius
    if "Subsurface Scale" in shader.inputs:
        shader.inputs["Subsurface Scale"].default_value = 1
    if "Subsurface Color" in shader.inputs:  # until 4.0 it was a colour of its own
        for link in shader.inputs["Base Color"].links:
            tree.links.new(link.from_socket, shader.inputs["Subsurface Color"])


def use_nodes(material):
    """Materials always have nodes from 5.0 on, where setting this is deprecated."""
    if VERSION < (5, 0, 0):
        material.use_nodes = True


def set_displacement(material, method):
    """@param method: 'BUMP', 'DISPLACEMENT' or 'BOTH'. It was Cycles' own until 4.1."""
    owner = material if hasattr(material, "displacement_method") else getattr(material, "cycles", None)
    if owner is not None:  # Cycles may be switched off
        owner.displacement_method = method


def set_transparent(material):
    """Lets a material be seen through. EEVEE had to be told how until 4.1, and which shadows such a material casts."""
    if hasattr(material, "surface_render_method"):
        material.surface_render_method = "BLENDED"
    else:
        material.blend_method, material.shadow_method = "BLEND", "NONE"


def see_through_layers(scene, layers):
    """Lets Cycles look through at least so many clear surfaces one behind the other: what is behind more is black. It is 8 by default."""
    cycles = getattr(scene, "cycles", None)
    if cycles is not None:  # it may be switched off
        cycles.transparent_max_bounces = max(cycles.transparent_max_bounces, layers)


def displacement_of(material):
    owner = material if hasattr(material, "displacement_method") else material.cycles
    return owner.displacement_method


def eevee():
    """Name of the engine EEVEE: another one from 4.2 to 4.5."""
    return "BLENDER_EEVEE_NEXT" if (4, 2, 0) <= VERSION < (5, 0, 0) else "BLENDER_EEVEE"


def progress(layout, owner, fraction, text):
    """A bar. @param owner: has a property `progress`, which older versions show as a slider."""
    if hasattr(layout, "progress"):
        layout.progress(factor=fraction, text=text)
        return
    row = layout.row()
    row.enabled = False
    row.prop(owner, "progress", text="Done", slider=True)  # the number stands in the slider


def text_width(context):
    """A function of the width of a text in the interface's font, pixels."""
    import blf

    points = context.preferences.ui_styles[0].widget.points * context.preferences.system.ui_scale
    blf.size(0, points, *([72] if VERSION < (4, 0, 0) else []))  # dots an inch; later sizes are pixels
    return lambda text: blf.dimensions(0, text)[0]


def preferences(context=None):
    """The add-on's preferences; its name depends on whether it is an extension."""
    return (context or bpy.context).preferences.addons[__package__].preferences


def photo_property(description, update):
    """A property for the path of a photo; paths from 4.5 on may be relative to the file."""
    options = {"options": {"PATH_SUPPORTS_BLEND_RELATIVE"}} if VERSION >= (4, 5, 0) else {}
    return bpy.props.StringProperty(name="Photo", description=description, subtype="FILE_PATH", update=update, **options)
