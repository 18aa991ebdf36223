/**
 * How strongly a fit has determined whose face it is: what is left of the prior's uncertainty about the face's shape.
 *
 * At the minimum the unknowns are about normally distributed with the inverse of the Gauss-Newton matrix as covariance. Its identity
 * block, everything else marginalised, against that of the prior, both carried over to the surface of the face, where place, turn and
 * size do not count: they are the pose's, and no picture tells the size.
 */
import { inverseOf } from '../geometry/algebra.js'
import { type FitProblem, normalEquations, systemOf } from './fit-solver.js'
import type { FitModel, FitState } from './fit-state.js'

/**
 * Share of the variance of face shapes that the evidence has taken away, 0..1; 0 for models without identity.
 *
 * @param spread [identity, identity] of `shapeSpread`
 */
export function identityDetermined(problem: FitProblem, state: FitState, spread: Float64Array): number {
  const { priors, free } = problem
  const m = free.identity
  const system = systemOf(free)
  const { n } = system
  normalEquations(problem, state, system)
  const covariance = inverseOf(system.a, n)
  if (!covariance) return 0
  let [before, after] = [0, 0]
  for (let i = 0; i < m; i++) {
    before += spread[i * m + i] / priors.identity
    for (let j = 0; j < m; j++) after += spread[i * m + j] * covariance[i * n + j]
  }
  return before > 0 ? Math.min(1, Math.max(0, 1 - after / before)) : 0
}

/**
 * Products of the identity components' displacements of the surface points from `first` on, their movements and growth as a whole left out.
 *
 * @returns [identity, identity] symmetric, square metres
 */
export function shapeSpread({ points }: FitModel, first: number): Float64Array {
  const m = points.identityCount
  const rows = 3 * (points.count - first)
  const similarities = orthonormal(similarityFields(points.mean.subarray(3 * first)))
  const fields = Array.from({ length: m }, (_, k) => {
    const field = Float64Array.from({ length: rows }, (_, r) => points.identity[(3 * first + r) * m + k])
    for (const one of similarities) remove(field, one)
    return field
  })
  const out = new Float64Array(m * m)
  for (let i = 0; i < m; i++)
    for (let j = 0; j <= i; j++) out[i * m + j] = out[j * m + i] = product(fields[i], fields[j])
  return out
}

/** Displacements of points [n, 3] by small moves along and turns about the axes, and by growth. */
function similarityFields(at: Float64Array): Float64Array[] {
  const field = (displace: (x: number, y: number, z: number) => readonly number[]): Float64Array => {
    const out = new Float64Array(at.length)
    for (let i = 0; i < at.length; i += 3) out.set(displace(at[i], at[i + 1], at[i + 2]), i)
    return out
  }
  return [
    field(() => [1, 0, 0]),
    field(() => [0, 1, 0]),
    field(() => [0, 0, 1]),
    field((_, y, z) => [0, -z, y]),
    field((x, _, z) => [z, 0, -x]),
    field((x, y) => [-y, x, 0]),
    field((x, y, z) => [x, y, z]),
  ]
}

/** Gram-Schmidt. */
function orthonormal(fields: readonly Float64Array[]): Float64Array[] {
  const out: Float64Array[] = []
  for (const field of fields) {
    for (const one of out) remove(field, one)
    const length = Math.sqrt(product(field, field))
    if (length > 1e-12) out.push(field.map((x) => x / length))
  }
  return out
}

/** Takes away what a field has of another of length 1. */
function remove(field: Float64Array, unit: Float64Array): void {
  const by = product(field, unit)
  for (let i = 0; i < field.length; i++) field[i] -= by * unit[i]
}

function product(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}
