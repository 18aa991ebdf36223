/** Similarity transforms y = scale · R x + t between point sets: least-squares alignment and inversion. */
import type { Points } from './camera.js'

/** 4x4 row-major matrix [scale · R, t; 0 1] with R a proper rotation. */
export type Similarity = Float64Array

/**
 * Least-squares similarity that takes points a onto points b (Horn 1987: the rotation is the dominant eigenvector of a
 * quaternion matrix, so it is proper also for points on a plane or a mirrored set).
 * @param a [n, 3]
 * @param b [n, 3]
 * @param options.scale 'free' (default), or 'fixed' for a rigid motion with scale 1
 * @param options.weights [n] how much each pair counts (default: all the same)
 * @throws RangeError for fewer than three points or points in one place
 */
export function alignPoints(
  a: Points,
  b: Points,
  { scale = 'free', weights }: { scale?: 'free' | 'fixed'; weights?: ArrayLike<number> } = {},
): Similarity {
  const n = a.length / 3
  if (n < 3 || a.length !== b.length) throw new RangeError(`cannot align ${n} points with ${b.length / 3}`)
  const weight = (i: number): number => weights?.[i / 3] ?? 1
  const ma = mean(a, weight)
  const mb = mean(b, weight)
  // h[r][c] = Σ w (b - mb)_r (a - ma)_c
  const h = new Float64Array(9)
  let spread = 0
  for (let i = 0; i < a.length; i += 3)
    for (let c = 0; c < 3; c++) {
      const x = a[i + c] - ma[c]
      spread += weight(i) * x * x
      for (let r = 0; r < 3; r++) h[3 * r + c] += weight(i) * (b[i + r] - mb[r]) * x
    }
  if (!(spread > 0)) throw new RangeError('cannot align points that all lie in one place')
  const rotation = bestRotation(h)
  const trace = rotation.reduce((sum, r, i) => sum + r * h[i], 0)
  const k = scale === 'free' ? trace / spread : 1
  const out = new Float64Array(16)
  for (let r = 0; r < 3; r++) {
    for (let c = 0; c < 3; c++) out[4 * r + c] = k * rotation[3 * r + c]
    out[4 * r + 3] = mb[r] - out[4 * r] * ma[0] - out[4 * r + 1] * ma[1] - out[4 * r + 2] * ma[2]
  }
  out[15] = 1
  return out
}

/** The factor by which a similarity enlarges. */
export function scaleOf(s: Similarity): number {
  return Math.hypot(s[0], s[4], s[8])
}

/** The transform that undoes a similarity. */
export function invertSimilarity(s: Similarity): Similarity {
  const k = 1 / scaleOf(s) ** 2
  const out = new Float64Array(16)
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) out[4 * i + j] = s[4 * j + i] * k
    out[4 * i + 3] = -(s[i] * s[3] + s[4 + i] * s[7] + s[8 + i] * s[11]) * k
  }
  out[15] = 1
  return out
}

/** @param weight of the point that begins at an index */
function mean(points: Points, weight: (i: number) => number): [number, number, number] {
  const out: [number, number, number] = [0, 0, 0]
  let total = 0
  for (let i = 0; i < points.length; i += 3) {
    const w = weight(i)
    total += w
    for (let k = 0; k < 3; k++) out[k] += w * points[i + k]
  }
  return out.map((sum) => (3 * sum) / (3 * total)) as [number, number, number]
}

/** Rotation [3, 3] that maximises trace(Rᵀ h). */
function bestRotation(h: Float64Array): Float64Array {
  const [xx, yx, zx, xy, yy, zy, xz, yz, zz] = [h[0], h[3], h[6], h[1], h[4], h[7], h[2], h[5], h[8]]
  // Here xy is Σ (a - ma)_y (b - mb)_x and so on: the first letter counts b's axis.
  const matrix = [
    [xx + yy + zz, zy - yz, xz - zx, yx - xy],
    [zy - yz, xx - yy - zz, xy + yx, xz + zx],
    [xz - zx, xy + yx, yy - xx - zz, yz + zy],
    [yx - xy, xz + zx, yz + zy, zz - xx - yy],
  ]
  const [w, x, y, z] = dominantEigenvector(matrix)
  return Float64Array.of(
    1 - 2 * (y * y + z * z),
    2 * (x * y - w * z),
    2 * (x * z + w * y),
    2 * (x * y + w * z),
    1 - 2 * (x * x + z * z),
    2 * (y * z - w * x),
    2 * (x * z - w * y),
    2 * (y * z + w * x),
    1 - 2 * (x * x + y * y),
  )
}

/** Unit eigenvector of the largest eigenvalue of a symmetric matrix, by Jacobi's rotations. The matrix is overwritten. */
function dominantEigenvector(m: number[][]): number[] {
  const n = m.length
  const v = m.map((_, i) => m.map((_, j): number => (i === j ? 1 : 0)))
  for (let sweep = 0; sweep < 50; sweep++) {
    let off = 0
    let size = 0
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        if (i === j) size += m[i][j] ** 2
        else off += m[i][j] ** 2
      }
    if (off <= 1e-30 * size) break
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        if (m[p][q] === 0) continue
        const theta = (m[q][q] - m[p][p]) / (2 * m[p][q])
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
        const c = 1 / Math.sqrt(t * t + 1)
        const s = t * c
        for (let k = 0; k < n; k++) [m[k][p], m[k][q]] = [c * m[k][p] - s * m[k][q], s * m[k][p] + c * m[k][q]]
        for (let k = 0; k < n; k++) [m[p][k], m[q][k]] = [c * m[p][k] - s * m[q][k], s * m[p][k] + c * m[q][k]]
        for (let k = 0; k < n; k++) [v[k][p], v[k][q]] = [c * v[k][p] - s * v[k][q], s * v[k][p] + c * v[k][q]]
      }
  }
  let best = 0
  for (let i = 1; i < n; i++) if (m[i][i] > m[best][best]) best = i
  return v.map((row) => row[best])
}
