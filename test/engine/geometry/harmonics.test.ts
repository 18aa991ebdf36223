/** Spherical harmonics against integrals over the sphere. */
import { expect, test } from 'vitest'
import { HARMONICS, harmonics, TRANSFER } from '../../../src/engine/geometry/harmonics.js'

/** Points of a Fibonacci spiral, even over the sphere. */
const COUNT = 40_000
const DIRECTIONS = Array.from({ length: COUNT }, (_, i) => {
  const z = 1 - (2 * i + 1) / COUNT
  const r = Math.sqrt(1 - z * z)
  const a = Math.PI * (3 - Math.sqrt(5)) * i
  return [r * Math.cos(a), r * Math.sin(a), z] as const
})

const integral = (f: (d: readonly [number, number, number]) => number): number =>
  (4 * Math.PI * DIRECTIONS.reduce((sum, d) => sum + f(d), 0)) / COUNT

test('they are nine, and orthogonal', () => {
  expect(harmonics(0.6, 0, 0.8)).toHaveLength(HARMONICS)
  for (let j = 0; j < HARMONICS; j++)
    for (let k = 0; k < j; k++)
      expect(Math.abs(integral((d) => harmonics(...d)[j] * harmonics(...d)[k])), `${j}, ${k}`).toBeLessThan(1e-3)
})

test('light of each on a matt surface is the harmonic of the normal, times its constant', () => {
  const n = [0.48, -0.6, 0.64] as const
  const expected = harmonics(...n).map((value, k) => value * TRANSFER[k])
  for (let k = 0; k < HARMONICS; k++) {
    const light = integral((d) => Math.max(0, n[0] * d[0] + n[1] * d[1] + n[2] * d[2]) * harmonics(...d)[k])
    expect(light, `${k}`).toBeCloseTo(expected[k], 3)
  }
})
