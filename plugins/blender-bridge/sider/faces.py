# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures of the faces that a question is about."""
import bpy
import bpy.utils.previews

from . import camera
from .core.numbers import np

SIDE = 96
_pictures = None


def show(photo, faces):
    """
    Makes the pictures. @param photo: bytes of the file; faces: of the question, boxes in upright photo pixels
    @return: whether Blender could read the photo
    """
    global _pictures
    clear()
    image = camera.make_photo("SIDER faces", photo)
    if image is None:
        return False
    _pictures = bpy.utils.previews.new()
    pixels = camera.pixels_of(image)
    bpy.data.images.remove(image)
    height, width = pixels.shape[:2]
    for face in faces:
        side = 1.4 * max(face["width"], face["height"])
        left, top = face["x"] + face["width"] / 2 - side / 2, face["y"] + face["height"] / 2 - side / 2
        steps = (np().arange(SIDE) + 0.5) / SIDE * side
        rows = np().clip(top + steps[::-1], 0, height - 1).astype(int)  # previews begin below
        columns = np().clip(left + steps, 0, width - 1).astype(int)
        picture = _pictures.new(str(face["face"]))
        picture.image_size = (SIDE, SIDE)
        picture.image_pixels_float = (pixels[rows][:, columns] / np().float32(255)).reshape(-1).tolist()
    return True


def icon(face):
    """Icon of a face's picture; 0 if there is none."""
    return _pictures[str(face)].icon_id if _pictures is not None and str(face) in _pictures else 0


def clear():
    global _pictures
    if _pictures is not None:
        bpy.utils.previews.remove(_pictures)
        _pictures = None
