import { expect, test } from 'vitest'
import { skinSpecular } from '../../../src/engine/asset/specular.js'
import { gridMesh, sphereMesh } from '../../support/shapes.js'

test('smooth skin mirrors seven tenths of what a dielectric does, also where it is round', () => {
  for (const value of skinSpecular(sphereMesh(0.02, 24, 48))) expect(value).toBeCloseTo(0.7, 6)
})

test('the bottom of a wrinkle mirrors less, a ridge does not', () => {
  const wave = (sign: number) => {
    const mesh = gridMesh(0.04, 81)
    for (let i = 0; i < mesh.positions.length; i += 3)
      mesh.positions[i + 2] = -sign * 0.0004 * Math.exp(-((mesh.positions[i] / 0.001) ** 2))
    return mesh
  }
  const [wrinkle, ridge] = [1, -1].map((sign) => {
    const mesh = wave(sign)
    return { values: skinSpecular(mesh), at: (x: number) => nearest(mesh.positions, x) }
  })
  expect(wrinkle.values[wrinkle.at(0)]).toBeLessThan(0.5)
  expect(ridge.values[ridge.at(0)]).toBeCloseTo(0.7, 3)
  expect(wrinkle.values[wrinkle.at(0.01)]).toBeCloseTo(0.7, 3)
})

/** The vertex nearest to a place in the middle row. */
function nearest(positions: Float32Array, x: number): number {
  let best = 0
  let least = Number.POSITIVE_INFINITY
  for (let v = 0; v < positions.length / 3; v++) {
    const d = Math.hypot(positions[3 * v] - x, positions[3 * v + 1])
    if (d < least) [best, least] = [v, d]
  }
  return best
}
