/** Stanford PLY, binary little-endian: positions, normals, texture coordinates and colours of the vertices. */
import type { ExportModel } from './model.js'

const VERTEX_BYTES = 4 * 8 + 3
const FACE_BYTES = 1 + 3 * 4

/** Bytes of the file. @param colours [vertices, 3] sRGB 0..1 */
export function writePly({ mesh, normals, uv, comments }: ExportModel, colours: Float32Array): Uint8Array {
  const vertices = mesh.positions.length / 3
  const triangles = mesh.indices.length / 3
  const floats = ['x', 'y', 'z', 'nx', 'ny', 'nz', 's', 't']
  const header = new TextEncoder().encode(
    [
      'ply',
      'format binary_little_endian 1.0',
      ...comments.map((c) => `comment ${c}`),
      'comment metres, +Y up',
      `element vertex ${vertices}`,
      ...floats.map((name) => `property float ${name}`),
      ...['red', 'green', 'blue'].map((name) => `property uchar ${name}`),
      `element face ${triangles}`,
      'property list uchar int vertex_indices',
      'end_header\n',
    ].join('\n'),
  )
  const out = new Uint8Array(header.length + vertices * VERTEX_BYTES + triangles * FACE_BYTES)
  out.set(header)
  const view = new DataView(out.buffer)
  let o = header.length
  for (let v = 0; v < vertices; v++) {
    const values = [
      ...mesh.positions.subarray(3 * v, 3 * v + 3),
      ...normals.subarray(3 * v, 3 * v + 3),
      uv[2 * v],
      // v upwards, as readers of PLY expect
      1 - uv[2 * v + 1],
    ]
    values.forEach((value, k) => {
      view.setFloat32(o + 4 * k, value, true)
    })
    for (let k = 0; k < 3; k++) out[o + 32 + k] = Math.round(255 * Math.min(1, Math.max(0, colours[3 * v + k])))
    o += VERTEX_BYTES
  }
  for (let t = 0; t < triangles; t++) {
    out[o] = 3
    for (let c = 0; c < 3; c++) view.setInt32(o + 1 + 4 * c, mesh.indices[3 * t + c], true)
    o += FACE_BYTES
  }
  return out
}
