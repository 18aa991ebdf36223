/**
 * Whose face it is: heads at rest, with expression and pose undone, of several photos of one person should be alike, and unlike those
 * of other people. Definitions: docs/evaluation.md.
 */
import { transformPoints } from '../geometry/camera.js'
import { alignPoints } from '../geometry/similarity.js'

/** A result's head at rest. */
export interface RestingHead {
  /** Whose photo it was made of. */
  subject: string
  /** [n, 3] vertices of the face region, metres: the same ones in every result. */
  face: Float64Array
}

export interface IdentityScore {
  results: number
  subjects: number
  /** Mean distance between the heads of two results, mm: of one subject, and of two. */
  sameMm: number
  differentMm: number
  /** Share of all (pair of one subject, pair of two subjects) in which the pair of one subject is closer. */
  ordered: number
  /** Share of results whose closest other result is of the same subject, among those whose subject has another. */
  nearest: number
}

/** Vertices that are compared at most. */
const MOST = 1500

/** Mean distance in mm between corresponding vertices after rigid alignment. */
export function headDistance(a: Float64Array, b: Float64Array): number {
  const moved = transformPoints(alignPoints(a, b, { scale: 'fixed' }), a)
  let sum = 0
  for (let i = 0; i < a.length; i += 3)
    sum += Math.hypot(moved[i] - b[i], moved[i + 1] - b[i + 1], moved[i + 2] - b[i + 2])
  return (1000 * sum) / (a.length / 3)
}

/** Undefined unless some subject has two results and there is another subject. */
export function identityScore(heads: readonly RestingHead[]): IdentityScore | undefined {
  const thin = heads.map(({ subject, face }) => ({ subject, face: thinned(face) }))
  const same: number[] = []
  const different: number[] = []
  let [hits, tried] = [0, 0]
  const table = thin.map(() => new Float64Array(thin.length))
  thin.forEach((a, i) => {
    for (let j = 0; j < i; j++) {
      const d = headDistance(a.face, thin[j].face)
      table[i][j] = table[j][i] = d
      ;(a.subject === thin[j].subject ? same : different).push(d)
    }
  })
  if (same.length === 0 || different.length === 0) return undefined
  thin.forEach(({ subject }, i) => {
    const others = [...thin.keys()].filter((j) => j !== i)
    if (!others.some((j) => thin[j].subject === subject)) return
    tried++
    if (thin[others.reduce((best, j) => (table[i][j] < table[i][best] ? j : best))].subject === subject) hits++
  })
  return {
    results: heads.length,
    subjects: new Set(heads.map(({ subject }) => subject)).size,
    sameMm: mean(same),
    differentMm: mean(different),
    ordered: orderedShare(same, different),
    nearest: hits / tried,
  }
}

/** Share of (a of `small`, b of `large`) with a < b; equal ones count half. */
function orderedShare(small: readonly number[], large: readonly number[]): number {
  const sorted = Float64Array.from(large).sort()
  const below = (x: number, orEqual: boolean): number => {
    let [low, high] = [0, sorted.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (sorted[middle] < x || (orEqual && sorted[middle] === x)) low = middle + 1
      else high = middle
    }
    return low
  }
  let sum = 0
  for (const x of small) sum += sorted.length - (below(x, false) + below(x, true)) / 2
  return sum / (small.length * sorted.length)
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length

function thinned(points: Float64Array): Float64Array {
  const step = Math.ceil(points.length / 3 / MOST)
  return points.filter((_, i) => Math.floor(i / 3) % step === 0)
}
