/**
 * Takes the light out of the photo's colours, as far as the detail stage has told light from skin: colours are divided by the
 * shading's brightness and multiplied by its mean, so that the face keeps its mean colour. Shading and photo are both encoded (a
 * power of about 2.2), so their quotient is the encoded albedo. The colour of the light is left alone: it cannot be told from
 * that of the skin, and where it is guessed wrong, skin turns green or red.
 */
import { gaussianBlur, sampleBilinear } from '../image/filter.js'

/** Share of the light that is taken out: the shading explains some of what is really paint. */
const SHARE = 0.9
/** Largest change of a colour's logarithm: deep shadow and highlights say little about the skin. */
const LIMIT = 0.35

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
  const brightness = new Float32Array(size * size)
  for (let i = 0; i < brightness.length; i++)
    brightness[i] = Math.max(1e-3, 0.3 * shading[3 * i] + 0.6 * shading[3 * i + 1] + 0.1 * shading[3 * i + 2])
  let [sum, count] = [0, 0]
  for (let i = 0; i < brightness.length; i++) {
    if (!trusted[i]) continue
    sum += Math.log(brightness[i])
    count++
  }
  if (count === 0) return undefined
  const gains = brightness.map((b) => Math.exp(LIMIT * Math.tanh((SHARE * (sum / count - Math.log(b))) / LIMIT)))
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
