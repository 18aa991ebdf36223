/**
 * Real spherical harmonics of order 0 to 2 as polynomials of a unit vector, not normalised: what is left of any light on a matt
 * surface, to within a few per cent (Ramamoorthi & Hanrahan, An Efficient Representation for Irradiance Environment Maps,
 * SIGGRAPH 2001).
 */

/** How many there are. */
export const HARMONICS = 9

/** ∫ max(n·ω, 0) b(ω) dω over b(n) of each: the cosine lobe's A_0 = π, A_1 = 2π/3, A_2 = π/4 (their Eq. 8). */
export const COSINE_LOBE: readonly number[] = [
  Math.PI,
  ...Array<number>(3).fill((2 * Math.PI) / 3),
  ...Array<number>(5).fill(Math.PI / 4),
]

/** What the polynomials are made of: numbers, or whatever can be multiplied. */
export interface Arithmetic<T> {
  /** 1, in the shape of `like`. */
  one(like: T): T
  mul(a: T | number, b: T): T
  sub(a: T, b: T | number): T
  square(a: T): T
}

/** The nine of a unit vector, in any arithmetic. */
export function harmonicsOf<T>({ one, mul, sub, square }: Arithmetic<T>, x: T, y: T, z: T): T[] {
  return [one(x), x, y, z, mul(x, y), mul(x, z), mul(y, z), sub(square(x), square(y)), sub(mul(3, square(z)), 1)]
}

const NUMBERS: Arithmetic<number> = {
  one: () => 1,
  mul: (a, b) => a * b,
  sub: (a, b) => a - b,
  square: (a) => a * a,
}

/** The nine of a unit vector. */
export const harmonics = (x: number, y: number, z: number): number[] => harmonicsOf(NUMBERS, x, y, z)
