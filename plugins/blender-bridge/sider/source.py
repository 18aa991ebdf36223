# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the photo comes from: a file, an image of Blender, the clipboard."""
import os
import subprocess
import sys
import tempfile

import bpy

from .camera import pixels_of
from .core import photo as photos
from .core.errors import SiderError

PATTERNS = "*.jpg;*.jpeg;*.png;*.webp;*.avif;*.tif;*.tiff"
SENDABLE = {"JPEG", "PNG", "WEBP", "TIFF"}
"""Image formats of Blender that the engine reads."""


def from_file(path):
    """(bytes, name) of a photo. Raises SiderError."""
    path = bpy.path.abspath(path)
    if not path:
        raise SiderError("NO_PHOTO", "no photo is chosen", "Choose one in the SIDER panel.")
    try:
        with open(path, "rb") as file:
            return file.read(), os.path.basename(path)
    except OSError as error:
        raise SiderError("NO_PHOTO", f"cannot read {path}", f"{error.strerror}.") from error


def from_image(image):
    """(bytes, name) of an image of Blender: its file if it still is as there, else its pixels as PNG."""
    if image is None:
        raise SiderError("NO_PHOTO", "no image is chosen", "Choose one in the SIDER panel, or open one in the Image Editor.")
    if not image.is_dirty and image.source == "FILE" and image.file_format in SENDABLE:
        if image.packed_file:
            return bytes(image.packed_file.data), image.name
        if os.path.isfile(path := bpy.path.abspath(image.filepath, library=image.library)):
            return from_file(path)
    if not image.has_data and not image.pixels:
        raise SiderError("NO_PHOTO", f"the image {image.name} has no pixels", "Choose another one.")
    return photos.png(pixels_of(image)[..., :3]), image.name


def from_clipboard():
    """
    (bytes, name) of what was copied: a picture, or the path of one. Blender lends add-ons the clipboard's text only, so
    pictures are asked of the system's own programs. Raises SiderError if there is none.
    """
    data = _clipboard_picture()
    if data:
        return data, "clipboard"
    text = bpy.context.window_manager.clipboard.strip().strip('"')
    if text.startswith("file://"):
        from urllib.parse import unquote, urlsplit

        text = unquote(urlsplit(text).path)
    if text and "\n" not in text and os.path.isfile(text):
        return from_file(text)
    hint = "Copy a picture or a picture's path"
    if sys.platform.startswith("linux"):
        hint += " (pictures need the program wl-paste or xclip)"
    raise SiderError("NO_PHOTO", "the clipboard holds no picture", f"{hint}.")


def _clipboard_picture():
    if sys.platform.startswith("linux"):
        commands = [["wl-paste", "--type", "image/png"], ["xclip", "-selection", "clipboard", "-t", "image/png", "-o"]]
        return next((data for command in commands if (data := _output(command))[:4] == b"\x89PNG"), None)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "clipboard.png")
        if sys.platform == "darwin":
            script = f'write (the clipboard as «class PNGf») to (open for access POSIX file "{path}" with write permission)'
            _output(["osascript", "-e", script])
        elif sys.platform == "win32":
            script = "(Get-Clipboard -Format Image).Save($args[0], [System.Drawing.Imaging.ImageFormat]::Png)"
            load = "Add-Type -AssemblyName System.Windows.Forms, System.Drawing; & {" + script + "}"
            _output(["powershell", "-NoProfile", "-Sta", "-Command", f"{load} '{path}'"])
        if os.path.isfile(path) and os.path.getsize(path):
            with open(path, "rb") as file:
                return file.read()
    return None


def _output(command):
    """What a program writes; nothing if it is not there or fails."""
    try:
        return subprocess.run(command, capture_output=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return b""
