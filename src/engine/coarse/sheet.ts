/** Distances to the coarse sheet: a task of its own, as millions of points are asked for. */
import { barycentric } from '../geometry/barycentric.js'
import { TriangleTree } from '../geometry/triangle-tree.js'
import type { Mesh } from '../stages.js'
import { task } from '../threads/task.js'

/** The sheet as plain data. */
export interface Sheet {
  /** Different for every sheet of the process. */
  key: number
  /** Its front, field coordinates. */
  mesh: Mesh
  /** [vertices, 3] unit */
  normals: Float32Array
  /** Field units. */
  halfThickness: number
}

export interface SheetDistances {
  /** [n] signed, field units */
  sdf: Float32Array
  /** [n, 3] unit */
  gradient: Float32Array
}

/** The tree of the last sheet: the questions about one come one after the other. */
let known: { key: number; tree: TriangleTree } | undefined

/** Exact signed distance of points [n, 3] in field coordinates, with its gradient. The same points have the same answers in any thread. */
export function sheetDistances({ sheet, points }: { sheet: Sheet; points: Float32Array }): SheetDistances {
  const { mesh, normals, halfThickness } = sheet
  if (known?.key !== sheet.key) known = { key: sheet.key, tree: new TriangleTree(mesh) }
  const { tree } = known
  tree.restart()
  const { positions, indices } = mesh
  const n = points.length / 3
  const sdf = new Float32Array(n)
  const gradient = new Float32Array(3 * n)
  const weights = new Float64Array(3)
  const corners = new Uint32Array(3)
  const point = new Float32Array(3)
  // written out: this is asked for millions of points
  for (let i = 0; i < n; i++) {
    const o = 3 * i
    const hit = tree.closest(points[o], points[o + 1], points[o + 2])
    point[0] = hit.x
    point[1] = hit.y
    point[2] = hit.z
    for (let c = 0; c < 3; c++) corners[c] = indices[3 * hit.triangle + c]
    barycentric(positions, corners, point, 0, weights)
    const [a, b, c] = [3 * corners[0], 3 * corners[1], 3 * corners[2]]
    const [u, v, w] = [weights[0], weights[1], weights[2]]
    const nx = u * normals[a] + v * normals[b] + w * normals[c]
    const ny = u * normals[a + 1] + v * normals[b + 1] + w * normals[c + 1]
    const nz = u * normals[a + 2] + v * normals[b + 2] + w * normals[c + 2]
    const inwards = halfThickness / Math.max(Math.sqrt(nx * nx + ny * ny + nz * nz), 1e-9)
    const x = points[o] - point[0] + inwards * nx
    const y = points[o + 1] - point[1] + inwards * ny
    const z = points[o + 2] - point[2] + inwards * nz
    const distance = Math.sqrt(x * x + y * y + z * z)
    sdf[i] = distance - halfThickness
    const unit = 1 / Math.max(distance, 1e-9)
    gradient[o] = x * unit
    gradient[o + 1] = y * unit
    gradient[o + 2] = z * unit
  }
  return { sdf, gradient }
}

export const SHEET_DISTANCES = task(import.meta.url, sheetDistances)
