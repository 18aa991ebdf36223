/**
 * The identity space: the principal components of thousands of drawn heads (people.ts).
 *
 * MakeHuman's heads are linear in target weights, and a small rigid motion is nearly linear too. So the rigid part of every
 * target is projected out once, and the principal components are found from the covariance of the weights and the targets'
 * Gram matrix: the same answer as from the heads themselves.
 */
import type { Rng } from '../../src/engine/geometry/rng.js'
import { people } from './people.js'
import type { Source } from './source.js'

/** Mean of the drawn heads and its principal components at some vertices. */
export interface Shapes {
  /** [vertices, 3] rigidly aligned. */
  mean: Float64Array
  /** [components][vertices, 3] displacement for one standard deviation. */
  components: Float64Array[]
}

export interface IdentitySpace extends Shapes {
  /** The same heads at other vertices, which had no say: their undeformed positions, and displacements of a target there. */
  elsewhere: (base: Float64Array, field: (name: string) => Float64Array) => Shapes
  /** Share of the (weighted) variance that the components explain, and how it grows. */
  explained: number[]
  sliders: number
}

/**
 * @param base [n, 3] positions of the undeformed vertices, metres
 * @param field displacement [n, 3] of a target, metres
 * @param weight [n] importance of each vertex
 */
export function identitySpace(
  source: Source,
  base: Float64Array,
  field: (name: string) => Float64Array,
  weight: Float64Array,
  samples: number,
  count: number,
  rng: Rng,
): IdentitySpace {
  const { targets, draw } = people(source)
  const k = targets.length
  const drawn = Array.from({ length: samples }, () => draw(rng))
  const average = new Float64Array(k)
  for (const w of drawn) for (let i = 0; i < k; i++) average[i] += w[i] / samples
  const fields = targets.map(field)
  const averaged = (from: Float64Array, of: Float64Array[]): Float64Array => {
    const out = from.slice()
    of.forEach((f, i) => {
      for (let j = 0; j < f.length; j++) out[j] += average[i] * f[j]
    })
    return out
  }
  const mean = averaged(base, fields)
  const rigid = rigidParts(mean, weight)
  const motions = fields.map(rigid.of)
  const free = fields.map((f, i) => rigid.without(motions[i], mean, f))

  const covariance = new Float64Array(k * k)
  const d = new Float64Array(k)
  for (const w of drawn) {
    for (let i = 0; i < k; i++) d[i] = w[i] - average[i]
    for (let i = 0; i < k; i++) {
      if (d[i] === 0) continue
      for (let j = 0; j <= i; j++) covariance[i * k + j] += (d[i] * d[j]) / (samples - 1)
    }
  }
  for (let i = 0; i < k; i++) for (let j = 0; j < i; j++) covariance[j * k + i] = covariance[i * k + j]
  // cov = L Lᵀ by its eigenvectors; then the heads' principal components are the singular vectors of (targets · L).
  const c = symmetricEigen(covariance, k)
  const rank = c.values.filter((v) => v > 1e-9 * c.values[0]).length
  const scaled = free.map((f) => f.map((x, i) => x * Math.sqrt(weight[Math.floor(i / 3)])))
  const gram = new Float64Array(k * k)
  for (let i = 0; i < k; i++)
    for (let j = 0; j <= i; j++) {
      let sum = 0
      const [a, b] = [scaled[i], scaled[j]]
      for (let n = 0; n < a.length; n++) sum += a[n] * b[n]
      gram[i * k + j] = gram[j * k + i] = sum
    }
  const l = Array.from({ length: rank }, (_, r) =>
    Float64Array.from({ length: k }, (_, i) => c.vectors[i * k + r] * Math.sqrt(c.values[r])),
  )
  const gl = l.map((column) =>
    Float64Array.from({ length: k }, (_, i) => {
      let sum = 0
      for (let j = 0; j < k; j++) sum += gram[i * k + j] * column[j]
      return sum
    }),
  )
  const inner = new Float64Array(rank * rank)
  for (let r = 0; r < rank; r++)
    for (let s = 0; s < rank; s++) for (let i = 0; i < k; i++) inner[r * rank + s] += l[r][i] * gl[s][i]
  const e = symmetricEigen(inner, rank)
  const total = e.values.reduce((a, b) => a + Math.max(0, b), 0)
  let sum = 0
  const explained: number[] = []
  const combined = (direction: Float64Array, of: Float64Array[]): Float64Array => {
    const out = new Float64Array(of[0].length)
    of.forEach((f, i) => {
      if (direction[i] !== 0) for (let j = 0; j < out.length; j++) out[j] += direction[i] * f[j]
    })
    return out
  }
  const signed = (sign: number, values: Float64Array): Float64Array => values.map((x) => sign * x)
  const found = Array.from({ length: count }, (_, n) => {
    sum += e.values[n]
    explained.push(sum / total)
    // direction in target weights for one standard deviation along the n-th eigenvector
    const direction = new Float64Array(k)
    for (let r = 0; r < rank; r++) for (let i = 0; i < k; i++) direction[i] += e.vectors[r * rank + n] * l[r][i]
    const component = combined(direction, free)
    // signs are arbitrary: the first component makes heads larger, the others are turned alike
    const sign = component.reduce((s, x, j) => s + x * (mean[j] - mean[j % 3]), 0) < 0 ? -1 : 1
    return { direction, sign, component: signed(sign, component) }
  })
  const elsewhere: IdentitySpace['elsewhere'] = (otherBase, otherField) => {
    const others = targets.map(otherField)
    const otherMean = averaged(otherBase, others)
    const otherFree = others.map((f, i) => rigid.without(motions[i], otherMean, f))
    return {
      mean: otherMean,
      components: found.map(({ direction, sign }) => signed(sign, combined(direction, otherFree))),
    }
  }
  return { mean, components: found.map(({ component }) => component), elsewhere, explained, sliders: k }
}

interface RigidMotion {
  shift: number[]
  turn: [number, number, number]
}

/** Translation and small rotation in displacement fields of a mesh, by weighted least squares. Size is no part of it. */
function rigidParts(
  mean: Float64Array,
  weight: Float64Array,
): {
  of: (field: Float64Array) => RigidMotion
  /** A field without a motion, at vertices that rest at `positions`. */
  without: (motion: RigidMotion, positions: Float64Array, field: Float64Array) => Float64Array
} {
  const n = weight.length
  const total = weight.reduce((a, b) => a + b, 0)
  const centre = [0, 0, 0]
  for (let v = 0; v < n; v++) for (let k = 0; k < 3; k++) centre[k] += (weight[v] * mean[3 * v + k]) / total
  const moments = new Float64Array(9)
  const relative = mean.map((x, i) => x - centre[i % 3])
  for (let v = 0; v < n; v++) {
    const [x, y, z] = relative.subarray(3 * v, 3 * v + 3)
    const w = weight[v]
    const m = [y * y + z * z, -x * y, -x * z, -x * y, x * x + z * z, -y * z, -x * z, -y * z, x * x + y * y]
    for (let i = 0; i < 9; i++) moments[i] += w * m[i]
  }
  const of = (field: Float64Array): RigidMotion => {
    const shift = [0, 0, 0]
    for (let v = 0; v < n; v++) for (let k = 0; k < 3; k++) shift[k] += (weight[v] * field[3 * v + k]) / total
    const torque = [0, 0, 0]
    for (let v = 0; v < n; v++) {
      const [x, y, z] = relative.subarray(3 * v, 3 * v + 3)
      const [a, b, c] = [0, 1, 2].map((k) => field[3 * v + k] - shift[k])
      torque[0] += weight[v] * (y * c - z * b)
      torque[1] += weight[v] * (z * a - x * c)
      torque[2] += weight[v] * (x * b - y * a)
    }
    const [p, q, r] = solve3(moments, torque)
    return { shift, turn: [p, q, r] }
  }
  const without = ({ shift, turn: [p, q, r] }: RigidMotion, positions: Float64Array, field: Float64Array) =>
    field.map((value, i) => {
      const v = i - (i % 3)
      const [x, y, z] = [0, 1, 2].map((k) => positions[v + k] - centre[k])
      const turned = [q * z - r * y, r * x - p * z, p * y - q * x]
      return value - shift[i % 3] - turned[i % 3]
    })
  return { of, without }
}

function solve3(m: Float64Array, b: number[]): number[] {
  const det = (a: ArrayLike<number>): number =>
    a[0] * (a[4] * a[8] - a[5] * a[7]) - a[1] * (a[3] * a[8] - a[5] * a[6]) + a[2] * (a[3] * a[7] - a[4] * a[6])
  const d = det(m)
  return [0, 1, 2].map((k) => det(Array.from(m, (x, i) => (i % 3 === k ? b[Math.floor(i / 3)] : x))) / d)
}

/**
 * Eigenvalues (falling) and eigenvectors of a symmetric matrix: Householder tridiagonalisation would be faster, but cyclic
 * Jacobi is short and exact, and a few hundred rows take seconds.
 */
export function symmetricEigen(matrix: Float64Array, n: number): { values: Float64Array; vectors: Float64Array } {
  const a = matrix.slice()
  const v = new Float64Array(n * n) // rows are eigenvectors while turning
  for (let i = 0; i < n; i++) v[i * n + i] = 1
  let trace = 0
  for (let i = 0; i < n; i++) trace += Math.abs(a[i * n + i])
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0
    for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) off = Math.max(off, Math.abs(a[i * n + j]))
    if (off < 1e-13 * trace) break
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        const apq = a[p * n + q]
        if (Math.abs(apq) < 1e-15 * trace) continue
        const theta = (a[q * n + q] - a[p * n + p]) / (2 * apq)
        const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
        const c = 1 / Math.sqrt(t * t + 1)
        const s = t * c
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[p * n + k], a[q * n + k]]
          a[p * n + k] = c * x - s * y
          a[q * n + k] = s * x + c * y
        }
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[k * n + p], a[k * n + q]]
          a[k * n + p] = c * x - s * y
          a[k * n + q] = s * x + c * y
        }
        for (let k = 0; k < n; k++) {
          const [x, y] = [v[p * n + k], v[q * n + k]]
          v[p * n + k] = c * x - s * y
          v[q * n + k] = s * x + c * y
        }
      }
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[j * n + j] - a[i * n + i])
  const vectors = new Float64Array(n * n)
  order.forEach((from, to) => {
    for (let k = 0; k < n; k++) vectors[k * n + to] = v[from * n + k]
  })
  return { values: Float64Array.from(order, (i) => a[i * n + i]), vectors }
}
