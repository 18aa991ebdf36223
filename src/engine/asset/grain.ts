/** Skin's fine unevenness for places that the photo does not show, so that they do not look like plastic. */
import { noise } from '../geometry/noise.js'

/** Sizes of the grain, metres, and their shares. */
const SIZES: readonly [number, number][] = [
  [0.0011, 0.6],
  [0.0037, 0.4],
]
/** Strength where the photo is hardly known to have any, and the most, sRGB. */
const LEAST = 0.004
const MOST = 0.014

/** The photo's own unevenness: the median of how far believed texels differ from the smooth colour there. */
export function grainStrength(difference: Float32Array, belief: Float32Array): number {
  const values: number[] = []
  // a sample of the texels will do
  for (let i = 0; i < belief.length; i += 23)
    if (belief[i] > 0.95) values.push(Math.abs(difference[3 * i] + difference[3 * i + 1] + difference[3 * i + 2]) / 3)
  values.sort((a, b) => a - b)
  return Math.min(MOST, Math.max(LEAST, values[values.length >> 1] ?? 0))
}

/** Noise about 0, of about unit size, at a point of the head (metres): the same at the same place, without seams. */
export function grain(x: number, y: number, z: number): number {
  let sum = 0
  for (let i = 0; i < SIZES.length; i++) {
    const [wavelength, share] = SIZES[i]
    sum += share * noise(x / wavelength, y / wavelength, z / wavelength, i)
  }
  return 2 * sum
}
