# SPDX-License-Identifier: GPL-3.0-or-later
"""Photos as files: how a camera was held (EXIF), and PNG files of pixels."""
import struct
import zlib

from .numbers import np


def orientation(data):
    """EXIF orientation 1..8 of a JPEG file; 1 for files that state none."""
    at = 2
    if data[:2] != b"\xff\xd8":
        return 1
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            return _tag(data[at + 10 : at + 2 + length])
        if marker == 0xDA:
            break
        at += 2 + length
    return 1


def _tag(tiff):
    """Tag 0x0112 of the first directory of a TIFF block."""
    try:
        order = {b"II": "<", b"MM": ">"}[tiff[:2]]
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, _count, value = struct.unpack_from(order + "HHIH", tiff, entry)
            if tag == 0x0112 and kind == 3 and 1 <= value <= 8:
                return value
    except (KeyError, struct.error):
        pass  # a broken block states nothing
    return 1


def upright(pixels, how):
    """Pixels [height, width, channels], first row on top, turned as EXIF orientation `how` says."""
    if how >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if how in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if how in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def png(pixels):
    """PNG file of uint8 [height, width, 3 or 4], first row on top."""
    n = np()
    height, width, channels = pixels.shape
    rows = n.zeros((height, 1 + width * channels), "u1")  # each row begins with its filter: none
    rows[:, 1:] = pixels.reshape(height, -1)

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, {3: 2, 4: 6}[channels], 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes(), 3)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
