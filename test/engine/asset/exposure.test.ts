/** How bright teeth and eyes are made for a head, on crops that are drawn here. */
import { describe, expect, test } from 'vitest'
import { exposureOf, meter } from '../../../src/engine/asset/exposure.js'

const SIZE = 100
/** Brightness of teeth in their texture, before exposure. */
const TOOTH = 0.78
const SKIN = [0.68, 0.5, 0.42] as const
const bright = ([r, g, b]: readonly number[]): number => 0.3 * r + 0.6 * g + 0.1 * b

/** A face of one colour with an open mouth, whose upper part shows one thing and whose lower part another. */
function face(skin: readonly number[], upper: readonly number[], lower: readonly number[], gain = 1) {
  const colours = new Float32Array(3 * SIZE * SIZE)
  const [bare, mouth] = [new Float32Array(SIZE * SIZE), new Float32Array(SIZE * SIZE)]
  for (let i = 0; i < SIZE * SIZE; i++) {
    const [x, y] = [i % SIZE, Math.floor(i / SIZE)]
    mouth[i] = Number(x >= 40 && x < 60 && y >= 60 && y < 70)
    bare[i] = 1 - mouth[i]
    colours.set(mouth[i] ? (y < 64 ? upper : lower) : skin, 3 * i)
  }
  const chroma = Math.max(...skin) - Math.min(...skin)
  return { image: colours, unlit: colours.map((c) => gain * c), skin: bare, mouth, colourful: chroma > 0.02 ? 1 : 0 }
}

describe('what is metered', () => {
  test('teeth, not the tongue under them; as bright as the light that is taken out leaves them', () => {
    for (const gain of [1, 1.2]) {
      const { skin, teeth } = meter(face(SKIN, [0.72, 0.68, 0.58], [0.6, 0.35, 0.33], gain))
      expect(skin).toBeCloseTo(gain * bright(SKIN), 3)
      expect(teeth).toBeCloseTo(gain * bright([0.72, 0.68, 0.58]), 3)
    }
  })

  test('no teeth: a tongue, a dark mouth, or a grey one that may be either', () => {
    const dark = [0.08, 0.06, 0.05]
    expect(meter(face(SKIN, [0.7, 0.42, 0.4], dark)).teeth).toBeUndefined()
    expect(meter(face(SKIN, dark, dark)).teeth).toBeUndefined()
    expect(meter(face([0.6, 0.6, 0.6], [0.5, 0.5, 0.5], [0.2, 0.2, 0.2])).teeth).toBeUndefined()
    expect(meter(face([0.6, 0.6, 0.6], [0.8, 0.8, 0.8], [0.2, 0.2, 0.2])).teeth).toBeCloseTo(0.8, 3)
    expect(meter({ ...face(SKIN, dark, dark), skin: new Float32Array(SIZE * SIZE) })).toEqual({})
  })
})

describe('exposure', () => {
  const of = (skin?: number, teeth?: number, whites?: number): number => exposureOf({ skin, teeth, whites })

  test('makes teeth as bright as those that the photo shows', () => {
    for (const teeth of [0.6, 0.7, 0.8]) expect(TOOTH * of(0.45, teeth)).toBeCloseTo(teeth, 5)
  })

  test('leaves teeth and whites brighter than any skin, however dark the shade that the photo has them in', () => {
    for (const skin of [0.2, 0.35, 0.5, 0.65, 0.75])
      for (const seen of [undefined, 0.1, 0.4])
        for (const f of [of(skin, seen), of(skin, undefined, seen)]) expect(TOOTH * f).toBeGreaterThan(1.1 * skin)
  })

  test('without teeth and open eyes goes part of the way with the skin: a dark face is a dark photo or dark skin', () => {
    expect(of(0.62)).toBeCloseTo(1, 5)
    expect(of(0.31)).toBeLessThan(0.8)
    expect(of(0.31)).toBeGreaterThan(0.7)
    expect(of()).toBe(1)
  })

  test('dark whites in a dark photo do not glow, and bright ones on dark skin do not fade', () => {
    expect(of(0.35, undefined, 0.2)).toBeLessThan(0.85 * of(0.35))
    expect(of(0.35, undefined, 0.7)).toBeGreaterThan(1.1 * of(0.35))
    expect(of(0.15, undefined, 0.05)).toBeGreaterThanOrEqual(0.6)
    expect(of(0.8, 1, 1)).toBeLessThanOrEqual(1.1)
  })
})
