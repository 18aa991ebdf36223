/**
 * Meshes of a field's zero level from samples in a narrow band: marching cubes and dual contouring. Both are closed except
 * where the band ends, wound with the outside in front, in the head frame.
 */
import type { Mesh } from '../stages.js'
import { CUBE_EDGES, CUBE_TRIANGLES } from './cube-table.js'
import { type ImplicitField, toField, toHead } from './field.js'
import { IntMap } from './int-map.js'
import type { NarrowBand } from './narrow-band.js'

/** Marching cubes: vertices on lattice edges. Always manifold. */
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
 * Dual contouring (Ju et al. 2002): one vertex a cell, one quadrilateral a crossed edge; even triangles. Without gradients the
 * vertex is the mean of the cell's crossings (surface nets, Gibson 1998); with them it minimises the distances to the tangent
 * planes at the crossings, which keeps sharp edges. Where two sheets pass through one cell the mesh is not manifold.
 */
export async function dualContour(band: NarrowBand, field: ImplicitField, sharp = false): Promise<Mesh> {
  const { cells, lattice, values, resolution, spacing, origin } = band
  const stride = resolution + 1
  const step = [1, stride, stride * stride]
  const cellOf = new IntMap(cells.length)
  const count = cells.length / 3
  for (let c = 0; c < count; c++) cellOf.add(cells[c * 3] + (cells[c * 3 + 1] + cells[c * 3 + 2] * stride) * stride)
  // crossings, known by lower sample and axis, with the cells around them
  const crossings = new IntMap(count * 3)
  const crossingPoints: number[] = []
  const cellCrossings = new Int32Array(count * 12).fill(-1)
  const quads: number[] = []
  const samples = new Int32Array(8)
  for (let c = 0; c < count; c++) {
    const base = cellOf.keys[c]
    for (let k = 0; k < 8; k++) samples[k] = lattice.get(base + (k & 1) + ((k >> 1) & 1) * step[1] + (k >> 2) * step[2])
    for (let e = 0; e < 12; e++) {
      const [p, q] = CUBE_EDGES[e]
      const a = values[samples[p]]
      const b = values[samples[q]]
      if (a < 0 === b < 0) continue
      const axis = e >> 2
      const before = crossings.size
      const crossing = crossings.add(samples[p] * 3 + axis)
      cellCrossings[c * 12 + e] = crossing
      if (crossings.size === before) continue
      for (let k = 0; k < 3; k++)
        crossingPoints.push(origin[k] + (cells[c * 3 + k] + ((p >> k) & 1) + (k === axis ? a / (a - b) : 0)) * spacing)
      // the four cells around the edge, in turn about the axis
      const low = lattice.keys[samples[p]]
      const u = step[(axis + 1) % 3]
      const v = step[(axis + 2) % 3]
      const around = [cellOf.get(low - u - v), cellOf.get(low - v), cellOf.get(low), cellOf.get(low - u)]
      if (around.some((i) => i < 0)) continue
      quads.push(...(a < 0 ? around : around.reverse()))
    }
  }
  const points = Float32Array.from(crossingPoints)
  const gradient = sharp ? (await field.sdfAndGradient(points)).gradient : undefined
  const vertices = new Float32Array(count * 3)
  for (let c = 0; c < count; c++)
    placeVertex(vertices, c, cells, cellCrossings.subarray(c * 12, c * 12 + 12), points, gradient, origin, spacing)
  const indices = new Uint32Array((quads.length / 4) * 6)
  for (let q = 0; q < quads.length; q += 4) {
    const [a, b, c, d] = quads.slice(q, q + 4)
    const square = (i: number, j: number) =>
      (vertices[i * 3] - vertices[j * 3]) ** 2 +
      (vertices[i * 3 + 1] - vertices[j * 3 + 1]) ** 2 +
      (vertices[i * 3 + 2] - vertices[j * 3 + 2]) ** 2
    indices.set(square(a, c) <= square(b, d) ? [a, b, c, a, c, d] : [a, b, d, b, c, d], (q / 4) * 6)
  }
  return { positions: toHead(field.frame, vertices), indices }
}

/** Mean of the crossings, or the minimum of the regularised quadratic error about it, kept within the cell. */
function placeVertex(
  vertices: Float32Array,
  c: number,
  cells: Uint32Array,
  crossings: Int32Array,
  points: Float32Array,
  gradient: Float32Array | undefined,
  origin: readonly number[],
  spacing: number,
): void {
  const mean = [0, 0, 0]
  let n = 0
  for (const i of crossings) {
    if (i < 0) continue
    n++
    for (let k = 0; k < 3; k++) mean[k] += points[i * 3 + k]
  }
  for (let k = 0; k < 3; k++) mean[k] /= n
  const move = [0, 0, 0]
  if (gradient !== undefined) {
    // (Σ n nᵀ + λ I) move = Σ n (n · (p - mean)), 3x3, by Cramer's rule
    const m = [0.02, 0, 0, 0.02, 0, 0.02]
    const r = [0, 0, 0]
    for (const i of crossings) {
      if (i < 0) continue
      const length = Math.hypot(gradient[i * 3], gradient[i * 3 + 1], gradient[i * 3 + 2]) || 1
      const x = gradient[i * 3] / length
      const y = gradient[i * 3 + 1] / length
      const z = gradient[i * 3 + 2] / length
      const d = x * (points[i * 3] - mean[0]) + y * (points[i * 3 + 1] - mean[1]) + z * (points[i * 3 + 2] - mean[2])
      m[0] += x * x
      m[1] += x * y
      m[2] += x * z
      m[3] += y * y
      m[4] += y * z
      m[5] += z * z
      r[0] += x * d
      r[1] += y * d
      r[2] += z * d
    }
    const [a, b, d, e, f, g] = m
    const c0 = e * g - f * f
    const c1 = d * f - b * g
    const c2 = b * f - d * e
    const det = a * c0 + b * c1 + d * c2
    move[0] = (c0 * r[0] + c1 * r[1] + c2 * r[2]) / det
    move[1] = (c1 * r[0] + (a * g - d * d) * r[1] + (b * d - a * f) * r[2]) / det
    move[2] = (c2 * r[0] + (b * d - a * f) * r[1] + (a * e - b * b) * r[2]) / det
  }
  for (let k = 0; k < 3; k++) {
    const low = origin[k] + cells[c * 3 + k] * spacing
    vertices[c * 3 + k] = Math.max(low, Math.min(low + spacing, mean[k] + move[k]))
  }
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
