# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera that took the photo, with the photo behind what it sees."""
import bpy
from mathutils import Matrix

from .core import photo as photos
from .core.numbers import np
from .meshes import make_image

SENSOR_MM = 36.0
TO_BLENDER = Matrix(((1, 0, 0, 0), (0, 0, -1, 0), (0, 1, 0, 0), (0, 0, 0, 1)))
"""From the head's axes (glTF's) to Blender's."""
SIZE = "sider_photo_size"
"""Custom property of the camera: width and height of the photo."""


def make(name, given, photo):
    """@param given: the result's camera.json; photo: bytes of the photo's file. @return: a camera object, not in a scene yet"""
    width, height = given["width"], given["height"]
    larger = max(width, height)
    data = bpy.data.cameras.new(name)
    data.sensor_fit = "HORIZONTAL" if width >= height else "VERTICAL"
    data.sensor_width = data.sensor_height = SENSOR_MM
    focal = given["fx"] if width >= height else given["fy"]
    data.lens = focal / larger * SENSOR_MM
    data.shift_x = (width / 2 - given["cx"]) / larger
    data.shift_y = (given["cy"] - height / 2) / larger
    data.clip_start, data.clip_end = 0.01, 100
    data.display_size = 0.1
    image = make_photo(f"{name} photo", photo)
    if image is not None:
        data.show_background_images = True
        background = data.background_images.new()
        background.image = image
        background.frame_method = "CROP"
        background.alpha = 1
    camera = bpy.data.objects.new(name, data)
    # OpenCV looks along +Z with Y down, Blender along -Z with Y up.
    camera.matrix_world = TO_BLENDER @ Matrix(given["headToCamera"]).inverted() @ Matrix.Diagonal((1, -1, -1, 1))
    camera[SIZE] = [width, height]
    return camera


def make_photo(name, data):
    """
    The photo as an image, upright: Blender shows photos as the sensor saw them. None if this Blender cannot read it; the engine reads
    more formats (AVIF).
    """
    extension = ".png" if data[:4] == b"\x89PNG" else ".jpg" if data[:2] == b"\xff\xd8" else ".img"
    image = make_image(name, data, extension)
    if 0 in image.size:
        bpy.data.images.remove(image)
        return None
    how = photos.orientation(data)
    if how == 1:
        return image
    upright = photos.png(photos.upright(pixels_of(image), how))
    bpy.data.images.remove(image)
    return make_image(name, upright, ".png")


def pixels_of(image):
    """uint8 [height, width, 4] of an image, first row on top, sRGB."""
    n = np()
    width, height = image.size
    values = n.empty(width * height * 4, "f4")
    image.pixels.foreach_get(values)
    values = values.reshape(height, width, 4)[::-1]
    if image.is_float:  # linear
        colour = n.clip(values[..., :3], 0, None)
        values[..., :3] = n.where(colour <= 0.0031308, 12.92 * colour, 1.055 * colour ** (1 / 2.4) - 0.055)
    return (n.clip(values, 0, 1) * 255 + 0.5).astype("u1")


def of(face):
    """The camera of a face, or of what belongs to one; None if there is none."""
    if face is None:
        return None
    family = [face, *face.children, *(face.parent.children if face.parent else ())]
    return next((one for one in family if one.type == "CAMERA" and SIZE in one), None)


def use(scene, camera):
    """Makes it the scene's camera, and gives renders the photo's size."""
    scene.camera = camera
    scene.render.resolution_x, scene.render.resolution_y = (int(side) for side in camera[SIZE])
    scene.render.resolution_percentage = 100
    scene.render.pixel_aspect_x = scene.render.pixel_aspect_y = 1
