/** The mesh of a field's zero level from samples in a narrow band, in the head frame, and its vertices put onto that level. */
import type { Mesh } from '../stages.js'
import { CUBE_EDGES, CUBE_TRIANGLES } from './cube-table.js'
import { type ImplicitField, toField, toHead } from './field.js'
import { IntMap } from './int-map.js'
import type { NarrowBand } from './narrow-band.js'

/**
 * Marching cubes: vertices on lattice edges. Always manifold, closed except where the band ends, wound with the outside in
 * front.
 */
export function marchingCubes(band: NarrowBand, field: Pick<ImplicitField, 'frame'>): Mesh {
  const { cells, lattice, values, resolution } = band
  const stride = resolution + 1
  const step = [1, stride, stride * stride]
  const edges = new IntMap(cells.length)
  const positions: number[] = []
  const indices: number[] = []
  const samples = new Int32Array(8)
  const vertexOfEdge = new Int32Array(12)
  const stamp = new Int32Array(12).fill(-1)
  for (let c = 0; c < cells.length; c += 3) {
    const base = cells[c] + (cells[c + 1] + cells[c + 2] * stride) * stride
    let inside = 0
    for (let k = 0; k < 8; k++) {
      samples[k] = lattice.get(base + (k & 1) + ((k >> 1) & 1) * step[1] + (k >> 2) * step[2])
      if (values[samples[k]] < 0) inside |= 1 << k
    }
    for (const e of CUBE_TRIANGLES[inside]) {
      if (stamp[e] !== c) {
        stamp[e] = c
        const [p, q] = CUBE_EDGES[e]
        const axis = e >> 2
        const number = edges.size
        // an edge is known by its lower sample and its axis
        vertexOfEdge[e] = edges.add(samples[p] * 3 + axis)
        if (edges.size > number) {
          const a = values[samples[p]]
          const t = a / (a - values[samples[q]])
          for (let k = 0; k < 3; k++)
            positions.push(band.origin[k] + (cells[c + k] + ((p >> k) & 1) + (k === axis ? t : 0)) * band.spacing)
        }
      }
      indices.push(vertexOfEdge[e])
    }
  }
  return { positions: toHead(field.frame, Float32Array.from(positions)), indices: Uint32Array.from(indices) }
}

/**
 * Newton steps along the gradient onto the zero level, each at most half of `reach` (metres; for example a cell's size).
 * Vertices near which the field has no usable gradient stay.
 */
export async function snapToZero(mesh: Mesh, field: ImplicitField, reach: number, steps = 2): Promise<Mesh> {
  const x = toField(field.frame, mesh.positions)
  const limit = reach / field.frame.scale / 2
  for (let s = 0; s < steps; s++) {
    const { sdf, gradient } = await field.sdfAndGradient(x)
    for (let i = 0; i < sdf.length; i++) {
      const square = gradient[i * 3] ** 2 + gradient[i * 3 + 1] ** 2 + gradient[i * 3 + 2] ** 2
      if (!(square > 1e-4) || !Number.isFinite(sdf[i])) continue
      const length = Math.sqrt(square)
      const move = Math.max(-limit, Math.min(limit, sdf[i] / length)) / length
      for (let k = 0; k < 3; k++) x[i * 3 + k] -= move * gradient[i * 3 + k]
    }
  }
  return { positions: toHead(field.frame, x), indices: mesh.indices }
}
