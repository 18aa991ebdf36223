/** Where a surface has passed through itself. */
import type { Mesh } from '../../src/engine/stages.js'

/** Side of the cells that triangles are looked up in, metres. */
const CELL = 0.0015

export interface Intersection {
  /** Metres. */
  depth: number
  /** A vertex beside it; -1 where there is none. */
  vertex: number
}

/**
 * The deepest place where an edge passes through a triangle that it shares no vertex with: the depth is the distance of the nearer one of
 * the edge's ends from the triangle's plane.
 * @param triangles numbers of the triangles to look at
 */
export function deepestIntersection({ positions: p, indices }: Mesh, triangles: readonly number[]): Intersection {
  const cells = new Map<number, number[]>()
  const range = new Int32Array(6)
  const box = (...vertices: number[]): void => {
    for (let k = 0; k < 3; k++) {
      let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
      for (const v of vertices) {
        low = Math.min(low, p[3 * v + k])
        high = Math.max(high, p[3 * v + k])
      }
      range[k] = Math.floor(low / CELL) + 1000
      range[k + 3] = Math.floor(high / CELL) + 1000
    }
  }
  for (const t of triangles) {
    box(indices[3 * t], indices[3 * t + 1], indices[3 * t + 2])
    for (let x = range[0]; x <= range[3]; x++)
      for (let y = range[1]; y <= range[4]; y++)
        for (let z = range[2]; z <= range[5]; z++) {
          const key = x + 2000 * (y + 2000 * z)
          const list = cells.get(key)
          if (list) list.push(t)
          else cells.set(key, [t])
        }
  }
  const found: Intersection = { depth: 0, vertex: -1 }
  for (const t of triangles)
    for (let c = 0; c < 3; c++) {
      const [a, b] = [indices[3 * t + c], indices[3 * t + ((c + 1) % 3)]]
      // each inner edge once, by the triangle that runs it upwards
      if (a > b) continue
      box(a, b)
      for (let x = range[0]; x <= range[3]; x++)
        for (let y = range[1]; y <= range[4]; y++)
          for (let z = range[2]; z <= range[5]; z++)
            for (const other of cells.get(x + 2000 * (y + 2000 * z)) ?? []) {
              const depth = pierced(p, a, b, indices[3 * other], indices[3 * other + 1], indices[3 * other + 2])
              if (depth > found.depth) Object.assign(found, { depth, vertex: a })
            }
    }
  return found
}

/** Distance of the nearer end from the plane where the edge passes through the triangle, else 0. */
function pierced(p: Float32Array, from: number, to: number, a: number, b: number, c: number): number {
  const [i, j, k, u, v] = [3 * a, 3 * b, 3 * c, 3 * from, 3 * to]
  const [ax, ay, az] = [p[i], p[i + 1], p[i + 2]]
  const [bx, by, bz] = [p[j] - ax, p[j + 1] - ay, p[j + 2] - az]
  const [cx, cy, cz] = [p[k] - ax, p[k + 1] - ay, p[k + 2] - az]
  const [nx, ny, nz] = [by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx]
  const square = nx * nx + ny * ny + nz * nz
  if (square === 0) return 0
  const [ux, uy, uz] = [p[u] - ax, p[u + 1] - ay, p[u + 2] - az]
  const [vx, vy, vz] = [p[v] - ax, p[v + 1] - ay, p[v + 2] - az]
  const d = ux * nx + uy * ny + uz * nz
  const e = vx * nx + vy * ny + vz * nz
  // one end in the plane is a vertex that is shared, or one that just touches
  const tiny = 1e-9 * Math.sqrt(square)
  if (d * e >= 0 || Math.abs(d) < tiny || Math.abs(e) < tiny) return 0
  const t = d / (d - e)
  const [x, y, z] = [ux + t * (vx - ux), uy + t * (vy - uy), uz + t * (vz - uz)]
  // barycentric coordinates of the place in the plane
  const w = (bx * (y * nz - z * ny) + by * (z * nx - x * nz) + bz * (x * ny - y * nx)) / square
  const s = ((cy * nz - cz * ny) * x + (cz * nx - cx * nz) * y + (cx * ny - cy * nx) * z) / square
  if (w < 0 || s < 0 || w + s > 1) return 0
  return Math.min(Math.abs(d), Math.abs(e)) / Math.sqrt(square)
}
