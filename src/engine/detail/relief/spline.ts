/** Uniform cubic B-splines over an image, as matrices: values and derivatives at the pixel centres are U c Uᵀ. */

export interface SplineMatrices {
  /** [size, knots] values at the pixel centres */
  value: Float32Array
  /** [size, knots] derivative per pixel */
  slope: Float32Array
}

function basis(t: number): number {
  const a = Math.abs(t)
  if (a < 1) return (4 - 6 * a * a + 3 * a ** 3) / 6
  return a < 2 ? (2 - a) ** 3 / 6 : 0
}

function basisSlope(t: number): number {
  const a = Math.abs(t)
  if (a < 1) return Math.sign(t) * (1.5 * a * a - 2 * a)
  return a < 2 ? (-Math.sign(t) * (2 - a) ** 2) / 2 : 0
}

/** Matrices for an image of `size` pixels a side and `knots` coefficients a side. */
export function splineMatrices(size: number, knots: number): SplineMatrices {
  const value = new Float32Array(size * knots)
  const slope = new Float32Array(size * knots)
  const spacing = size / knots
  for (let i = 0; i < size; i++) {
    const x = (i + 0.5) / spacing - 0.5
    for (let j = Math.max(0, Math.floor(x) - 2); j < Math.min(knots, Math.ceil(x) + 3); j++) {
      value[i * knots + j] = basis(x - j)
      slope[i * knots + j] = basisSlope(x - j) / spacing
    }
  }
  return { value, slope }
}

/** Coefficient counts per side: doubling from `coarsest` up to one coefficient per `finest` pixels. */
export function pyramid(size: number, coarsest: number, finest: number): number[] {
  const levels: number[] = []
  for (let n = coarsest; n < size / finest; n *= 2) levels.push(n)
  return [...levels, Math.round(size / finest)]
}
