/**
 * Random fields over space that depend on a seed and the place alone, so that any point can be asked for in any order: gradient
 * noise (Perlin 2002), sums of its octaves, and the cells of scattered points (Worley 1996). Coordinates are in units of the
 * wanted wavelength or spacing.
 */

/** What each of a lattice point's numbers adds to its hash. */
const [X, Y, Z, SEED] = [0x8da6b343, 0xd8163841, 0xcb1ab31f, 0x9e3779b1]

/** A 32-bit hash of a lattice point. */
function hash(x: number, y: number, z: number, seed: number): number {
  return scrambled(Math.imul(x, X) ^ Math.imul(y, Y) ^ Math.imul(z, Z) ^ Math.imul(seed, SEED))
}

function scrambled(bits: number): number {
  let h = Math.imul(bits ^ (bits >>> 15), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

function fade(t: number): number {
  return t * t * t * (t * (t * 6 - 15) + 10)
}

function mix(a: number, b: number, t: number): number {
  return a + (b - a) * t
}

/** The twelve gradients: from the middle of a cube to its edges. */
const GRADIENT_X = Float64Array.of(1, -1, 1, -1, 1, -1, 1, -1, 0, 0, 0, 0)
const GRADIENT_Y = Float64Array.of(1, 1, -1, -1, 0, 0, 0, 0, 1, -1, 1, -1)
const GRADIENT_Z = Float64Array.of(0, 0, 0, 0, 1, 1, -1, -1, 1, 1, -1, -1)

/** Product of one of them, chosen by a lattice point's bits, and the offset from that point. */
function slope(bits: number, x: number, y: number, z: number): number {
  const g = scrambled(bits) % 12
  return GRADIENT_X[g] * x + GRADIENT_Y[g] * y + GRADIENT_Z[g] * z
}

/** Gradient noise of mean 0, about -1..1 (standard deviation near 0.3). */
export function noise(x: number, y: number, z: number, seed: number): number {
  const ix = Math.floor(x)
  const iy = Math.floor(y)
  const iz = Math.floor(z)
  const fx = x - ix
  const fy = y - iy
  const fz = z - iz
  const u = fade(fx)
  const v = fade(fy)
  // the bits of the two lattice points along each axis
  const x0 = Math.imul(ix, X)
  const x1 = Math.imul(ix + 1, X)
  const y0 = Math.imul(iy, Y)
  const y1 = Math.imul(iy + 1, Y)
  const own = Math.imul(seed, SEED)
  let low = 0
  let high = 0
  // Written out without inner functions: this is called a hundred million times a portrait.
  for (let k = 0; k < 2; k++) {
    const z0 = Math.imul(iz + k, Z) ^ own
    const gz = fz - k
    const a = mix(slope(x0 ^ y0 ^ z0, fx, fy, gz), slope(x1 ^ y0 ^ z0, fx - 1, fy, gz), u)
    const b = mix(slope(x0 ^ y1 ^ z0, fx, fy - 1, gz), slope(x1 ^ y1 ^ z0, fx - 1, fy - 1, gz), u)
    if (k === 0) low = mix(a, b, v)
    else high = mix(a, b, v)
  }
  return mix(low, high, fade(fz))
}

/** Sum of octaves of noise: each has twice the frequency and `gain` times the amplitude of the one before. */
export function octaves(x: number, y: number, z: number, seed: number, count: number, gain = 0.5): number {
  let sum = 0
  let amplitude = 1
  let frequency = 1
  for (let o = 0; o < count; o++) {
    sum += amplitude * noise(x * frequency, y * frequency, z * frequency, seed + 101 * o)
    amplitude *= gain
    frequency *= 2
  }
  return sum
}

/** The two nearest of the points scattered one to each unit cube, and a number in 0..1 that belongs to the nearest. */
export interface Cell {
  nearest: number
  second: number
  value: number
}

/** Fills `out` and returns it; the same object can serve all queries of a loop. */
export function cell(x: number, y: number, z: number, seed: number, out: Cell): Cell {
  const ix = Math.floor(x)
  const iy = Math.floor(y)
  const iz = Math.floor(z)
  let nearest = 9
  let second = 9
  let value = 0
  for (let dz = -1; dz <= 1; dz++)
    for (let dy = -1; dy <= 1; dy++)
      for (let dx = -1; dx <= 1; dx++) {
        const h = hash(ix + dx, iy + dy, iz + dz, seed)
        const px = ix + dx + (h & 1023) / 1024 - x
        const py = iy + dy + ((h >>> 10) & 1023) / 1024 - y
        const pz = iz + dz + ((h >>> 20) & 1023) / 1024 - z
        const squared = px * px + py * py + pz * pz
        if (squared < nearest) {
          second = nearest
          nearest = squared
          value = hash(h & 0xffff, h >>> 16, 7, seed) / 4294967296
        } else if (squared < second) second = squared
      }
  out.nearest = Math.sqrt(nearest)
  out.second = Math.sqrt(second)
  out.value = value
  return out
}
