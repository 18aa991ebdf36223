# SPDX-License-Identifier: GPL-3.0-or-later
"""Distance grids: reading snapshots and sdf.npz, and the mesh of their zero level."""
import io
from dataclasses import dataclass

from .errors import SiderError
from .glb import to_blender
from .numbers import np


@dataclass
class Grid:
    values: object
    """[z, y, x] float32, metres, negative inside"""
    origin: object
    """[3] first sample, in units of the grid"""
    spacing: float
    to_gltf: object
    """[4, 4] from grid coordinates to glTF's"""


def from_snapshot(payload, header):
    """A grid as the server sends it (docs/protocol.md, SdfHeader)."""
    x, y, z = header["dims"]
    if header["dtype"] != "float16" or len(payload) != 2 * x * y * z:
        raise SiderError("SDF", "a distance grid cannot be read", "Is the engine newer than this add-on?")
    values = np().frombuffer(payload, "<f2").reshape(z, y, x).astype("f4")
    return Grid(values, header["origin"], header["spacing"], np().array(header["toGltf"], float).reshape(4, 4))


def from_npz(data):
    """The result's sdf.npz. Raises SiderError if it is none."""
    try:
        with np().load(io.BytesIO(data)) as arrays:
            values, origin, spacing = arrays["sdf"].astype("f4"), arrays["origin"], float(arrays["spacing"].reshape(-1)[0])
    except (ValueError, KeyError, OSError) as error:
        raise SiderError("SDF", "this is no distance grid of SIDER", "Choose a result's sdf.npz.") from error
    return Grid(values, origin, spacing, np().identity(4))


def surface(grid, level=0.0):
    """
    Zero level by surface nets: a vertex in every cell that the surface crosses, at the mean of its edges' crossings, and a
    quad around every edge that it crosses. @return: positions [n, 3] in Blender's axes, quads [m, 4], seen from outside
    counter-clockwise. Raises SiderError if there is no surface.
    """
    n = np()
    values = n.nan_to_num(n.asarray(grid.values, "f4"), nan=1.0) - level
    inside = values < 0
    shape = n.array(values.shape) - 1
    total, crossings = n.zeros((*shape, 3), "f4"), n.zeros(shape, "i4")
    for axis in range(3):
        near, far = _ends(values, axis)
        crossed = (near < 0) != (far < 0)
        along = n.divide(near, near - far, out=n.zeros_like(near), where=crossed)
        others = [a for a in range(3) if a != axis]
        for first in (0, 1):
            for second in (0, 1):
                corner = {others[0]: first, others[1]: second}
                part = tuple(slice(corner.get(a, 0), corner.get(a, 0) + shape[a]) for a in range(3))
                hit = crossed[part]
                crossings += hit
                for a in range(3):
                    total[..., a] += hit * (along[part] if a == axis else n.float32(corner[a]))
    cells = crossings > 0
    if not cells.any():
        raise SiderError("SDF", "the distance grid has no surface", "Choose another file.")
    number = n.full(shape, -1, "i4")
    number[cells] = n.arange(cells.sum(), dtype="i4")
    points = (n.argwhere(cells) + total[cells] / crossings[cells][:, None])[:, ::-1]  # x, y, z
    quads = n.concatenate([_quads(inside, number, axis) for axis in range(3)])
    points = points * grid.spacing + n.asarray(grid.origin, float)
    points = points @ grid.to_gltf[:3, :3].T + grid.to_gltf[:3, 3]
    return n.ascontiguousarray(to_blender(points), dtype="f4"), quads


def _ends(values, axis):
    """The samples at both ends of every edge along an axis."""
    count = values.shape[axis] - 1
    return values.take(range(count), axis), values.take(range(1, count + 1), axis)


def _quads(inside, number, axis):
    """The quads around the edges along an axis: the four cells that share the edge."""
    n = np()
    low, high = _ends(inside, axis)
    b, c = [(1, 2), (2, 0), (0, 1)][axis]  # with the axis a right-handed triple of z, y, x, so left-handed of x, y, z
    edges = n.argwhere(low != high)
    keep = n.ones(len(edges), bool)
    for a in (b, c):
        keep &= (edges[:, a] > 0) & (edges[:, a] < inside.shape[a] - 1)
    edges = edges[keep]
    around = []
    for db, dc in ((-1, -1), (0, -1), (0, 0), (-1, 0)):
        cell = edges.copy()
        cell[:, b] += db
        cell[:, c] += dc
        around.append(number[tuple(cell.T)])
    quads = n.stack(around, axis=1)
    outwards = low[tuple(edges.T)]  # the surface looks along the axis
    quads[outwards] = quads[outwards][:, ::-1]
    return quads
