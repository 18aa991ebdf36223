/** A first pose in closed form: the mean head under scaled orthographic projection (POS, DeMenthon and Davis 1995). */
import { SiderError } from '../errors.js'
import { cross, median, solveCholesky } from '../geometry/algebra.js'

/** Scaled orthographic pose: picture = scale · (first two rows of rotation) · (point − center) + (u, v). */
export interface WeakPose {
  /** [3, 3] */
  rotation: Float64Array
  /** pixels per metre */
  scale: number
  /** where the center appears, same origin as the targets */
  u: number
  v: number
}

/**
 * Pose of the mean head by least squares, with outliers weighted down (Geman-McClure) in a few repetitions.
 *
 * @param points [n, 3] model points, metres
 * @param targets [n, 2] their landmarks, pixels
 * @param weights [n]
 * @param center [3] model point whose place is wanted
 * @throws SiderError HEAD_FIT_FAILED if the landmarks lie on a line or in one place
 */
export function weakPerspectivePose(
  points: ArrayLike<number>,
  targets: ArrayLike<number>,
  weights: ArrayLike<number>,
  center: ArrayLike<number>,
): WeakPose {
  const n = weights.length
  const robust = new Float64Array(n).fill(1)
  let rows = affineRows(points, targets, weights, robust, center)
  for (let iteration = 0; iteration < 12; iteration++) {
    const pose = orthonormal(rows)
    const distances = new Float64Array(n).fill(Number.NaN)
    for (let i = 0; i < n; i++) {
      if (weights[i] === 0) continue
      const p = [0, 1, 2].map((k) => points[3 * i + k] - center[k])
      const e = [0, 1].map((axis) => {
        const r = pose.rotation.subarray(3 * axis)
        const at = pose.scale * (r[0] * p[0] + r[1] * p[1] + r[2] * p[2]) + (axis === 0 ? pose.u : pose.v)
        return at - targets[2 * i + axis]
      })
      distances[i] = Math.hypot(e[0], e[1])
    }
    // The mean head is not this head: distances of a few percent of its width are no outliers.
    const width = 2.5 * Math.max(median(distances), 0.004 * pose.scale)
    for (let i = 0; i < n; i++) robust[i] = Number.isNaN(distances[i]) ? 0 : 1 / (1 + (distances[i] / width) ** 2) ** 2
    rows = affineRows(points, targets, weights, robust, center)
  }
  return orthonormal(rows)
}

/** Weighted least squares affine camera: two rows (a, b, c, offset). */
function affineRows(
  points: ArrayLike<number>,
  targets: ArrayLike<number>,
  weights: ArrayLike<number>,
  robust: Float64Array,
  center: ArrayLike<number>,
): [Float64Array, Float64Array] {
  const a = new Float64Array(16)
  const rows: [Float64Array, Float64Array] = [new Float64Array(4), new Float64Array(4)]
  for (let i = 0; i < weights.length; i++) {
    const w = weights[i] * robust[i]
    if (w === 0) continue
    const q = [0, 1, 2].map((k) => points[3 * i + k] - center[k])
    q.push(1)
    for (let r = 0; r < 4; r++) {
      for (let c = 0; c < 4; c++) a[4 * r + c] += w * q[r] * q[c]
      for (let axis = 0; axis < 2; axis++) rows[axis][r] += w * q[r] * targets[2 * i + axis]
    }
  }
  // A hair of damping for the depth column, which nearly flat sets of points leave open.
  const trace = a[0] + a[5] + a[10]
  for (let k = 0; k < 3; k++) a[5 * k] += 1e-4 * trace
  for (const row of rows) if (!solveCholesky(a.slice(), row, 4)) throw degenerate()
  return rows
}

/** The closest scaled rotation to two affine rows: polar decomposition of a 2x3 matrix. */
function orthonormal(rows: [Float64Array, Float64Array]): WeakPose {
  const [a, b] = rows
  // A Aᵀ = [p q; q r]; singular values s1 >= s2
  const p = a[0] ** 2 + a[1] ** 2 + a[2] ** 2
  const r = b[0] ** 2 + b[1] ** 2 + b[2] ** 2
  const q = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
  const s1s2 = Math.sqrt(Math.max(p * r - q * q, 0))
  const sum = Math.sqrt(p + r + 2 * s1s2) // s1 + s2
  const s1 = (sum + Math.sqrt(Math.max(sum * sum - 4 * s1s2, 0))) / 2
  const s2 = sum - s1
  if (!(s1 > 0) || !Number.isFinite(s1) || s2 < 0.2 * s1) throw degenerate()
  // (A Aᵀ)^(1/2) = (A Aᵀ + s1 s2 I) / (s1 + s2); its inverse makes the rows orthonormal.
  const h = [(p + s1s2) / sum, q / sum, (r + s1s2) / sum]
  const det = h[0] * h[2] - h[1] * h[1]
  const first = [0, 1, 2].map((k) => (h[2] * a[k] - h[1] * b[k]) / det)
  const second = [0, 1, 2].map((k) => (h[0] * b[k] - h[1] * a[k]) / det)
  return {
    rotation: Float64Array.of(...first, ...second, ...cross(first, second)),
    scale: sum / 2,
    u: a[3],
    v: b[3],
  }
}

function degenerate(): SiderError {
  return new SiderError('HEAD_FIT_FAILED', 'the landmarks lie on a line or in one place: no head pose explains them', {
    stage: 'head',
    hint: 'Check the landmarks (wrong file, wrong order?), or let the face be detected.',
  })
}
