/**
 * Takes the light out of the photo's colours, as far as the detail stage has told light from skin: colours are divided by the
 * shading's brightness and multiplied by its mean, so that the face keeps its mean colour. Shading and photo are both encoded (a
 * power of about 2.2), so their quotient is the encoded albedo. The colour of the light is left alone: it cannot be told from
 * that of the skin, and where it is guessed wrong, skin turns green or red.
 */
import { gaussianBlur, sampleBilinear } from '../image/filter.js'

/** Largest change of a colour's logarithm for broad light and shade, and for what is narrower, which is partly paint. */
const BROAD = 0.8
const NARROW = 0.3
/** Standard deviation that tells broad from narrow, as a share of the crop. */
const WIDTH = 0.04

export interface Relight {
  /** The factor that takes the light out of colours at a crop pixel. */
  gain(x: number, y: number): number
  /** How far that is known, 0..1. */
  known(x: number, y: number): number
}

/**
 * @param shading [size, size, 3] as relief fields give it; undefined where no light is known
 * @param trusted [size, size] 1 where the photo shows the face's skin
 */
export function relighting(
  shading: Float32Array | undefined,
  trusted: Float32Array,
  size: number,
): Relight | undefined {
  if (!shading) return undefined
  const count = size * size
  const shade = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    if (!trusted[i]) continue
    const brightness = 0.3 * shading[3 * i] + 0.6 * shading[3 * i + 1] + 0.1 * shading[3 * i + 2]
    shade[i] = Math.log(Math.max(1e-3, brightness))
  }
  const total = trusted.reduce((a, b) => a + b, 0)
  if (total === 0) return undefined
  const mean = shade.reduce((a, b) => a + b, 0) / total
  // trusted pixels alone, carried a little beyond them
  const weights = gaussianBlur(trusted, size, size, 1, WIDTH * size)
  const sums = gaussianBlur(shade, size, size, 1, WIDTH * size)
  const limited = (x: number, most: number): number => most * Math.tanh(x / most)
  const gains = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    const broad = weights[i] > 1e-4 ? sums[i] / weights[i] : mean
    const narrow = trusted[i] ? shade[i] - broad : 0
    gains[i] = Math.exp(-limited(broad - mean, BROAD) - limited(narrow, NARROW))
  }
  const inner = gaussianBlur(trusted, size, size, 1, size / 100)
  const out = [0]
  return {
    gain(x, y) {
      sampleBilinear(gains, size, size, 1, x, y, out)
      return out[0]
    },
    // the border of the face is where shading is least known
    known(x, y) {
      sampleBilinear(inner, size, size, 1, x, y, out)
      return Math.max(0, 2 * out[0] - 1)
    },
  }
}
