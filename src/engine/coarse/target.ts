/**
 * The coarse stage's ground truth (Eq. 4): the fitted face region is an open sheet; with thickness ε its signed distance is
 * dist(x, sheet) - ε/2. The sheet lies ε/2 behind the fitted mesh, so that the surface seen from the front coincides with it.
 *
 * The sheet is not built: vertices moved inwards by ε/2 run into each other in the creases of lips, lids and nostrils, and the
 * front then lies up to ε/2 too far out. The distance is measured to the closest point of the mesh moved inwards along its
 * normal, which is zero everywhere on the mesh, whatever ε.
 */
import { submesh } from '../geometry/mesh.js'
import { vertexNormals } from '../geometry/normals.js'
import type { Rng } from '../geometry/rng.js'
import { sampleSurface } from '../geometry/sample.js'
import type { FieldFrame, HeadFit, Mesh } from '../stages.js'
import { inCommon, NO_THREADS, type Threads } from '../threads/index.js'
import { SHEET_DISTANCES, type Sheet, type SheetDistances, sheetDistances } from './sheet.js'

/** The face region lies within this radius in field coordinates, so that its surroundings fit in the unit sphere. */
const REGION_RADIUS = 0.9

export interface SamplePool {
  /** [n, 3] field coordinates */
  points: Float32Array
  /** [n] exact signed distance in field units */
  distance: Float32Array
}

/** Points that are measured at once: a place to split the work that does not depend on who does it. */
const BLOCK = 8192

let sheets = 0

export class CoarseTarget {
  readonly frame: FieldFrame
  /** The fitted face region, head frame, metres: where the front of the coarse surface should be. */
  readonly face: Mesh
  private readonly sheet: Sheet

  /**
   * @param thickness ε in metres
   * @param threads where many points are measured
   */
  constructor(
    fit: HeadFit,
    thickness: number,
    private readonly threads: Threads = NO_THREADS,
  ) {
    this.face = submesh(fit.mesh, fit.model.faceRegion).mesh
    this.frame = regionFrame(this.face)
    const { center, scale } = this.frame
    const front = this.face.positions.map((p, i) => (p - center[i % 3]) / scale)
    this.sheet = {
      key: sheets++,
      // threads are asked hundreds of times
      mesh: { positions: inCommon(front), indices: inCommon(this.face.indices) },
      normals: inCommon(vertexNormals(this.face)),
      halfThickness: thickness / 2 / scale,
    }
  }

  /** Exact signed distance (field units) of points [n, 3] in field coordinates, and its gradient [n, 3], a unit vector. */
  async measure(points: Float32Array): Promise<SheetDistances> {
    const { sheet, threads } = this
    const n = points.length / 3
    if (n <= BLOCK) return sheetDistances({ sheet, points })
    const out = { sdf: new Float32Array(n), gradient: new Float32Array(3 * n) }
    const starts = Array.from({ length: Math.ceil(n / BLOCK) }, (_, block) => block * BLOCK)
    await Promise.all(
      starts.map(async (from) => {
        const block = points.slice(3 * from, 3 * (from + BLOCK))
        const { sdf, gradient } = await threads.run(SHEET_DISTANCES, { sheet, points: block })
        out.sdf.set(sdf, from)
        out.gradient.set(gradient, 3 * from)
      }),
    )
    return out
  }

  /**
   * Training points with their distances: about the mesh with normal offsets of two widths, and a few anywhere in the unit
   * cube, so that no second surface grows far away.
   * @param sigma metres
   */
  async sample(n: number, sigma: number, rng: Rng): Promise<SamplePool> {
    const { points } = sampleSurface(this.sheet.mesh, n, rng)
    const near = sigma / this.frame.scale
    for (let i = 0; i < n; i++) {
      const kind = rng.uniform()
      for (let k = 0; k < 3; k++) {
        const j = 3 * i + k
        points[j] = kind < 0.05 ? rng.uniform(-1, 1) : points[j] + rng.normal() * (kind < 0.25 ? 8 * near : near)
      }
    }
    return { points, distance: (await this.measure(points)).sdf }
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
