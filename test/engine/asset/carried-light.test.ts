/** Light on skin that the photo does not show. */
import { expect, test } from 'vitest'
import { carriedLight } from '../../../src/engine/asset/see.js'

const [LONG, WIDE] = [80, 7]

/** A band of squares, cut into triangles. */
function band(): { positions: Float32Array; indices: Uint32Array } {
  const positions: number[] = []
  const indices: number[] = []
  for (let x = 0; x < LONG; x++)
    for (let y = 0; y < WIDE; y++) {
      positions.push(0.002 * x, 0.002 * y, 0)
      const v = x * WIDE + y
      if (x + 1 < LONG && y + 1 < WIDE) indices.push(v, v + WIDE, v + 1, v + 1, v + WIDE, v + WIDE + 1)
    }
  return { positions: Float32Array.from(positions), indices: Uint32Array.from(indices) }
}

test('a bright light at the edge of what is seen fades to that of the face as a whole beyond it', () => {
  const place = (v: number): number => Math.floor(v / WIDE)
  const count = LONG * WIDE
  const values = Float32Array.from({ length: 3 * count }, (_, i) => (place(Math.floor(i / 3)) < 15 ? 1 : 0.4))
  const weight = Float32Array.from({ length: count }, (_, v) => (place(v) < 20 ? 1 : 0))
  const gain = carriedLight(band(), { values, weight })
  const at = (x: number): number => gain[3 * (x * WIDE + 3)]
  // a quarter of what is seen
  const whole = 0.4 ** 0.25
  console.info(
    `light at the edge ${at(18).toFixed(2)}, beyond ${[24, 30, 40, 60].map((x) => at(x).toFixed(2)).join(' ')}`,
  )
  // where it is known it stays, since the albedo rests on it
  expect(Math.abs(at(5) - 1)).toBeLessThan(0.02)
  expect(Math.abs(at(18) - 0.4)).toBeLessThan(0.06)
  // 8, 20 and 80 mm further on; with the light at the edge carried on as it is, it is 0.43, 0.46 and 0.58 there
  expect(at(24)).toBeGreaterThan(0.52)
  expect(at(30)).toBeGreaterThan(0.57)
  expect(at(60)).toBeGreaterThan(0.64)
  expect(at(60)).toBeLessThan(whole + 0.01)
})
