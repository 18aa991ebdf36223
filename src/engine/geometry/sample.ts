/** Points on a mesh, uniform by area. */
import type { Mesh } from '../stages.js'
import { triangleNormals } from './normals.js'
import type { Rng } from './rng.js'

/** Sampled surface points. */
export interface SurfaceSamples {
  /** [n, 3] */
  points: Float32Array
  /** [n] triangle of each point. */
  triangles: Uint32Array
  /** [n, 3] corner weights. */
  barycentric: Float32Array
}

/** Draws `n` points uniformly by area (Osada et al. 2002, section 4.1). Throws RangeError for a mesh without area. */
export function sampleSurface(mesh: Mesh, n: number, rng: Rng): SurfaceSamples {
  const { positions: p, indices } = mesh
  const cumulative = new Float64Array(indices.length / 3)
  triangleNormals(mesh, cumulative)
  for (let t = 1; t < cumulative.length; t++) cumulative[t] += cumulative[t - 1]
  const total = cumulative[cumulative.length - 1]
  if (!(total > 0)) throw new RangeError('cannot sample a mesh without area')
  const points = new Float32Array(n * 3)
  const triangles = new Uint32Array(n)
  const barycentric = new Float32Array(n * 3)
  for (let i = 0; i < n; i++) {
    const target = rng.uniform() * total
    let low = 0
    let high = cumulative.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (cumulative[middle] > target) high = middle
      else low = middle + 1
    }
    const r = Math.sqrt(rng.uniform())
    const s = rng.uniform()
    const wa = 1 - r
    const wb = r * (1 - s)
    const wc = r * s
    const a = indices[low * 3] * 3
    const b = indices[low * 3 + 1] * 3
    const c = indices[low * 3 + 2] * 3
    triangles[i] = low
    barycentric[i * 3] = wa
    barycentric[i * 3 + 1] = wb
    barycentric[i * 3 + 2] = wc
    for (let k = 0; k < 3; k++) points[i * 3 + k] = wa * p[a + k] + wb * p[b + k] + wc * p[c + k]
  }
  return { points, triangles, barycentric }
}
