/** Cameras set to Adobe RGB embed no profile: EXIF alone tells (DCF 2.0, "optional file"). */

/** Exponent of Adobe RGB (1998), and of sRGB's curve. */
const GAMMA = 563 / 256
/** Linear Adobe RGB to linear sRGB: red, blue and white are common to both, green is not. */
const RED_OF_GREEN = 0.39836
const BLUE_OF_GREEN = -0.04293
/** Steps of the table that encodes linear light. */
const STEPS = 4095

const LINEAR = Float64Array.from({ length: 256 }, (_, v) => (v / 255) ** GAMMA)
const ENCODED = Uint8Array.from({ length: STEPS + 1 }, (_, i) => {
  const v = i / STEPS
  return Math.round(255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055))
})

const encode = (linear: number): number => ENCODED[Math.round(STEPS * Math.min(1, Math.max(0, linear)))]

/** Converts pixels [n, 3] of Adobe RGB to sRGB in place. */
export function adobeToSrgb(data: Uint8Array): void {
  for (let i = 0; i < data.length; i += 3) {
    const [r, g, b] = [LINEAR[data[i]], LINEAR[data[i + 1]], LINEAR[data[i + 2]]]
    data[i] = encode(r + RED_OF_GREEN * (r - g))
    data[i + 1] = encode(g)
    data[i + 2] = encode(b + BLUE_OF_GREEN * (g - b))
  }
}
