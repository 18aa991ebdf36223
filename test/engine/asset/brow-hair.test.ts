import { expect, test } from 'vitest'
import { browHair } from '../../../src/engine/asset/brow-hair.js'
import { relighting } from '../../../src/engine/asset/light.js'

/** A dark brow on skin in a bright light, and a label that reaches over both. */
const size = 64
const row = (i: number): number => Math.floor(i / size)
const hairy = (i: number): boolean => row(i) >= 28 && row(i) < 34
const lit = (i: number): number => (row(i) < 36 && row(i) >= 20 ? 1 : 0.75)
const image = Float32Array.from({ length: 3 * size * size }, (_, o) => {
  const i = Math.floor(o / 3)
  return (hairy(i) ? 0.35 : 1) * lit(i) * [0.8, 0.6, 0.5][o % 3]
})
const brows = Float32Array.from({ length: size * size }, (_, i) => (row(i) >= 25 && row(i) < 37 ? 1 : 0))
const skin = brows.map((b) => 1 - b)

test('a brow is where there is hair, not as far as its label reaches', () => {
  const found = browHair(brows, { image, skin, size })
  const at = (y: number): number => found[y * size + 32]
  expect(at(30)).toBe(1)
  expect([at(26), at(22)]).toEqual([0, 0])
})

test('no bright line is left about a brow', () => {
  const trusted = new Float32Array(size * size).fill(1)
  const shading = Float32Array.from(image, (_, o) => lit(Math.floor(o / 3)))
  /** How much brighter than skin further up the albedo is between brow and the label's edge. */
  const line = (painted: Float32Array): number => {
    const { image: albedo } = relighting({ image, shading, trusted, painted, size })!
    return albedo[3 * (26 * size + 32)] / albedo[3 * (8 * size + 32)]
  }
  const [before, after] = [line(brows), line(browHair(brows, { image, skin, size }))]
  console.info(`line about a brow: ${before.toFixed(3)} by its label, ${after.toFixed(3)} by its hair`)
  expect(after).toBeLessThan(1.15)
  expect(after - 1).toBeLessThan(0.6 * (before - 1))
})
