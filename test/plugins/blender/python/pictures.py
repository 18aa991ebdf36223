"""Photos and distance grids as the bridge sees them, for test/plugins/blender/blender.test.ts to judge."""
import os
import tempfile

import bpy


def read(path):
    with open(path, "rb") as file:
        return file.read()


def look(source, camera, given):
    """Photos out of Blender's images, and upright ones of turned files; the distance grid as a mesh."""
    image = bpy.data.images.new("painted", 4, 2)
    image.pixels = [value for i in range(8) for value in (i / 8, 0.5, 0.25, 1)]
    data, name = source.from_image(image)
    again = camera.make_photo("again", data)
    opened = bpy.data.images.load(given["photo"])
    bpy.ops.sider.import_sdf(filepath=given["sdf"])
    ball = bpy.context.scene.collection.objects[-1]
    volume = 0.0
    for polygon in ball.data.polygons:
        a, b, c, d = (ball.data.vertices[i].co for i in polygon.vertices)
        volume += (a.dot(b.cross(c)) + a.dot(c.cross(d))) / 6
    return {
        "name": name,
        "clipboard": clipboard(source, data),
        "size": list(again.size),
        "pixels": [round(255 * value) for value in list(again.pixels)[:8]],
        "file": source.from_image(opened)[0] == read(given["photo"]),
        "radii": [min(v.co.length for v in ball.data.vertices), max(v.co.length for v in ball.data.vertices)],
        "volume": volume,
        "turned": [list(camera.make_photo("turned", read(path)).size) for path in given["turned"]],
        "corners": [corner(camera, path) for path in given["turned"]],
    }


def clipboard(source, picture):
    """Whether a picture is taken from the clipboard, by a wl-paste that stands in for the system's."""
    paths = os.environ["PATH"]
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "picture.png"), "wb") as file:
            file.write(picture)
        program = os.path.join(folder, "wl-paste")
        with open(program, "w") as file:
            file.write(f'#!/bin/sh\n[ "$*" = "--type image/png" ] && cat {folder}/picture.png\n')
        os.chmod(program, 0o755)
        os.environ["PATH"] = f"{folder}{os.pathsep}{paths}"
        try:
            return source.from_clipboard()[0] == picture
        finally:
            os.environ["PATH"] = paths


def corner(camera, path):
    """The upper left pixel of a photo shown upright."""
    image = camera.make_photo("turned", read(path))
    return [int(value) for value in camera.pixels_of(image)[0, 0, :3]]
