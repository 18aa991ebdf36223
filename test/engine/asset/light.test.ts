/** Taking the light out of the photo's colours. */
import { expect, test } from 'vitest'
import { relighting } from '../../../src/engine/asset/light.js'

const SIZE = 64
const trusted = new Float32Array(SIZE * SIZE)
for (let i = 0; i < trusted.length; i++)
  trusted[i] = Math.hypot((i % SIZE) - 31.5, Math.floor(i / SIZE) - 31.5) < 26 ? 1 : 0

/** A face of one colour under a light that changes from `left` to `right`, relit. @return its colours at both sides */
function relit(left: number[], right: number[]): { left: number[]; right: number[] } {
  const skin = [0.8, 0.6, 0.5]
  const shading = new Float32Array(3 * SIZE * SIZE)
  for (let i = 0; i < shading.length; i++) {
    const t = (Math.floor(i / 3) % SIZE) / (SIZE - 1)
    shading[i] = left[i % 3] + t * (right[i % 3] - left[i % 3])
  }
  const image = shading.map((s, i) => s * skin[i % 3])
  const light = relighting({ image, shading, trusted, size: SIZE })
  const at = (x: number): number[] => [...light!.image.subarray(3 * (32 * SIZE + x), 3 * (32 * SIZE + x) + 3)]
  return { left: at(10), right: at(53) }
}
const ratio = ([r, , b]: number[]): number => Math.log(r / b)

test('an orange lamp on one side and a blue one on the other leave one colour', () => {
  const { left, right } = relit([0.9, 0.6, 0.4], [0.45, 0.55, 0.95])
  const before = Math.log(0.9 / 0.4) - Math.log(0.45 / 0.95)
  expect(Math.abs(ratio(left) - ratio(right))).toBeLessThan(0.15 * before)
  for (const colour of [left, right]) for (const value of colour) expect(value).toBeGreaterThan(0.2)
})

test('light and shade of one colour are taken out, and the colour stays', () => {
  const { left, right } = relit([0.95, 0.95, 0.95], [0.5, 0.5, 0.5])
  expect(ratio(left)).toBeCloseTo(Math.log(0.8 / 0.5), 5)
  expect(ratio(right)).toBeCloseTo(Math.log(0.8 / 0.5), 5)
  expect(Math.abs(Math.log(left[1] / right[1]))).toBeLessThan(0.2 * Math.log(0.95 / 0.5))
})

test('changes of colour as small as those of skin are left alone', () => {
  const { left, right } = relit([0.73, 0.7, 0.68], [0.68, 0.7, 0.73])
  expect(ratio(left) - ratio(right)).toBeCloseTo(2 * Math.log(0.73 / 0.68), 1)
})

test('a grey photo stays grey, whatever colours the light was taken for', () => {
  const shading = Float32Array.from({ length: 3 * SIZE * SIZE }, (_, i) => {
    const across = (Math.floor(i / 3) % SIZE) / (SIZE - 1)
    return 0.7 + 0.2 * across + [0.15, 0, -0.15][i % 3] * (2 * across - 1)
  })
  const grey = shading.map((_, i) => 0.4 + (0.3 * (Math.floor(i / 3) % SIZE)) / SIZE)
  const { image } = relighting({ image: grey, shading, trusted, size: SIZE })!
  for (let i = 0; i < image.length; i += 3)
    expect(
      Math.max(image[i], image[i + 1], image[i + 2]) - Math.min(image[i], image[i + 1], image[i + 2]),
    ).toBeLessThan(0.01)
})

test('where light and skin were told apart wrongly, no place gets a colour that the photo does not show', () => {
  // the photo is warm on one side; the light was taken for warm there, and for green on the other side, where the photo is plain
  const across = (i: number): number => (Math.floor(i / 3) % SIZE) / (SIZE - 1)
  const warm = [0.9, 0.55, 0.35]
  const image = Float32Array.from({ length: 3 * SIZE * SIZE }, (_, i) =>
    across(i) < 0.5 ? warm[i % 3] : [0.7, 0.6, 0.55][i % 3],
  )
  const shading = Float32Array.from({ length: 3 * SIZE * SIZE }, (_, i) =>
    across(i) < 0.5 ? [0.9, 0.6, 0.4][i % 3] : [0.5, 0.8, 0.5][i % 3],
  )
  const { image: albedo } = relighting({ image, shading, trusted, size: SIZE })!
  const greenness = (values: Float32Array, x: number): number => {
    const [r, g, b] = values.subarray(3 * (32 * SIZE + x), 3 * (32 * SIZE + x) + 3)
    return Math.log(g / Math.sqrt(r * b))
  }
  // purple would be less green than anything in the photo
  const shown = [12, 50].map((x) => greenness(image, x))
  for (const x of [12, 20, 44, 50]) {
    expect(greenness(albedo, x)).toBeGreaterThan(Math.min(...shown) - 0.1)
    expect(greenness(albedo, x)).toBeLessThan(Math.max(...shown) + 0.1)
  }
})

test('a shaded fold that glows with bounced light does not become orange paint', () => {
  const fold = (i: number): boolean => Math.abs((Math.floor(i / 3) % SIZE) - 32) < 3
  const image = Float32Array.from(
    { length: 3 * SIZE * SIZE },
    (_, i) => (fold(i) ? [0.36, 0.2, 0.12] : [0.8, 0.6, 0.5])[i % 3],
  )
  const shading = Float32Array.from({ length: 3 * SIZE * SIZE }, (_, i) => (fold(i) ? 0.4 : 0.9))
  const { image: albedo } = relighting({ image, shading, trusted, size: SIZE })!
  const at = (x: number): number[] => [...albedo.subarray(3 * (32 * SIZE + x), 3 * (32 * SIZE + x) + 3)]
  const [before, after, plain] = [ratio([0.36, 0.2, 0.12]), ratio(at(32)), ratio([0.8, 0.6, 0.5])]
  expect(after - plain).toBeLessThan(0.8 * (before - plain))
  expect(after).toBeGreaterThan(plain)
})

test('nothing is known without a light or without skin', () => {
  const grey = new Float32Array(3 * SIZE * SIZE).fill(0.5)
  expect(relighting({ image: grey, shading: undefined, trusted, size: SIZE })).toBeUndefined()
  expect(relighting({ image: grey, shading: grey, trusted: new Float32Array(SIZE * SIZE), size: SIZE })).toBeUndefined()
})
