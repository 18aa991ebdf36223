/** Cuts a mesh along a level line of a vertex scalar. */
import { submesh } from '../geometry/mesh.js'
import type { Mesh } from '../stages.js'

/**
 * The part of a mesh where `scalar` (linear on each triangle) is above `level`. Triangles on the line are cut; vertices that
 * lie within a few percent of an edge's length from the line are taken as on it, so that no slivers appear.
 */
export function clipMesh(mesh: Mesh, scalar: Float32Array, level: number): Mesh {
  const { indices } = mesh
  const p = mesh.positions.slice()
  const s = Float64Array.from(scalar, (v) => v - level)
  // move vertices that are almost on the line onto it
  const near = 0.08
  const moved = new Uint8Array(s.length)
  for (let c = 0; c < indices.length; c++) {
    const a = indices[c]
    const b = indices[c % 3 === 2 ? c - 2 : c + 1]
    for (const [v, w] of [
      [a, b],
      [b, a],
    ]) {
      if (s[v] * s[w] >= 0 || moved[v] || moved[w]) continue
      const t = s[v] / (s[v] - s[w])
      if (t >= near) continue
      for (let k = 0; k < 3; k++) p[v * 3 + k] += t * (p[w * 3 + k] - p[v * 3 + k])
      s[v] = 0
      moved[v] = 1
    }
  }
  const positions: number[] = Array.from(p)
  const out: number[] = []
  const cuts = new Map<number, number>()
  const n = s.length
  const cut = (a: number, b: number): number => {
    const key = Math.min(a, b) * n + Math.max(a, b)
    let v = cuts.get(key)
    if (v === undefined) {
      v = positions.length / 3
      const t = s[a] / (s[a] - s[b])
      for (let k = 0; k < 3; k++) positions.push(p[a * 3 + k] + t * (p[b * 3 + k] - p[a * 3 + k]))
      cuts.set(key, v)
    }
    return v
  }
  for (let t = 0; t < indices.length; t += 3) {
    const polygon: number[] = []
    for (let k = 0; k < 3; k++) {
      const a = indices[t + k]
      const b = indices[t + ((k + 1) % 3)]
      if (s[a] >= 0) polygon.push(a)
      if (s[a] * s[b] < 0) polygon.push(cut(a, b))
    }
    // a triangle that only touches the line is not part of it
    if (polygon.length < 3 || ![0, 1, 2].some((k) => s[indices[t + k]] > 0)) continue
    for (let k = 2; k < polygon.length; k++) out.push(polygon[0], polygon[k - 1], polygon[k])
  }
  const all = { positions: Float32Array.from(positions), indices: Uint32Array.from(out) }
  return submesh(all, new Uint8Array(out.length / 3).fill(1)).mesh
}
