/**
 * The identity space: thousands of plausible heads, drawn in the space of target weights, and their principal components.
 *
 * MakeHuman's heads are linear in target weights, and a small rigid motion is nearly linear too. So the rigid part of every
 * target is projected out once, and the principal components are found from the covariance of the weights and the targets'
 * Gram matrix: the same answer as from the heads themselves.
 */
import type { Rng } from '../../src/engine/geometry/rng.js'
import { RACES, SEXES } from './frame.js'
import type { Source } from './source.js'

/** Ends of MakeHuman's paired targets: decrease → increase. */
const PAIRS: Record<string, string> = {
  less: 'more',
  min: 'max',
  decr: 'incr',
  down: 'up',
  in: 'out',
  backward: 'forward',
  concave: 'convex',
  small: 'big',
  deflate: 'inflate',
  decrease: 'increase',
  lessgreek: 'moregreek',
  lesshump: 'morehump',
  compress: 'uncompress',
  point: 'potato',
  skinny: 'fat',
  pointed: 'triangle',
  round: 'square',
} // prettier-ignore
const GROUPS = ['head', 'forehead', 'eyebrows', 'eyes', 'nose', 'mouth', 'chin', 'cheek', 'ears', 'neck']

/**
 * Standard deviations of the local weights; 1 is a slider at its end, which is a caricature for most. Left out: moves of the
 * whole head, which are pose.
 */
function spread(name: string): number {
  if (name.startsWith('head/head-trans')) return 0
  if (name.startsWith('ears/')) return 0.18
  if (name.startsWith('asym/')) return 0.12
  if (/^head\/head-(oval|round|rectangular|square|triangular|invertedtriangular|diamond)/.test(name)) return 0.18
  return 0.22
}

/** One slider: a target for negative weights, one for positive weights; each may stand for both sides of the face. */
interface Slider {
  negative: number[]
  positive: number[]
  sigma: number
  /** How much the two sides differ, as a share of sigma. */
  uneven: number
}

export interface People {
  /** Names of all targets that take part. */
  targets: string[]
  /** Weights of one head, drawn. */
  draw: (rng: Rng) => Float64Array
}

/** @param source the targets that exist */
export function people(source: Source): People {
  const exists = new Set(source.names)
  const targets: string[] = []
  const numbers = new Map<string, number>()
  const number = (name: string): number => {
    const known = numbers.get(name)
    if (known !== undefined) return known
    if (!exists.has(name)) throw new Error(`no target ${name}`)
    numbers.set(name, targets.push(name) - 1)
    return targets.length - 1
  }
  const sliders = localSliders(source.names, number)
  for (const sex of SEXES)
    for (const age of ['child', 'young', 'old']) {
      for (const race of RACES) number(`macrodetails/${race}-${sex}-${age}`)
      for (const m of ['min', 'average', 'max'])
        for (const w of ['min', 'average', 'max']) number(`macrodetails/universal-${sex}-${age}-${m}muscle-${w}weight`)
    }

  const draw = (rng: Rng): Float64Array => {
    const weights = new Float64Array(targets.length)
    const race = RACES.map(() => (-Math.log(1 - rng.uniform())) ** 1.5) // mostly one, sometimes a mixture
    const raceSum = race.reduce((a, b) => a + b, 0)
    const male = 1 / (1 + Math.exp(-3 * rng.normal()))
    const ages = drawAge(rng)
    const muscle = levels(0.4 * rng.normal())
    const weight = levels(0.45 * rng.normal())
    SEXES.forEach((sex, s) => {
      for (const [age, wa] of Object.entries(ages)) {
        const share = wa * (s === 0 ? male : 1 - male)
        RACES.forEach((r, i) => {
          weights[number(`macrodetails/${r}-${sex}-${age}`)] += (share * race[i]) / raceSum
        })
        for (const [m, wm] of Object.entries(muscle))
          for (const [w, ww] of Object.entries(weight))
            weights[number(`macrodetails/universal-${sex}-${age}-${m}muscle-${w}weight`)] += share * wm * ww
      }
    })
    for (const { negative, positive, sigma, uneven } of sliders) {
      const common = sigma * rng.normal()
      for (let side = 0; side < Math.max(negative.length, positive.length); side++) {
        const c = Math.max(-1, Math.min(1, common + uneven * sigma * rng.normal()))
        const list = c < 0 ? negative : positive
        if (side < list.length) weights[list[side]] += Math.abs(c)
      }
    }
    return weights
  }
  return { targets, draw }
}

/** Mostly grown-ups of all ages, a tenth children. */
function drawAge(rng: Rng): Record<string, number> {
  const t = rng.uniform()
  if (rng.uniform() < 0.1) return { child: 0.9 * (1 - t), young: 1 - 0.9 * (1 - t) }
  const old = t ** 1.3
  return { young: 1 - old, old }
}

/** Weights of MakeHuman's three levels for a value in -1..1. */
function levels(x: number): Record<string, number> {
  const c = Math.max(-1, Math.min(1, x))
  return c < 0 ? { average: 1 + c, min: -c } : { average: 1 - c, max: c }
}

function localSliders(names: string[], number: (name: string) => number): Slider[] {
  const has = new Set(names)
  const done = new Set<string>()
  const sliders = new Map<string, Slider>()
  for (const name of names) {
    const group = name.split('/')[0]
    const asymmetric = group === 'asym'
    if ((!GROUPS.includes(group) && !asymmetric) || done.has(name) || spread(name) === 0) continue
    const cut = name.lastIndexOf('-')
    const [stem, end] = [name.slice(0, cut), name.slice(cut + 1)]
    // asym targets come as -l and -r: opposite leanings of one slider
    const other = asymmetric ? (end === 'l' ? `${stem}-r` : undefined) : PAIRS[end] && `${stem}-${PAIRS[end]}`
    const partner = other !== undefined && has.has(other) ? other : undefined
    if (asymmetric && partner === undefined) continue
    done.add(name)
    if (partner) done.add(partner)
    const key = name.replace(/\/[lr]-/, '/')
    const slider = sliders.get(key) ?? { negative: [], positive: [], sigma: spread(name), uneven: 0.15 }
    if (partner) {
      slider.negative.push(number(name))
      slider.positive.push(number(partner))
    } else slider.positive.push(number(name))
    sliders.set(key, slider)
  }
  return [...sliders.values()]
}

export interface IdentitySpace {
  /** [vertices, 3] mean of the drawn heads, rigidly aligned. */
  mean: Float64Array
  /** [components][vertices, 3] displacement for one standard deviation. */
  components: Float64Array[]
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
  const mean = base.slice()
  fields.forEach((f, i) => {
    for (let j = 0; j < f.length; j++) mean[j] += average[i] * f[j]
  })
  const still = removeRigid(mean, weight)
  const free = fields.map(still)

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
  const components = Array.from({ length: count }, (_, n) => {
    sum += e.values[n]
    explained.push(sum / total)
    // direction in target weights for one standard deviation along the n-th eigenvector
    const direction = new Float64Array(k)
    for (let r = 0; r < rank; r++) for (let i = 0; i < k; i++) direction[i] += e.vectors[r * rank + n] * l[r][i]
    const out = new Float64Array(base.length)
    free.forEach((f, i) => {
      if (direction[i] !== 0) for (let j = 0; j < out.length; j++) out[j] += direction[i] * f[j]
    })
    // signs are arbitrary: the first component makes heads larger, the others are turned alike
    const sign = out.reduce((s, x, j) => s + x * (mean[j] - mean[j % 3]), 0) < 0 ? -1 : 1
    return out.map((x) => sign * x)
  })
  return { mean, components, explained, sliders: k }
}

/** Removes translation and small rotation from displacement fields, by weighted least squares. Size stays. */
export function removeRigid(mean: Float64Array, weight: Float64Array): (field: Float64Array) => Float64Array {
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
  return (field) => {
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
    return field.map((value, i) => {
      const [x, y, z] = relative.subarray(i - (i % 3), i - (i % 3) + 3)
      const turn = [q * z - r * y, r * x - p * z, p * y - q * x]
      return value - shift[i % 3] - turn[i % 3]
    })
  }
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
