/**
 * What is known of skin's colour before one has looked: how it varies over a face, and between people. Tones are logarithms of encoded
 * colours in three coordinates: brightness, red over green, and blue over green.
 */
import { inverseOf } from '../geometry/algebra.js'

/** Shares of the colours in the brightness. */
const BRIGHT = [0.3, 0.6, 0.1] as const

/** Tone of the logarithms of a colour. Writes three values of `out` from `at` on. */
export function toTone(r: number, g: number, b: number, out: Float32Array, at: number): void {
  out[at] = BRIGHT[0] * r + BRIGHT[1] * g + BRIGHT[2] * b
  out[at + 1] = r - g
  out[at + 2] = b - g
}

/** Logarithms of a tone's colour. Writes three values of `out` from `at` on. */
export function fromTone([bright, red, blue]: readonly number[], out: Float32Array, at: number): void {
  const green = bright - BRIGHT[0] * red - BRIGHT[2] * blue
  out[at] = green + red
  out[at + 1] = green
  out[at + 2] = green + blue
}

/**
 * Standard deviations of the tone over a face, in bands of sizes: above 12 % of the crop, above 4, 1.2, 0.4 %, and below. From the albedo
 * of generated faces of all complexions and of scans.
 */
const WITHIN = [
  [0.025, 0.018, 0.01],
  [0.026, 0.02, 0.011],
  [0.03, 0.02, 0.012],
  [0.03, 0.017, 0.01],
  [0.032, 0.018, 0.01],
] as const
/** Correlations there: what is redder is darker and less blue. */
const CORRELATION = [
  [1, -0.5, -0.4],
  [-0.5, 1, 0.6],
  [-0.4, 0.6, 1],
] as const

/**
 * [3, 3] what part of a difference of tone is skin's own, if the rest is light's.
 * @param covariance [3, 3] of the differences that there are
 * @param colourful 0 in grey photos, where brightness says nothing of colour
 */
export function skinShare(covariance: Float64Array, band: number, colourful: number): Float64Array {
  const skin = new Float64Array(9)
  for (let k = 0; k < 9; k++) {
    const [a, b] = [Math.floor(k / 3), k % 3]
    skin[k] = WITHIN[band][a] * WITHIN[band][b] * CORRELATION[a][b] * (a === b ? 1 : colourful)
  }
  const inverse = inverseOf(
    skin.map((s, k) => s + covariance[k]),
    3,
  )!
  const out = new Float64Array(9)
  for (let k = 0; k < 9; k++)
    for (let c = 0; c < 3; c++) out[k] += skin[3 * Math.floor(k / 3) + c] * inverse[3 * c + (k % 3)]
  return out
}

/**
 * Ratios of red and blue to green, in people of all complexions: mean and standard deviation, encoded logarithms. From measured skin
 * (Xiao et al., Skin Research and Technology 2017: CIELAB of 960 people of four origins).
 */
const BETWEEN = [
  { mean: 0.28, sigma: 0.07 },
  { mean: -0.16, sigma: 0.06 },
] as const
/** So many standard deviations are skin; of what goes beyond, this share. */
const USUAL = 1.5
const BEYOND = 0.15

/** What must be added to a face's mean tone to make it one that skin has: the colour of a light that is the same everywhere. */
export function likelySkin([, red, blue]: readonly number[]): [number, number, number] {
  const off = [red - BETWEEN[0].mean, blue - BETWEEN[1].mean]
  const distance = Math.hypot(off[0] / BETWEEN[0].sigma, off[1] / BETWEEN[1].sigma)
  const kept = distance <= USUAL ? 1 : (USUAL + BEYOND * (distance - USUAL)) / distance
  return [0, (kept - 1) * off[0], (kept - 1) * off[1]]
}
