/** Errors at edges of albedo, and the ablation's verdicts, on made-up faces whose answers are known. */
import { describe, expect, test } from 'vitest'
import { figures, studyTable, type VariantFigures, verdict } from '../../../scripts/ablation/table.js'
import { NETWORK_STUDY } from '../../../scripts/ablation/variants.js'
import { albedoEdges, reliefErrors } from '../../../src/engine/evaluate/albedo-edges.js'
import { normalAngles } from '../../../src/engine/evaluate/normal-error.js'

const SIZE = 128
const MASK = new Uint8Array(SIZE * SIZE).fill(1)

/** [size, size, 3] of a function of the pixel. */
const map = (of: (x: number, y: number) => [number, number, number]): Float32Array =>
  Float32Array.from({ length: SIZE * SIZE * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3)
    return of(pixel % SIZE, Math.floor(pixel / SIZE))[i % 3]
  })

/** Skin with a dark stripe between columns 60 and 67, and a slow shade over all of it. */
const STRIPE = map((x, y) => {
  const shade = 0.7 + 0.1 * (y / SIZE)
  const tone = x >= 60 && x < 68 ? 0.4 : 1
  return [shade * tone, 0.8 * shade * tone, 0.7 * shade * tone]
})
const FLAT = map(() => [0, 0, -1])

describe('edges of albedo', () => {
  test('lie along the stripe and nowhere else', () => {
    const edges = albedoEdges(STRIPE, MASK, SIZE)
    for (let y = 4; y < SIZE - 4; y++)
      for (let x = 4; x < SIZE - 4; x++) {
        if (x === 60 || x === 67) expect(edges[y * SIZE + x], `${x}, ${y}`).toBe(1)
        if (x < 54 || x > 73) expect(edges[y * SIZE + x], `${x}, ${y}`).toBe(0)
      }
  })

  test('of pixels off the mask do not count', () => {
    const half = MASK.map((_, i) => (i % SIZE < 40 ? 1 : 0))
    expect(albedoEdges(STRIPE, half, SIZE).some((e) => e === 1)).toBe(false)
  })

  test('a dent under the stripe is an error at the edges, not elsewhere', () => {
    const edges = albedoEdges(STRIPE, MASK, SIZE)
    const dented = map((x) => {
      const slope = x === 60 ? -0.3 : x === 67 ? 0.3 : 0
      return [slope, 0, -Math.sqrt(1 - slope * slope)]
    })
    const errors = reliefErrors({
      size: SIZE,
      normals: dented,
      truth: FLAT,
      angles: normalAngles(dented, FLAT, MASK),
      mask: MASK,
      edges,
    })
    expect(errors.edges.falseReliefDegrees).toBeGreaterThan(5)
    expect(errors.elsewhere.falseReliefDegrees).toBeLessThan(0.3)
    expect(errors.edges.meanDegrees).toBeGreaterThan(10 * errors.elsewhere.meanDegrees)
  })
})

describe('verdicts of the ablation', () => {
  const whole: VariantFigures = {
    normalDegrees: 13,
    fineCorrelation: 0.4,
    fineGain: 0.5,
    mediumCorrelation: 0.6,
    mediumGain: 0.7,
    scanMedianMm: 1,
    falseReliefDegrees: 4,
    psnr: 30,
    seconds: 10,
  }

  test('an idea without which figures get worse earns its place', () => {
    expect(verdict(whole, { ...whole, normalDegrees: 13.5 })).toMatch(/^earns its place .*worse.*normals/)
    expect(verdict(whole, { ...whole, mediumCorrelation: 0.5 })).toMatch(/^earns its place/)
  })

  test('an idea without which nothing changes, or figures get better, is named', () => {
    expect(verdict(whole, { ...whole, psnr: 20, seconds: 5 })).toBe('**earns nothing**')
    expect(verdict(whole, { ...whole, falseReliefDegrees: 3 })).toMatch(/earns nothing here.*better.*false relief/)
  })

  test('figures that a case lacks do not spoil the means', () => {
    const scan = { detail: { count: 1, median: 1, mean: 1, std: 0, scale: 1 } }
    const score = { name: 'a', group: 'a', alignment: 'pixels' as const, scan, photo: { psnr: 30, meanLevels: 2 } }
    const means = figures([
      { score, seconds: 1 },
      { score: { ...score, photo: undefined }, seconds: 3 },
    ])
    expect(means.psnr).toBe(30)
    expect(means.seconds).toBe(2)
    expect(means.normalDegrees).toBeNaN()
  })

  test('an idea without which the optimisation diverges has a row without figures', () => {
    const [one, other] = NETWORK_STUDY.variants
    const table = studyTable(
      NETWORK_STUDY,
      new Map<string, VariantFigures | 'diverges'>([
        [one.name, whole],
        [other.name, 'diverges'],
      ]),
    )
    expect(table).toHaveLength(4)
    expect(table[2]).toContain('| 13.00 |')
    expect(table[3]).toMatch(/the feature γ .*without it the optimisation diverges/)
    expect(table[3]).not.toContain('NaN')
    expect(() => studyTable(NETWORK_STUDY, new Map([[one.name, 'diverges' as const]]))).toThrow(/whole method/)
  })
})
