/**
 * Takes the light out of the photo's colours, as far as the detail stage has told light from skin: colours are divided by the
 * shading and multiplied by its mean, so that the face keeps its mean colour. Shading and photo are both encoded (a power of about
 * 2.2), so their quotient is the encoded albedo.
 */
import { gaussianBlur, sampleBilinear } from '../image/filter.js'

/** Gains beyond these are not believed: deep shadow says little about the skin, and highlights are not skin at all. */
const LEAST = 0.7
const MOST = 1.6

export interface Relight {
  /** Writes the gain at a crop pixel to `out[o..o+2]`; returns how far it is known, 0..1. */
  at(x: number, y: number, out: Float32Array, o: number): number
  /** Moves `out[o..o+2]` towards the gain at a crop pixel as far as that is known. */
  refine(x: number, y: number, out: Float32Array, o: number): void
}

/**
 * @param shading [size, size, 3] as relief fields give it; undefined where no light is known
 * @param mask [size, size] 1 on the face
 * @param trusted [size, size] 1 on skin
 */
export function relighting(
  shading: Float32Array | undefined,
  mask: Uint8Array,
  trusted: Float32Array,
  size: number,
): Relight | undefined {
  if (!shading) return undefined
  const mean = [0, 0, 0]
  let count = 0
  for (let i = 0; i < size * size; i++) {
    if (!trusted[i]) continue
    count++
    for (let k = 0; k < 3; k++) mean[k] += shading[3 * i + k]
  }
  if (count === 0) return undefined
  const gains = shading.map((s, i) => Math.min(MOST, Math.max(LEAST, mean[i % 3] / count / Math.max(s, 1e-4))))
  // the border of the face is where shading is least known
  const inner = gaussianBlur(Float32Array.from(mask), size, size, 1, size / 128)
  const gain = [0, 0, 0]
  const known = (x: number, y: number): number => {
    const i = Math.min(size - 1, Math.floor(y)) * size + Math.min(size - 1, Math.floor(x))
    return mask[i] ? Math.max(0, 2 * inner[i] - 1) : 0
  }
  return {
    at(x, y, out, o) {
      sampleBilinear(gains, size, size, 3, x, y, gain)
      for (let k = 0; k < 3; k++) out[o + k] = gain[k]
      return known(x, y)
    },
    refine(x, y, out, o) {
      const share = known(x, y)
      if (share === 0) return
      sampleBilinear(gains, size, size, 3, x, y, gain)
      for (let k = 0; k < 3; k++) out[o + k] += share * (gain[k] - out[o + k])
    },
  }
}
