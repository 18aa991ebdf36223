/**
 * Scan-to-mesh distance, the NoW protocol (Sanyal et al. 2019): the vertices of the scan within a sphere about the face, their
 * distances to the closest points ON the predicted surface, after the prediction was aligned by rigid ICP with free scale (or
 * fixed scale: the benchmark's metrical figure).
 */
import { solveCholesky } from '../geometry/algebra.js'
import { multiply4, type Points, rigidTransform, rotationFromAxisAngle, transformPoints } from '../geometry/camera.js'
import { invertSimilarity, type Similarity, scaleOf } from '../geometry/similarity.js'
import { TriangleTree } from '../geometry/triangle-tree.js'
import type { Mesh } from '../stages.js'

/** The sphere that cuts the face out of a scan, in the scan's unit. */
export interface FaceSphere {
  center: readonly [number, number, number]
  radius: number
}

export interface IcpOptions {
  /** 'fixed' keeps the scale of the start. */
  scale?: 'free' | 'fixed'
  /** Share of the scan points, the closest ones, that the alignment counts (default all); the distances are of all. */
  keep?: number
  iterations?: number
}

export interface ScanDistances {
  /** [n] distance of every scan point to the aligned surface, in the scan's unit. */
  distances: Float64Array
  /** Prediction → scan. */
  transform: Similarity
  iterations: number
}

/** The alignment's passes: with at most so many scan points, until a step lowers the error by less than this share. */
const PASSES = [
  [4000, 1e-4],
  [30_000, 1e-5],
] as const

/** NoW's face crop from its seven landmarks [7, 3]: eye corners right to left, bottom of the nose, mouth corners. */
export function landmarkSphere(landmarks: Points): FaceSphere {
  const at = (i: number): number[] => [...landmarks.subarray(3 * i, 3 * i + 3)]
  const [outerRight, innerRight, innerLeft, outerLeft, nose] = [0, 1, 2, 3, 4].map(at)
  const bridge = innerRight.map((x, k) => (x + innerLeft[k]) / 2)
  const distance = (a: number[], b: number[]): number => Math.hypot(...a.map((x, k) => x - b[k]))
  const [x, y, z] = nose.map((n, k) => n + 0.3 * (bridge[k] - n))
  return { center: [x, y, z], radius: 0.7 * (distance(outerRight, outerLeft) + distance(bridge, nose)) }
}

/**
 * The face crop of a scan without landmarks, head frame in metres: 85 mm about the tip of the nose, the foremost vertex within
 * 20 mm of the median x.
 */
export function noseSphere(vertices: Float32Array): FaceSphere {
  const xs = Float32Array.from({ length: vertices.length / 3 }, (_, i) => vertices[3 * i]).sort()
  const half = xs.length >> 1
  const middle = xs.length % 2 === 1 ? xs[half] : (xs[half - 1] + xs[half]) / 2
  let tip = -1
  for (let i = 0; i < vertices.length; i += 3)
    if (Math.abs(vertices[i] - middle) < 0.02 && (tip < 0 || vertices[i + 2] > vertices[tip + 2])) tip = i
  if (tip < 0) throw new RangeError('no vertex lies near the middle of the scan')
  return { center: [vertices[tip], vertices[tip + 1], vertices[tip + 2]], radius: 0.085 }
}

/** The vertices [n, 3] inside a sphere. */
export function verticesInside(vertices: Float32Array, { center, radius }: FaceSphere): Float64Array {
  const out: number[] = []
  for (let i = 0; i < vertices.length; i += 3) {
    const [x, y, z] = [vertices[i], vertices[i + 1], vertices[i + 2]]
    if (Math.hypot(x - center[0], y - center[1], z - center[2]) < radius) out.push(x, y, z)
  }
  return Float64Array.from(out)
}

/**
 * Aligns a predicted surface with scan points and measures every point's distance to it. The sum of squared distances to the
 * closest surface points is minimised by Gauss-Newton, with the closest points found anew in each step: the same minimum as
 * aligning point pairs again and again, in some ten steps instead of two hundred.
 * @param points [n, 3] scan points
 * @param start prediction → scan
 * @throws RangeError for fewer than three points
 */
export function scanDistances(
  prediction: Mesh,
  points: Float64Array,
  start: Similarity,
  options: IcpOptions = {},
): ScanDistances {
  const { scale = 'free', keep = 1, iterations = 60 } = options
  if (points.length < 9) throw new RangeError('at least three scan points are needed')
  const tree = new TriangleTree(prediction)
  // Scan → prediction: the surface stays where its hierarchy is.
  let toPrediction = invertSimilarity(start)
  let done = 0
  for (const [count, gain] of PASSES) {
    const some = subset(points, count)
    let near = closest(tree, some, toPrediction, keep)
    for (let damping = 1e-6; done < iterations && damping < 1; done++) {
      const next = multiply4(improvement(near, damping, scale), toPrediction)
      const there = closest(tree, some, next, keep)
      const gained = 1 - there.error / near.error
      if (gained < 0) damping *= 30
      else {
        damping = Math.max(1e-6, damping / 10)
        toPrediction = next
        near = there
        if (!(gained > gain)) break
      }
    }
  }
  const { distances } = closest(tree, points, toPrediction, 1)
  return { distances, transform: invertSimilarity(toPrediction), iterations: done }
}

/** Scan points and the closest points of the surface, in the prediction's frame. */
interface Correspondences {
  scan: Float64Array
  surface: Float64Array
  /** [n] in the scan's unit */
  distances: Float64Array
  /** [n] 1 for the closest ones, which count. */
  kept: Uint8Array
  /** Root mean square distance of those, in the scan's unit. */
  error: number
}

function closest(tree: TriangleTree, points: Float64Array, toPrediction: Similarity, keep: number): Correspondences {
  const scan = transformPoints(toPrediction, points)
  const unit = 1 / scaleOf(toPrediction)
  const n = points.length / 3
  const distances = new Float64Array(n)
  const surface = new Float64Array(points.length)
  for (let i = 0; i < n; i++) {
    const hit = tree.closest(scan[3 * i], scan[3 * i + 1], scan[3 * i + 2])
    distances[i] = Math.sqrt(hit.squaredDistance) * unit
    surface[3 * i] = hit.x
    surface[3 * i + 1] = hit.y
    surface[3 * i + 2] = hit.z
  }
  const limit = distances.slice().sort()[Math.max(2, Math.ceil(keep * n) - 1)]
  const kept = Uint8Array.from(distances, (d) => (d <= limit ? 1 : 0))
  let [squares, count] = [0, 0]
  for (let i = 0; i < n; i++)
    if (kept[i]) {
      squares += distances[i] ** 2
      count++
    }
  return { scan, surface, distances, kept, error: Math.sqrt(squares / count) }
}

/**
 * The Gauss-Newton step: a similarity of the prediction's frame that brings the scan closer. A distance changes with a turn ω,
 * a shift τ and a growth σ of the scan about the centre c by  ((p - c) × n) · ω + n · τ + n · (p - c) σ,  where p is the surface
 * point and n the direction from it to the scan point. (The growth also lengthens the distance itself; in the scan's unit that
 * cancels, hence p and not the scan point.)
 */
function improvement(near: Correspondences, damping: number, scale: 'free' | 'fixed'): Similarity {
  const { scan, surface, kept } = near
  const unknowns = scale === 'free' ? 7 : 6
  const normal = new Float64Array(unknowns * unknowns)
  const gradient = new Float64Array(unknowns)
  const c = centroid(scan)
  const row = new Float64Array(unknowns)
  for (let i = 0; i < kept.length; i++) {
    if (!kept[i]) continue
    const d = [0, 1, 2].map((k) => scan[3 * i + k] - surface[3 * i + k])
    const distance = Math.hypot(d[0], d[1], d[2])
    if (distance === 0) continue
    const [nx, ny, nz] = d.map((x) => x / distance)
    const [px, py, pz] = [0, 1, 2].map((k) => surface[3 * i + k] - c[k])
    row.set([py * nz - pz * ny, pz * nx - px * nz, px * ny - py * nx, nx, ny, nz])
    if (scale === 'free') row[6] = px * nx + py * ny + pz * nz
    for (let a = 0; a < unknowns; a++) {
      gradient[a] -= row[a] * distance
      for (let b = 0; b <= a; b++) normal[a * unknowns + b] += row[a] * row[b]
    }
  }
  for (let a = 0; a < unknowns; a++) normal[a * (unknowns + 1)] *= 1 + damping
  // A surface of revolution leaves a turn undetermined: a trace of the largest entry keeps the system definite.
  const largest = Math.max(...Array.from({ length: unknowns }, (_, a) => normal[a * (unknowns + 1)]))
  for (let a = 0; a < unknowns; a++) normal[a * (unknowns + 1)] += 1e-12 * largest
  if (!solveCholesky(normal, gradient, unknowns)) return rigidTransform(IDENTITY, [0, 0, 0])
  const [wx, wy, wz, tx, ty, tz, growth = 0] = gradient
  const s = Math.exp(growth)
  const linear = rotationFromAxisAngle(wx, wy, wz).map((x) => s * x)
  const shift = [tx, ty, tz].map((t, k) => t + c[k] - [0, 1, 2].reduce((sum, j) => sum + linear[3 * k + j] * c[j], 0))
  return rigidTransform(linear, shift)
}

const IDENTITY = Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1)

function centroid(points: Float64Array): [number, number, number] {
  const sum: [number, number, number] = [0, 0, 0]
  for (let i = 0; i < points.length; i++) sum[i % 3] += (3 * points[i]) / points.length
  return sum
}

/** At most `most` points, evenly from the whole list. */
function subset(points: Float64Array, most: number): Float64Array {
  const n = points.length / 3
  if (n <= most) return points
  const out = new Float64Array(3 * most)
  for (let i = 0; i < most; i++) {
    const from = 3 * Math.floor((i * n) / most)
    for (let k = 0; k < 3; k++) out[3 * i + k] = points[from + k]
  }
  return out
}
