/** Means over wide neighbourhoods of those pixels that count. */
import { gaussianBlur, sampleBilinear } from '../image/filter.js'

/** Pictures are made smaller until the blur is no wider than this, pixels. */
const WIDEST = 4
/** Weight below which a place has no neighbours. */
const NOTHING = 1e-4

/**
 * [size, size, 3] Gaussian mean of the pixels that count, at every pixel: also at those that do not count; 0 far from all that do. Wide ones
 * are worked out on a smaller picture.
 * @param counts [size, size] weights @param sigma pixels
 */
export function broadMean(values: Float32Array, counts: ArrayLike<number>, size: number, sigma: number): Float32Array {
  const factor = Math.max(1, Math.floor(sigma / WIDEST))
  const small = Math.ceil(size / factor)
  // three weighted values, and the weight
  const sums = new Float32Array(4 * small * small)
  for (let y = 0, i = 0; y < size; y++)
    for (let x = 0; x < size; x++, i++) {
      const weight = counts[i]
      if (!weight) continue
      const o = 4 * (Math.floor(y / factor) * small + Math.floor(x / factor))
      for (let k = 0; k < 3; k++) sums[o + k] += weight * values[3 * i + k]
      sums[o + 3] += weight
    }
  const blurred = gaussianBlur(sums, small, small, 4, sigma / factor)
  const least = NOTHING * factor * factor
  const means = new Float32Array(3 * small * small)
  for (let i = 0; i < small * small; i++)
    if (blurred[4 * i + 3] > least)
      for (let k = 0; k < 3; k++) means[3 * i + k] = blurred[4 * i + k] / blurred[4 * i + 3]
  if (factor === 1) return means
  const out = new Float32Array(values.length)
  const at = [0, 0, 0]
  for (let y = 0, i = 0; y < size; y++)
    for (let x = 0; x < size; x++, i++) {
      sampleBilinear(means, small, small, 3, (x + 0.5) / factor, (y + 0.5) / factor, at)
      for (let k = 0; k < 3; k++) out[3 * i + k] = at[k]
    }
  return out
}
