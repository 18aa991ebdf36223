import sharp from 'sharp'
import { expect } from 'vitest'
import type { Photo } from '../../../src/engine/stages.js'

export const W = 96
export const H = 64

/** Four quadrants of known colours: top-left red, top-right green, bottom-left blue, bottom-right grey. */
export const QUADRANTS = { tl: [200, 40, 30], tr: [40, 170, 60], bl: [30, 50, 180], br: [120, 120, 120] } as const

export function quadrants(width = W, height = H, channels: 3 | 4 = 3): Uint8Array {
  const out = new Uint8Array(width * height * channels)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const key = `${y < height / 2 ? 't' : 'b'}${x < width / 2 ? 'l' : 'r'}` as keyof typeof QUADRANTS
      out.set(QUADRANTS[key], (y * width + x) * channels)
      if (channels === 4) out[(y * width + x) * channels + 3] = 255
    }
  }
  return out
}

export const picture = () => sharp(quadrants(), { raw: { width: W, height: H, channels: 3 } })

/** Colour in the middle of a quadrant of a decoded photo. */
export function quadrant(photo: Photo, key: keyof typeof QUADRANTS): number[] {
  const x = Math.floor(photo.width * (key[1] === 'l' ? 0.25 : 0.75))
  const y = Math.floor(photo.height * (key[0] === 't' ? 0.25 : 0.75))
  return [...photo.data.subarray((y * photo.width + x) * 3, (y * photo.width + x) * 3 + 3)]
}

export function expectColour(actual: number[], wanted: readonly number[], tolerance: number): void {
  for (let c = 0; c < 3; c++)
    expect(Math.abs(actual[c] - wanted[c]), `${actual} vs ${wanted}`).toBeLessThanOrEqual(tolerance)
}
