/** Binary PLY of a triangle mesh, in the property order that the truth's readers expect. */
import type { Mesh } from '../stages.js'

export function encodePly({ positions, indices }: Mesh): Uint8Array {
  const vertices = positions.length / 3
  const triangles = indices.length / 3
  const header = new TextEncoder().encode(
    [
      'ply',
      'format binary_little_endian 1.0',
      `element vertex ${vertices}`,
      'property float x',
      'property float y',
      'property float z',
      `element face ${triangles}`,
      'property list uchar int vertex_indices',
      'end_header\n',
    ].join('\n'),
  )
  const out = new Uint8Array(header.length + 12 * vertices + 13 * triangles)
  out.set(header)
  const view = new DataView(out.buffer)
  let at = header.length
  for (const value of positions) {
    view.setFloat32(at, value, true)
    at += 4
  }
  for (let t = 0; t < triangles; t++) {
    view.setUint8(at, 3)
    for (let k = 0; k < 3; k++) view.setInt32(at + 1 + 4 * k, indices[3 * t + k], true)
    at += 13
  }
  return out
}
