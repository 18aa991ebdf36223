import { describe, expect, it } from 'vitest'
import { cropImage } from '../../../src/engine/photo/crop.js'
import type { Photo } from '../../../src/engine/stages.js'

describe('cropImage', () => {
  const make = (width: number, height: number, value: (x: number, y: number) => readonly number[]): Photo => {
    const data = new Uint8Array(width * height * 3)
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) data.set(value(x + 0.5, y + 0.5).map(Math.round), (y * width + x) * 3)
    }
    return { width, height, data, exifFocalPx: undefined, format: 'png', sha256: '', warnings: [] }
  }
  // Whole numbers at every pixel, so that 8 bits lose nothing: red = 2x - 1, green = 2y - 1, blue = x + y.
  const ramp = make(120, 110, (x, y) => [2 * x - 1, 2 * y - 1, x + y])

  it.each([
    ['same grid', { x: 20, y: 30, width: 64, height: 64, size: 64 }],
    ['shifted by part of a pixel', { x: 20.37, y: 30.81, width: 64, height: 64, size: 64 }],
    ['magnified', { x: 31.2, y: 22.9, width: 21.7, height: 21.7, size: 64 }],
    ['minified by a whole factor', { x: 16, y: 16, width: 80, height: 80, size: 20 }],
    ['minified by an odd factor', { x: 18.3, y: 17.9, width: 77.7, height: 77.7, size: 29 }],
    ['a little minified', { x: 15.1, y: 15.6, width: 80, height: 80, size: 67 }],
  ])('a ramp comes out exact: %s', (_, crop) => {
    const out = cropImage(ramp, crop)
    const scale = crop.width / crop.size
    let worst = 0
    for (let v = 0; v < crop.size; v++) {
      for (let u = 0; u < crop.size; u++) {
        const x = crop.x + (u + 0.5) * scale
        const y = crop.y + (v + 0.5) * scale
        const at = (v * crop.size + u) * 3
        for (const [c, wanted] of [2 * x - 1, 2 * y - 1, x + y].entries()) {
          worst = Math.max(worst, Math.abs(out[at + c] * 255 - wanted))
        }
      }
    }
    expect(worst).toBeLessThan(1e-3) // of 255, i.e. 0.0005 pixels of position
  })

  it('is the photo itself on the photo grid', () => {
    const noisy = make(40, 40, (x, y) => [(x * 37 + y * 91) % 256, (x * y) % 256, (x * x) % 256])
    const out = cropImage(noisy, { x: 0, y: 0, width: 40, height: 40, size: 40 })
    for (let i = 0; i < out.length; i++) expect(out[i] * 255).toBeCloseTo(noisy.data[i], 3)
  })

  it('keeps detail that the crop can hold and removes what would alias', () => {
    const wave = (period: number) => make(512, 64, (x) => [127.5 + 100 * Math.cos((2 * Math.PI * x) / period), 0, 0])
    const amplitude = (photo: Photo): number => {
      const out = cropImage(photo, { x: 128, y: 0, width: 64 * 4, height: 64 * 4, size: 64 })
      let high = 0
      for (let u = 8; u < 56; u++) high = Math.max(high, Math.abs(out[(5 * 64 + u) * 3] * 255 - 127.5))
      return high / 100
    }
    expect(amplitude(wave(17))).toBeGreaterThan(0.97) // about 4 crop pixels
    expect(amplitude(wave(5))).toBeLessThan(0.08) // beyond the crop's Nyquist limit (8 photo pixels)
    expect(amplitude(wave(4.3))).toBeLessThan(0.08)
  })

  it('goes on with the border beyond the photo', () => {
    const out = cropImage(ramp, { x: -40, y: -40, width: 64, height: 64, size: 64 })
    expect([...out.subarray(0, 3)].map((v) => Math.round(v * 255))).toEqual([0, 0, 1])
    const far = cropImage(ramp, { x: 500, y: 500, width: 64, height: 64, size: 8 })
    for (let i = 0; i < far.length; i += 3)
      expect([...far.subarray(i, i + 3)].map((v) => Math.round(v * 255))).toEqual([238, 218, 229])
  })

  it('refuses what is no crop', () => {
    expect(() => cropImage(ramp, { x: Number.NaN, y: 0, width: 10, height: 10, size: 8 })).toThrow(RangeError)
    expect(() => cropImage(ramp, { x: 0, y: 0, width: 0, height: 10, size: 8 })).toThrow(RangeError)
    expect(() => cropImage(ramp, { x: 0, y: 0, width: 10, height: 10, size: 0 })).toThrow(RangeError)
  })
})
