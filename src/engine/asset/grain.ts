/** Skin's fine unevenness for places that the photo does not show, so that they do not look like plastic. */

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
  for (let i = 0; i < SIZES.length; i++)
    sum += SIZES[i][1] * latticeNoise(x / SIZES[i][0], y / SIZES[i][0], z / SIZES[i][0])
  return 2 * sum
}

/** Values -1..1 at the integer lattice, in between trilinear with soft steps. */
function latticeNoise(x: number, y: number, z: number): number {
  const [i, j, k] = [Math.floor(x), Math.floor(y), Math.floor(z)]
  const [u, v, w] = [soft(x - i), soft(y - j), soft(z - k)]
  const near = (1 - v) * edge(i, j, k, u) + v * edge(i, j + 1, k, u)
  const far = (1 - v) * edge(i, j, k + 1, u) + v * edge(i, j + 1, k + 1, u)
  return (1 - w) * near + w * far
}

const soft = (t: number): number => t * t * (3 - 2 * t)

const edge = (i: number, j: number, k: number, u: number): number =>
  (1 - u) * atPoint(i, j, k) + u * atPoint(i + 1, j, k)

function atPoint(i: number, j: number, k: number): number {
  let h = Math.imul(i, 0x9e3779b1) ^ Math.imul(j, 0x85ebca77) ^ Math.imul(k, 0xc2b2ae3d)
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d)
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39)
  return ((h ^ (h >>> 15)) >> 0) / 2 ** 31
}
