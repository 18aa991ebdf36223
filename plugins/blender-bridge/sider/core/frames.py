# SPDX-License-Identifier: GPL-3.0-or-later
"""Binary frames of the wire protocol (docs/protocol.md): magic, version, kind, header length, header, padding, payload."""
import json
import struct

MAGIC = 0x52444953  # 'SIDR', little-endian
UPLOAD, ARTIFACT = 1, 2
PART_BYTES = 1 << 20
_HEAD = struct.Struct("<IHHI")


def encode(kind, header, payload):
    """One frame. @param header: JSON-ready dict with id, part, parts, bytes."""
    text = json.dumps(header).encode()
    start = _HEAD.size + len(text)
    return _HEAD.pack(MAGIC, 1, kind, len(text)) + text + bytes(-start % 8) + payload


def decode(frame):
    """(header, payload) of a frame. Raises ValueError if it is none."""
    if len(frame) < _HEAD.size:
        raise ValueError("a binary frame is too short")
    magic, version, _kind, length = _HEAD.unpack_from(frame)
    if magic != MAGIC or version != 1:
        raise ValueError("a binary frame is not one of SIDER's")
    header = json.loads(frame[_HEAD.size : _HEAD.size + length])
    start = _HEAD.size + length
    payload = frame[start + -start % 8 :]
    if len(payload) != header["bytes"]:
        raise ValueError("a binary frame has the wrong length")
    return header, payload


def upload(transfer, data):
    """The frames of a whole upload, in order."""
    parts = max(1, -(-len(data) // PART_BYTES))
    for part in range(parts):
        payload = data[part * PART_BYTES : (part + 1) * PART_BYTES]
        yield encode(UPLOAD, {"id": transfer, "part": part, "parts": parts, "bytes": len(payload)}, payload)
