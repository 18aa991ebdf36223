/** Stanford PLY, binary little-endian: a triangle mesh with whatever its vertices carry. */
import type { Mesh } from '../stages.js'

/** What a PLY file may hold besides positions and triangles. */
export interface PlyExtras {
  /** Lines of comment at the head of the file. */
  comments?: readonly string[]
  /** [vertices, 3] unit */
  normals?: ArrayLike<number>
  /** [vertices, 2] glTF convention: (0, 0) is the upper left corner */
  uv?: ArrayLike<number>
  /** [vertices, 3] sRGB 0..1 */
  colours?: ArrayLike<number>
}

/** 1 byte that says three, then three 32-bit indices. */
const FACE_BYTES = 1 + 3 * 4

/** Bytes of the file. */
export function encodePly(mesh: Mesh, { comments = [], normals, uv, colours }: PlyExtras = {}): Uint8Array {
  const vertices = mesh.positions.length / 3
  const triangles = mesh.indices.length / 3
  const floats = ['x', 'y', 'z', ...(normals ? ['nx', 'ny', 'nz'] : []), ...(uv ? ['s', 't'] : [])]
  const bytes = colours ? ['red', 'green', 'blue'] : []
  const header = new TextEncoder().encode(
    [
      'ply',
      'format binary_little_endian 1.0',
      ...comments.map((line) => `comment ${line}`),
      `element vertex ${vertices}`,
      ...floats.map((name) => `property float ${name}`),
      ...bytes.map((name) => `property uchar ${name}`),
      `element face ${triangles}`,
      'property list uchar int vertex_indices',
      'end_header\n',
    ].join('\n'),
  )
  const out = new Uint8Array(header.length + vertices * (4 * floats.length + bytes.length) + triangles * FACE_BYTES)
  out.set(header)
  const view = new DataView(out.buffer)
  let at = header.length
  const writeFloat = (value: number) => {
    view.setFloat32(at, value, true)
    at += 4
  }
  for (let v = 0; v < vertices; v++) {
    for (let k = 0; k < 3; k++) writeFloat(mesh.positions[3 * v + k])
    if (normals) for (let k = 0; k < 3; k++) writeFloat(normals[3 * v + k])
    if (uv) {
      writeFloat(uv[2 * v])
      writeFloat(1 - uv[2 * v + 1]) // v upwards, as readers of PLY expect
    }
    if (colours) for (let k = 0; k < 3; k++) out[at++] = Math.round(255 * Math.min(1, Math.max(0, colours[3 * v + k])))
  }
  for (let t = 0; t < triangles; t++) {
    out[at] = 3
    for (let c = 0; c < 3; c++) view.setInt32(at + 1 + 4 * c, mesh.indices[3 * t + c], true)
    at += FACE_BYTES
  }
  return out
}
