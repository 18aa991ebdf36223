/**
 * Real spherical harmonics of order 0 to 2, without their norms: 1, x, y, z, xy, xz, yz, x² - y², 3z² - 1. Nine of them describe how
 * distant light falls on a matt surface to within a few percent (Ramamoorthi and Hanrahan, An Efficient Representation for Irradiance
 * Environment Maps, SIGGRAPH 2001).
 */

/** How many there are. */
export const HARMONICS = 9

/** ∫ max(n·ω, 0) b(ω) dω over b(n) of each: π, 2π/3 and π/4 of the cosine lobe (Funk-Hecke; their Eq. 8). */
export const TRANSFER: readonly number[] = [
  Math.PI,
  ...Array<number>(3).fill((2 * Math.PI) / 3),
  ...Array<number>(5).fill(Math.PI / 4),
]

/** What they are worked out with: numbers, or tensors. */
export interface Arithmetic<T> {
  one(like: T): T
  multiply(a: T, b: T): T
  square(a: T): T
  subtract(a: T, b: T): T
  scale(factor: number, a: T): T
}

const NUMBERS: Arithmetic<number> = {
  one: () => 1,
  multiply: (a, b) => a * b,
  square: (a) => a * a,
  subtract: (a, b) => a - b,
  scale: (factor, a) => factor * a,
}

/** The harmonics of unit vectors (x, y, z). */
export function harmonicsOf<T>(x: T, y: T, z: T, { one, multiply, square, subtract, scale }: Arithmetic<T>): T[] {
  return [
    one(x),
    x,
    y,
    z,
    multiply(x, y),
    multiply(x, z),
    multiply(y, z),
    subtract(square(x), square(y)),
    subtract(scale(3, square(z)), one(z)),
  ]
}

export const harmonics = (x: number, y: number, z: number): number[] => harmonicsOf(x, y, z, NUMBERS)
