import { expect, test } from 'vitest'
import { specularMap } from '../../../src/engine/asset/specular.js'

const SIZE = 256

/** Normals of a height over the texture: millimetres at texels, y up the texture. */
function normalsOf(height: (x: number, y: number) => number): Float32Array {
  const texel = 300 / SIZE
  const out = new Float32Array(3 * SIZE * SIZE)
  for (let y = 0; y < SIZE; y++)
    for (let x = 0; x < SIZE; x++) {
      const nx = -(height(x + 0.5, y) - height(x - 0.5, y)) / texel
      const ny = (height(x, y + 0.5) - height(x, y - 0.5)) / texel
      const length = Math.hypot(nx, ny, 1)
      out.set([nx / length, ny / length, 1 / length], 3 * (y * SIZE + x))
    }
  return out
}

test('smooth skin mirrors seven tenths of what a dielectric does', () => {
  for (const value of specularMap({ normals: normalsOf(() => 0), size: SIZE }).values) expect(value).toBeCloseTo(0.7, 6)
})

test.each([
  ['across', (x: number, _: number) => x],
  ['along', (_: number, y: number) => y],
] as const)('the bottom of a wrinkle %s mirrors less, a ridge does not', (_, coordinate) => {
  const at = (map: Float32Array, k: number): number =>
    map[(coordinate(k, 128) === k ? 128 : k) * SIZE + (coordinate(k, 128) === k ? k : 128)]
  const wave = (sign: number) => (x: number, y: number) =>
    -sign * 0.8 * Math.exp(-(((coordinate(x, y) - 128) / 2.2) ** 2))
  const [wrinkle, ridge] = [1, -1].map((sign) => specularMap({ normals: normalsOf(wave(sign)), size: SIZE }).values)
  expect(at(wrinkle, 128)).toBeLessThan(0.55)
  expect(at(ridge, 128)).toBeCloseTo(0.7, 3)
  expect(at(wrinkle, 60)).toBeCloseTo(0.7, 3)
})

test('large maps are made smaller', () => {
  const normals = normalsOf((x, y) => 0.8 * Math.exp(-(((x + y) / 2 - 128) ** 2) / 5))
  const large = new Float32Array(3 * 1024 * 1024)
  for (let i = 0; i < 1024 * 1024; i++) {
    const from = 3 * ((i >> 12) * SIZE + ((i % 1024) >> 2))
    large.set(normals.subarray(from, from + 3), 3 * i)
  }
  const map = specularMap({ normals: large, size: 1024 })
  expect([map.size, map.values.length]).toEqual([512, 512 * 512])
  expect(map.values.reduce((a, b) => Math.max(a, b))).toBeCloseTo(0.7, 6)
  expect(map.values.reduce((a, b) => Math.min(a, b))).toBeLessThan(0.6)
})
