/**
 * The coarse stage's ground truth (Eq. 4): the fitted face region is an open sheet; with thickness ε its signed distance is
 * dist(x, sheet) - ε/2. The sheet lies ε/2 behind the fitted mesh, so that the surface seen from the front coincides with it.
 *
 * The sheet is not built: vertices moved inwards by ε/2 run into each other in the creases of lips, lids and nostrils, and the
 * front then lies up to ε/2 too far out. The distance is measured to the closest point of the mesh moved inwards along its
 * normal, which is zero everywhere on the mesh, whatever ε.
 */
import { barycentric } from '../geometry/barycentric.js'
import { MeshDistance } from '../geometry/distance.js'
import { submesh } from '../geometry/mesh.js'
import { vertexNormals } from '../geometry/normals.js'
import type { Rng } from '../geometry/rng.js'
import { sampleSurface } from '../geometry/sample.js'
import type { FieldFrame, HeadFit, Mesh } from '../stages.js'

/** The face region lies within this radius in field coordinates, so that its surroundings fit in the unit sphere. */
const REGION_RADIUS = 0.9

export interface SamplePool {
  /** [n, 3] field coordinates */
  points: Float32Array
  /** [n] exact signed distance in field units */
  distance: Float32Array
}

export class CoarseTarget {
  readonly frame: FieldFrame
  /** The fitted face region, head frame, metres: where the front of the coarse surface should be. */
  readonly face: Mesh
  private readonly bvh: MeshDistance
  private readonly normals: Float32Array
  private readonly halfThickness: number

  /** @param thickness ε in metres */
  constructor(fit: HeadFit, thickness: number) {
    this.face = submesh(fit.mesh, fit.model.faceRegion).mesh
    this.frame = regionFrame(this.face)
    const { center, scale } = this.frame
    this.normals = vertexNormals(this.face)
    const front = this.face.positions.map((p, i) => (p - center[i % 3]) / scale)
    this.bvh = new MeshDistance({ positions: front, indices: this.face.indices })
    this.halfThickness = thickness / 2 / scale
  }

  /** Exact signed distance (field units) of points [n, 3] in field coordinates. */
  distance(points: Float32Array): Float32Array {
    return this.distanceAndGradient(points).sdf
  }

  /** The same with its gradient [n, 3], a unit vector. */
  distanceAndGradient(points: Float32Array): { sdf: Float32Array; gradient: Float32Array } {
    const { positions, indices } = this.bvh.mesh
    const { point, triangle } = this.bvh.closest(points)
    const n = triangle.length
    const sdf = new Float32Array(n)
    const gradient = new Float32Array(3 * n)
    const weights = new Float64Array(3)
    const corners = new Uint32Array(3)
    const { normals, halfThickness } = this
    // written out: this is asked for millions of points
    for (let i = 0; i < n; i++) {
      for (let c = 0; c < 3; c++) corners[c] = indices[3 * triangle[i] + c]
      barycentric(positions, corners, point, 3 * i, weights)
      const [a, b, c] = [3 * corners[0], 3 * corners[1], 3 * corners[2]]
      const [u, v, w] = [weights[0], weights[1], weights[2]]
      const nx = u * normals[a] + v * normals[b] + w * normals[c]
      const ny = u * normals[a + 1] + v * normals[b + 1] + w * normals[c + 1]
      const nz = u * normals[a + 2] + v * normals[b + 2] + w * normals[c + 2]
      const inwards = halfThickness / Math.max(Math.sqrt(nx * nx + ny * ny + nz * nz), 1e-9)
      const o = 3 * i
      const x = points[o] - point[o] + inwards * nx
      const y = points[o + 1] - point[o + 1] + inwards * ny
      const z = points[o + 2] - point[o + 2] + inwards * nz
      const distance = Math.sqrt(x * x + y * y + z * z)
      sdf[i] = distance - halfThickness
      const unit = 1 / Math.max(distance, 1e-9)
      gradient[o] = x * unit
      gradient[o + 1] = y * unit
      gradient[o + 2] = z * unit
    }
    return { sdf, gradient }
  }

  /**
   * Training points with their distances: about the mesh with normal offsets of two widths, and a few anywhere in the unit
   * cube, so that no second surface grows far away.
   * @param sigma metres
   */
  sample(n: number, sigma: number, rng: Rng): SamplePool {
    const { points } = sampleSurface(this.bvh.mesh, n, rng)
    const near = sigma / this.frame.scale
    for (let i = 0; i < n; i++) {
      const kind = rng.uniform()
      for (let k = 0; k < 3; k++) {
        const j = 3 * i + k
        points[j] = kind < 0.05 ? rng.uniform(-1, 1) : points[j] + rng.normal() * (kind < 0.25 ? 8 * near : near)
      }
    }
    return { points, distance: this.distance(points) }
  }
}

function regionFrame(mesh: Mesh): FieldFrame {
  const low = [Infinity, Infinity, Infinity]
  const high = [-Infinity, -Infinity, -Infinity]
  mesh.positions.forEach((p, i) => {
    low[i % 3] = Math.min(low[i % 3], p)
    high[i % 3] = Math.max(high[i % 3], p)
  })
  const center = Float64Array.from(low, (l, k) => (l + high[k]) / 2)
  let radius = 0
  for (let i = 0; i < mesh.positions.length; i += 3) {
    const d = Math.hypot(
      mesh.positions[i] - center[0],
      mesh.positions[i + 1] - center[1],
      mesh.positions[i + 2] - center[2],
    )
    radius = Math.max(radius, d)
  }
  return { center, scale: radius / REGION_RADIUS }
}
