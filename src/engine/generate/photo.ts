/** From light to a photo: exposure, the lens's blur and falloff, the sensor's noise, the tone curve, JPEG. */
import { Rng } from '../geometry/rng.js'
import { linearToSrgb } from '../image/colors.js'
import { gaussianBlur } from '../image/filter.js'
import { encodeJpeg, type Picture } from '../image/picture.js'
import type { PhotoPlan } from './plan.js'

/** Linear values up to here are kept; above, the tone curve bends towards 1. */
const SHOULDER = 0.75

/**
 * The photo's file.
 * @param linear [size, size, 3] exposed linear light
 */
export async function takePhoto(linear: Float32Array, plan: PhotoPlan, seed: number): Promise<Uint8Array> {
  const { size } = plan
  const blurred = gaussianBlur(linear, size, size, 3, plan.blur * (size / 1024))
  const rng = new Rng(seed)
  const picture: Picture = { width: size, height: size, data: new Uint8Array(size * size * 3) }
  for (let i = 0; i < size * size; i++) {
    const x = ((i % size) + 0.5) / size - 0.5
    const y = (Math.floor(i / size) + 0.5) / size - 0.5
    const falloff = 1 - plan.vignette * 2 * (x * x + y * y)
    // Photons come by chance: noise grows with the root of the light.
    const grain = rng.normal() * 0.6
    for (let c = 0; c < 3; c++) {
      const light = blurred[3 * i + c] * falloff
      const sigma = plan.noise * Math.sqrt(Math.max(0, light) / 0.2 + 0.05)
      const value = toneCurve(light + sigma * (grain + 0.8 * rng.normal()))
      picture.data[3 * i + c] = Math.round(255 * linearToSrgb(value))
    }
  }
  return encodeJpeg(picture, plan.jpegQuality)
}

function toneCurve(x: number): number {
  if (x <= SHOULDER) return Math.max(0, x)
  const room = 1 - SHOULDER
  return SHOULDER + room * (1 - Math.exp(-(x - SHOULDER) / room))
}

/** Factor that brings the bright parts of a face to where a photographer would put them. */
export function exposure(luminances: Float32Array, meanAlbedo: number): number {
  const sorted = luminances.slice().sort()
  const bright = sorted[Math.floor(0.85 * (sorted.length - 1))] || 1
  return (0.52 * (meanAlbedo / 0.38) ** 0.5) / bright
}
