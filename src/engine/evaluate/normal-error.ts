/** Errors of normal maps: angles, and what is left of wrinkles and folds when the large forms are taken away. */
import { gaussianBlur } from '../image/filter.js'

/** Angle per pixel in degrees between two normal maps [pixels, 3] (of any length), NaN where `mask` is 0. */
export function normalAngles(a: Float32Array, b: Float32Array, mask: ArrayLike<number>): Float32Array {
  const out = new Float32Array(mask.length).fill(Number.NaN)
  for (let i = 0; i < out.length; i++) {
    if (!mask[i]) continue
    let [ab, aa, bb] = [0, 0, 0]
    for (let k = 3 * i; k < 3 * i + 3; k++) {
      ab += a[k] * b[k]
      aa += a[k] * a[k]
      bb += b[k] * b[k]
    }
    // A normal that is missing (0) says nothing of the direction: 90°, between right and opposite.
    const cosine = aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0
    out[i] = (Math.acos(Math.max(-1, Math.min(1, cosine))) * 180) / Math.PI
  }
  return out
}

/** How far one high-passed normal map follows another. */
export interface DetailAgreement {
  /** Pearson correlation of the x and y components. */
  correlation: number
  /** Slope of the regression on the truth: below 1 the relief is too faint, above 1 exaggerated. */
  gain: number
}

/**
 * Compares x and y of two unit normal maps [size, size, 3] after subtracting their Gaussian blur (over the mask only).
 * @param sigma of the blur, in pixels: 2 of a 256 crop leaves wrinkles, 6 leaves folds and features too
 */
export function detailAgreement(
  result: Float32Array,
  truth: Float32Array,
  mask: Uint8Array,
  size: number,
  sigma: number,
): DetailAgreement {
  const a = highPassed(result, mask, size, sigma)
  const b = highPassed(truth, mask, size, sigma)
  const n = a.length
  const mean = (values: Float64Array): number => values.reduce((sum, v) => sum + v, 0) / n
  const [ma, mb] = [mean(a), mean(b)]
  let [ab, aa, bb, raw, square] = [0, 0, 0, 0, 0]
  for (let i = 0; i < n; i++) {
    ab += (a[i] - ma) * (b[i] - mb)
    aa += (a[i] - ma) ** 2
    bb += (b[i] - mb) ** 2
    raw += a[i] * b[i]
    square += b[i] * b[i]
  }
  return { correlation: ab / Math.sqrt(aa * bb), gain: raw / square }
}

/** [2 · masked pixels] x and y of unit normals minus their local mean. */
export function highPassed(normals: Float32Array, mask: Uint8Array, size: number, sigma: number): Float64Array {
  const unit = new Float32Array(2 * size * size)
  for (let i = 0; i < mask.length; i++) {
    const length = Math.hypot(normals[3 * i], normals[3 * i + 1], normals[3 * i + 2])
    for (let k = 0; k < 2; k++) unit[2 * i + k] = length > 0 ? normals[3 * i + k] / length : 0
  }
  const blurred = gaussianBlur(unit, size, size, 2, sigma, mask)
  const out: number[] = []
  for (let i = 0; i < mask.length; i++)
    if (mask[i]) out.push(unit[2 * i] - blurred[2 * i], unit[2 * i + 1] - blurred[2 * i + 1])
  return Float64Array.from(out)
}
