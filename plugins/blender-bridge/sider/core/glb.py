# SPDX-License-Identifier: GPL-3.0-or-later
"""
Reads GLB files: meshes with normals, texture coordinates, shape keys and materials, in Blender's axes. It takes what the
engine writes by default (docs/outputs.md) and says so when a file needs more. Reading the arrays here rather than by
Blender's importer keeps Blender's window free: no import of a second, no change of mode or selection, vertex order kept.
"""
import json
import struct
from dataclasses import dataclass, field

from .errors import SiderError
from .numbers import np

TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
READABLE = {"KHR_mesh_quantization", "KHR_texture_transform"}


@dataclass
class Picture:
    name: str
    data: bytes
    media_type: str


@dataclass
class Material:
    name: str = "skin"
    base_color: tuple = (1.0, 1.0, 1.0, 1.0)
    """Linear; below 1 the last lets through what is behind."""
    base_image: Picture = None
    """sRGB."""
    normal_image: Picture = None
    """Tangent space, +Y up, linear numbers."""
    normal_scale: float = 1.0
    roughness: float = 1.0
    roughness_image: Picture = None
    """Linear numbers; the roughness is its factor."""
    specular_image: Picture = None
    """Its alpha: what is mirrored, as a share of what plastic mirrors."""
    metallic: float = 0.0
    double_sided: bool = True
    cut_out: bool = False
    """Whether the image's alpha says where the part is."""


@dataclass
class Part:
    """One node with a mesh, in Blender's axes (x right, y back, z up), metres."""

    name: str
    positions: object
    """[vertices, 3] float32"""
    triangles: object
    """[triangles, 3] int32"""
    normals: object = None
    """[vertices, 3] float32"""
    uv: object = None
    """[vertices, 2] float32, (0, 0) the lower left corner"""
    targets: dict = field(default_factory=dict)
    """Displacements [vertices, 3] by shape key"""
    material: Material = None
    extras: dict = field(default_factory=dict)


    def faces(self):
        """
        Corners of its faces, [quads, 4] and [triangles, 3]: the node says how many quads its first triangles are, two each, (a, b, c) and
        (a, c, d).
        """
        count = int(self.extras.get("quads", 0))
        pairs = self.triangles[: 2 * count].reshape(-1, 6)
        return np().ascontiguousarray(pairs[:, [0, 1, 2, 5]]), self.triangles[2 * count :]

    def welded(self):
        """
        For each vertex the first of those that lie where it lies, at rest and in every key: files have a vertex once for each texture
        coordinate. Lips that touch at rest part in some key, and stay apart. @return: (rows of the vertices that are kept, number of each
        vertex among them)
        """
        n = np()
        places = [self.positions, *self.targets.values()]
        rows = n.ascontiguousarray(n.concatenate([place.astype("f4") + n.float32(0) for place in places], axis=1))  # -0 is 0
        whole = rows.view(f"V{4 * rows.shape[1]}").ravel()  # compared as bytes
        _, first, number = n.unique(whole, return_index=True, return_inverse=True)
        order = n.argsort(first)  # the file's
        rank = n.empty(len(order), "i4")
        rank[order] = n.arange(len(order), dtype="i4")
        return first[order], rank[number.reshape(-1)]


@dataclass
class Asset:
    parts: list
    generator: str = ""


def to_blender(vectors):
    """[n, 3] of glTF's axes (+Y up, +Z to the viewer) in Blender's (+Z up, -Y to the viewer)."""
    return np().stack([vectors[:, 0], -vectors[:, 2], vectors[:, 1]], axis=1)


def parse(data):
    """The parts of a GLB file. Raises SiderError if it cannot be read."""
    try:
        return _Reader(data).asset()
    except (KeyError, IndexError, ValueError, struct.error) as error:
        raise SiderError("GLB", f"a mesh of the engine cannot be read ({error!r})", "Is the engine newer than this add-on?") from error


class _Reader:
    def __init__(self, data):
        magic, _version, _length, json_length, json_type = struct.unpack_from("<5I", data)
        if magic != 0x46546C67 or json_type != 0x4E4F534A:
            raise ValueError("no GLB")
        self.json = json.loads(data[20 : 20 + json_length])
        self.binary = memoryview(data)[20 + json_length + 8 :]
        missing = set(self.json.get("extensionsRequired", [])) - READABLE
        if missing:
            raise SiderError("GLB", f"the mesh needs {', '.join(sorted(missing))}", "Set output.compression to none.")

    def asset(self):
        scene = self.json["scenes"][self.json.get("scene", 0)]
        parts = []
        for node in scene["nodes"]:
            self._node(node, np().identity(4), parts)
        return Asset(parts, self.json["asset"].get("generator", ""))

    def _node(self, index, parent, parts):
        node = self.json["nodes"][index]
        matrix = parent @ _local_matrix(node)
        if "mesh" in node:
            mesh = self.json["meshes"][node["mesh"]]
            for primitive in mesh["primitives"]:
                parts.append(self._part(node, mesh, primitive, matrix))
        for child in node.get("children", []):
            self._node(child, matrix, parts)

    def _part(self, node, mesh, primitive, matrix):
        linear, offset = matrix[:3, :3].astype("f4"), matrix[:3, 3].astype("f4")
        vectors = lambda accessor: self._array(accessor) @ linear.T  # noqa: E731
        attributes = primitive["attributes"]
        positions = vectors(attributes["POSITION"]) + offset
        normals = uv = None
        if "NORMAL" in attributes:
            normals = vectors(attributes["NORMAL"])
            length = np().linalg.norm(normals, axis=1, keepdims=True)
            normals = to_blender(normals / np().maximum(length, 1e-12))
        if "TEXCOORD_0" in attributes:
            uv = self._array(attributes["TEXCOORD_0"]).copy()
            uv[:, 1] = 1 - uv[:, 1]
        indices = self._array(primitive["indices"]) if "indices" in primitive else np().arange(len(positions))
        names = mesh.get("extras", {}).get("targetNames", [])
        targets = {
            names[i] if i < len(names) else f"key {i + 1}": to_blender(vectors(target["POSITION"]))
            for i, target in enumerate(primitive.get("targets", []))
            if "POSITION" in target
        }
        material = self._material(primitive["material"]) if "material" in primitive else Material()
        return Part(
            name=node.get("name", mesh.get("name", "face")),
            positions=np().ascontiguousarray(to_blender(positions), dtype="f4"),
            triangles=np().ascontiguousarray(indices.reshape(-1, 3), dtype="i4"),
            normals=normals,
            uv=uv,
            targets=targets,
            material=material,
            extras=node.get("extras", {}),
        )

    def _material(self, index):
        given = self.json["materials"][index]
        rough = given.get("pbrMetallicRoughness", {})
        normal = given.get("normalTexture")
        return Material(
            name=given.get("name", "skin"),
            base_color=tuple(rough.get("baseColorFactor", (1, 1, 1, 1))),
            base_image=self._picture(rough.get("baseColorTexture")),
            normal_image=self._picture(normal),
            normal_scale=normal.get("scale", 1.0) if normal else 1.0,
            roughness=rough.get("roughnessFactor", 1.0),
            roughness_image=self._picture(rough.get("metallicRoughnessTexture")),
            specular_image=self._picture(given.get("extensions", {}).get("KHR_materials_specular", {}).get("specularTexture")),
            metallic=rough.get("metallicFactor", 1.0),
            double_sided=given.get("doubleSided", False),
            cut_out=given.get("alphaMode", "OPAQUE") != "OPAQUE" and "baseColorTexture" in rough,
        )

    def _picture(self, reference):
        if reference is None:
            return None
        image = self.json["images"][self.json["textures"][reference["index"]]["source"]]
        view = self.json["bufferViews"][image["bufferView"]]
        start = view.get("byteOffset", 0)
        return Picture(image.get("name", "texture"), bytes(self.binary[start : start + view["byteLength"]]), image["mimeType"])

    def _array(self, index):
        """Accessor as float32 [count, width] (normalised integers as -1..1), or integers for indices."""
        accessor = self.json["accessors"][index]
        width, count = WIDTHS[accessor["type"]], accessor["count"]
        kind = np().dtype(TYPES[accessor["componentType"]])
        if "bufferView" in accessor:
            array = self._view(accessor["bufferView"], accessor.get("byteOffset", 0), kind, count, width)
        else:
            array = np().zeros((count, width), kind)
        if "sparse" in accessor:
            sparse = accessor["sparse"]
            where, what = sparse["indices"], sparse["values"]
            number = np().dtype(TYPES[where["componentType"]])
            rows = self._view(where["bufferView"], where.get("byteOffset", 0), number, sparse["count"], 1)[:, 0]
            array = array.copy()
            array[rows] = self._view(what["bufferView"], what.get("byteOffset", 0), kind, sparse["count"], width)
        if accessor["type"] == "SCALAR":
            return array[:, 0]
        if accessor.get("normalized"):
            return np().maximum(array.astype("f4") / np().iinfo(kind).max, -1)
        return array.astype("f4")

    def _view(self, index, offset, kind, count, width):
        view = self.json["bufferViews"][index]
        stride = view.get("byteStride", kind.itemsize * width)
        start = view.get("byteOffset", 0) + offset
        return np().ndarray((count, width), kind, self.binary, start, (stride, kind.itemsize))


def _local_matrix(node):
    """4x4 of a node, for column vectors."""
    if "matrix" in node:
        return np().array(node["matrix"], float).reshape(4, 4).T
    x, y, z, w = node.get("rotation", (0, 0, 0, 1))
    rotation = np().array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix = np().identity(4)
    matrix[:3, :3] = rotation * np().array(node.get("scale", (1, 1, 1)), float)
    matrix[:3, 3] = node.get("translation", (0, 0, 0))
    return matrix
