/** Taking the light out of the photo's colours. */
import { expect, test } from 'vitest'
import { relighting, takeOut } from '../../../src/engine/asset/light.js'
import { likelySkin } from '../../../src/engine/asset/skin-colour.js'

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

/** A face of one skin under even light with a round spot in its middle, `change` times as bright in each colour. @return spot over surroundings */
function spotted(
  change: number[],
  radius = 5,
): { before: number[]; after: number[]; sheen: number; elsewhere: number } {
  const inSpot = (i: number): boolean => Math.hypot((i % SIZE) - 32, Math.floor(i / SIZE) - 32) < radius
  // brighter on the right, and uneven as skin and noise are
  const shading = Float32Array.from(
    { length: 3 * SIZE * SIZE },
    (_, i) => 0.6 + (0.3 * (Math.floor(i / 3) % SIZE)) / SIZE,
  )
  const image = shading.map((s, i) => {
    const pixel = Math.floor(i / 3)
    const uneven = 1 + 0.02 * Math.sin(pixel * 12.9898) * (i % 3 === 0 ? 0.5 : 1)
    return s * [0.8, 0.6, 0.5][i % 3] * uneven * (inSpot(pixel) ? change[i % 3] : 1)
  })
  const light = relighting({ image, shading, trusted, size: SIZE })!
  const mean = (values: Float32Array, k: number, spot: boolean): number => {
    let [sum, count] = [0, 0]
    for (let i = 0; i < trusted.length; i++) {
      const away = Math.hypot((i % SIZE) - 32, Math.floor(i / SIZE) - 32)
      if (!trusted[i] || (spot ? away > radius - 2 : away < radius + 2 || away > radius + 12)) continue
      sum += values[(values.length / trusted.length) * i + k]
      count++
    }
    return sum / count
  }
  const contrast = (values: Float32Array): number[] =>
    [0, 1, 2].map((k) => mean(values, k, true) / mean(values, k, false))
  return {
    before: contrast(image),
    after: contrast(light.image),
    sheen: mean(light.sheen, 0, true),
    elsewhere: mean(light.sheen, 0, false),
  }
}

test('a blotch of blood, as skin has them, stays', () => {
  const { before, after } = spotted([0.99, 0.93, 0.95])
  const redness = ([r, g]: number[]): number => Math.log(r / g)
  expect(redness(after)).toBeGreaterThan(0.4 * redness(before))
  expect(after[1]).toBeLessThan(0.98)
})

test('a highlight is no pale skin: it goes, and is told as sheen', () => {
  const { before, after, sheen, elsewhere } = spotted([1.15, 1.25, 1.3])
  for (let k = 0; k < 3; k++) expect(after[k] - 1).toBeLessThan(0.45 * (before[k] - 1))
  expect(sheen).toBeGreaterThan(0.03)
  expect(elsewhere).toBeLessThan(0.2 * sheen)
})

test('a dark mole stays dark', () => {
  const { after } = spotted([0.6, 0.45, 0.4], 2.9)
  expect(after[1]).toBeLessThan(0.75)
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

test('a face in the light of one coloured lamp comes near to colours that skin has, and others are left alone', () => {
  const toneOf = (colour: number[]): number[] => {
    const [r, g, b] = colour.map(Math.log)
    return [0, r - g, b - g]
  }
  for (const usual of [
    [0.76, 0.59, 0.51],
    [0.45, 0.32, 0.27],
  ])
    expect(likelySkin(toneOf(usual)).every((change) => Math.abs(change) < 1e-12)).toBe(true)
  const tungsten = [0.95, 0.55, 0.3]
  const [, red, blue] = likelySkin(toneOf(tungsten))
  expect(red).toBeLessThan(-0.1)
  expect(blue).toBeGreaterThan(0.2)
})

test('nothing is known without a light or without skin', () => {
  const grey = new Float32Array(3 * SIZE * SIZE).fill(0.5)
  expect(relighting({ image: grey, shading: undefined, trusted, size: SIZE })).toBeUndefined()
  expect(relighting({ image: grey, shading: grey, trusted: new Float32Array(SIZE * SIZE), size: SIZE })).toBeUndefined()
})

test('the light on a beard is that of the skin about it, and its own colour stays', () => {
  const middle = (i: number): boolean => Math.hypot((i % SIZE) - 32, Math.floor(i / SIZE) - 32) < 10
  const beard = trusted.map((_, i) => +middle(i))
  const skin = trusted.map((t, i) => t * (1 - beard[i]))
  const shading = Float32Array.from({ length: 3 * SIZE * SIZE }, () => 0.6)
  const image = shading.map((s, i) => s * (middle(Math.floor(i / 3)) ? [0.2, 0.15, 0.12] : [0.8, 0.6, 0.5])[i % 3])
  const { image: albedo, inner } = relighting({
    image,
    shading,
    trusted: skin,
    uncovered: trusted,
    painted: beard,
    size: SIZE,
  })!
  const at = (x: number, k: number): number => albedo[3 * (32 * SIZE + x) + k]
  for (const k of [0, 1, 2]) expect(Math.log(at(32, k) / at(12, k))).toBeCloseTo(Math.log([0.25, 0.25, 0.24][k]), 1)
  expect(inner[32 * SIZE + 32]).toBeCloseTo(1)
})

test('where the light has a dark line beside that of the photo, between lips, no bright paint is left', () => {
  const row = (i: number): number => Math.floor(Math.floor(i / 3) / SIZE)
  // lips in the middle, redder in the shade between them; the light's dark line is two pixels too high, where the photo shows the upper lip
  const lips = trusted.map((_, i) => Number(Math.abs(Math.floor(i / SIZE) - 32) < 6 && Math.abs((i % SIZE) - 32) < 14))
  const [skin, lip, between] = [
    [0.8, 0.6, 0.5],
    [0.7, 0.38, 0.32],
    [0.3, 0.1, 0.07],
  ]
  const image = Float32Array.from({ length: 3 * SIZE * SIZE }, (_, i) => {
    const colour = !lips[Math.floor(i / 3)] ? skin : row(i) === 32 ? between : lip
    // uneven as skin is, and as the light: the light is believed
    return colour[i % 3] * (1 + 0.1 * Math.sin(row(i)) + 0.02 * Math.sin(Math.floor(i / 3) * 12.9898))
  })
  const shading = Float32Array.from({ length: 3 * SIZE * SIZE }, (_, i) => {
    const dark = lips[Math.floor(i / 3)] && row(i) === 30
    return 0.8 * (1 + 0.1 * Math.sin(row(i))) * (dark ? 0.25 : 1)
  })
  const { image: albedo } = relighting({ image, shading, trusted, painted: lips, size: SIZE })!
  const at = (y: number): number[] => [...albedo.subarray(3 * (y * SIZE + 32), 3 * (y * SIZE + 32) + 3)]
  expect(at(30)[0]).toBeLessThan(1.25 * at(35)[0])
  expect(Math.log(at(30)[1] / at(35)[1])).toBeLessThan(0.25)
})

test('shade in warm light, which has no blue in the photo, is not yellow skin', () => {
  const colours = Float32Array.from([0.35, 0.16, 0, 0.02, 0.02, 0.02])
  takeOut(colours, [1.6, 2.4, 5.5, 1.6, 2.4, 5.5])
  const [r, g, b, ...black] = colours
  expect(b).toBeGreaterThan(0.6 * g)
  expect(r).toBeGreaterThan(g)
  // what is black stays black
  black.forEach((c, k) => {
    expect(c).toBeCloseTo(0.02 * [1.6, 2.4, 5.5][k])
  })
})
