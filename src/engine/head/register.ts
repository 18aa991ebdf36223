/**
 * Lays the built-in head over another head's mean mesh: similarity, then identity components, then a smooth warp that meets
 * the landmarks exactly. What is known on the built-in head (478 landmarks, face region, skin parts) can then be looked up on
 * the other mesh, whatever its topology. Heads share their axes (+X subject's left, +Y up, +Z out of the face).
 */
import { solveCholesky } from '../geometry/algebra.js'
import { transformPoints } from '../geometry/camera.js'
import { MeshDistance } from '../geometry/distance.js'
import { triangleNormals, vertexNormals } from '../geometry/normals.js'
import { alignPoints, type Similarity } from '../geometry/similarity.js'
import type { HeadModel, Mesh } from '../stages.js'
import { embeddedPoints } from './embedding.js'

/** Jawline points of iBUG's 68: no fixed places on the skin, so they do not pull. */
const JAWLINE = 17
const COMPONENTS = 50
const ROUNDS = 12
/** Every n-th vertex of the face takes part in the matching of surfaces. */
const SURFACE_POINTS = 900
/** Surface matches further apart, or turned further away, are not matches. */
const MATCH = { distance: 0.012, cosine: 0.6 }
/** Expected mismatch of a landmark and of a surface point, metres: weighs them against the identity prior. */
const SIGMA = { landmark: 0.003, surface: 0.004 }

/**
 * Deforms the built-in head's mean so that it lies on `target`.
 *
 * @param source the built-in head
 * @param target mean mesh of the other head, metres
 * @param points68 [68, 3] the other head's iBUG landmarks; undefined: surfaces alone are matched, from the tips of the noses
 * @returns [source vertices, 3] positions in the target's frame
 */
export function registerHead(source: HeadModel, target: Mesh, points68: Float64Array | undefined): Float64Array {
  const vertices = source.mean.length / 3
  const landmarks = points68 ? Array.from({ length: 68 - JAWLINE }, (_, i) => i + JAWLINE) : []
  const face = faceVertices(source)
  const step = Math.max(1, Math.floor(face.length / SURFACE_POINTS))
  const sampled = face.filter((_, i) => i % step === 0)
  const distance = new MeshDistance(target)
  const targetNormals = triangleNormals(target)
  const components = Math.min(COMPONENTS, source.identityCount)

  let shaped = Float64Array.from(source.mean)
  const alpha = new Float64Array(components)
  let motion = noseTip(target, source)
  for (let round = 0; round < ROUNDS; round++) {
    // rows: where a source point is, where it should be, how much that counts
    const rows: {
      point: ArrayLike<number>
      basis: (k: number, axis: number) => number
      to: number[]
      weight: number
    }[] = []
    const lm = embeddedPoints(shaped, source.indices, source.landmarks68)
    for (const i of landmarks) {
      const t = source.landmarks68.triangles[i]
      rows.push({
        point: lm.subarray(3 * i, 3 * i + 3),
        basis: (k, axis) => {
          let sum = 0
          for (let c = 0; c < 3; c++)
            sum +=
              source.landmarks68.barycentric[3 * i + c] *
              source.identity[(k * vertices + source.indices[3 * t + c]) * 3 + axis]
          return sum
        },
        to: [points68![3 * i], points68![3 * i + 1], points68![3 * i + 2]],
        weight: 1 / SIGMA.landmark ** 2,
      })
    }
    // Surfaces join once the landmarks have brought them near, or from the start when there are no landmarks.
    if (round >= 3 || !points68) {
      const posed = transformPoints(motion, shaped)
      const normals = vertexNormals({ positions: Float32Array.from(posed), indices: source.indices })
      const query = new Float64Array(sampled.length * 3)
      sampled.forEach((v, i) => {
        query.set(posed.subarray(3 * v, 3 * v + 3), 3 * i)
      })
      const hits = distance.closest(query)
      const reach = points68 ? MATCH.distance : MATCH.distance * Math.max(1, 4 - round)
      const share = landmarks.length > 0 ? landmarks.length / sampled.length : 0.1
      sampled.forEach((v, i) => {
        let cosine = 0
        for (let k = 0; k < 3; k++) cosine += normals[3 * v + k] * targetNormals[3 * hits.triangle[i] + k]
        if (hits.distance[i] > reach || cosine < MATCH.cosine) return
        rows.push({
          point: shaped.subarray(3 * v, 3 * v + 3),
          basis: (k, axis) => source.identity[(k * vertices + v) * 3 + axis],
          to: [...hits.point.subarray(3 * i, 3 * i + 3)],
          weight: share / SIGMA.surface ** 2,
        })
      })
    }
    if (rows.length < 10) break
    motion = alignPoints(
      Float64Array.from(rows.flatMap((r) => Array.from(r.point))),
      Float64Array.from(rows.flatMap((r) => r.to)),
      { weights: rows.map((r) => r.weight) },
    )
    if (round < 2) continue
    // Shape with the motion held: linear least squares with the identity prior.
    const a = new Float64Array(components * components)
    const b = new Float64Array(components)
    const row = new Float64Array(components)
    for (const r of rows)
      for (let axis = 0; axis < 3; axis++) {
        let rest = r.to[axis] - motion[4 * axis + 3]
        row.fill(0)
        for (let m = 0; m < 3; m++) {
          rest -= motion[4 * axis + m] * r.point[m]
          for (let k = 0; k < components; k++) row[k] += motion[4 * axis + m] * r.basis(k, m)
        }
        for (let k = 0; k < components; k++) {
          rest += row[k] * alpha[k]
        }
        for (let k = 0; k < components; k++) {
          b[k] += r.weight * row[k] * rest
          for (let l = 0; l <= k; l++) a[k * components + l] += r.weight * row[k] * row[l]
        }
      }
    for (let k = 0; k < components; k++) {
      for (let l = 0; l < k; l++) a[l * components + k] = a[k * components + l]
      a[k * components + k] += 1
    }
    if (!solveCholesky(a, b, components)) break
    alpha.set(b)
    shaped = Float64Array.from(source.mean)
    for (let k = 0; k < components; k++)
      for (let i = 0; i < shaped.length; i++) shaped[i] += alpha[k] * source.identity[k * vertices * 3 + i]
  }
  const posed = transformPoints(motion, shaped)
  return points68 ? warpToLandmarks(posed, source, points68, landmarks) : posed
}

/** Vertices of the source's face region. */
function faceVertices(head: HeadModel): number[] {
  const used = new Set<number>()
  head.faceRegion.forEach((inside, t) => {
    if (inside) for (let c = 0; c < 3; c++) used.add(head.indices[3 * t + c])
  })
  return [...used].filter((v) => head.parts[v] === 0).sort((a, b) => a - b)
}

/** A first translation: the foremost points of both heads, their noses, meet. */
function noseTip(target: Mesh, source: HeadModel): Similarity {
  const tip = (p: ArrayLike<number>): number[] => {
    let best = 0
    for (let v = 0; v < p.length; v += 3) if (p[v + 2] > p[best + 2]) best = v
    return [p[best], p[best + 1], p[best + 2]]
  }
  const [a, b] = [tip(source.mean), tip(target.positions)]
  return Float64Array.of(1, 0, 0, 0, 0, 1, 0, b[1] - a[1], 0, 0, 1, b[2] - a[2], 0, 0, 0, 1)
}

/** Adds a smooth displacement (kernel |r|, the 3D biharmonic spline) that carries the landmarks to their places. */
function warpToLandmarks(posed: Float64Array, source: HeadModel, points68: Float64Array, list: number[]): Float64Array {
  const from = embeddedPoints(posed, source.indices, source.landmarks68)
  const n = list.length
  const kernel = (i: number, x: number, y: number, z: number): number =>
    // A bounded kernel: the ears and the neck need not follow the lips.
    Math.exp(-Math.hypot(x - from[3 * i], y - from[3 * i + 1], z - from[3 * i + 2]) / 0.03)
  const weights = [0, 1, 2].map((axis) => {
    const a = new Float64Array(n * n)
    const b = new Float64Array(n)
    list.forEach((i, r) => {
      list.forEach((j, c) => {
        a[r * n + c] = kernel(j, from[3 * i], from[3 * i + 1], from[3 * i + 2]) + (r === c ? 1e-2 : 0)
      })
      b[r] = points68[3 * i + axis] - from[3 * i + axis]
    })
    return solveCholesky(a, b, n) ? b : new Float64Array(n)
  })
  const out = posed.slice()
  for (let v = 0; v < out.length; v += 3)
    list.forEach((i, r) => {
      const k = kernel(i, posed[v], posed[v + 1], posed[v + 2])
      for (let axis = 0; axis < 3; axis++) out[v + axis] += k * weights[axis][r]
    })
  return out
}
